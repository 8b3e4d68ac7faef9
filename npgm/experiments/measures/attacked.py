"""Any attack as a measure, by its text: "attack pgd:steps=20_0.1"."""
import hashlib
import warnings

import numpy as np

from npgm import attacks, checkpoint, names
from npgm.attacks.result import ALREADY_WRONG, FOOLED, GRADIENT_LOST, NO_GRADIENT
from npgm.diagnosis.causes import gradients
from npgm.errors import DataError
from npgm.experiments.measures.measure import FIRST, family, percent, some

FEW = 200       # test images of attacks without an epsilon, which go on until they fool
ROUNDED = ("label_rounded", "residual_rounded")


@family("attack", last_only=True)
def attack(net, data, epsilon, what):
    """An attack on some test images: its error; what kept it from those it did not
    fool, a residual rounded to zero, silent layers, or neither; medians of the
    distances of those it fooled; and what it cost, an image.

    what: its text, and behind an @ of which source it is, if it is a user's own.
    epsilon: None, or that of an attack that has one.
    """
    name, given = names.spec(unedited(what))
    sized = epsilon is not None and attacks.has_epsilon(name)
    if sized:
        given["epsilon"] = epsilon
    x, y = some(data, FIRST if sized else FEW)
    with warnings.catch_warnings():     # what the attack says of its hyperparameters
        warnings.simplefilter("ignore")     # is of no use beside a progress bar
        made = attacks.make(name, **given)
        result = made(net, x, y)
    return {"error": percent(result.success), **_kept(made, result, net, y),
            **_distances(result), "calls": result.queries / len(x),
            "milliseconds": 1000 * result.seconds / len(x)}


def unedited(what):
    """The text of an attack as a measure's name has it. Raises DataError if what of it
    is a user's own is no longer what it was, InputError if it is not to be found."""
    text, _, digest = what.partition("@")
    if digest != own_digest(text):
        raise DataError(f"{text} was edited since it was asked for: give the same "
                        "command again")
    return text


def own_digest(text):
    """Of the text of an attack: which source the things in it have that are a user's
    own, the attack itself or a loss or a source; "" if none is. Raises InputError."""
    name, given = names.spec(text)
    own = [value for value in (name, *given.values())
           if isinstance(value, str) and ":" in value]
    digests = [checkpoint.digest_of(names.imported("attack", value)) for value in own]
    return hashlib.sha256("".join(digests).encode()).hexdigest()[:12] if own else ""


def _kept(made, result, net, y):
    """Shares of the images held: by rounding, where the attack goes by cross-entropy
    away from the label and the residual there is rounded (npgm.diagnosis.causes); by
    silent layers, where any other gradient of its is exactly zero; otherwise."""
    held = ~result.success & (result.status != ALREADY_WRONG)
    rounded = np.zeros_like(held)
    if getattr(made, "loss", None) == "cross_entropy" and result.target is None:
        found = gradients(net.compiled(), result.x, y, scale=1.0)
        rounded = held & np.isin(found.cause, ROUNDED)
    silent = held & ~rounded & np.isin(result.status, (NO_GRADIENT, GRADIENT_LOST))
    return {"rounded": percent(rounded), "silent": percent(silent),
            "otherwise": percent(held & ~rounded & ~silent)}


def _distances(result):
    """Medians over the fooled, None if there are none."""
    fooled = result.status == FOOLED
    return {name: float(np.median(getattr(result, name)[fooled])) if fooled.any()
            else None for name in ("l0", "l2", "linf")}
