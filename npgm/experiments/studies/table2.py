"""Table II: four optimizers, natural images and FGS images at epsilon 0.25."""
from npgm import plots
from npgm.experiments import protocol
from npgm.experiments.experiment import Experiment, Setting
from npgm.experiments.measures import outcomes


def draw(result):
    """Natural errors on the left, FGS errors on the right, bars for the mean,
    dots for seeds, a black line for the paper."""
    figure, (left, right) = plots.new(2, gridspec_kw={"width_ratios": [1, 1.7]})
    for ax, series in ((left, [("natural_error", "natural", plots.NATURAL)]),
                       (right, plots.FGS_BARS)):
        plots.bars(ax, result["rows"], series, "{optimizer}")
    left.set_title("Natural test images")
    left.set_ylabel("test error (%)")
    right.set_title("FGS test images, epsilon 0.25")
    right.set_ylabel("test error, or share of images (%)")
    right.set_ylim(0, 109)
    plots.legend_below(figure, right)
    return figure


EXPERIMENT = Experiment(
    name="table2", title="Table II: four optimizers",
    runs=tuple(Setting(protocol.OPTIMIZERS[name]) for name in protocol.TABLE2),
    keys=("optimizer",),
    quantities=(outcomes.NATURAL_ERROR, outcomes.FGS_ERROR, outcomes.FGS_ERROR_REPAIRED,
                outcomes.VALID_FGS),
    paper=lambda keys: protocol.TABLE2[keys["optimizer"]], draw=draw)
