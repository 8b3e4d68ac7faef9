"""Any attack as a measure, by its text: "attack pgd:steps=20_0.1"."""
import warnings

import numpy as np

from npgm import attacks, names
from npgm.attacks.result import ALREADY_WRONG, FOOLED
from npgm.diagnosis.causes import gradients
from npgm.experiments.measures.measure import FIRST, family, percent, some

FEW = 200       # test images of attacks without an epsilon, which go on until they fool
ROUNDED = ("label_rounded", "residual_rounded")


@family("attack", last_only=True)
def attack(net, data, epsilon, what):
    """An attack on some test images: its error; what kept it from those it did not
    fool: a residual rounded to zero, silent layers, or neither, the cause of each
    image's gradient (npgm.diagnosis.causes); medians of the distances of those it
    fooled; and what it cost, an image.

    what: its text, and behind an @ of which source it is, if it is a user's own.
    epsilon: None, or that of an attack that has one.
    """
    name, given = names.spec(what.partition("@")[0])
    sized = epsilon is not None and attacks.has_epsilon(name)
    if sized:
        given["epsilon"] = epsilon
    x, y = some(data, FIRST if sized else FEW)
    with warnings.catch_warnings():     # what the attack says of its hyperparameters
        warnings.simplefilter("ignore")     # is of no use beside a progress bar
        result = attacks.make(name, **given)(net, x, y)
    held = ~result.success & (result.status != ALREADY_WRONG)
    cause = gradients(net.compiled(), x, y, scale=1.0).cause
    rounded, silent = np.isin(cause, ROUNDED), cause == "silent"
    return {"error": percent(result.success), "rounded": percent(held & rounded),
            "silent": percent(held & silent),
            "otherwise": percent(held & ~rounded & ~silent),
            **_distances(result), "calls": result.queries / len(x),
            "milliseconds": 1000 * result.seconds / len(x)}


def _distances(result):
    """Medians over the fooled, None if there are none."""
    fooled = result.status == FOOLED
    return {name: float(np.median(getattr(result, name)[fooled])) if fooled.any()
            else None for name in ("l0", "l2", "linf")}
