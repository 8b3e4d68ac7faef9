"""Fig. 1: Adam's learning rate, and what it does to natural and FGS errors."""
from npgm.experiments import figures, protocol, results, tables
from npgm.experiments.measures import (FGS, FGS_NAMES, NATURAL, RESIDUAL,
                                       RESIDUAL_NAMES, named)

NAME = "fig1"
MEASURES = (NATURAL, FGS, RESIDUAL)
QUANTITIES = {**named(NATURAL, "natural_error"), **named(FGS, *FGS_NAMES),
              **named(RESIDUAL, *RESIDUAL_NAMES)}

COLUMNS = [
    ("learning rate", lambda row: f"{row['learning_rate']:g}"),
    ("updates", lambda row: f"{row['step']:,}"),
    ("natural error", lambda row: tables.percent(row["natural_error"])),
    ("FGS error", lambda row: tables.percent(row["fgs_error"], 1)),
    ("FGS error, repaired", lambda row: tables.percent(row["fgs_error_repaired"], 1)),
    ("valid FGS images", lambda row: tables.percent(row["valid_fgs"], 1)),
    ("valid, repaired", lambda row: tables.percent(row["valid_fgs_repaired"], 1)),
    ("residual all zero", lambda row: tables.percent(row["residual_zero"], 1)),
]


def wanted(steps, seeds, data_checksum):
    return [results.run("adam", steps, seed, data_checksum, rate)
            for seed in range(seeds) for rate in protocol.RATES]


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
    figure, axes = figures.new(2, width=8.6, height=7.6, rows=2, sharex=True)
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
        figures.log_plain(ax)
    for ax in (fgs, repaired):
        ax.set_ylim(4, 110)
    valid.set_ylabel("share of test images (%)")
    valid.set_ylim(-3, 103)
    if not result["stamp"]:
        for ax, quantity in ((natural, "natural_error"), (fgs, "fgs_error"),
                             (valid, "valid_fgs")):
            for (low, high), value in protocol.FIG1[quantity].items():
                ax.plot((low, high), (value, value), color=figures.PAPER, lw=4,
                        alpha=0.6, solid_capstyle="butt", zorder=1)
        natural.lines[-1].set_label("what the paper says")
    for ax in axes[1]:
        ax.set_xlabel("Adam's learning rate")
    figures.legend_below(figure, natural, columns=3)
    figures.stamp(figure, result["stamp"])
    return figure


def against_rate(ax, rows, quantity, style="-"):
    """A line for each of the protocol's numbers of updates."""
    steps = results.lines(rows)
    for step, color in zip(steps, figures.shades("viridis_r", len(steps))):
        chosen = sorted(results.select(rows, step=step),
                        key=lambda row: row["learning_rate"])
        figures.line(ax, [row["learning_rate"] for row in chosen],
                     results.means(chosen, quantity), color, f"{step:,} updates", style)
    figures.log_rate(ax)
