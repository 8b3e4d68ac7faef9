"""Why many small steps fool fewer than one large step at 0.01, the residual repaired:
they are caught where a whole hidden layer is off."""
from npgm import plots
from npgm.experiments import protocol
from npgm.experiments.experiment import Experiment, Setting
from npgm.experiments.measures import silent
from npgm.experiments.rows import mean, select, spans

RATES = (protocol.MASKED_RATE, protocol.RECOMMENDED_RATE)
MANY = f"{silent.STEPS} steps or more"
LINES = (("opened", f"{MANY}, gradient let through such layers", "#2c8a4b"),
         ("restarted", f"{MANY}, begun again where it is zero", plots.NATURAL),
         ("error", f"{MANY}: repaired PGD", plots.REPAIRED))


def draw(result):
    """A column for each rate: the errors by step size; above repaired PGD's what it
    holds, dark where a layer is off."""
    figure, axes = plots.new(len(RATES), width=11, height=4.8, sharey=True)
    for ax, rate in zip(axes, RATES):
        rows = sorted(select(result["rows"], learning_rate=rate),
                      key=lambda row: row["step_size"])
        sizes = [row["step_size"] for row in rows]
        error, caught = ([mean(row, name) for row in rows]
                         for name in ("error", "caught"))
        ax.fill_between(sizes, error, [e + c for e, c in zip(error, caught)], lw=0,
                        color=plots.PAPER, alpha=0.25,
                        label="held by it where a whole hidden layer is off")
        one = mean(rows[0], "one_step")
        ax.axhline(one, color=plots.PAPER, ls="--", lw=1.2,
                   label="one step of 0.25, repaired FGSM")
        for name, label, color in LINES:
            plots.line(ax, sizes, spans(rows, name), color, label)
        plots.log_x(ax)
        plots.plain_ticks(ax.xaxis, (1, 3))
        ax.set_xlabel("size of a step")
        ax.set_title(f"Adam {rate:g}")
    axes[0].set_ylabel("test error (%), epsilon 0.25")
    axes[0].set_ylim(top=100.5)
    plots.legend_below(figure, axes[0], columns=2)
    return figure


EXPERIMENT = Experiment(
    name="silent-layers", title="Small steps, caught where a layer is off",
    runs=tuple(Setting(protocol.optimizer("adam", learning_rate=rate))
               for rate in RATES),
    keys=("learning_rate", "step_size"), points={"step_size": silent.STEP_SIZES},
    quantities=(silent.ONE_STEP, *silent.BY_SIZE), draw=draw)
