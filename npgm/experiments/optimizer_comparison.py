"""Five optimizers, each at its recommended learning rate and at ten times it."""
from npgm.experiments import figures, protocol, results, tables
from npgm.experiments.measures import (ACTIVITY, DEEPFOOL, FGS, FGS_NAMES, NATURAL,
                                       TRAIN, named)

NAME = "optimizers"
MEASURES = (NATURAL, TRAIN, FGS, ACTIVITY, DEEPFOOL)
QUANTITIES = {**named(NATURAL, "natural_error"), **named(TRAIN, "train_error"),
              **named(FGS, *FGS_NAMES),
              **named(DEEPFOOL, "deepfool_l2", "deepfool_linf"),
              **named(ACTIVITY, "active_hidden", "logit_lead")}
TIMES = (1, 10)
ROUNDED = {16.6: "the label's residual rounds to 0",       # see losses.cross_entropy
           104: "every residual rounds to 0"}

COLUMNS = [
    ("optimizer", lambda row: row["optimizer"]),
    ("learning rate", lambda row: f"{row['learning_rate']:g}"),
    ("natural error", lambda row: tables.percent(row["natural_error"])),
    ("FGS error", lambda row: tables.percent(row["fgs_error"], 1)),
    ("FGS error, repaired", lambda row: tables.percent(row["fgs_error_repaired"], 1)),
    ("valid FGS images", lambda row: tables.percent(row["valid_fgs"], 1)),
    ("DeepFool L2", lambda row: tables.percent(row["deepfool_l2"], 1)),
    ("active hidden units", lambda row: tables.percent(row["active_hidden"], 1)),
    ("median logit lead", lambda row: tables.percent(row["logit_lead"], 1)),
]


def wanted(steps, seeds, data_checksum):
    return [results.run(name, steps, seed, data_checksum, round(
            times * protocol.OPTIMIZERS[name].learning_rate, 6))
            for seed in range(seeds) for name in protocol.OPTIMIZERS
            for times in TIMES]


def rows(wanted, records):
    groups = results.group(wanted, records, lambda r: (
        r.optimizer, r.hyperparameters["learning_rate"]))
    return [results.row(pairs, QUANTITIES, optimizer=name, learning_rate=rate,
                        recommended=rate == protocol.OPTIMIZERS[name].learning_rate)
            for (name, rate), pairs in groups.items()]


def csv(rows):
    return tables.long_csv(rows, ["optimizer", "learning_rate"], list(QUANTITIES))


def draw(result):
    """FGS errors of each optimizer: recommended rate left, ten times it right; below
    them how far the right logit leads, and the leads at which float32 rounds the
    residual."""
    figure, axes = figures.new(2, width=8.6, height=7, rows=2, sharey="row",
                               gridspec_kw={"height_ratios": [1.6, 1]})

    def name(row):
        return f"{row['optimizer']}\n{row['learning_rate']:g}"
    for (errors, leads), recommended, title in zip(axes.T, (True, False), (
            "recommended learning rate", "ten times it")):
        chosen = results.select(result["rows"], recommended=recommended)
        figures.bars(errors, chosen, [
            ("fgs_error", "FGS, as attacked", figures.ATTACKED),
            ("fgs_error_repaired", "FGS, residual repaired", figures.REPAIRED),
            ("valid_fgs", "valid FGS images", figures.VALID),
            ("natural_error", "natural", figures.NATURAL)], name)
        figures.bars(leads, chosen, [("logit_lead", None, figures.NATURAL)], name)
        for lead, text in ROUNDED.items():
            leads.axhline(lead, color=figures.PAPER, lw=1, ls="--")
            leads.text(-0.4, 1.15 * lead, text, fontsize=8, bbox={
                "facecolor": "white", "alpha": 0.8, "linewidth": 0, "pad": 1})
        errors.set_title(title)
        errors.set_ylim(0, 109)
        figures.log_plain(leads)
        leads.set_ylim(5, 2000)
    axes[0, 0].set_ylabel("test error, or share of images (%)")
    axes[1, 0].set_ylabel("median logit lead")
    figures.legend_below(figure, axes[0, 0])
    figures.stamp(figure, result["stamp"])
    return figure
