"""Adversarial training at 0.001 against plain Adam at 0.01: the paper's discussion."""
from npgm.experiments import figures, protocol, results, tables
from npgm.experiments.measures import FGS, FGS_NAMES, NATURAL, PGD, PGD_FIRST, named

NAME = "adversarial-training"
MEASURES = (NATURAL, FGS, PGD)
QUANTITIES = {**named(NATURAL, "natural_error"), **named(FGS, *FGS_NAMES),
              **named(PGD, "pgd_error", "pgd_error_repaired")}
DEFENCE = {"name": "adversarial_training", "epsilon": protocol.EPSILON}
TRAININGS = (("plain", protocol.MASKED_RATE, None),
             ("plain", protocol.RECOMMENDED_RATE, None),
             ("adversarial", protocol.RECOMMENDED_RATE, DEFENCE))

COLUMNS = [
    ("training", lambda row: row["training"]),
    ("learning rate", lambda row: f"{row['learning_rate']:g}"),
    ("natural error", lambda row: tables.percent(row["natural_error"])),
    ("FGS error", lambda row: tables.percent(row["fgs_error"], 1)),
    ("FGS error, repaired", lambda row: tables.percent(row["fgs_error_repaired"], 1)),
    ("PGD error", lambda row: tables.percent(row["pgd_error"], 1)),
    ("PGD error, repaired", lambda row: tables.percent(row["pgd_error_repaired"], 1)),
    ("valid FGS images", lambda row: tables.percent(row["valid_fgs"], 1)),
]


def wanted(steps, seeds, data_checksum):
    return [results.run("adam", steps, seed, data_checksum, rate, defence)
            for seed in range(seeds) for _, rate, defence in TRAININGS]


def rows(wanted, records):
    groups = results.group(wanted, records, lambda r: (
        "adversarial" if r.defence else "plain", r.hyperparameters["learning_rate"]))
    return [{**results.row(pairs, QUANTITIES, training=training, learning_rate=rate),
             "paper": results.paper(pairs, _paper(training, rate))}
            for (training, rate), pairs in groups.items()]


def _paper(training, rate):
    compared = training == "adversarial" or rate == protocol.MASKED_RATE
    return {"fgs_error": protocol.DISCUSSION[training]} if compared else {}


def csv(rows):
    return tables.long_csv(rows, ["training", "learning_rate"], list(QUANTITIES))


def draw(result):
    figure, ax = figures.new(1, width=8.6, height=4.8)
    figures.bars(ax, result["rows"], [
        ("natural_error", "natural", figures.NATURAL),
        ("fgs_error", "FGS, as attacked", figures.ATTACKED),
        ("fgs_error_repaired", "FGS, residual repaired", figures.REPAIRED),
        ("pgd_error", f"PGD, first {PGD_FIRST:,} images", "#9ecae1"),
        ("pgd_error_repaired", "PGD, residual repaired", "#f4a6a6")],
        lambda row: f"{row['training']} training,\nAdam {row['learning_rate']:g}")
    ax.set_ylim(0, 109)
    ax.set_ylabel("test error (%), epsilon 0.25")
    figures.legend_below(figure, ax, columns=3)
    figures.stamp(figure, result["stamp"])
    return figure
