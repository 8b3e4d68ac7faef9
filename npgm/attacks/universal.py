"""Universal perturbations (Moosavi-Dezfooli, Fawzi, Fawzi and Frossard 2017, arXiv
1610.08401): one for all."""
import dataclasses
from dataclasses import dataclass

import numpy as np

from npgm.attacks.base import Attack, clipped, inner
from npgm.attacks.deepfool import DeepFool
from npgm.attacks.result import Attempt
from npgm.errors import InputError

AHEAD = 32      # examples looked at together for the next to go by


def project(v, epsilon, norm):
    """The nearest to v (D,) of those whose norm, 2 or inf, is at most epsilon."""
    if norm == np.inf:
        return np.clip(v, -epsilon, epsilon)
    length = np.linalg.norm(v)
    return v if length <= epsilon else v * (epsilon / length)


def classes_of(model, x, piece):
    """(N,): what a model takes rows x (N, D) for, `piece` of them at a time."""
    return np.concatenate([model.logits(x[i:i + piece]).argmax(axis=1)
                           for i in range(0, len(x), piece)])


@dataclass(frozen=True)
class UniversalPerturbation(Attack):
    """One perturbation v that changes the class k(x) which a model gives to most of a
    set of examples x_i, whatever their labels: the paper's Algorithm 1,

        pass over the x_i, each time in another order, until k(x_i + v) != k(x_i) for
        the share fooling_rate of them; where still k(x_i + v) = k(x_i),
            r = the smallest with k(x_i + v + r) != k(x_i)
            v = project(v + r)      to the nearest with ||v||_p <= epsilon

    epsilon: in pixels, the largest change of one for norm p = inf, the Euclidean length
    of v for p = 2. fooling_rate: 1 - delta in the paper. passes: at most. attack: what
    finds r, DeepFool in the norm 2 as in the paper, of ten steps as in its authors'
    code; it has the clip given here, (low, high) or None, as in the paper, which x + v
    is brought within. seed: of the orders.

    All x_adv share v; `fit` gives it, to be added to other examples, or tried on other
    models. An example is valid unless r's first gradient was exactly zero, as DeepFool
    has it; lost_at is the first pass, from 0, in which it was; of an example that was
    changed by the v of others none is taken. An r that changes nothing leaves v as it
    is, as in their code. x + v is clipped, v is not: of one that were, each example
    would lose what is beyond the bounds of the one before.
    """

    epsilon: float = 0.25
    norm: float | str = np.inf
    fooling_rate: float = 0.8
    passes: int = 10
    attack: Attack = DeepFool(steps=10)
    clip: tuple | None = None
    seed: int = 0

    def __post_init__(self):
        super().__post_init__()
        inner(self.attack, "npgm.attacks.DeepFool(steps=10)")
        if getattr(self.attack, "target", None) is not None:
            raise InputError(f"attack is a {type(self.attack).__name__} with the "
                             f"target {self.attack.target!r}: give one without, for "
                             "example npgm.attacks.DeepFool(steps=10)")

    def fit(self, model, x):
        """v as an attack of its own, a Shift, found over the examples x (N, ...)."""
        model, rows, _ = self.prepared(model, x, np.zeros(len(x), int))
        v, _, _ = self._search(model, rows)
        return Shift(v.reshape(x.shape[1:]), self.clip)

    def over(self, model, x, y):
        v, finite, lost_at = self._search(model, x)

        def run(model, x, y, rows):
            at = slice(rows.start, rows.stop)
            return Attempt(clipped(x + v, self.clip), finite[at], lost_at[at] != 0,
                           lost_at=lost_at[at])
        return run

    @np.errstate(all="ignore")
    def _search(self, model, x):
        """v (D,); whether what it comes from was finite, and lost_at, (N,)."""
        labels = classes_of(model, x, self.piece)
        v, finite, lost_at = np.zeros_like(x[0]), np.ones(len(x), bool), np.full(
            len(x), -1)
        for number in range(self.passes):
            for i, at in self._unchanged(model, x, labels, lambda: v, number):
                found = self._inner().run(model, at, labels[[i]], range(i, i + 1))
                finite[i] &= found.finite[0]
                if not found.valid[0] and lost_at[i] < 0:
                    lost_at[i] = number
                if (found.finite[0]
                        and model.logits(found.x_adv).argmax() != labels[i]):
                    v = project(v + (found.x_adv - at)[0], self.epsilon,
                                self.norm).astype(x.dtype)
            after = classes_of(model, clipped(x + v, self.clip), self.piece)
            if (after != labels).mean() >= self.fooling_rate:
                break
        return v, finite, lost_at

    def _unchanged(self, model, x, labels, v, number):
        """(i, x_i + v (1, D)) of the examples that v() leaves as they were, one after
        the other, in the order of a pass. v() may change from one to the next, and some
        are looked at ahead."""
        order = np.random.default_rng([self.seed, number]).permutation(len(x))
        while order.size:
            ahead = order[:min(AHEAD, self.piece)]
            x_v = clipped(x[ahead] + v(), self.clip)
            still = model.logits(x_v).argmax(axis=1) == labels[ahead]
            k = still.argmax() if still.any() else len(ahead) - 1
            if still.any():
                yield ahead[k], x_v[k:k + 1]
            order = order[k + 1:]

    def _inner(self):
        fits = self.clip is None or "clip" not in vars(self.attack)
        return self.attack if fits else dataclasses.replace(self.attack, clip=self.clip)


@dataclass(frozen=True, eq=False)
class Shift(Attack):
    """x_adv = x + v, the same for all. perturbation: v, in the shape of an example or
    in one row. clip: None, or (low, high) for x_adv. It asks for no gradient, so every
    example is valid."""

    perturbation: np.ndarray
    clip: tuple | None = None

    def __post_init__(self):
        super().__post_init__()
        v = np.asarray(self.perturbation)
        if v.dtype.kind not in "fiu" or not np.isfinite(v).all():
            raise InputError("perturbation must be an array of finite numbers, in the "
                             "shape of an example")
        object.__setattr__(self, "perturbation", v)

    def run(self, model, x, y, rows):
        v, always = self.perturbation.reshape(-1), np.ones(len(x), bool)
        if v.size != x.shape[1]:
            raise InputError(f"perturbation has {v.size} numbers: these examples have "
                             f"{x.shape[1]}")
        return Attempt(clipped(x + v.astype(x.dtype), self.clip), always, always)

    def fooling_rate(self, model, x):
        """The share of examples x (N, ...) whose class a model changes for v."""
        model, rows, _ = self.prepared(model, x, np.zeros(len(x), int))
        before = classes_of(model, rows, self.piece)
        x_adv = self.run(model, rows, None, range(len(rows))).x_adv
        return float((classes_of(model, x_adv, self.piece) != before).mean())
