"""Attacks: hyperparameters at construction, model and data at the call.

A model is any object with logits(x) -> z (N, C) and vjp(x, dz) -> (N, D).

    result = PGD(0.25, loss="log_odds")(net, x, y)
    result.success.mean()                              # the error under attack
    result.l2[result.status == "fooled"]               # how far it had to go
    FGSM(0.25, target="next")(net, x, y)               # aimed at a class
    v = UniversalPerturbation(0.25).fit(net, x)        # one for all, an attack itself
    v(other_net, x_test, y_test)
    Transfer(substitute, PGD(0.25))(net, x, y)         # made on one, tried on another

One of one's own is a frozen dataclass; one step needs no more than

    @dataclass(frozen=True)
    class Mine(OneStep):
        epsilon: float = 0.25

        def look(self, model, x, y, rows):             # once, whatever epsilon
            found = input_gradient(model, x, y, "margin")
            return found.z, found.dx, found.finite, found.valid

        def move(self, x, d, epsilon):
            return x + epsilon * np.sign(d)

and any other, an Attack, has run(model, x, y, rows) -> Attempt(x_adv, finite, valid).
"""
import dataclasses

from npgm import losses, names
from npgm.attacks.apgd import APGD
from npgm.attacks.base import Aim, Attack, InputGradient, input_gradient
from npgm.attacks.carlini_wagner import CarliniWagner
from npgm.attacks.deepfool import DeepFool
from npgm.attacks.fgsm import FGSM
from npgm.attacks.jsma import JSMA
from npgm.attacks.lbfgs import LBFGS
from npgm.attacks.model import linearize
from npgm.attacks.one_step import OneStep, Sweep
from npgm.attacks.pgd import PGD
from npgm.attacks.random_sign import RandomSign
from npgm.attacks.result import AttackResult, Attempt
from npgm.attacks.square import Square
from npgm.attacks.substitute import Substitute
from npgm.attacks.transfer import Transfer, transfer_matrix
from npgm.attacks.universal import Shift, UniversalPerturbation

ATTACKS = {"fgsm": FGSM, "random_sign": RandomSign, "pgd": PGD, "apgd": APGD,
           "square": Square, "transfer": Transfer, "deepfool": DeepFool,
           "lbfgs": LBFGS, "jsma": JSMA, "carlini_wagner": CarliniWagner,
           "universal": UniversalPerturbation, "substitute": Substitute}

__all__ = ["APGD", "ATTACKS", "Aim", "Attack", "AttackResult", "Attempt",
           "CarliniWagner", "DeepFool", "FGSM", "InputGradient", "JSMA", "LBFGS",
           "OneStep", "PGD", "RandomSign", "Shift", "Square", "Substitute", "Sweep",
           "Transfer", "UniversalPerturbation", "configuration", "has_epsilon",
           "input_gradient", "linearize", "make", "transfer_matrix"]


def configuration(attack):
    """{"name": ..., its hyperparameters}: plain values, ready for JSON. Of a model
    given as an object that is its class, of which `make` cannot make it again."""
    settings = {field.name: getattr(attack, field.name)
                for field in dataclasses.fields(attack)}
    if "loss" in settings:
        settings["loss"] = losses.name_of(settings["loss"])
    if isinstance(attack, Transfer) and not isinstance(attack.source, str):
        settings["source"] = names.name_of(type(attack.source), {})
    settings = {name: value.tolist() if hasattr(value, "tolist") else
                "inf" if value == float("inf") else
                configuration(value) if isinstance(value, Attack) else value
                for name, value in settings.items()}
    return {"name": names.name_of(type(attack), ATTACKS), **settings}


def has_epsilon(name):
    """Whether an attack, by its name, has a hyperparameter epsilon. Raises InputError.
    """
    return "epsilon" in getattr(names.find("attack", name, ATTACKS),
                                "__dataclass_fields__", {})


def make(name, **hyperparameters):
    """An attack by its name, as a configuration has it. Raises InputError."""
    if isinstance(hyperparameters.get("attack"), dict):
        hyperparameters["attack"] = make(**hyperparameters["attack"])
    return names.make("attack", name, ATTACKS, hyperparameters)
