"""The fast gradient sign method (Goodfellow, Shlens and Szegedy 2015)."""
from dataclasses import dataclass
from typing import Callable

import numpy as np

from npgm.attacks import base
from npgm.attacks.one_step import OneStep
from npgm.errors import InputError
from npgm.losses import cross_entropy


@dataclass(frozen=True)
class FGSM(OneStep):
    """x_adv = x + epsilon * sign(dJ/dx). Paper, equation (6).

    epsilon: largest change of a pixel. loss: J, of `npgm.losses`; log_odds is
    the repaired attack. clip: None, as in the paper, or (low, high) for x_adv.
    Where the gradient is exactly zero x stays as it is, and the result says so.

    Two options make the gradient vanish earlier, as it does elsewhere.
    reduction: "none", or "mean" for a J that is the mean over all N examples of
    the call, whose gradient is 1/N of each example's. flush_subnormals: numbers
    below the smallest normal one become 0, as on many GPUs; here in dJ/dz and
    dJ/dx, not within the layers between.
    """

    epsilon: float = 0.25
    loss: Callable = cross_entropy
    clip: tuple | None = None
    reduction: str = "none"
    flush_subnormals: bool = False

    def __post_init__(self):
        base.check_loss(self.loss)
        base.check_number("epsilon", self.epsilon)
        base.check_clip(self.clip)
        if self.reduction not in ("none", "mean"):
            raise InputError(f"reduction is {self.reduction!r}: choose none or mean")

    def direction(self, model, x, y, first, count):
        flush = _flush if self.flush_subnormals else lambda array: array
        z, vjp = base.linearize(model, x)
        dz = flush(self.loss(z, y)[1])
        if self.reduction == "mean":
            dz = flush(dz / dz.dtype.type(count))
        dx = flush(vjp(dz))
        finite = np.isfinite(dx).all(axis=1)
        s = np.sign(dx)
        s[~finite] = 0
        return z, s, finite, s.any(axis=1)


def _flush(array):
    return np.where(np.abs(array) < np.finfo(array.dtype).tiny, 0, array)
