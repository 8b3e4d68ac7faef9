"""Momentum (Polyak 1964)."""
from dataclasses import dataclass

import numpy as np

from npgm.optimizers.base import Optimizer, quantities


@quantities("theta", "a", "step")
def momentum(theta, g, a, alpha, mu):
    a = mu * a + g
    step = alpha * a
    return theta - step, a, step


@dataclass(frozen=True)
class Momentum(Optimizer):
    """Momentum (Polyak 1964) in accumulator form: a gathers whole gradients."""

    initial = {"a": 0.0}
    rule = staticmethod(momentum)

    learning_rate: float = 0.01
    momentum: float = 0.9

    def __post_init__(self):
        self._require(learning_rate=(0, np.inf), momentum=(0, 1))

    def coefficients(self, t):
        return {"alpha": self.learning_rate, "mu": self.momentum}
