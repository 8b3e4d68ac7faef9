"""Masking as it sets in: leads, causes, signs and errors over training."""
from npgm import plots
from npgm.diagnosis.arithmetic import thresholds
from npgm.experiments import protocol
from npgm.experiments.experiment import Experiment, Setting
from npgm.experiments.measures import masking, outcomes
from npgm.experiments.rows import mean, select, spans

RATES = (protocol.MASKED_RATE, protocol.RECOMMENDED_RATE)
CAUSES = (("cause_sound", "sound", plots.VALID, ""),
          ("cause_label_rounded", "label's entry rounded to 0", "#9ecae1", ""),
          ("cause_residual_rounded", "whole residual rounded to 0", plots.ATTACKED,
           "//"),
          ("cause_silent", "silent layers", plots.PAPER, ""),
          ("cause_other", "other", "#c7c7c7", ".."))


def draw(result):
    """A column for each rate: the lead against the thresholds, causes as stacked
    shares, right signs and errors."""
    figure, axes = plots.new(2, width=10, height=9.4, rows=3, sharex=True, sharey="row")
    for column, rate in enumerate(RATES):
        rows = sorted(select(result["rows"], learning_rate=rate),
                      key=lambda row: row["step"])
        _lead(axes[0][column], rows)
        _causes(axes[1][column], rows)
        _errors(axes[2][column], rows)
        axes[0][column].set_title(f"Adam {rate:g}")
        axes[2][column].set_xlabel("updates")
    for row, label in zip(axes, ("the label's lead", "share of the images (%)",
                                 "errors, right signs (%)")):
        row[0].set_ylabel(label)
        row[0].legend(fontsize=8, framealpha=0.9, loc="upper left")
    axes[2][0].get_legend().remove()
    axes[2][1].legend(fontsize=8, framealpha=0.9, loc="lower right")
    return figure


def _lead(ax, rows):
    steps = [row["step"] for row in rows]
    plots.line(ax, steps, spans(rows, "lead_50"), plots.PAPER, "median")
    for name, label in (("lead_5", "5 % below, 5 % above"), ("lead_95", None)):
        plots.line(ax, steps, spans(rows, name), plots.NATURAL, label, ":")
    for lead, words in zip(thresholds(protocol.DTYPE), ("the label's entry rounds to 0",
                                                        "all of the residual does")):
        ax.axhline(lead, color=plots.REPAIRED, lw=1)
        ax.annotate(words, (steps[0], lead), xytext=(2, 2), fontsize=8,
                    textcoords="offset points", color=plots.REPAIRED)
    ax.set_yscale("symlog", linthresh=1)
    plots.log_x(ax)


def _causes(ax, rows):
    ax.stackplot([row["step"] for row in rows],
                 [[mean(row, name) for row in rows] for name, *_ in CAUSES],
                 labels=[label for _, label, *_ in CAUSES],
                 colors=[color for *_, color, _ in CAUSES],
                 hatch=[hatch for *_, hatch in CAUSES], edgecolor="white", lw=0)
    ax.set_ylim(0, 100)


def _errors(ax, rows):
    steps = [row["step"] for row in rows]
    for name, label, color, style in (
            ("fgs_error_repaired", "FGS error, repaired", plots.REPAIRED, "-"),
            ("fgs_error", "FGS error, as attacked", plots.ATTACKED, "-"),
            ("signs_right", "signs of the gradient that are right", plots.PAPER, "--")):
        plots.line(ax, steps, spans(rows, name), color, label, style)
    ax.set_ylim(0, 103)


EXPERIMENT = Experiment(
    name="timeline", title="Masking as it sets in",
    runs=tuple(Setting(protocol.optimizer("adam", learning_rate=rate))
               for rate in RATES),
    keys=("learning_rate", "step"),
    quantities=(*masking.LEADS, *masking.SHARES, masking.SIGNS_RIGHT,
                outcomes.FGS_ERROR, outcomes.FGS_ERROR_REPAIRED),
    draw=draw)
