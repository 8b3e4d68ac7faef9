"""Fig. 1: Adam's learning rate, and what it does to natural and FGS errors."""
from npgm import plots
from npgm.experiments import protocol
from npgm.experiments.experiment import Experiment, Setting
from npgm.experiments.measures import outcomes
from npgm.experiments.rows import select, spans

RUNS = tuple(Setting(protocol.optimizer("adam", learning_rate=rate))
             for rate in protocol.RATES)


def draw(result):
    """Four panels against the learning rate, a line for each number of updates;
    the paper's are the first two. Shades span the seeds."""
    rows = result["rows"]
    figure, axes = plots.new(2, width=8.6, height=7.6, rows=2, sharex=True)
    (natural, fgs), (valid, repaired) = axes
    for ax, quantity, title in (
            (natural, "natural_error", "(a) natural test images"),
            (fgs, "fgs_error", "(b) FGS test images"),
            (repaired, "fgs_error_repaired", "FGS, residual repaired"),
            (valid, "valid_fgs", "valid FGS images (dashed: repaired)")):
        against_rate(ax, rows, quantity)
        ax.set_title(title)
    against_rate(valid, rows, "valid_fgs_repaired", style="--")
    for ax in (natural, fgs, repaired):
        ax.set_ylabel("test error (%)")
        plots.log_plain(ax)
    for ax in (fgs, repaired):
        ax.set_ylim(4, 110)
    valid.set_ylabel("share of test images (%)")
    valid.set_ylim(-3, 103)
    if not result["stamp"]:
        for ax, quantity in ((natural, "natural_error"), (fgs, "fgs_error"),
                             (valid, "valid_fgs")):
            for (low, high), value in protocol.FIG1[quantity].items():
                ax.plot((low, high), (value, value), color=plots.PAPER, lw=4,
                        alpha=0.6, solid_capstyle="butt", zorder=1)
        natural.lines[-1].set_label("what the paper says")
    for ax in axes[1]:
        ax.set_xlabel("Adam's learning rate")
    plots.legend_below(figure, natural, columns=3)
    return figure


def against_rate(ax, rows, quantity, style="-"):
    """A line for each of the protocol's numbers of updates."""
    steps = lines(rows)
    for step, color in zip(steps, plots.shades("viridis_r", len(steps))):
        chosen = sorted(select(rows, step=step), key=lambda row: row["learning_rate"])
        plots.line(ax, [row["learning_rate"] for row in chosen],
                   spans(chosen, quantity), color, f"{step:,} updates", style)
    plots.log_rate(ax)


def lines(rows):
    """The updates a line is drawn for: the protocol's, and the last."""
    steps = {row["step"] for row in rows}
    return sorted((steps & set(protocol.LINES)) | {max(steps)})


EXPERIMENT = Experiment(
    name="fig1", title="Fig. 1: the learning rate", runs=RUNS,
    keys=("learning_rate", "step"),
    quantities=(outcomes.NATURAL_ERROR, outcomes.FGS_ERROR, outcomes.FGS_ERROR_REPAIRED,
                outcomes.VALID_FGS, outcomes.VALID_FGS_REPAIRED, outcomes.RESIDUAL_ZERO,
                outcomes.RESIDUAL_ZERO_TRAIN, outcomes.LABEL_RESIDUAL_ZERO),
    more=lambda keys: {"optimizer": "adam"}, draw=draw)
