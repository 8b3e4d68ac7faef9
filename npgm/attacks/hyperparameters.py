"""What the hyperparameters that attacks share must be."""
import numbers

import numpy as np

from npgm import checks, losses
from npgm.errors import InputError

TARGETS = ("next", "least_likely")


def check_loss(name, loss):
    """A loss by its name if it is to be found by one, else as its function; or
    InputError."""
    function, known = losses.named(loss), losses.name_of(loss)
    try:
        return known if losses.named(known) is function else loss
    except InputError:
        return loss


def check_shape(name, shape):
    """Of one example: whole numbers, as a tuple; or InputError."""
    if not np.iterable(shape) or not (shape := tuple(shape)):
        raise InputError(f"{name} is {shape!r}: give a tuple, for example (28, 28)")
    return tuple(checks.count(name, side) for side in shape)


def check_clip(name, clip):
    """(low, high) or None; or InputError."""
    return None if clip is None else checks.clip(clip)


def check_share(name, share):
    """A number above 0, 1 at most; or InputError."""
    if share == 1 and not isinstance(share, (bool, np.bool_)):
        return 1.0
    return checks.number(name, share, high=1, above=True)


def check_theta(name, theta):
    """A number that is not zero; or InputError."""
    theta = checks.number(name, theta, low=-np.inf)
    if not abs(theta) > 0:
        raise InputError(f"{name} is 0: give what a step adds to a pixel, not zero")
    return theta


def check_norm(name, norm):
    """2 or np.inf, which may be given as "inf"; or InputError."""
    if isinstance(norm, (np.ndarray, list)) or norm not in (2, np.inf, "inf"):
        raise InputError(f"{name} is {norm!r}: choose 2 or np.inf")
    return 2 if norm == 2 else np.inf


def positive(name, value):
    """A number above 0; or InputError."""
    return checks.number(name, value, above=True)


def check_target(name, target):
    """A class, or a word for one; or InputError."""
    if isinstance(target, numbers.Integral) and not isinstance(
            target, (bool, np.bool_)) and target >= 0:
        return int(target)
    if not (isinstance(target, str) and target in TARGETS):
        raise InputError(f"{name} is {target!r}: give a class, {' or '.join(TARGETS)}; "
                         "one for each example goes with the call, target=...")
    return target


# Hyperparameters mean the same wherever they occur.
CHECKS = {"epsilon": checks.number, "overshoot": checks.number, "loss": check_loss,
          "clip": check_clip, "steps": checks.count,
          "queries": checks.count, "search_steps": checks.count,
          "restarts": lambda name, value: checks.count(name, value, least=0),
          "step_size": positive,
          "seed": lambda name, value: checks.seed(value), "shape": check_shape,
          "until_fooled": checks.flag, "target": check_target,
          "norm": check_norm,
          "kappa": checks.number, "c": positive, "learning_rate": positive,
          "gamma": check_share, "theta": check_theta,
          "fooling_rate": check_share, "passes": checks.count}
