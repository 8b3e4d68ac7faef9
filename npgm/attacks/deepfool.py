"""DeepFool (Moosavi-Dezfooli, Fawzi and Frossard 2016): the nearest way out."""
import warnings
from dataclasses import dataclass

import numpy as np

from npgm.attacks.base import Attack, clipped
from npgm.attacks.model import linearize, rounding
from npgm.attacks.result import FOOLED, Attempt, crossed, entered
from npgm.losses import margin

SHORTEST = 32       # units of rounding of the largest pixel: a step that is one
OTHERS = 10         # classes a step looks at, beside the label's
FARTHEST = 1e3      # a step beyond, in units of the largest pixel, is no step


def looked_at(z, y):
    """Classes (N, K) in their order: of few all, of many the label's and the highest
    others."""
    if z.shape[1] <= OTHERS + 1:
        return np.tile(np.arange(z.shape[1]), (len(y), 1))
    below = -z
    below[np.arange(len(y)), y] = -np.inf
    return np.sort(np.argpartition(below, OTHERS, axis=1)[:, :OTHERS + 1], axis=1)


def differences(model, x, y):
    """|f| (N, K), no less than rounding, and the gradient w (N, K, D) of f, of the
    classes looked at, w zero for the label's own; and whether all is finite (N,)."""
    z, vjp = linearize(model, x)
    rows, classes = np.arange(len(y)), looked_at(z, y)

    def gradient(k):
        dz = np.zeros(z.shape, z.dtype)
        dz[rows, k] = 1
        return vjp(dz)
    J = np.stack([gradient(k) for k in classes.T], axis=1)
    finite = np.isfinite(z).all(axis=1) & np.isfinite(J).all(axis=(1, 2))
    w = J.astype("float64")         # float32 has no room for the squares of all
    w -= w[rows, (classes == y[:, None]).argmax(axis=1)][:, None]
    f = np.abs(np.take_along_axis(z, classes, axis=1) - z[rows, y][:, None])
    return np.maximum(f, rounding(z)[:, None]), w, finite


def difference(model, x, target):
    """The same of one f, the target's logit minus the highest other: K = 1."""
    z, vjp = linearize(model, x)
    f, dz = margin(z, target)
    w = vjp(-dz)[:, None]
    finite = np.isfinite(z).all(axis=1) & np.isfinite(w).all(axis=(1, 2))
    return np.maximum(np.abs(f), rounding(z))[:, None], w.astype("float64"), finite


@dataclass(frozen=True)
class DeepFool(Attack):
    """The smallest perturbation r that changes the class, found by taking the
    model as affine at each step.

    With f_k = z_k - z_y and w_k its gradient, the nearest class is the one of
    smallest |f_k| / ||w_k||_q, and the step to its boundary (q is dual to p)

        p = 2:    r = |f_k| / ||w_k||_2^2 * w_k
        p = inf:  r = |f_k| / ||w_k||_1 * sign(w_k)

    which is exact where the model is affine. norm: p. steps: at most. overshoot:
    the sum of all r is stretched by 1 + overshoot, to cross the boundary. clip: None,
    as in the paper, or (low, high), which every point on the way is brought within: a
    pixel at a bound that r would cross counts as one that w_k does not have. Of more
    than 11 classes, a step looks at the label's and the ten highest others; the
    authors' code at the ten highest of the first point, the label's among them. It
    uses logits alone: no softmax, nothing to mask. An example already wrong
    stays as it is; one is valid if some w_k is finite and not zero. It holds if
    it gets to where the model is constant, as where a layer's units are all off.

    target: see Attack; each step goes to the boundary between the target and the
    highest other class, until the target is the highest. That is exact where no third
    class comes between; an example already of the target's class stays as it is.
    """

    piece = 100     # each example needs a gradient for each of its classes

    norm: float | str = 2
    steps: int = 50
    overshoot: float = 0.02
    clip: tuple | None = None
    target: int | str | None = None

    def relative_perturbation(self, x, result):
        """Mean of ||x_adv - x||_p / ||x||_p over the fooled examples, as the
        method's authors report it; nan if there are none. An example that is all zero
        has no such number: it is left out, with a warning."""
        fooled = result.status == FOOLED
        if not fooled.any():
            return np.nan
        x, r = (array[fooled].reshape(fooled.sum(), -1)
                for array in (x, result.x_adv - x))
        size = np.linalg.norm(x, self.norm, axis=1)
        if not size.all():
            warnings.warn(f"{np.count_nonzero(size == 0)} fooled examples are all "
                          "zero: left out of the mean", stacklevel=2)
        ratios = np.linalg.norm(r, self.norm, axis=1)[size > 0] / size[size > 0]
        return float(ratios.mean()) if ratios.size else np.nan

    def run(self, model, x, y, rows, target=None):
        look, there, aim = ((differences, crossed, y) if target is None
                            else (difference, entered, target))
        stretch = x.dtype.type(1 + self.overshoot)
        total, x_adv = np.zeros_like(x), x.copy()
        finite, valid = np.ones(len(x), bool), np.zeros(len(x), bool)
        z = model.logits(x)
        going = np.flatnonzero((z.argmax(axis=1) == aim) == (target is None))
        for _ in range(self.steps):
            if not going.size:
                break
            r, known, finite[going], alive = self._step(
                x_adv[going], *look(model, x_adv[going], aim[going]))
            valid[going] |= alive
            going, r = going[known], r[known]
            total[going] += r
            x_adv[going] = clipped(x[going] + stretch * total[going], self.clip)
            if going.size:
                going = going[~there(model.logits(x_adv[going]), aim[going])]
        return Attempt(x_adv, finite, valid, z)

    def _step(self, x, f, w, finite):
        """r (N, D) to the nearest boundary of those f and w tell of, whether there is
        one to go to, and whether all it comes from is finite, and not zero."""
        rows = np.arange(len(x))
        alive = finite & w.any(axis=(1, 2))
        if self.clip is not None:       # what it would take away moves nothing
            low, high = self.clip
            w[(x <= low)[:, None] & (w < 0) | (x >= high)[:, None] & (w > 0)] = 0
        size = (np.linalg.norm(w, axis=2) if self.norm == 2
                else np.abs(w).sum(axis=2))                     # ||w_k||_q
        pixel = np.maximum(1, np.abs(x).max(axis=1))
        least = (SHORTEST * np.finfo(x.dtype).eps * pixel)[:, None]
        distance = np.where(size > 0, np.maximum(f / size, least), np.inf)
        nearest = distance.argmin(axis=1)
        shortest, w = distance[rows, nearest], w[rows, nearest]
        unit = (w / size[rows, nearest][:, None] if self.norm == 2 else np.sign(w))
        known = finite & (shortest <= FARTHEST * pixel)
        r = np.where(known[:, None], shortest[:, None] * unit, 0)
        return r.astype(x.dtype), known, finite, alive
