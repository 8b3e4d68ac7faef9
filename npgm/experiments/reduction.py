"""The 90.4: does a mean loss over the test set, with subnormals flushed to zero,
explain the paper's FGS error of Adam?"""
from npgm.experiments import fig2, figures, protocol, results, tables
from npgm.experiments.measures import FGS_VANISHING, VANISHING, named

NAME = "reduction"
MEASURES = (FGS_VANISHING,)
QUANTITIES = named(FGS_VANISHING, *(f"{quantity}_{way}" for quantity in (
    "fgs_error", "valid_fgs") for way in VANISHING))
WORDS = {"plain": "each image's own loss", "flushed": "subnormals flushed",
         "mean": "mean loss", "mean_flushed": "mean loss, subnormals flushed"}

# What is to be explained, drawn where the hypothesis would have it.
PAPER = {protocol.RECOMMENDED_RATE: {
    "fgs_error_mean_flushed": protocol.TABLE2["adam"]["fgs_error"]}}

COLUMNS = [
    ("learning rate", lambda row: f"{row['learning_rate']:g}"),
    *((f"FGS error, {WORDS[way]}",
       lambda row, way=way: tables.percent(row[f"fgs_error_{way}"], 1))
      for way in VANISHING),
    ("valid, mean and flushed",
     lambda row: tables.percent(row["valid_fgs_mean_flushed"], 1)),
]

wanted = fig2.wanted


def rows(wanted, records):
    """A row for each learning rate."""
    groups = results.group(wanted, records, results.learning_rate)
    return [{**results.row(pairs, QUANTITIES, learning_rate=rate),
             "paper": results.paper(pairs, PAPER.get(rate, {}))}
            for rate, pairs in sorted(groups.items())]


def csv(rows):
    return tables.long_csv(rows, ["learning_rate"], list(QUANTITIES))


def draw(result):
    """FGS errors of both rates, four ways, the paper's 90.4, and the valid images."""
    figure, ax = figures.new(1, width=8.6, height=4.8)
    figures.bars(ax, result["rows"], [
        *((f"fgs_error_{way}", WORDS[way], color) for way, color in zip(
            VANISHING, figures.shades("Blues", len(VANISHING)))),
        ("valid_fgs_mean_flushed", "valid images, mean and flushed", figures.VALID)],
        lambda row: f"Adam {row['learning_rate']:g}")
    ax.set_ylim(0, 109)
    ax.set_ylabel("FGS test error, or share of images (%)")
    figures.legend_below(figure, ax, columns=3)
    figures.stamp(figure, result["stamp"])
    return figure
