"""The Jacobian-based saliency map attack (Papernot and others 2016, arXiv
1511.07528): few pixels, changed by much, two at a time."""
from dataclasses import dataclass

import numpy as np

from npgm.attacks.base import Attack
from npgm.attacks.model import linearize
from npgm.attacks.result import Attempt, crossed, entered
from npgm.checks import finite_rows
from npgm.errors import InputError

FEW = 16        # pixels, of which all pairs are looked at in one go for all examples


@dataclass(frozen=True)
class JSMA(Attack):
    """theta is added to the two pixels p, q that do most for the target t,

        alpha = dz_t/dx_p + dz_t/dx_q,     beta = the same of the sum of other z_j,
        argmax of -alpha beta over the pairs with alpha > 0 and beta < 0,

    again and again until x_adv is of the target's class (the paper's Algorithms 1 to
    3, on logits; where theta is negative, alpha < 0 and beta > 0). Without a target t
    is the label, the signs are exchanged, and it goes on until the label's logit is not
    the highest (NT-JSMA: Wiyatno and Xu 2018, arXiv 1808.07945).

    gamma: the share of an example's pixels that may change; the paper's 14.5 %. theta:
    what a pixel changes by at a step, within clip = (low, high): one at the bound is
    done with; once gamma is used up, pixels that changed go on until they are there.
    target: see Attack. It is the number of pixels, `result.l0`, that is small.

    An example already where it is to go stays as it is. One is valid if the logits had
    a gradient there. It holds if no pair of the pixels left does anything for the
    target; its gradient was lost if the logits had none at a later step.
    """

    piece = 100     # each step sorts the pixels of all of them

    gamma: float = 0.145
    theta: float = 1.0
    clip: tuple = (0, 1)
    target: int | str | None = None

    def __post_init__(self):
        super().__post_init__()
        if self.clip is None:
            raise InputError("clip is None: JSMA needs (low, high), at which a pixel "
                             "is done with")

    def run(self, model, x, y, rows, target=None):
        t, there = (y, crossed) if target is None else (target, entered)
        towards = np.sign(self.theta) * (-1 if target is None else 1)
        x_adv, first = x.copy(), None
        finite, lost_at = np.ones(len(x), bool), np.full(len(x), -1)
        changed, going = np.zeros(x.shape, bool), np.arange(len(x))
        step = 0
        while going.size:
            z, a, b = gradients(model, x_adv[going], t[going])
            first = z if first is None else first
            known = finite_rows(z) & finite_rows(a) & finite_rows(b)
            lost_at[going[known & ~(a.any(axis=1) | b.any(axis=1))]] = step
            finite[going] = known
            moved = np.clip(x_adv[going] + x.dtype.type(self.theta), *self.clip)
            free = moved != x_adv[going]
            room = changed[going].sum(axis=1) + 2 <= self.gamma * x.shape[1]
            p, q, found = best_pair(towards * a, -towards * b,
                                    free & (changed[going] | room[:, None]))
            on = known & found & ~there(z, t[going])
            going, pair = going[on], np.stack([p, q])[:, on]
            changed[going, pair] = True
            x_adv[going, pair] = moved[np.flatnonzero(on), pair]
            step += 1
        return Attempt(x_adv, finite, lost_at != 0, first, lost_at)


def gradients(model, x, t):
    """z (N, C), dz_t/dx (N, D), and the same of the sum of the other z_j."""
    z, vjp = linearize(model, x)
    dz = np.zeros_like(z)
    dz[np.arange(len(t)), t] = 1
    return z, vjp(dz), vjp(1 - dz)


def best_pair(u, v, free):
    """The pair p, q of free pixels of the largest (u_p + u_q) (v_p + v_q), both factors
    positive, and whether there is one: (N,) each. u, v (N, D); free (N, D): bool.

    Of such a pair at most q is above p in both u and v, or whichever is would do better
    with q: among the few pixels of which at most one is above is the best pair of all.
    """
    order = np.argsort(np.where(free, -u, np.inf), axis=1)
    sorted_v = np.take_along_axis(np.where(free, v, -np.inf), order, axis=1)
    highest = np.maximum.accumulate(sorted_v, axis=1)
    second = np.full_like(sorted_v, -np.inf)        # highest of those before
    second[:, 2:] = np.maximum.accumulate(
        np.minimum(sorted_v[:, 1:], highest[:, :-1]), axis=1)[:, :-1]
    row, place = np.nonzero(sorted_v > second)
    count = np.bincount(row, minlength=len(u))
    nth = np.arange(len(row)) - np.repeat(np.cumsum(count) - count, count)
    pixels = np.full((len(u), max(2, count.max())), -1)         # -1: none
    pixels[row, nth] = order[row, place]
    found = np.zeros((len(u), 3), int)
    few = np.flatnonzero(count <= FEW)
    for rows in (few, *np.flatnonzero(count > FEW)[:, None]):
        if rows.size:
            found[rows] = best_of(u, v, pixels[rows, :max(2, count[rows].max())],
                                  rows)
    return found[:, 0], found[:, 1], found[:, 2] > 0


def best_of(u, v, pixels, rows):
    """p, q and whether there is such a pair (n, 3), of the pixels (n, K) of `rows`, by
    looking at every pair."""
    def sums(values):
        values = np.where(pixels < 0, -np.inf, values[rows[:, None], pixels])
        values = values.astype("float64")       # products of float32 may underflow
        return values[:, :, None] + values[:, None, :]
    n, K = pixels.shape
    alpha, beta = sums(u), sums(v)
    fits = (alpha > 0) & (beta > 0) & ~np.eye(K, dtype=bool)
    score = np.where(fits, alpha * beta, 0).reshape(n, -1)
    best = score.argmax(axis=1)
    i, k = np.divmod(best, K)
    at = np.arange(n)
    return np.stack([pixels[at, i], pixels[at, k], score[at, best] > 0], axis=1)
