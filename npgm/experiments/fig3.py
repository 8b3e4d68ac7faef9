"""Fig. 3: training images moved by random signs (FRS images)."""
from npgm.experiments import fig1, fig2, figures, protocol, results, tables
from npgm.experiments.measures import FGS, FRS_SWEEP, NATURAL, TRAIN, at, named

NAME = "fig3"
MEASURES = (FRS_SWEEP, NATURAL, TRAIN, FGS)
FGS_ERROR = at("fgs_error", protocol.EPSILON)       # whatever a row's epsilon is
OTHERS = {**named(TRAIN, "train_error"), **named(NATURAL, "natural_error"),
          FGS_ERROR: (FGS, "fgs_error")}
QUANTITIES = ("frs_error", *OTHERS)

COLUMNS = [
    ("learning rate", lambda row: f"{row['learning_rate']:g}"),
    ("epsilon", lambda row: f"{row['epsilon']:g}"),
    ("updates", lambda row: f"{row['step']:,}"),
    ("FRS training error", lambda row: tables.percent(row["frs_error"])),
    ("training error", lambda row: tables.percent(row["train_error"])),
    ("natural test error", lambda row: tables.percent(row["natural_error"])),
    ("FGS test error", lambda row: tables.percent(row[FGS_ERROR], 1)),
]


wanted = fig1.wanted          # the same runs


def rows(wanted, records):
    """A row for each rate, epsilon and point of evaluation: all rates at the
    protocol's epsilon, two rates at every epsilon."""
    groups = results.group(wanted, records, results.learning_rate)
    return [results.row(pairs, {"frs_error": (FRS_SWEEP, at("frs_error", epsilon)),
                                **OTHERS}, step, learning_rate=rate, epsilon=epsilon)
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
    """(a) and (b) as in the paper; below them what it concludes from them: masking,
    a low FGS error, against the generalization gap and the random signs' part in
    the error. A diamond is a rate that does not learn."""
    rows = result["rows"]
    figure, ((a, b), (c, d)) = figures.new(2, width=8.6, height=8.2, rows=2)
    fig1.against_rate(a, results.select(rows, epsilon=protocol.EPSILON), "frs_error")
    figures.log_plain(a)
    a.set_xlabel("Adam's learning rate")
    a.set_title("(a) FRS training images, epsilon 0.25")
    a.legend(fontsize=8, frameon=False)
    fig2.over_training(b, rows, "frs_error")
    b.set_title("(b) over training")
    handles, labels = b.get_legend_handles_labels()
    ends = (0, len(protocol.EPSILONS) - 1, len(protocol.EPSILONS), len(handles) - 1)
    b.legend([handles[k] for k in ends], [labels[k] for k in ends], fontsize=8,
             frameon=False)
    for ax in (a, b):
        ax.set_ylabel("training error of FRS images (%)")
    last = shown(rows)
    _against(c, last, gap, "test minus training error (points)")
    c.set_title("masking against overfitting")
    c.text(0.02, 0.97, "diamonds do not learn", transform=c.transAxes, fontsize=8)
    points = _against(d, last, frs_excess, "FRS error minus training error (points)")
    d.set_title("masking against the boundary")
    if points:
        bar = figure.colorbar(points, ax=(c, d), label="Adam's learning rate")
        figures.plain_ticks(bar.ax.yaxis, (1, 3))
    figures.stamp(figure, result["stamp"])
    return figure


def gap(row):
    """The generalization gap: test minus training error, in points."""
    return results.mean(row, "natural_error") - results.mean(row, "train_error")


def frs_excess(row):
    """How much random signs add to the training error, in points."""
    return results.mean(row, "frs_error") - results.mean(row, "train_error")


def _against(ax, rows, quantity, label):
    """FGS errors against a quantity, a dot a rate."""
    points = None
    for learns, marker in ((True, "o"), (False, "D")):
        chosen = [row for row in rows if results.learns(row) is learns]
        if chosen:
            points = ax.scatter(
                [quantity(row) for row in chosen],
                [results.mean(row, FGS_ERROR) for row in chosen], s=45,
                marker=marker, c=[row["learning_rate"] for row in chosen],
                cmap="viridis_r", norm="log", vmin=min(protocol.RATES),
                vmax=max(protocol.RATES), edgecolors="#222222", linewidths=0.6)
    ax.set_xlabel(label)
    ax.set_ylabel("FGS test error (%)")
    ax.set_ylim(-3, 103)
    return points
