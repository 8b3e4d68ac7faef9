"""Projected gradient descent (Kurakin, Goodfellow and Bengio 2017; Madry et al.
2018): FGSM in many small steps."""
from dataclasses import dataclass
from typing import Callable

import numpy as np

from npgm.attacks import base
from npgm.losses import cross_entropy
from npgm.network import check_seed


@dataclass(frozen=True)
class PGD:
    """x_adv = project(x_adv + step_size * sign(dJ/dx)), `steps` times, where
    project keeps every pixel within epsilon of x, and within clip = (low, high).

    seed: where to begin, uniformly within epsilon of x; None begins at x. An
    example is valid if the gradient of its first step was not exactly zero; where
    a later one is, it stays, so a network with dead layers can hold against more
    steps than one.
    """

    epsilon: float = 0.25
    steps: int = 40
    step_size: float = 0.025
    loss: Callable = cross_entropy
    clip: tuple | None = None
    seed: int | None = None

    def __post_init__(self):
        base.check_loss(self.loss)
        base.check_number("epsilon", self.epsilon)
        base.check_number("step_size", self.step_size, above=True)
        base.check_count("steps", self.steps)
        base.check_clip(self.clip)
        if self.seed is not None:
            check_seed(self.seed)

    def __call__(self, model, x, y):
        """Attack every example: x (N, D) floats, y (N,) labels -> AttackResult.

        Raises InputError if x or y do not fit the model.
        """
        x, y = base.check_examples(model, x, y)
        model = base.fast(model)
        with np.errstate(all="ignore"):
            return base.in_pieces(
                lambda x, y, first: self._attack(model, x, y, first), x, y)

    def _attack(self, model, x, y, first):
        z, finite, valid = model.logits(x), np.ones(len(x), bool), None
        x_adv = self._start(x, first)
        for _ in range(self.steps):
            z_adv, vjp = base.linearize(model, x_adv)
            dx = vjp(self.loss(z_adv, y)[1])
            finite &= np.isfinite(dx).all(axis=1)
            dx[~finite] = 0
            valid = dx.any(axis=1) if valid is None else valid
            x_adv = self._project(x_adv + x.dtype.type(self.step_size) * np.sign(dx), x)
        return base.judge(y, z, model.logits(x_adv), finite, valid, x_adv)

    def _start(self, x, first):
        if self.seed is None:
            return x.copy()
        noise = np.random.default_rng([self.seed, first]).uniform(-1, 1, x.shape)
        return self._project(x + (self.epsilon * noise).astype(x.dtype), x)

    def _project(self, x_adv, x):
        epsilon = x.dtype.type(self.epsilon)
        x_adv = np.clip(x_adv, x - epsilon, x + epsilon)
        return x_adv if self.clip is None else np.clip(x_adv, *self.clip)
