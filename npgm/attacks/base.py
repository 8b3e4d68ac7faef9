"""What every attack takes, checks and returns."""
import numbers
from dataclasses import dataclass

import numpy as np

from npgm.compiled_network import CompiledMLP
from npgm.errors import InputError
from npgm.losses import mistakes
from npgm.network import MLP, check_finite, check_labels

PIECE = 500     # examples at a time: their hidden layers stay in the cache

# What became of an example, the first that applies from the top.
NOT_FINITE = "not_finite"           # a logit or gradient is NaN or infinite
ALREADY_WRONG = "already_wrong"     # misclassified before the attack
NO_GRADIENT = "no_gradient"         # the gradient is exactly zero everywhere
FOOLED = "fooled"
HELD = "held"


@dataclass(frozen=True)
class AttackResult:
    """One entry an example.

    x_adv (N, D): the attacked examples. success (N,): the model is wrong on
    x_adv, so its mean is the error rate under attack. status (N,): the words
    above. valid (N,): the gradient used was finite and not exactly zero.
    """

    x_adv: np.ndarray
    success: np.ndarray
    status: np.ndarray
    valid: np.ndarray


def judge(y, z, z_adv, finite, valid, x_adv):
    """The AttackResult of x_adv, with logits z before and z_adv after."""
    finite = finite & np.isfinite(z).all(axis=1)
    valid = finite & valid
    success = mistakes(z_adv, y)
    status = np.select([~finite, mistakes(z, y), ~valid, success],
                       [NOT_FINITE, ALREADY_WRONG, NO_GRADIENT, FOOLED], HELD)
    return AttackResult(x_adv, success, status, valid)


def in_pieces(attack, x, y, size=None):
    """attack(x, y, first) -> a dataclass of arrays, for consecutive pieces of the
    examples from the first-th on; joined along their last axis but x_adv's.
    size: examples a piece, default PIECE."""
    size = size or PIECE
    parts = [attack(x[s:s + size], y[s:s + size], s) for s in range(0, len(x), size)]
    return type(parts[0])(**{
        name: np.concatenate([getattr(part, name) for part in parts],
                             axis=0 if name == "x_adv" else -1)
        for name in vars(parts[0])})


def fast(model):
    """An MLP's compiled twin; any other model as it is. Its products leave out
    zeros, so an MLP that holds NaN or infinity stays as it is too."""
    if isinstance(model, MLP) and np.isfinite(model.theta).all():
        return CompiledMLP(model)
    return model


def linearize(model, x):
    """Logits z (N, C) of a model, and the function dz -> J(x)^T dz (N, D), which
    holds until the model is called again.

    Uses the model's own linearize, which need not repeat the forward pass, if
    it has one.
    """
    if hasattr(model, "linearize"):
        return model.linearize(x)
    return model.logits(x), lambda dz: model.vjp(x, dz)


def logits_on_line(model, x, s):
    """The function epsilon -> logits of x + epsilon * s (N, C).

    Uses the model's own logits_on_line, which need not repeat the first layer,
    if it has one.
    """
    if hasattr(model, "logits_on_line"):
        return model.logits_on_line(x, s)
    return lambda epsilon: model.logits(x + x.dtype.type(epsilon) * s)


def check_examples(model, x, y):
    """x and y, checked: finite (N, D) floats, one label in [0, C) each."""
    if not isinstance(x, np.ndarray) or x.ndim != 2 or not len(x):
        raise InputError(f"x is a {type(x).__name__} of shape {np.shape(x)}: give an "
                         "array (N, D) of at least one example")
    if x.dtype.kind != "f":
        raise InputError(f"x is {x.dtype}: give floats in [0, 1], for example x / 255")
    classes = model.logits(x[:1]).shape[1]      # asks the model what it takes, too
    return check_finite(x), check_labels(y, len(x), classes)


def check_loss(loss):
    """InputError unless loss is a function."""
    if not callable(loss):
        raise InputError(f"loss is {loss!r}: give a function of npgm.losses, "
                         "for example log_odds")


def check_number(name, value, above=False):
    """InputError unless value is a finite number of at least 0, or above it."""
    if (isinstance(value, bool) or not isinstance(value, numbers.Real)
            or not 0 <= value < np.inf or (above and value == 0)):
        raise InputError(f"{name} is {value!r}: give a finite number "
                         + ("above 0" if above else "of at least 0"))


def check_count(name, value):
    """InputError unless value is a whole number of at least 1."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
        raise InputError(f"{name} is {value!r}: give a whole number of at least 1")


def check_clip(clip):
    """InputError unless clip is None or two numbers, (low, high)."""
    if clip is None:
        return
    pair = isinstance(clip, (tuple, list)) and len(clip) == 2 and all(
        isinstance(bound, numbers.Real) for bound in clip)
    if not (pair and clip[0] < clip[1]):
        raise InputError(f"clip is {clip!r}: give (low, high) with low < high")


def check_epsilons(epsilons):
    """The epsilons of a sweep as a tuple; InputError if one does not fit, or
    there are none."""
    if not np.iterable(epsilons) or not (epsilons := tuple(epsilons)):
        raise InputError(f"epsilons is {epsilons!r}: give at least one, for example "
                         "(0.1, 0.25)")
    for epsilon in epsilons:
        check_number("epsilon", epsilon)
    return epsilons
