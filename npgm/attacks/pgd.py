"""Projected gradient descent (Kurakin, Goodfellow and Bengio 2017; Madry et al.
2018): FGSM in many small steps."""
import warnings
from dataclasses import dataclass
from typing import Callable

import numpy as np

from npgm.attacks.base import Attempt, input_gradient
from npgm.attacks.fgsm import sign_step
from npgm.attacks.many_steps import Best, ManySteps
from npgm.checks import finite_rows
from npgm.losses import evaluate, mistakes


@dataclass(frozen=True)
class PGD(ManySteps):
    """x_adv = project(x_adv + step_size * sign(dJ/dx)), `steps` times, where
    project keeps every pixel within epsilon of x, and within clip = (low, high).

    x_adv is the best point met: one that fools, and of those of highest J. seed: where
    to begin, uniformly within epsilon of x; None begins at x. An example is valid if
    its first gradient was not exactly zero. Where a later one is, as in a region where
    a layer's units are all off, it begins again at such a random point.
    """

    epsilon: float = 0.25
    steps: int = 40
    step_size: float = 0.025
    loss: str | Callable = "cross_entropy"
    clip: tuple | None = None
    seed: int | None = None

    def __post_init__(self):
        super().__post_init__()
        if self.steps * self.step_size < self.epsilon * (1 - 1e-6):
            warnings.warn(f"PGD's {self.steps} steps of {self.step_size} cannot reach "
                          f"epsilon {self.epsilon}", stacklevel=3)

    def run(self, model, x, y, rows):
        x_adv = x.copy() if self.seed is None else self.start(x, rows)
        best, finite, valid = Best(x_adv), np.ones(len(x), bool), None
        lost_at = np.full(len(x), -1)
        for step in range(self.steps):
            gradient = input_gradient(model, x_adv, y, self.loss)
            best.see(x_adv, gradient.loss, mistakes(gradient.z, y),
                     finite_rows(gradient.z))
            finite &= gradient.finite | best.fools
            valid = gradient.valid if valid is None else valid
            lost = finite & ~gradient.valid & (lost_at < 0)
            lost_at[lost] = step
            x_adv = self.project(sign_step(
                x_adv, gradient.dx, x.dtype.type(self.step_size)), x)
            again = finite & ~gradient.valid & ~best.fools
            if self.seed is None:       # at x itself there is nothing to begin with
                again &= valid
            if again.any():
                x_adv[again] = self.start(x, rows, 1 + step)[again]
        z = model.logits(x_adv)
        best.see(x_adv, evaluate(self.loss, z, y)[0], mistakes(z, y),
                 finite_rows(z))
        return Attempt(best.x, finite | best.fools, valid, lost_at=lost_at)
