"""What an attack returns: what became of each example, how far it was moved, and what
that cost."""
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from npgm import losses
from npgm.attacks.model import rounding

# What became of an example, the first that applies from the top.
NOT_FINITE = "not_finite"           # a logit or gradient is NaN or infinite
ALREADY_WRONG = "already_wrong"     # misclassified before the attack
NO_GRADIENT = "no_gradient"         # the gradient is exactly zero everywhere
FOOLED = "fooled"
GRADIENT_LOST = "gradient_lost"     # held, and at a later step it was exactly zero
HELD = "held"


class Attempt(NamedTuple):
    """What `run` says of its examples. x_adv (N, D). finite, valid (N,): whether what
    the attack went by was finite, and its first gradient not exactly zero everywhere.
    z (N, C): the logits of x, if it came by them. lost_at (N,): as AttackResult's, of
    an attack of many steps."""

    x_adv: np.ndarray
    finite: np.ndarray
    valid: np.ndarray
    z: np.ndarray | None = None
    lost_at: np.ndarray | None = None

    def but(self, still, x):
        """The same, but the examples `still` (N,) left as they were, x, and valid."""
        lost_at = self.lost_at
        return self._replace(
            x_adv=np.where(still[:, None], x, self.x_adv), valid=self.valid | still,
            lost_at=None if lost_at is None else np.where(still, -1, lost_at))


@dataclass(frozen=True, repr=False)
class AttackResult:
    """One entry an example. Distances say most of those that were fooled:
    result.l2[result.status == "fooled"].

    x_adv: the attacked examples, in the shape and dtype of x, never farther from it
    than epsilon. success (N,): the model is wrong on x_adv, so its mean is the error
    rate under attack; of a targeted attack, it gives the target, and that is not the
    label. status (N,): the words above; "already_wrong" is misclassified before the
    attack, as whatever class. valid (N,): the first gradient was finite and not exactly
    zero. lost_at (N,): the first step, from 0, at which it was exactly zero; -1 if
    there was none.

    x: the examples themselves, no copy. target (N,): the classes aimed at, or None.
    queries: calls of the model, an example each, forwards one and backwards one
    (`npgm.attacks.cost`), those of examples that an attack had done with left out.
    seconds: of wall time that all took.
    """

    x_adv: np.ndarray
    success: np.ndarray
    status: np.ndarray
    valid: np.ndarray
    lost_at: np.ndarray
    x: np.ndarray | None = None
    target: np.ndarray | None = None
    queries: int = 0
    seconds: float = 0.0

    def __repr__(self):
        kinds, counts = np.unique(self.status, return_counts=True)
        became = ", ".join(f"{count:,} {kind}" for kind, count in zip(kinds, counts))
        fooled = self.status == FOOLED
        far = (f"; median l2 {np.median(self.l2[fooled]):.3g}, linf "
               f"{np.median(self.linf[fooled]):.3g} of the fooled"
               if self.x is not None and fooled.any() else "")
        return (f"<AttackResult: success {self.success.mean():.1%} of "
                f"{len(self.status):,}; {became}{far}; {self.queries:,} calls, "
                f"{self.seconds:.2g} s>")

    @property
    def l0(self):
        """(N,) whole numbers: the pixels that differ from x."""
        return (self._r != 0).sum(axis=1)

    @property
    def l2(self):
        """(N,) float64: the Euclidean distance from x."""
        r = self._r
        return np.sqrt(np.einsum("nd,nd->n", r, r, dtype="float64"))

    @property
    def linf(self):
        """(N,) float64: the largest change of a pixel."""
        return np.abs(self._r).max(axis=1).astype("float64")

    @property
    def _r(self):
        return (self.x_adv - self.x).reshape(len(self.x), -1)


def reached(z, y, target=None):
    """(N,): logits z (N, C) are what an attack aims at: of another class than the
    label; or of the target, if that is another."""
    if target is None:
        return losses.mistakes(z, y)
    return (target != y) & ~losses.mistakes(z, target)


def crossed(z, y):
    """(N,): another class leads the label's, by more than rounding."""
    return losses.margin(z, y)[0] > rounding(z)


def entered(z, target):
    """(N,): the target's logit leads all others, by more than rounding."""
    return losses.margin(z, target)[0] < -rounding(z)


def judge(y, z, z_adv, attempt, target=None):
    """The AttackResult of an attempt, with logits z before and z_adv after."""
    finite = (attempt.finite & np.isfinite(z).all(axis=1)
              & np.isfinite(z_adv).all(axis=1))
    valid = finite & attempt.valid
    lost_at = (np.where(attempt.valid, -1, 0) if attempt.lost_at is None
               else attempt.lost_at)
    success = reached(z_adv, y, target)
    status = np.select(
        [~finite, losses.mistakes(z, y), ~valid, success, lost_at > 0],
        [NOT_FINITE, ALREADY_WRONG, NO_GRADIENT, FOOLED, GRADIENT_LOST], HELD)
    return AttackResult(attempt.x_adv, success, status, valid, lost_at)
