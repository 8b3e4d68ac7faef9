"""The fast random sign method: FGSM's step in a direction drawn at random."""
from dataclasses import dataclass

import numpy as np

from npgm.attacks.base import draws
from npgm.attacks.one_step import OneStep


@dataclass(frozen=True)
class RandomSign(OneStep):
    """x_adv = x + epsilon * s, each entry of s -1 or +1 with probability 1/2.
    Paper, section III B (FRSM).

    It asks for no gradient, so every example is valid. The same seed and the
    same examples give the same s.
    """

    epsilon: float = 0.25
    seed: int = 0
    clip: tuple | None = None

    def look(self, model, x, y, rows):
        def signs(rng, count):
            return 2 * rng.integers(0, 2, (count, x.shape[1]), np.int8) - 1
        always = np.ones(len(x), bool)
        return (model.logits(x), draws(self.seed, rows, signs).astype(x.dtype), always,
                always)

    def move(self, x, s, epsilon):
        return x + epsilon * s
