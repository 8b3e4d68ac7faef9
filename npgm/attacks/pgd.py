"""Projected gradient descent (Kurakin, Goodfellow and Bengio 2017; Madry et al.
2018): FGSM in many small steps."""
from dataclasses import dataclass
from typing import Callable

import numpy as np

from npgm.attacks.base import Attack, Attempt, clipped, draws, input_gradient


@dataclass(frozen=True)
class PGD(Attack):
    """x_adv = project(x_adv + step_size * sign(dJ/dx)), `steps` times, where
    project keeps every pixel within epsilon of x, and within clip = (low, high).

    seed: where to begin, uniformly within epsilon of x; None begins at x. An
    example is valid if the gradient of its first step was not exactly zero; where
    a later one is, it stays, so a network with dead layers can hold against more
    steps than one.
    """

    epsilon: float = 0.25
    steps: int = 40
    step_size: float = 0.025
    loss: str | Callable = "cross_entropy"
    clip: tuple | None = None
    seed: int | None = None

    def run(self, model, x, y, rows):
        x_adv, step_size = self.start(x, rows), x.dtype.type(self.step_size)
        finite, valid = np.ones(len(x), bool), None
        for _ in range(self.steps):
            gradient = input_gradient(model, x_adv, y, self.loss)
            valid = gradient.valid if valid is None else valid
            finite &= gradient.finite
            gradient.dx[~finite] = 0
            x_adv = self.project(x_adv + step_size * np.sign(gradient.dx), x)
        return Attempt(x_adv, finite, valid)

    def start(self, x, rows):
        if self.seed is None:
            return x.copy()
        noise = draws(self.seed, rows, lambda rng, count: rng.uniform(
            -1, 1, (count, x.shape[1])))
        return self.project(x + (self.epsilon * noise).astype(x.dtype), x)

    def project(self, x_adv, x):
        epsilon = x.dtype.type(self.epsilon)
        return clipped(np.clip(x_adv, x - epsilon, x + epsilon), self.clip)
