"""The fast gradient sign method (Goodfellow, Shlens and Szegedy 2015)."""
from dataclasses import dataclass
from typing import Callable

import numpy as np

from npgm.attacks.base import AttackResult, check_examples, judge, linearize
from npgm.errors import InputError
from npgm.losses import cross_entropy

PIECE = 500     # examples at a time: their hidden layers stay in the cache


@dataclass(frozen=True)
class FGSM:
    """x_adv = x + epsilon * sign(dJ/dx). Paper, equation (6).

    epsilon: largest change of a pixel. loss: J, of `npgm.losses`; log_odds is
    the repaired attack. clip: None, as in the paper, or (low, high) for x_adv.
    Where the gradient is exactly zero x stays as it is, and the result says so.
    """

    epsilon: float = 0.25
    loss: Callable = cross_entropy
    clip: tuple | None = None

    def __post_init__(self):
        if not callable(self.loss):
            raise InputError(f"loss is {self.loss!r}: give a function of npgm.losses, "
                             "for example log_odds")
        if not (isinstance(self.epsilon, (int, float)) and 0 <= self.epsilon < np.inf):
            raise InputError(f"epsilon is {self.epsilon!r}: give a finite number of at "
                             "least 0")
        if self.clip is not None and not (len(self.clip) == 2
                                          and self.clip[0] < self.clip[1]):
            raise InputError(f"clip is {self.clip}: give (low, high) with low < high")

    def __call__(self, model, x, y):
        """Attack every example: x (N, D) floats, y (N,) labels -> AttackResult.

        Raises InputError if x or y do not fit the model.
        """
        x, y = check_examples(model, x, y)
        return AttackResult.joined([
            self._attack(model, x[s:s + PIECE], y[s:s + PIECE])
            for s in range(0, len(x), PIECE)])

    @np.errstate(all="ignore")      # what is not finite is told by the status
    def _attack(self, model, x, y):
        z, vjp = linearize(model, x)
        dx = vjp(self.loss(z, y)[1])
        x_adv = x + x.dtype.type(self.epsilon) * np.sign(dx)
        broken = ~np.isfinite(dx).all(axis=1)
        x_adv[broken] = x[broken]
        if self.clip is not None:
            np.clip(x_adv, *self.clip, out=x_adv)
        return judge(z, dx, y, x_adv, model.logits(x_adv))
