"""Table II: four optimizers, natural images and FGS images at epsilon 0.25."""
from npgm.data import MNIST_CHECKSUM
from npgm.experiments import figures, protocol, runs, tables
from npgm.experiments.measures import FGS, NATURAL

NAME = "table2"
MEASURES = (NATURAL, FGS)
QUANTITIES = {"natural_error": NATURAL, "fgs_error": FGS,
              "fgs_error_repaired": FGS, "valid_fgs": FGS}

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
    return [runs.Run.of(name, protocol.OPTIMIZERS[name], seed=seed, steps=steps,
                        data_checksum=data_checksum)
            for seed in range(seeds) for name in protocol.TABLE2]


def rows(wanted, records):
    """The rows of table2.json, from the records of the wanted runs. On other data
    than MNIST the paper has no numbers: they are None."""
    by_optimizer = {}
    for run, record in zip(wanted, records):
        by_optimizer.setdefault(run.optimizer, []).append((run, record))
    return [{"optimizer": name,
             **{quantity: tables.summary([record.last(measure, quantity)
                                          for _, record in pairs])
                for quantity, measure in QUANTITIES.items()},
             "paper": (protocol.TABLE2[name] if pairs[0][0].data_checksum
                       == MNIST_CHECKSUM else dict.fromkeys(protocol.TABLE2[name])),
             "runs": [run.hash for run, _ in pairs],
             "diverged_at": [record.diverged_at for _, record in pairs]}
            for name, pairs in by_optimizer.items()]


def csv(rows):
    return tables.long_csv(rows, ["optimizer"], list(QUANTITIES))


def draw(result):
    """Natural errors on the left, FGS errors on the right, bars for the mean,
    dots for seeds, a black line for the paper."""
    rows = result["rows"]
    figure, (left, right) = figures.new(2, gridspec_kw={"width_ratios": [1, 1.7]})
    _bars(left, rows, [("natural_error", "natural", figures.NATURAL)])
    _bars(right, rows, [
        ("fgs_error", "FGS, float32 softmax minus one-hot", figures.ATTACKED),
        ("fgs_error_repaired", "FGS, repaired residual", figures.REPAIRED),
        ("valid_fgs", "valid FGS images", figures.VALID)])
    left.set_title("Natural test images")
    left.set_ylabel("test error (%)")
    right.set_title("FGS test images, epsilon 0.25")
    right.set_ylabel("test error, or share of images (%)")
    right.set_ylim(0, 109)
    if right.get_legend_handles_labels()[0]:        # none if every run diverged
        right.legend(loc="lower center", bbox_to_anchor=(0.5, -0.32), ncols=2,
                     frameon=False, fontsize=9)
    figures.stamp(figure, result["stamp"])
    return figure


def _bars(axes, rows, series):
    width = 0.8 / len(series)
    for s, (quantity, label, color) in enumerate(series):
        for i, row in enumerate(rows):
            x = i - 0.4 + (s + 0.5) * width
            values = [v for v in row[quantity]["values"] if v is not None]
            if values:
                axes.bar(x, row[quantity]["mean"], 0.92 * width, color=color,
                         label=label if i == 0 else None)
            if len(values) > 1:
                axes.plot([x] * len(values), values, "o", ms=3, mfc="white",
                          mec="#222222", mew=0.8)
            if row["paper"].get(quantity) is not None:
                axes.plot([x - width / 2, x + width / 2], [row["paper"][quantity]] * 2,
                          color=figures.PAPER, lw=2,
                          label="paper" if i == s == 0 else None)
    axes.set_xticks(range(len(rows)), [row["optimizer"] for row in rows])
    axes.grid(axis="x", visible=False)
