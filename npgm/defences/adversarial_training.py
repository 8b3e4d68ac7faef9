"""Adversarial training (Goodfellow, Shlens and Szegedy 2015)."""
from dataclasses import dataclass

import numpy as np

from npgm import checks
from npgm.attacks import FGSM


@dataclass(frozen=True)
class AdversarialTraining:
    """Each batch together with its FGS images at epsilon: the mean loss over both
    is the mixture alpha J(x) + (1 - alpha) J(x_adv) with alpha = 1/2, the
    perturbation taken as constant."""

    epsilon: float = 0.25

    def __post_init__(self):
        object.__setattr__(self, "epsilon", checks.number("epsilon", self.epsilon))

    def examples(self, model, x, y):
        """x (N, D), y (N,) -> (2 N, D), (2 N,): the batch, then its FGS images."""
        x_adv = FGSM(self.epsilon).perturb(model, x, y)
        return np.concatenate([x, x_adv]), np.concatenate([y, y])
