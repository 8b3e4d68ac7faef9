"""Attacks: hyperparameters at construction, model and data at the call.

A model is any object with logits(x) -> z (N, C) and vjp(x, dz) -> (N, D).
"""
import dataclasses

from npgm import losses, names
from npgm.attacks.base import (Attack, AttackResult, Attempt, InputGradient,
                               input_gradient, linearize)
from npgm.attacks.deepfool import DeepFool
from npgm.attacks.fgsm import FGSM
from npgm.attacks.one_step import OneStep, Sweep
from npgm.attacks.pgd import PGD
from npgm.attacks.random_sign import RandomSign

ATTACKS = {"fgsm": FGSM, "random_sign": RandomSign, "pgd": PGD, "deepfool": DeepFool}

__all__ = ["ATTACKS", "Attack", "AttackResult", "Attempt", "DeepFool", "FGSM",
           "InputGradient", "OneStep", "PGD", "RandomSign", "Sweep", "configuration",
           "input_gradient", "linearize", "make"]


def configuration(attack):
    """{"name": ..., its hyperparameters}: plain values, ready for JSON."""
    settings = {field.name: getattr(attack, field.name)
                for field in dataclasses.fields(attack)}
    if "loss" in settings:
        settings["loss"] = losses.name_of(settings["loss"])
    settings = {name: "inf" if value == float("inf") else value
                for name, value in settings.items()}
    return {"name": names.name_of(type(attack), ATTACKS), **settings}


def make(name, **hyperparameters):
    """An attack by its name, as a configuration has it. Raises InputError."""
    return names.make("attack", name, ATTACKS, hyperparameters)
