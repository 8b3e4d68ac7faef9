"""Attacks: hyperparameters at construction, model and data at the call.

A model is any object with logits(x) -> z (N, C) and vjp(x, dz) -> (N, D).
"""
from npgm.attacks.base import AttackResult, linearize
from npgm.attacks.fgsm import FGSM

__all__ = ["AttackResult", "FGSM", "linearize"]
