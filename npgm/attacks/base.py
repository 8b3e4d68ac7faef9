"""What every attack takes, checks and returns."""
from dataclasses import dataclass

import numpy as np

from npgm.errors import InputError
from npgm.losses import mistakes
from npgm.network import check_finite, check_labels

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

    @classmethod
    def joined(cls, parts):
        """The results of consecutive pieces as one."""
        return cls(*(np.concatenate([getattr(part, name) for part in parts])
                     for name in ("x_adv", "success", "status", "valid")))


def linearize(model, x):
    """Logits z (N, C) of a model, and the function dz -> J(x)^T dz (N, D).

    Uses the model's own linearize, which need not repeat the forward pass, if
    it has one.
    """
    if hasattr(model, "linearize"):
        return model.linearize(x)
    return model.logits(x), lambda dz: model.vjp(x, dz)


def judge(z, dx, y, x_adv, z_adv):
    """The AttackResult of a single gradient step from logits z, by gradient dx,
    to x_adv with logits z_adv."""
    finite = np.isfinite(z).all(axis=1) & np.isfinite(dx).all(axis=1)
    valid = finite & dx.any(axis=1)
    success = mistakes(z_adv, y)
    status = np.select([~finite, mistakes(z, y), ~valid, success],
                       [NOT_FINITE, ALREADY_WRONG, NO_GRADIENT, FOOLED], HELD)
    return AttackResult(x_adv, success, status, valid)


def check_examples(model, x, y):
    """x and y, checked: finite (N, D) floats, one label in [0, C) each."""
    if not isinstance(x, np.ndarray) or x.ndim != 2 or not len(x):
        raise InputError(f"x is a {type(x).__name__} of shape {np.shape(x)}: give an "
                         "array (N, D) of at least one example")
    if x.dtype.kind != "f":
        raise InputError(f"x is {x.dtype}: give floats in [0, 1], for example x / 255")
    classes = model.logits(x[:1]).shape[1]
    return check_finite(x), check_labels(y, len(x), classes)
