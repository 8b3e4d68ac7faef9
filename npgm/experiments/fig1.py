"""Fig. 1: Adam's learning rate, and what it does to natural and FGS errors."""
from npgm.experiments import figures, protocol, results, tables
from npgm.experiments.measures import FGS, FGS_NAMES, NATURAL, named

NAME = "fig1"
MEASURES = (NATURAL, FGS)
QUANTITIES = {**named(NATURAL, "natural_error"), **named(FGS, *FGS_NAMES)}

COLUMNS = [
    ("learning rate", lambda row: f"{row['learning_rate']:g}"),
    ("updates", lambda row: f"{row['step']:,}"),
    ("natural error", lambda row: tables.percent(row["natural_error"])),
    ("FGS error", lambda row: tables.percent(row["fgs_error"], 1)),
    ("FGS error, repaired", lambda row: tables.percent(row["fgs_error_repaired"], 1)),
    ("valid FGS images", lambda row: tables.percent(row["valid_fgs"], 1)),
]


def rates(seed):
    """The learning rates that get a run of this seed."""
    if seed == 0:
        return protocol.RATES
    return (*protocol.MASKING, protocol.RECOMMENDED_RATE)


def wanted(steps, seeds, data_checksum):
    """Every rate with seed 0; the masking and the recommended ones with all."""
    return [results.run("adam", steps, seed, data_checksum, rate)
            for seed in range(seeds) for rate in rates(seed)]


def rows(wanted, records):
    """A row for each rate and point of evaluation."""
    groups = results.group(wanted, records, results.learning_rate)
    return [results.row(pairs, QUANTITIES, step, optimizer="adam", learning_rate=rate)
            for rate, pairs in groups.items()
            for step in results.steps_of(wanted, records)]


def shown(rows):
    """Of the table, the last point of evaluation."""
    return results.select(rows, step=max(row["step"] for row in rows))


def csv(rows):
    return tables.long_csv(rows, ["learning_rate", "step"], list(QUANTITIES))


def draw(result):
    """Four panels against the learning rate, a line for each number of updates;
    the paper's are the first two. Shades span the seeds."""
    rows = result["rows"]
    figure, axes = figures.new(2, height=8, rows=2)
    panels = [("natural_error", "(a) natural test images", "test error (%)"),
              ("fgs_error", "(b) FGS test images, epsilon 0.25", "test error (%)"),
              ("valid_fgs", "images with a gradient (valid FGS images)",
               "share of test images (%)"),
              ("fgs_error_repaired", "FGS test images, epsilon 0.25, repaired residual",
               "test error (%)")]
    for ax, (quantity, title, label) in zip(axes.flat, panels):
        against_rate(ax, rows, quantity)
        ax.set_title(title)
        ax.set_ylabel(label)
        if quantity == "natural_error":
            ax.set_yscale("log")
        else:
            ax.set_ylim(-3, 103)
    figures.legend_below(figure, axes.flat[0])
    figures.stamp(figure, result["stamp"])
    return figure


def against_rate(ax, rows, quantity):
    """A line for each of the protocol's numbers of updates."""
    steps = results.lines(rows)
    for step, color in zip(steps, figures.shades("viridis_r", len(steps))):
        chosen = sorted(results.select(rows, step=step),
                        key=lambda row: row["learning_rate"])
        figures.line(ax, [row["learning_rate"] for row in chosen],
                     results.means(chosen, quantity), color, f"{step:,} updates")
    ax.set_xscale("log")
    ax.set_xlabel("Adam's learning rate")
