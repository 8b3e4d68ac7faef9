"""Fig. 3: training images moved by random signs (FRS images)."""
from npgm.experiments import fig1, fig2, figures, protocol, results, tables
from npgm.experiments.measures import FRS_SWEEP, NATURAL, TRAIN, at, named

NAME = "fig3"
MEASURES = (FRS_SWEEP, NATURAL, TRAIN)
QUANTITIES = ("frs_error", "train_error", "natural_error")

COLUMNS = [
    ("learning rate", lambda row: f"{row['learning_rate']:g}"),
    ("epsilon", lambda row: f"{row['epsilon']:g}"),
    ("updates", lambda row: f"{row['step']:,}"),
    ("FRS training error", lambda row: tables.percent(row["frs_error"])),
    ("training error", lambda row: tables.percent(row["train_error"])),
    ("natural test error", lambda row: tables.percent(row["natural_error"])),
]


wanted = fig1.wanted          # the same runs


def rows(wanted, records):
    """A row for each rate, epsilon and point of evaluation: all rates at the
    protocol's epsilon, two rates at every epsilon."""
    groups = results.group(wanted, records, results.learning_rate)
    return [results.row(pairs, {"frs_error": (FRS_SWEEP, at("frs_error", epsilon)),
                                **named(TRAIN, "train_error"),
                                **named(NATURAL, "natural_error")}, step,
                        learning_rate=rate, epsilon=epsilon)
            for rate, pairs in groups.items()
            for epsilon in (protocol.EPSILONS if rate in fig2.RATES
                            else (protocol.EPSILON,))
            for step in results.steps_of(wanted, records)]


def shown(rows):
    return results.select(rows, step=max(row["step"] for row in rows),
                          epsilon=protocol.EPSILON)


def csv(rows):
    return tables.long_csv(rows, ["learning_rate", "epsilon", "step"], list(QUANTITIES))


def draw(result):
    """(a) and (b) as in the paper; beside them what the paper compares them with:
    the gap between test and training error."""
    rows = result["rows"]
    figure, (a, b, c) = figures.new(3, width=14, height=5)
    fig1.against_rate(a, results.select(rows, epsilon=protocol.EPSILON), "frs_error")
    a.set_title("(a) FRS training images, epsilon 0.25")
    a.set_ylabel("training error of FRS images (%)")
    a.set_yscale("log")
    a.legend(fontsize=8, frameon=False)
    fig2.over_training(b, rows, "frs_error")
    b.set_title("(b) orange 0.01, blue 0.001, deeper for larger epsilon")
    b.set_ylabel("training error of FRS images (%)")
    last = shown(rows)
    gap = [results.mean(row, "natural_error") - results.mean(row, "train_error")
           for row in last]
    c.scatter(gap, [results.mean(row, "frs_error") for row in last],
              color=figures.ATTACKED)
    for x, row in zip(gap, last):
        c.annotate(f"{row['learning_rate']:g}", (x, results.mean(row, "frs_error")),
                   textcoords="offset points", xytext=(4, 3), fontsize=7)
    c.set_xlabel("generalization gap: test minus training error (%)")
    c.set_ylabel("training error of FRS images (%)")
    c.set_yscale("log")
    c.set_title(f"after {last[0]['step']:,} updates, by learning rate")
    figures.stamp(figure, result["stamp"])
    return figure
