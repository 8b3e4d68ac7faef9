"""Attacks of one step, and how they grow with epsilon."""
from dataclasses import dataclass

import numpy as np

from npgm import checks
from npgm.attacks.base import Attack, aimed, clipped
from npgm.attacks.result import Attempt, reached
from npgm.errors import InputError
from npgm.losses import mistakes


@dataclass(frozen=True)
class Sweep:
    """natural (N,): wrong before the attack. success (E, N): as in AttackResult, for
    each of E epsilons. valid (N,): as in AttackResult."""

    natural: np.ndarray
    success: np.ndarray
    valid: np.ndarray


class OneStep(Attack):
    """An attack with a field epsilon, perhaps clip, and two methods for a piece:

        look(model, x, y, rows) -> z, d, finite, valid
        move(x, d, epsilon) -> x_adv

    look: the logits z (N, C) and whatever the step goes by, d (N, D), of an attack that
    can aim at classes with the parameter target; move: the step, which leaves x and d
    as they are. Many epsilons cost one look, so little more than one.
    """

    def run(self, model, x, y, rows, **aim):
        z, d, finite, valid = self.looked(model, x, y, rows, **aim)
        return Attempt(self.moved(x, d, self.epsilon), finite, valid, z)

    def sweep(self, model, x, y, epsilons, target=None):
        """Errors at many epsilons, from one look: -> Sweep. x_adv is not kept, and
        self.epsilon not used. x may be Pixels: floats are made of a piece at a time.
        target: as at a call. Raises InputError."""
        epsilons = check_epsilons(epsilons)

        def attack(model, x, y, rows, target=None):
            z, d, finite, valid = self.looked(model, x, y, rows, **aimed(target))
            logits = self._logits_along(model, x, d, epsilons)
            return Sweep(mistakes(z, y),
                         np.array([reached(logits(e), y, target) for e in epsilons]),
                         valid & finite & np.isfinite(z).all(axis=1))
        model, x, y = self.prepared(model, x, y)
        return self.in_pieces(attack, model, x, y, self.targets(target, model, x, y))

    def perturb(self, model, x, y):
        """x_adv alone, in one piece, unchecked and as `move` rounds it: for training
        on it."""
        with np.errstate(all="ignore"):
            aim = aimed(self.targets(None, model, x, y))
            return self.run(model, x, y, range(len(x)), **aim).x_adv

    def looked(self, model, x, y, rows, **aim):
        """What look returns. Raises InputError if that is something else."""
        found = self.look(model, x, y, rows, **aim)
        if not isinstance(found, tuple) or len(found) != 4:
            raise InputError(f"{type(self).__name__}.look must return z, d, finite and "
                             "valid")
        return found

    def moved(self, x, d, epsilon):
        """x_adv at an epsilon, within clip."""
        x_adv = np.asarray(self.move(x, d, x.dtype.type(epsilon)), x.dtype)
        return clipped(x_adv, getattr(self, "clip", None))

    def _logits_along(self, model, x, d, epsilons):
        """The function epsilon -> logits of x_adv. A model that knows the way along a
        line needs its first layer only once, which pays from two epsilons on, or from
        one if it remembers the look."""
        if hasattr(model, "logits_on_line") and (
                len(epsilons) > 1 or getattr(model, "remembers", False)):
            s = self.move(np.zeros_like(x), d, x.dtype.type(1))
            if np.abs(s).max() <= 1 and self._straight(x, d, s, epsilons):
                return model.logits_on_line(x, s)

        def logits(epsilon):
            attempt = Attempt(self.moved(x, d, epsilon), *np.ones((2, len(x)), bool))
            return model.logits(self.taken(attempt, x, epsilon).x_adv)
        return logits

    def _straight(self, x, d, s, epsilons):
        """Whether x_adv is x + epsilon * s: of the shortest, a middle and the longest
        step. Of npgm's own, unless clipped, that is known; some examples show that it
        still is so."""
        lengths = sorted(e for e in epsilons if e) or [0]
        known = (type(self).move.__module__.partition(".")[0] == "npgm"
                 and type(self).moved is OneStep.moved)
        if known and getattr(self, "clip", None) is None:
            x, d, s = x[::8], d[::8], s[::8]
        return all(np.array_equal(self.moved(x, d, e), x + x.dtype.type(e) * s)
                   for e in {lengths[0], lengths[len(lengths) // 2], lengths[-1]})


def check_epsilons(epsilons):
    """The epsilons of a sweep as a tuple; InputError if one does not fit, or
    there are none."""
    if not np.iterable(epsilons) or not (epsilons := tuple(epsilons)):
        raise InputError(f"epsilons is {epsilons!r}: give at least one, for example "
                         "(0.1, 0.25)")
    return tuple(checks.number("epsilon", epsilon) for epsilon in epsilons)
