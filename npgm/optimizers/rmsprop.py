"""RMSprop (Tieleman and Hinton 2012)."""
from dataclasses import dataclass

import numpy as np

from npgm import checks
from npgm.errors import InputError
from npgm.optimizers.base import ONE, Optimizer, quantities


@quantities("theta", "v", "step")
def rmsprop_inside_root(theta, g, v, alpha, rho, epsilon):
    v = rho * v + (ONE - rho) * g * g
    step = alpha * g / np.sqrt(v + epsilon)
    return theta - step, v, step


@quantities("theta", "v", "step")
def rmsprop_outside_root(theta, g, v, alpha, rho, epsilon):
    v = rho * v + (ONE - rho) * g * g
    step = alpha * g / (np.sqrt(v) + epsilon)
    return theta - step, v, step


@dataclass(frozen=True)
class RMSprop(Optimizer):
    """RMSprop (Tieleman and Hinton 2012): v averages the squared gradients."""

    learning_rate: float = 0.001
    decay: float = 0.9
    epsilon: float = 1e-10
    epsilon_inside_root: bool = True
    initial_mean_square: float = 1.0

    def __post_init__(self):
        self._require(learning_rate=(0, np.inf), decay=(0, 1), epsilon=(0, np.inf),
                      initial_mean_square=(0, np.inf))
        checks.flag("RMSprop's epsilon_inside_root", self.epsilon_inside_root)
        if self.initial_mean_square == self.epsilon == 0:
            raise InputError("RMSprop(initial_mean_square=0, epsilon=0) divides by "
                             "zero where a gradient is zero: make one positive")

    @property
    def initial(self):
        return {"v": self.initial_mean_square}

    @property
    def rule(self):
        return (rmsprop_inside_root if self.epsilon_inside_root
                else rmsprop_outside_root)

    def coefficients(self, t):
        return {"alpha": self.learning_rate, "rho": self.decay,
                "epsilon": self.epsilon}
