"""A diagnosis as one figure."""
from npgm import plots
from npgm.diagnosis.causes import CAUSES

# How the lines of the security curve look: label, color, style.
LINES = {"attacked": ("FGSM, as attacked", plots.ATTACKED, "-"),
         "repaired": ("FGSM, residual repaired", plots.REPAIRED, "-"),
         "random": ("random signs", plots.NATURAL, ":"),
         "strongest": ("strongest known", plots.PAPER, "--")}


def draw(report):
    """Causes as bars on the left, errors in the middle, the security curve on the
    right."""
    figure, axes = plots.new(3, width=13, height=4.6)
    causes(axes[0], report.causes)
    errors(axes[1], report)
    curve(axes[2], report)
    figure.suptitle(report.verdict.line, fontsize=9)
    return figure


def causes(ax, shares):
    """Shares of the examples by cause, in the order of CAUSES."""
    names = [name for name in CAUSES if name in shares]
    _bars(ax, [name.replace("_", " ") for name in names],
          [shares[name] for name in names],
          [plots.VALID if name == "sound" else plots.ATTACKED for name in names])
    ax.set_title("why the gradients are what they are")
    ax.set_xlabel("share of the examples (%)")


def errors(ax, report):
    """The errors, side by side; those of repaired losses in their color."""
    names = list(report.errors)
    _bars(ax, [report.headings.get(name, "no attack") for name in names],
          [report.errors[name] for name in names],
          [plots.REPAIRED if "_" in name and name != "random_sign" else
           plots.NATURAL if name in ("natural", "random_sign") else plots.ATTACKED
           for name in names])
    ax.axvline(100 * report.robust_error, color=plots.PAPER, ls="--", lw=1)
    ax.set_title(f"errors at epsilon {report.settings['epsilon']:g}")
    ax.set_xlabel("error (%); dashed: by any of them")


def curve(ax, report):
    """The security curve."""
    for name, errors in report.curve.errors.items():
        label, color, style = LINES[name]
        ax.plot(report.curve.epsilons, [100 * error for error in errors], style,
                marker="o", ms=3, color=color, label=label)
    ax.axvline(report.settings["epsilon"], color=plots.PAPER, lw=0.7)
    ax.set_ylim(-3, 103)
    ax.set_title("security curve")
    ax.set_xlabel("epsilon")
    ax.set_ylabel("error (%)")
    ax.legend(frameon=False, fontsize=8)


def _bars(ax, names, shares, colors):
    ax.barh(range(len(names)), [100 * share for share in shares], color=colors)
    ax.set_yticks(range(len(names)), names)
    ax.invert_yaxis()
    ax.set_xlim(0, 103)
    ax.grid(axis="y", visible=False)
