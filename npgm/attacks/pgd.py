"""Projected gradient descent (Kurakin, Goodfellow and Bengio 2017; Madry et al.
2018): FGSM in many small steps."""
import warnings
from dataclasses import dataclass
from typing import Callable

import numpy as np

from npgm.attacks.base import Aim, input_gradient
from npgm.attacks.fgsm import sign_step
from npgm.attacks.many_steps import Best, ManySteps
from npgm.attacks.result import Attempt
from npgm.checks import finite_rows
from npgm.losses import evaluate


@dataclass(frozen=True)
class PGD(ManySteps):
    """x_adv = project(x_adv + step_size * sign(dJ/dx)), `steps` times, where
    project keeps every pixel within epsilon of x, and within clip = (low, high).

    x_adv is the best point met: one that fools, and of those of highest J. seed: where
    to begin, uniformly within epsilon of x; None begins at x. An example is valid if
    its first gradient was not exactly zero. Where a later one is, as in a region where
    a layer's units are all off, it begins again at such a random point. until_fooled:
    whether an example is left alone once it is fooled, x_adv then being where it was.
    target: see Attack; the loss at it is lowered.
    """

    epsilon: float = 0.25
    steps: int = 40
    step_size: float = 0.025
    loss: str | Callable = "cross_entropy"
    clip: tuple | None = None
    seed: int | None = None
    until_fooled: bool = False
    target: int | str | None = None

    def __post_init__(self):
        super().__post_init__()
        if self.steps * self.step_size < self.epsilon * (1 - 1e-6):
            warnings.warn(f"PGD's {self.steps} steps of {self.step_size} cannot reach "
                          f"epsilon {self.epsilon}", stacklevel=3)

    def run(self, model, x, y, rows, target=None):
        aim = Aim(y, target, self.loss)
        x_adv = x.copy() if self.seed is None else self.start(x, rows)
        best, finite, valid = Best(x_adv), np.ones(len(x), bool), None
        lost_at, going = np.full(len(x), -1), np.arange(len(x))
        for step in range(self.steps):
            at, labels = x_adv[going], aim.labels[going]
            gradient = input_gradient(model, at, labels, aim.loss)
            best.see(at, gradient.loss, aim.reached(gradient.z, going),
                     finite_rows(gradient.z), going)
            fools = best.fools[going]
            finite[going] &= gradient.finite | fools
            valid = gradient.valid if valid is None else valid
            lost = finite[going] & ~gradient.valid
            first = going[lost & (lost_at[going] < 0)]
            lost_at[first] = step
            x_adv[going] = self.project(sign_step(
                at, gradient.dx, x.dtype.type(self.step_size)), x[going])
            again = going[lost & ~fools]
            if self.seed is None:       # at x itself there is nothing to begin with
                again = again[valid[again]]
            if again.size:
                x_adv[again] = self.start(x, rows, 1 + step)[again]
            if self.until_fooled:
                going = going[~fools]
                if not going.size:
                    break
        if going.size:
            z = model.logits(x_adv[going])
            best.see(x_adv[going], evaluate(aim.loss, z, aim.labels[going])[0],
                     aim.reached(z, going), finite_rows(z), going)
        return Attempt(best.x, finite | best.fools, valid, lost_at=lost_at)
