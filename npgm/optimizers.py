"""The paper's optimizers, each written once, as its pseudocode.

An optimizer is a frozen dataclass of hyperparameters with three parts:

    state         the arrays it keeps, each shaped like theta, and what they
                  start at
    coefficients  the numbers update t needs, the same for every parameter
    rule          the update of one parameter: theta, its gradient g, its state
                  and the coefficients in; the new theta and state out

A rule is plain arithmetic. `Optimizer.update` calls it on whole NumPy arrays;
the kernels of training compile the very same function for one parameter at a
time. No operation is reordered, so both give the same bits.

Defaults are the paper's protocol (TensorFlow 1's conventions). g is the
gradient of the mean loss of the batch; t counts updates from 1.
"""
from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np

from npgm.errors import InputError

# Typed, because a compiled `1 - beta1` would take a bare 1 for a 64-bit
# integer and leave float32. In float64 arithmetic it is an ordinary 1.
ONE = np.float32(1)


class Optimizer:
    """What all optimizers share; see the module's docstring for the parts."""

    @property
    def state(self):
        """{name: initial value} of the arrays kept for every parameter."""
        return {}

    def coefficients(self, t):
        """The numbers the rule takes at update t, in its order (float64)."""
        raise NotImplementedError

    @property
    def rule(self):
        """rule(theta, g, *state, *coefficients) -> (theta, *state)."""
        raise NotImplementedError

    def init(self, theta):
        """State before the first update: t = 0 and the named arrays, each of
        theta's shape and dtype."""
        if not isinstance(theta, np.ndarray) or theta.dtype.kind != "f":
            raise InputError(f"theta is a {type(theta).__name__}: give an array of "
                             "floats, for example net.theta")
        arrays = {name: np.full_like(theta, value)
                  for name, value in self.state.items()}
        return SimpleNamespace(t=0, **arrays)

    def update(self, theta, g, state):
        """One update, in place: theta and state become those after it.

        theta, g: arrays of one shape and floating dtype; state: from init.
        """
        check_gradient(theta, g)
        arrays = [getattr(state, name) for name in self.state]
        state.t += 1
        with np.errstate(all="ignore"):  # a diverging run is a result, not noise
            new = self.rule(theta, g, *arrays, *self.typed_coefficients(state.t, theta))
        for array, values in zip((theta, *arrays), new):
            array[...] = values

    def typed_coefficients(self, t, theta):
        """coefficients(t) rounded once, to the dtype of theta."""
        return tuple(theta.dtype.type(c) for c in self.coefficients(t))

    def _require(self, **ranges):
        """Check hyperparameters: each name's value must lie in [low, high)."""
        for name, (low, high) in ranges.items():
            value = getattr(self, name)
            if not isinstance(value, (int, float)) or not low <= value < high:
                raise InputError(
                    f"{type(self).__name__}({name}={value!r}): give a number of at "
                    f"least {low} and below {high}")


def check_gradient(theta, g):
    """InputError unless g has theta's shape and dtype."""
    if g.shape != theta.shape or g.dtype != theta.dtype:
        raise InputError(
            f"g is {g.dtype}{g.shape} but theta is {theta.dtype}{theta.shape}: "
            "pass the gradient of this theta")


@dataclass(frozen=True)
class SGD(Optimizer):
    """Minibatch gradient descent."""

    learning_rate: float = 0.01

    def __post_init__(self):
        self._require(learning_rate=(0, np.inf))

    def coefficients(self, t):
        return (self.learning_rate,)

    @property
    def rule(self):
        return sgd


def sgd(theta, g, alpha):
    theta = theta - alpha * g
    return (theta,)


@dataclass(frozen=True)
class Momentum(Optimizer):
    """Momentum (Polyak 1964) in accumulator form: a gathers whole gradients."""

    learning_rate: float = 0.01
    momentum: float = 0.9

    def __post_init__(self):
        self._require(learning_rate=(0, np.inf), momentum=(0, 1))

    @property
    def state(self):
        return {"a": 0.0}

    def coefficients(self, t):
        return self.learning_rate, self.momentum

    @property
    def rule(self):
        return momentum


