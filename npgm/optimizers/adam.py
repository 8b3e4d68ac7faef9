"""Adam (Kingma and Ba 2015), and what the paper prints of it."""
from dataclasses import dataclass

import numpy as np

from npgm.errors import InputError
from npgm.optimizers.base import ONE, Optimizer, quantities


@quantities("theta", "m", "v", "step")
def adam_epsilon_hat(theta, g, m, v, alpha_t, beta1, beta2, epsilon):
    m = beta1 * m + (ONE - beta1) * g
    v = beta2 * v + (ONE - beta2) * g * g
    step = alpha_t * m / (np.sqrt(v) + epsilon)
    return theta - step, m, v, step


@quantities("theta", "m", "v", "m_hat", "v_hat", "step")
def adam_algorithm1(theta, g, m, v, alpha, beta1, beta2, epsilon, correction1,
                    correction2):
    m = beta1 * m + (ONE - beta1) * g
    v = beta2 * v + (ONE - beta2) * g * g
    m_hat = m / correction1
    v_hat = v / correction2
    step = alpha * m_hat / (np.sqrt(v_hat) + epsilon)
    return theta - step, m, v, m_hat, v_hat, step


@quantities("theta", "m", "v", "step")
def adam_printed(theta, g, m, v, alpha_t, beta1, beta2, epsilon, correction1,
                 correction2):
    m = (beta1 * m + (ONE - beta1) * g) / correction1
    v = (beta2 * v + (ONE - beta2) * g * g) / correction2
    step = alpha_t * m / (np.sqrt(v) + epsilon)
    return theta - step, m, v, step


@quantities("theta", "m", "v", "m_hat", "v_hat", "step")
def adam_printed_once(theta, g, m, v, alpha_t, beta1, beta2, epsilon, correction1,
                      correction2):
    m = beta1 * m + (ONE - beta1) * g
    v = beta2 * v + (ONE - beta2) * g * g
    m_hat = m / correction1
    v_hat = v / correction2
    step = alpha_t * m_hat / (np.sqrt(v_hat) + epsilon)
    return theta - step, m, v, m_hat, v_hat, step


ADAM_FORMS = {"epsilon_hat": adam_epsilon_hat, "algorithm1": adam_algorithm1,
              "printed": adam_printed, "printed_once": adam_printed_once}


@dataclass(frozen=True)
class Adam(Optimizer):
    """Adam (Kingma and Ba 2015), in one of four forms:

    epsilon_hat   their section 2, last paragraph, and TensorFlow: m and v stay
                  uncorrected, the step size alpha_t carries both corrections
    algorithm1    their Algorithm 1, and PyTorch: m and v are corrected first
    printed       this paper's section III.A to the letter: the corrected m and
                  v are fed back into the recursion, which diverges
    printed_once  the same formulas with uncorrected m and v in the recursion,
                  and alpha_t on top: every correction is made twice
    """

    initial = {"m": 0.0, "v": 0.0}

    learning_rate: float = 0.001
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8
    form: str = "epsilon_hat"

    def __post_init__(self):
        self._require(learning_rate=(0, np.inf), beta1=(0, 1), beta2=(0, 1),
                      epsilon=(0, np.inf))
        if self.form not in list(ADAM_FORMS):       # it may be unhashable
            raise InputError(f"Adam(form={self.form!r}): choose one of "
                             + ", ".join(ADAM_FORMS))

    @property
    def rule(self):
        return ADAM_FORMS[self.form]

    def coefficients(self, t):
        correction1 = 1 - self.beta1 ** t
        correction2 = 1 - self.beta2 ** t
        alpha_t = self.learning_rate * np.sqrt(correction2) / correction1
        return {"alpha": self.learning_rate, "alpha_t": alpha_t, "beta1": self.beta1,
                "beta2": self.beta2, "epsilon": self.epsilon,
                "correction1": correction1, "correction2": correction2}
