"""Minibatch gradient descent, the paper's "mini batch"."""
from dataclasses import dataclass

import numpy as np

from npgm.optimizers.base import Optimizer, quantities


@quantities("theta", "step")
def sgd(theta, g, alpha):
    step = alpha * g
    return theta - step, step


@dataclass(frozen=True)
class SGD(Optimizer):
    """Minibatch gradient descent."""

    rule = staticmethod(sgd)

    learning_rate: float = 0.01

    def __post_init__(self):
        self._require(learning_rate=(0, np.inf))

    def coefficients(self, t):
        return {"alpha": self.learning_rate}
