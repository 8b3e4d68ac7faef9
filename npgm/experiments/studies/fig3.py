"""Fig. 3: training images moved by random signs (FRS images)."""
from npgm import plots
from npgm.experiments import protocol
from npgm.experiments.experiment import Experiment
from npgm.experiments.measures import outcomes
from npgm.experiments.rows import frs_excess, gap, last, learns, mean, select
from npgm.experiments.studies import fig1, fig2

FGS_ERROR = outcomes.FGS_ERROR_PROTOCOL.name        # whatever a row's epsilon is


def draw(result):
    """(a) and (b) as in the paper; below them what it concludes from them: masking,
    a low FGS error, against the generalization gap and the random signs' part in
    the error. A diamond is a rate that does not learn."""
    rows = result["rows"]
    figure, ((a, b), (c, d)) = plots.new(2, width=8.6, height=8.2, rows=2)
    fig1.against_rate(a, select(rows, epsilon=protocol.EPSILON), "frs_error")
    plots.log_plain(a)
    a.set_xlabel("Adam's learning rate")
    a.set_title("(a) FRS training images, epsilon 0.25")
    a.legend(fontsize=8, frameon=False)
    fig2.over_training(b, rows, "frs_error")
    b.set_title("(b) over training")
    handles, labels = b.get_legend_handles_labels()
    ends = (0, len(protocol.EPSILONS) - 1, len(protocol.EPSILONS), len(handles) - 1)
    b.legend([handles[k] for k in ends], [labels[k] for k in ends], fontsize=8,
             frameon=False)
    for ax in (a, b):
        ax.set_ylabel("training error of FRS images (%)")
    points = last(select(rows, epsilon=protocol.EPSILON))
    _against(c, points, gap, "test minus training error (points)")
    c.set_title("masking against overfitting")
    c.text(0.02, 0.97, "diamonds do not learn", transform=c.transAxes, fontsize=8)
    drawn = _against(d, points, frs_excess, "FRS error minus training error (points)")
    d.set_title("masking against the boundary")
    if drawn:
        bar = figure.colorbar(drawn, ax=(c, d), label="Adam's learning rate")
        plots.plain_ticks(bar.ax.yaxis, (1, 3))
    return figure


def _against(ax, rows, quantity, label):
    """FGS errors against a quantity, a dot a rate."""
    drawn = None
    for learnt, marker in ((True, "o"), (False, "D")):
        chosen = [row for row in rows if learns(row) is learnt]
        if chosen:
            drawn = ax.scatter(
                [quantity(row) for row in chosen],
                [mean(row, FGS_ERROR) for row in chosen], s=45,
                marker=marker, c=[row["learning_rate"] for row in chosen],
                cmap="viridis_r", norm="log", vmin=min(protocol.RATES),
                vmax=max(protocol.RATES), edgecolors="#222222", linewidths=0.6)
    ax.set_xlabel(label)
    ax.set_ylabel("FGS test error (%)")
    ax.set_ylim(-3, 103)
    return drawn


def epsilons(keys):
    """Two rates at every epsilon, the others at the protocol's."""
    swept = keys["learning_rate"] in fig2.RATES
    return protocol.EPSILONS if swept else (protocol.EPSILON,)


EXPERIMENT = Experiment(
    name="fig3", title="Fig. 3: random signs on training images", runs=fig1.RUNS,
    keys=("learning_rate", "epsilon", "step"),
    quantities=(outcomes.FRS_ERROR_SWEPT, outcomes.TRAIN_ERROR, outcomes.NATURAL_ERROR,
                outcomes.FGS_ERROR_PROTOCOL),
    epsilons=epsilons, table={"epsilon": protocol.EPSILON}, draw=draw)
