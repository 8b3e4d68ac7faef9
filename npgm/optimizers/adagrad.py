"""AdaGrad (Duchi, Hazan and Singer 2011)."""
from dataclasses import dataclass

import numpy as np

from npgm.errors import InputError
from npgm.optimizers.base import Optimizer, quantities


@quantities("theta", "a", "step")
def adagrad(theta, g, a, alpha, epsilon):
    a = a + g * g
    step = alpha * g / (np.sqrt(a) + epsilon)
    return theta - step, a, step


@dataclass(frozen=True)
class AdaGrad(Optimizer):
    """AdaGrad (Duchi, Hazan and Singer 2011): a sums the squared gradients."""

    rule = staticmethod(adagrad)

    learning_rate: float = 0.01
    initial_accumulator: float = 0.1
    epsilon: float = 0.0

    def __post_init__(self):
        self._require(learning_rate=(0, np.inf), initial_accumulator=(0, np.inf),
                      epsilon=(0, np.inf))
        if self.initial_accumulator == self.epsilon == 0:
            raise InputError("AdaGrad(initial_accumulator=0, epsilon=0) divides by "
                             "zero where a gradient is zero: make one positive")

    @property
    def initial(self):
        return {"a": self.initial_accumulator}

    def coefficients(self, t):
        return {"alpha": self.learning_rate, "epsilon": self.epsilon}
