"""Fig. 2: FGS test error over training, by epsilon, at two learning rates."""
from npgm import plots
from npgm.experiments import protocol
from npgm.experiments.experiment import Experiment, Setting
from npgm.experiments.measures import outcomes
from npgm.experiments.rows import select, spans

RATES = (protocol.MASKED_RATE, protocol.RECOMMENDED_RATE)


def draw(result):
    """The paper's figure on the left, the repaired attack on the right."""
    figure, axes = plots.new(2, width=8.6, height=4.8, sharey=True)
    for ax, quantity, title in zip(axes, ("fgs_error", "fgs_error_repaired"), (
            "as attacked (the paper's figure)", "same attack, residual repaired")):
        over_training(ax, result["rows"], quantity)
        ax.set_title(title)
        ax.set_ylim(-3, 103)
    axes[0].set_ylabel("test error of FGS images (%)")
    plots.legend_below(figure, axes[0], columns=4)
    return figure


def over_training(ax, rows, quantity):
    """A line for each rate, the masking one orange, the other blue, and epsilon,
    deeper for a larger one."""
    for rate, colors in zip(RATES, ("Oranges", "Blues")):
        for epsilon, color in zip(protocol.EPSILONS, plots.shades(
                colors, len(protocol.EPSILONS))):
            chosen = select(rows, learning_rate=rate, epsilon=epsilon)
            plots.line(ax, [row["step"] for row in chosen], spans(chosen, quantity),
                       color, f"{rate:g}, epsilon {epsilon:g}")
    plots.log_x(ax)
    ax.set_xlabel("updates")


EXPERIMENT = Experiment(
    name="fig2", title="Fig. 2: FGSM over training",
    runs=tuple(Setting(protocol.optimizer("adam", learning_rate=rate))
               for rate in RATES),
    keys=("learning_rate", "epsilon", "step"),
    quantities=(outcomes.FGS_ERROR_SWEPT, outcomes.FGS_ERROR_REPAIRED_SWEPT),
    epsilons=lambda keys: protocol.EPSILONS, draw=draw)
