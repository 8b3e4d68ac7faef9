"""The fast gradient sign method (Goodfellow, Shlens and Szegedy 2015)."""
from dataclasses import dataclass
from typing import Callable

import numpy as np

from npgm.attacks.base import Aim, input_gradient
from npgm.attacks.one_step import OneStep


def sign_step(x, dx, epsilon):
    """The paper's equation (6): x + eta."""
    return x + epsilon * np.sign(dx)


@dataclass(frozen=True)
class FGSM(OneStep):
    """x_adv = x + epsilon * sign(dJ/dx). Paper, equation (6).

    epsilon: largest change of a pixel. loss: J, of `npgm.losses`; "log_odds" is
    the repaired attack. clip: None, as in the paper, or (low, high) for x_adv.
    target: see Attack; the step goes down the loss at it: x - epsilon * sign(dJ/dx).
    Where the gradient is exactly zero x stays as it is, and the result says so.
    """

    epsilon: float = 0.25
    loss: str | Callable = "cross_entropy"
    clip: tuple | None = None
    target: int | str | None = None

    def look(self, model, x, y, rows, target=None):
        aim = Aim(y, target, self.loss)
        gradient = input_gradient(model, x, aim.labels, aim.loss)
        return gradient.z, gradient.dx, gradient.finite, gradient.valid

    def move(self, x, dx, epsilon):
        return sign_step(x, dx, epsilon)
