"""Table II: four optimizers, natural images and FGS images at epsilon 0.25."""
from npgm.experiments import figures, protocol, results, tables
from npgm.experiments.measures import FGS, FGS_NAMES, NATURAL, named

NAME = "table2"
MEASURES = (NATURAL, FGS)
QUANTITIES = {**named(NATURAL, "natural_error"), **named(FGS, *FGS_NAMES)}

COLUMNS = [
    ("optimizer", lambda row: row["optimizer"]),
    ("natural error", lambda row: tables.percent(row["natural_error"])),
    ("paper", lambda row: tables.percent(row["paper"]["natural_error"])),
    ("FGS error", lambda row: tables.percent(row["fgs_error"], 1)),
    ("paper", lambda row: tables.percent(row["paper"]["fgs_error"], 1)),
    ("FGS error, repaired", lambda row: tables.percent(row["fgs_error_repaired"], 1)),
    ("valid FGS images", lambda row: tables.percent(row["valid_fgs"], 1)),
]


def wanted(steps, seeds, data_checksum):
    """The runs this table is made of, seed by seed, so that an interrupted
    command has whole seeds first."""
    return [results.run(name, steps, seed, data_checksum)
            for seed in range(seeds) for name in protocol.TABLE2]


def rows(wanted, records):
    """The rows of table2.json, from the records of the wanted runs. On other data
    than MNIST the paper has no numbers: they are None."""
    groups = results.group(wanted, records, lambda run: run.optimizer)
    return [{**results.row(pairs, QUANTITIES, optimizer=name),
             "paper": results.paper(pairs, protocol.TABLE2[name])}
            for name, pairs in groups.items()]


def csv(rows):
    return tables.long_csv(rows, ["optimizer"], list(QUANTITIES))


def draw(result):
    """Natural errors on the left, FGS errors on the right, bars for the mean,
    dots for seeds, a black line for the paper."""
    rows = result["rows"]
    figure, (left, right) = figures.new(2, gridspec_kw={"width_ratios": [1, 1.7]})

    def name(row):
        return row["optimizer"]
    figures.bars(left, rows, [("natural_error", "natural", figures.NATURAL)], name)
    figures.bars(right, rows, [
        ("fgs_error", "FGS, as attacked", figures.ATTACKED),
        ("fgs_error_repaired", "FGS, residual repaired", figures.REPAIRED),
        ("valid_fgs", "valid FGS images", figures.VALID)], name)
    left.set_title("Natural test images")
    left.set_ylabel("test error (%)")
    right.set_title("FGS test images, epsilon 0.25")
    right.set_ylabel("test error, or share of images (%)")
    right.set_ylim(0, 109)
    figures.legend_below(figure, right)
    figures.stamp(figure, result["stamp"])
    return figure
