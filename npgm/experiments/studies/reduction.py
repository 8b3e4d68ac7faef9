"""The 90.4: does a mean loss over the test set, with subnormals flushed to zero,
explain the paper's FGS error of Adam?"""
from npgm import plots
from npgm.experiments import protocol
from npgm.experiments.experiment import Experiment, Setting
from npgm.experiments.measures import outcomes

# What is to be explained, drawn where the hypothesis would have it.
PAPER = {protocol.RECOMMENDED_RATE: {
    "fgs_error_mean_flushed": protocol.TABLE2["adam"]["fgs_error"]}}


def draw(result):
    """FGS errors of both rates, four ways, the paper's 90.4, and the valid images."""
    ways = outcomes.VANISHING
    figure, ax = plots.new(1, width=8.6, height=4.8)
    plots.bars(ax, result["rows"], [
        *((f"fgs_error_{way}", words, color) for (way, words), color in zip(
            ways.items(), plots.shades("Blues", len(ways)))),
        ("valid_fgs_mean_flushed", "valid images, mean and flushed", plots.VALID)],
        "Adam {learning_rate:g}")
    ax.set_ylim(0, 109)
    ax.set_ylabel("FGS test error, or share of images (%)")
    plots.legend_below(figure, ax, columns=3)
    return figure


EXPERIMENT = Experiment(
    name="reduction", title="The 90.4: a mean loss and flushed subnormals",
    runs=tuple(Setting(protocol.optimizer("adam", learning_rate=rate))
               for rate in (protocol.RECOMMENDED_RATE, protocol.MASKED_RATE)),
    keys=("learning_rate",),
    quantities=(*outcomes.FGS_ERROR_VANISHING, *outcomes.VALID_FGS_VANISHING),
    paper=lambda keys: PAPER.get(keys["learning_rate"], {}), draw=draw)
