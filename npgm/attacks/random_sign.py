"""The fast random sign method: FGSM's step in a direction drawn at random."""
from dataclasses import dataclass

import numpy as np

from npgm.attacks import base
from npgm.attacks.one_step import OneStep
from npgm.network import check_seed


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

    def __post_init__(self):
        base.check_number("epsilon", self.epsilon)
        base.check_clip(self.clip)
        check_seed(self.seed)

    def direction(self, model, x, y, first, count):
        rng = np.random.default_rng([self.seed, first])
        s = (2 * rng.integers(0, 2, x.shape, np.int8) - 1).astype(x.dtype)
        always = np.ones(len(x), bool)
        return model.logits(x), s, always, always
