"""Fig. 2: FGS test error over training, by epsilon, at two learning rates."""
from npgm.experiments import figures, protocol, results, tables
from npgm.experiments.measures import FGS_SWEEP, at

NAME = "fig2"
MEASURES = (FGS_SWEEP,)
RATES = (protocol.MASKED_RATE, protocol.RECOMMENDED_RATE)
QUANTITIES = ("fgs_error", "fgs_error_repaired")

COLUMNS = [
    ("learning rate", lambda row: f"{row['learning_rate']:g}"),
    ("epsilon", lambda row: f"{row['epsilon']:g}"),
    ("updates", lambda row: f"{row['step']:,}"),
    ("FGS error", lambda row: tables.percent(row["fgs_error"], 1)),
    ("FGS error, repaired", lambda row: tables.percent(row["fgs_error_repaired"], 1)),
]


def wanted(steps, seeds, data_checksum):
    return [results.run("adam", steps, seed, data_checksum, rate)
            for seed in range(seeds) for rate in RATES]


def rows(wanted, records):
    """A row for each rate, epsilon and point of evaluation."""
    groups = results.group(wanted, records, results.learning_rate)
    return [results.row(pairs, {q: (FGS_SWEEP, at(q, epsilon)) for q in QUANTITIES},
                        step, learning_rate=rate, epsilon=epsilon)
            for rate, pairs in groups.items() for epsilon in protocol.EPSILONS
            for step in results.steps_of(wanted, records)]


def shown(rows):
    return results.select(rows, step=max(row["step"] for row in rows))


def csv(rows):
    return tables.long_csv(rows, ["learning_rate", "epsilon", "step"], list(QUANTITIES))


def draw(result):
    """The paper's figure on the left, the repaired attack on the right."""
    figure, axes = figures.new(2, width=8.6, height=4.8, sharey=True)
    for ax, quantity, title in zip(axes, QUANTITIES, (
            "as attacked (the paper's figure)", "same attack, residual repaired")):
        over_training(ax, result["rows"], quantity)
        ax.set_title(title)
        ax.set_ylim(-3, 103)
    axes[0].set_ylabel("test error of FGS images (%)")
    figures.legend_below(figure, axes[0], columns=4)
    figures.stamp(figure, result["stamp"])
    return figure


def over_training(ax, rows, quantity):
    """A line for each rate, the masking one orange, the other blue, and epsilon,
    deeper for a larger one."""
    for rate, colors in zip(RATES, ("Oranges", "Blues")):
        for epsilon, color in zip(protocol.EPSILONS, figures.shades(
                colors, len(protocol.EPSILONS))):
            chosen = results.select(rows, learning_rate=rate, epsilon=epsilon)
            figures.line(ax, [row["step"] for row in chosen],
                         results.means(chosen, quantity), color,
                         f"{rate:g}, epsilon {epsilon:g}")
    ax.set_xscale("log")
    ax.set_xlabel("updates")