def momentum(theta, g, a, alpha, mu):
    a = mu * a + g
    theta = theta - alpha * a
    return theta, a


@dataclass(frozen=True)
class AdaGrad(Optimizer):
    """AdaGrad (Duchi, Hazan and Singer 2011): a sums the squared gradients."""

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
    def state(self):
        return {"a": self.initial_accumulator}

    def coefficients(self, t):
        return self.learning_rate, self.epsilon

    @property
    def rule(self):
        return adagrad


def adagrad(theta, g, a, alpha, epsilon):
    a = a + g * g
    theta = theta - alpha * g / (np.sqrt(a) + epsilon)
    return theta, a


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
        if self.initial_mean_square == self.epsilon == 0:
            raise InputError("RMSprop(initial_mean_square=0, epsilon=0) divides by "
                             "zero where a gradient is zero: make one positive")

    @property
    def state(self):
        return {"v": self.initial_mean_square}

    def coefficients(self, t):
        return self.learning_rate, self.decay, self.epsilon

    @property
    def rule(self):
        return (rmsprop_inside_root if self.epsilon_inside_root
                else rmsprop_outside_root)


def rmsprop_inside_root(theta, g, v, alpha, rho, epsilon):
    v = rho * v + (ONE - rho) * g * g
    theta = theta - alpha * g / np.sqrt(v + epsilon)
    return theta, v


def rmsprop_outside_root(theta, g, v, alpha, rho, epsilon):
    v = rho * v + (ONE - rho) * g * g
    theta = theta - alpha * g / (np.sqrt(v) + epsilon)
    return theta, v


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

    learning_rate: float = 0.001
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8
    form: str = "epsilon_hat"

    def __post_init__(self):
        self._require(learning_rate=(0, np.inf), beta1=(0, 1), beta2=(0, 1),
                      epsilon=(0, np.inf))
        if self.form not in ADAM_FORMS:
            raise InputError(f"Adam(form={self.form!r}): choose one of "
                             + ", ".join(ADAM_FORMS))

    @property
    def state(self):
        return {"m": 0.0, "v": 0.0}

    def coefficients(self, t):
        correction1 = 1 - self.beta1 ** t
        correction2 = 1 - self.beta2 ** t
        alpha_t = self.learning_rate * np.sqrt(correction2) / correction1
        common = self.beta1, self.beta2, self.epsilon
        if self.form == "epsilon_hat":
            return alpha_t, *common
        if self.form == "algorithm1":
            return self.learning_rate, *common, correction1, correction2
        return alpha_t, *common, correction1, correction2

    @property
    def rule(self):
        return ADAM_FORMS[self.form]


def adam_epsilon_hat(theta, g, m, v, alpha_t, beta1, beta2, epsilon):
    m = beta1 * m + (ONE - beta1) * g
    v = beta2 * v + (ONE - beta2) * g * g
    theta = theta - alpha_t * m / (np.sqrt(v) + epsilon)
    return theta, m, v


def adam_corrected(theta, g, m, v, alpha, beta1, beta2, epsilon,
                   correction1, correction2):
    m = beta1 * m + (ONE - beta1) * g
    v = beta2 * v + (ONE - beta2) * g * g
    m_hat = m / correction1
    v_hat = v / correction2
    theta = theta - alpha * m_hat / (np.sqrt(v_hat) + epsilon)
    return theta, m, v


def adam_printed(theta, g, m, v, alpha_t, beta1, beta2, epsilon,
                 correction1, correction2):
    m = (beta1 * m + (ONE - beta1) * g) / correction1
    v = (beta2 * v + (ONE - beta2) * g * g) / correction2
    theta = theta - alpha_t * m / (np.sqrt(v) + epsilon)
    return theta, m, v


# printed_once differs from algorithm1 only in its step size, alpha_t for alpha.
ADAM_FORMS = {"epsilon_hat": adam_epsilon_hat, "algorithm1": adam_corrected,
              "printed": adam_printed, "printed_once": adam_corrected}

OPTIMIZERS = {"sgd": SGD, "momentum": Momentum, "adagrad": AdaGrad,
              "rmsprop": RMSprop, "adam": Adam}
