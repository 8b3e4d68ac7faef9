"""Attacks of one step, x_adv = x + epsilon * s, and how they grow with epsilon."""
from dataclasses import dataclass

import numpy as np

from npgm.attacks import base
from npgm.losses import mistakes


@dataclass(frozen=True)
class Sweep:
    """natural (N,): wrong before the attack. success (E, N): wrong on
    x + epsilon * s, for each of E epsilons. valid (N,): as in AttackResult."""

    natural: np.ndarray
    success: np.ndarray
    valid: np.ndarray


class OneStep:
    """An attack with fields epsilon and clip and a method

        direction(model, x, y, first, count) -> z, s, finite, valid

    for a piece of all count examples from the first-th on: the logits z (N, C),
    the signs s (N, D), 0 where the example is to stay as it is, and for each
    example whether what s comes from was finite, and not zero everywhere.
    """

    def __call__(self, model, x, y):
        """Attack every example: x (N, D) floats, y (N,) labels -> AttackResult.

        Raises InputError if x or y do not fit the model.
        """
        x, y = base.check_examples(model, x, y)
        model = base.fast(model)

        def attack(x, y, first, count=len(x)):
            z, s, finite, valid = self.direction(model, x, y, first, count)
            x_adv = self.moved(x, s, self.epsilon)
            return base.judge(y, z, model.logits(x_adv), finite, valid, x_adv)
        with np.errstate(all="ignore"):     # what is not finite is told by the status
            return base.in_pieces(attack, x, y)

    def sweep(self, model, x, y, epsilons):
        """Errors at many epsilons, from one direction: -> Sweep. x_adv is not kept,
        and self.epsilon not used. Raises InputError."""
        epsilons = base.check_epsilons(epsilons)
        x, y = base.check_examples(model, x, y)
        model = base.fast(model)

        def attack(x, y, first, count=len(x)):
            z, s, finite, valid = self.direction(model, x, y, first, count)
            # The line costs the first layer twice, but pays from two epsilons on.
            logits = (base.logits_on_line(model, x, s)
                      if self.clip is None and len(epsilons) > 1
                      else lambda epsilon: model.logits(self.moved(x, s, epsilon)))
            return Sweep(mistakes(z, y),
                         np.array([mistakes(logits(e), y) for e in epsilons]),
                         valid & finite & np.isfinite(z).all(axis=1))
        with np.errstate(all="ignore"):
            return base.in_pieces(attack, x, y)

    def perturb(self, model, x, y):
        """x_adv alone, in one piece and unchecked: for training on it."""
        with np.errstate(all="ignore"):
            _, s, _, _ = self.direction(base.fast(model), x, y, 0, len(x))
            return self.moved(x, s, self.epsilon)

    def moved(self, x, s, epsilon):
        x_adv = x + x.dtype.type(epsilon) * s
        if self.clip is not None:
            np.clip(x_adv, *self.clip, out=x_adv)
        return x_adv
