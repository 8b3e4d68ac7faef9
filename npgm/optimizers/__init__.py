"""The paper's optimizers, each written once, as its pseudocode.

Defaults are the paper's protocol (TensorFlow 1's conventions). One of your own is a
rule, which names what it returns, and a class; it trains, compiled, resumes and is
traced as these are. AMSGrad (Reddi and others 2018):

    from dataclasses import dataclass
    import numpy as np
    from npgm.optimizers import ONE, Optimizer, quantities

    @quantities("theta", "m", "v", "highest", "step")     # what it returns, in order
    def amsgrad(theta, g, m, v, highest, alpha, beta1, beta2):
        m = beta1 * m + (ONE - beta1) * g
        v = beta2 * v + (ONE - beta2) * g * g
        highest = np.maximum(highest, v)
        step = alpha * m / (np.sqrt(highest) + np.float32(1e-8))
        return theta - step, m, v, highest, step

    @dataclass(frozen=True)
    class AMSGrad(Optimizer):
        learning_rate: float = 0.001
        initial = {"m": 0.0, "v": 0.0, "highest": 0.0}    # its arrays, at the start
        rule = staticmethod(amsgrad)

        def coefficients(self, t):                    # named numbers of update t
            return {"alpha": self.learning_rate, "beta1": 0.9, "beta2": 0.999}

`Optimizer.compute` hands out every named quantity of the next update.
"""
from npgm import names
from npgm.optimizers.adagrad import AdaGrad
from npgm.optimizers.adam import ADAM_FORMS, Adam
from npgm.optimizers.base import ONE, Optimizer, quantities
from npgm.optimizers.momentum import Momentum
from npgm.optimizers.rmsprop import RMSprop
from npgm.optimizers.sgd import SGD

OPTIMIZERS = {"sgd": SGD, "momentum": Momentum, "adagrad": AdaGrad,
              "rmsprop": RMSprop, "adam": Adam}

__all__ = ["ADAM_FORMS", "AdaGrad", "Adam", "Momentum", "ONE", "OPTIMIZERS",
           "Optimizer", "RMSprop", "SGD", "make", "name_of", "quantities"]


def name_of(optimizer):
    """How a configuration names an optimizer's class: "adam", or for one that is
    not in OPTIMIZERS "package.module:Class"."""
    return names.name_of(type(optimizer), OPTIMIZERS)


def make(name, **hyperparameters):
    """An optimizer by such a name. Raises InputError."""
    return names.make("optimizer", name, OPTIMIZERS, hyperparameters)
