"""A diagnosis as one figure."""
import textwrap

from npgm import plots
from npgm.diagnosis.causes import CAUSES

# Of causes: dark text can be read on them, and they can be told from dark paper.
COLORS = {"not_finite": "#b0b0b0", "random": "#f4a6c0", "coarse_logits": "#7fc8c2",
          "probabilities": "#c8a27c", "cut": "#f0a35e", "silent": "#c39bd3",
          "rough": "#e6c34a", "wrong_vjp": "#e57373", "residual_rounded": "#5b9bd5",
          "label_rounded": "#a9c8ec", "sound": plots.VALID}
# How the lines of the security curve look: label, color, style.
LINES = {"attacked": ("FGSM, as attacked", plots.ATTACKED, "-"),
         "repaired": ("FGSM, residual repaired", plots.REPAIRED, "-."),
         "random": ("random signs", plots.NATURAL, ":"),
         "strongest": ("strongest known", plots.PAPER, "--")}
# Attacks by what they go by: label, color.
AS_ATTACKED = ("cross-entropy as attacked", plots.ATTACKED)
NO_GRADIENT = ("without its gradient", plots.NATURAL)
KINDS = {**dict.fromkeys(("fgsm", "pgd", "apgd"), AS_ATTACKED),
         **dict.fromkeys(("natural", "random_sign", "square", "transfer"), NO_GRADIENT)}
ANOTHER = ("another loss", plots.REPAIRED)
WRAP = 130              # letters of the title in a line


def draw(report):
    """Causes as bars on the left, errors in the middle, the security curve on the
    right."""
    figure, axes = plots.new(3, width=15, height=6, width_ratios=(3, 4, 4))
    causes(axes[0], report.causes)
    errors(axes[1], report)
    curve(axes[2], report)
    title = textwrap.wrap(report.name, WRAP) + textwrap.wrap(report.verdict.line, WRAP)
    figure.suptitle("\n".join(title), fontsize=12, parse_math=False)
    return figure


def causes(ax, shares):
    """Shares of the examples by cause, in the order of CAUSES."""
    names = [name for name in CAUSES if name in shares]
    _bars(ax, [name.replace("_", " ") for name in names],
          [shares[name] for name in names], [COLORS[name] for name in names])
    ax.set_title("why the gradients are what they are")
    ax.set_xlabel("share of the examples (%)")


def errors(ax, report):
    """The errors, side by side, their colors after what they go by."""
    kinds = [KINDS.get(name, ANOTHER) for name in report.errors]
    _bars(ax, [*(report.headings.get(name, "none") for name in report.errors),
               "any of all these"],
          [*report.errors.values(), report.robust_error],
          [*(color for _, color in kinds), plots.PAPER])
    for label, color in dict.fromkeys(kinds):
        ax.bar(0, 0, color=color, label=label)      # for the legend alone
    ax.set_title(f"errors at epsilon {report.settings['epsilon']:g}")
    ax.set_xlabel("error (%)")
    _legend_below(ax)


def curve(ax, report):
    """The security curve."""
    for name, errors in report.curve.errors.items():
        label, color, style = LINES[name]
        ax.plot(report.curve.epsilons, [100 * error for error in errors], style,
                marker="o", ms=3, color=color, label=label)
    ax.axvline(report.settings["epsilon"], color=plots.PAPER, lw=0.7)
    ax.set_ylim(-3, 103)
    ax.set_title("error against epsilon")
    ax.set_xlabel("epsilon")
    ax.set_ylabel("error (%)")
    _legend_below(ax)


def _legend_below(ax):
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.13), frameon=False, ncols=2,
              fontsize=9)


def _bars(ax, names, shares, colors):
    """Horizontal bars, each with its number at its end."""
    bars = ax.barh(range(len(names)), [100 * share for share in shares], color=colors)
    ax.bar_label(bars, fmt="%.1f", padding=3, fontsize=8)
    ax.set_yticks(range(len(names)), names)
    ax.invert_yaxis()
    ax.set_xlim(0, 115)
    ax.set_xticks(range(0, 101, 25))
    ax.grid(axis="y", visible=False)
