"""The 90.4: does a mean loss over the test set, do subnormals flushed to zero, both or
neither give the paper's FGS error of Adam? A run's worth of numbers against a run."""
from npgm import plots
from npgm.experiments import protocol
from npgm.experiments.experiment import Experiment, Setting
from npgm.experiments.measures import outcomes
from npgm.experiments.rows import known, mean
from npgm.experiments.seeds import interval

# The paper's one run, beside the attack as anybody would write it.
PAPER = {"fgs_error_plain": protocol.TABLE2["adam"]["fgs_error"],
         "valid_fgs_plain": 90}
LIMIT = 101         # % at which the picture ends: shares of images do


def draw(result):
    """Each way's seeds, their mean, and what one more run is within in 95 of 100 cases
    if they are normal; the paper's numbers as lines."""
    figure, axes = plots.new(2, width=11.5, height=4, sharey=True, sharex=True)
    row, = result["rows"]
    for ax, name, title in zip(axes, ("fgs_error", "valid_fgs"), (
            "FGS test error", "valid FGS images")):
        for k, way in enumerate(outcomes.VANISHING):
            _way(ax, k, row, f"{name}_{way}")
        paper = row["paper"].get(f"{name}_plain")
        if paper is not None:
            ax.axvline(paper, color=plots.PAPER, lw=1.5, label=f"paper: {paper:g} %")
            ax.legend(loc="upper left", fontsize=9)
        ax.set_title(f"{title}, Adam {row['learning_rate']:g}")
        ax.set_xlabel("share of the test images (%)")
        ax.grid(axis="y", visible=False)
    axes[0].set_yticks(range(len(outcomes.VANISHING)), outcomes.VANISHING.values())
    axes[0].invert_yaxis()
    axes[0].set_xlim(right=LIMIT)
    return figure


def _way(ax, k, row, quantity):
    values = known(row, quantity)
    if not values:
        return
    color = plots.ATTACKED if "mean" in quantity else plots.NATURAL
    if len(values) > 1:
        low, high = interval(values)
        ax.plot([max(low, 0), min(high, 100)], [k, k], color=color, lw=9, alpha=0.25,
                solid_capstyle="butt")
    ax.plot([mean(row, quantity)] * 2, [k - 0.3, k + 0.3], color=color, lw=2)
    ax.plot(values, [k] * len(values), "o", ms=4, mfc="white", mec=color)


EXPERIMENT = Experiment(
    name="reduction", title="The 90.4: a mean loss and flushed subnormals",
    runs=(Setting(protocol.OPTIMIZERS["adam"]),), keys=("learning_rate",),
    quantities=(*outcomes.FGS_ERROR_VANISHING, *outcomes.VALID_FGS_VANISHING),
    paper=lambda keys: PAPER, draw=draw)
