"""Adam as printed, and as it is meant: four forms of its pseudocode."""
import dataclasses

import numpy as np

from npgm.experiments import figures, protocol, results, tables
from npgm.experiments.measures import FGS, FGS_NAMES, NATURAL, named

NAME = "pseudocode"
MEASURES = (NATURAL, FGS)
QUANTITIES = {**named(NATURAL, "natural_error"), **named(FGS, *FGS_NAMES)}
FORMS = ("algorithm1", "epsilon_hat", "printed", "printed_once")
WORDS = {"algorithm1": "Kingma and Ba", "epsilon_hat": "TensorFlow",
         "printed": "as printed", "printed_once": "printed, m and v uncorrected"}
WATCHED = 60            # updates
FROZEN = 1e-6           # largest step below which a network no longer learns

COLUMNS = [
    ("form", lambda row: row["form"]),
    ("", lambda row: WORDS[row["form"]]),
    ("natural error", lambda row: tables.percent(row["natural_error"])),
    ("FGS error", lambda row: tables.percent(row["fgs_error"], 1)),
    ("FGS error, repaired", lambda row: tables.percent(row["fgs_error_repaired"], 1)),
    ("valid FGS images", lambda row: tables.percent(row["valid_fgs"], 1)),
    ("steps below 1e-6 from update", lambda row: str(row["frozen_at"] or "-")),
    ("v overflows at update", lambda row: str(row["overflows_at"] or "-")),
]


def wanted(steps, seeds, data_checksum):
    return [results.run("adam", steps, seed, data_checksum, form=form)
            for seed in range(seeds) for form in FORMS]


def rows(wanted, records):
    """A row for each form. largest_step and largest_v: of every parameter, at each
    of the first updates; frozen_at, overflows_at: the update from which the step stays
    below FROZEN, and that at which v overflows, None if neither is seen."""
    groups = results.group(wanted, records, lambda r: r.hyperparameters["form"])
    return [results.row(pairs, QUANTITIES, form=form,
                        learning_rate=results.learning_rate(pairs[0][0]),
                        **watch(form))
            for form, pairs in groups.items()]


def watch(form, updates=WATCHED):
    """The first updates of a form of Adam, on gradients that do not depend on what
    it does: of a normal distribution of standard deviation 0.01, from seed 0."""
    adam = dataclasses.replace(protocol.OPTIMIZERS["adam"], form=form)
    rng, theta = np.random.default_rng(0), np.zeros(1000, np.float32)
    state, steps, sizes = adam.init(theta), [], []
    with np.errstate(all="ignore"):
        for _ in range(updates):
            before = theta.copy()
            g = rng.normal(0, 0.01, theta.size).astype(np.float32)
            adam.update(theta, g, state)
            steps.append(float(np.abs(theta - before).max()))
            sizes.append(float(np.abs(state.v).max()))
    moving = [t for t, step in enumerate(steps, 1) if not step < FROZEN]
    overflow = [t for t, v in enumerate(sizes, 1) if not np.isfinite(v)]
    last_moving = max(moving, default=0)
    return {"largest_step": [s if np.isfinite(s) else None for s in steps],
            "largest_v": [v if np.isfinite(v) else None for v in sizes],
            "frozen_at": last_moving + 1 if last_moving < updates else None,
            "overflows_at": overflow[0] if overflow else None}


def csv(rows):
    return tables.long_csv(rows, ["form", "learning_rate"], list(QUANTITIES))


def draw(result):
    """The largest step and the largest v of each form's first updates."""
    figure, axes = figures.new(2, width=8.6, height=4.6)
    styles = dict(zip(FORMS, ("-", "--", "-", ":")))
    for ax, quantity, label in zip(axes, ("largest_step", "largest_v"), (
            "largest step of a parameter", "largest entry of v")):
        for row, color in zip(result["rows"], figures.shades("plasma_r", 4)):
            values = [np.nan if v is None else v for v in row[quantity]]
            ax.plot(range(1, len(values) + 1), values, styles[row["form"]], lw=2,
                    color=color, label=f"{row['form']} ({WORDS[row['form']]})")
        ax.set_yscale("log")
        ax.set_xlabel("updates")
        ax.set_ylabel(label)
    figures.legend_below(figure, axes[0], columns=2)
    figures.stamp(figure, result["stamp"])
    return figure
