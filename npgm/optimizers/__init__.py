"""The paper's optimizers, each written once, as its pseudocode.

Defaults are the paper's protocol (TensorFlow 1's conventions).
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
