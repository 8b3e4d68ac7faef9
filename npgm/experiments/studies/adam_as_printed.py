"""Adam as printed, and as it is meant: four forms of its pseudocode."""
import functools

import numpy as np

from npgm import plots
from npgm.experiments import protocol
from npgm.experiments.experiment import Experiment, Setting
from npgm.experiments.measures import outcomes

FORMS = {"algorithm1": "Kingma and Ba", "epsilon_hat": "TensorFlow",
         "printed": "as printed", "printed_once": "printed, m and v uncorrected"}
WATCHED = 60            # updates
FROZEN = 1e-6           # largest step below which a network no longer learns


@functools.cache
def watch(form, updates=WATCHED):
    """The first updates of a form of Adam, on gradients that do not depend on what
    it does: of a normal distribution of standard deviation 0.01, from seed 0.

    largest_step and largest_v: of every parameter, at each update; frozen_at,
    overflows_at: the update from which the step stays below FROZEN, and that at which
    v overflows, None if neither is seen.
    """
    adam = protocol.optimizer("adam", form=form)
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


def draw(result):
    """The largest step and the largest v of each form's first updates."""
    figure, axes = plots.new(2, width=8.6, height=4.6)
    styles = dict(zip(FORMS, ("-", "--", "-", ":")))
    for ax, quantity, label in zip(axes, ("largest_step", "largest_v"), (
            "largest step of a parameter", "largest entry of v")):
        for row, color in zip(result["rows"], plots.shades("plasma_r", 4)):
            values = [np.nan if v is None else v for v in row[quantity]]
            ax.plot(range(1, len(values) + 1), values, styles[row["form"]], lw=2,
                    color=color, label=f"{row['form']} ({FORMS[row['form']]})")
        ax.set_yscale("log")
        ax.set_xlabel("updates")
        ax.set_ylabel(label)
    plots.legend_below(figure, axes[0], columns=2)
    return figure


EXPERIMENT = Experiment(
    name="pseudocode", title="Adam as printed, and as it is meant",
    runs=tuple(Setting(protocol.optimizer("adam", form=form)) for form in FORMS),
    keys=("form", "learning_rate"),
    quantities=(outcomes.NATURAL_ERROR, outcomes.FGS_ERROR, outcomes.FGS_ERROR_REPAIRED,
                outcomes.VALID_FGS),
    more=lambda keys: watch(keys["form"]),
    columns=(("steps below 1e-6 from update", lambda row: str(row["frozen_at"] or "-")),
             ("v overflows at update", lambda row: str(row["overflows_at"] or "-"))),
    draw=draw)
