"""Attacks: hyperparameters at construction, model and data at the call.

A model is any object with logits(x) -> z (N, C) and vjp(x, dz) -> (N, D).
"""
from npgm.attacks.base import AttackResult, linearize
from npgm.attacks.deepfool import DeepFool
from npgm.attacks.fgsm import FGSM
from npgm.attacks.one_step import Sweep
from npgm.attacks.pgd import PGD
from npgm.attacks.random_sign import RandomSign

__all__ = ["AttackResult", "DeepFool", "FGSM", "PGD", "RandomSign", "Sweep",
           "linearize"]
