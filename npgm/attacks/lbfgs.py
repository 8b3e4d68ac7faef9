"""The box-constrained L-BFGS attack (Szegedy and others 2014, arXiv 1312.6199)."""
from dataclasses import dataclass
from typing import Callable

import numpy as np

from npgm.attacks.base import Attack, input_gradient
from npgm.attacks.result import Attempt, entered

DECADE = 10.0       # c goes by such factors until it is bracketed
MEMORY = 5          # pairs s, y that the inverse Hessian is made of
ARMIJO = 1e-4       # of the decrease that the gradient promises, a step must make
BEND = 1e-3         # of the gradient, a change along s that is more than rounding
LEAST = 0.05        # a step too long is made shorter by a factor of this, or more
SHORTEST = 1e-6     # a step shortened by such a factor is none
CLOSE = 0.995       # of the best length, a minimum that fails has: no other c is tried
LITTLE = 1e-5       # of its value, a decrease after which none is worth a step
FLAT = 1e-4         # a gradient as short as such a share of c is zero


@dataclass(frozen=True)
class LBFGS(Attack):
    """The smallest r with which x + r is of the target's class: r minimises

        c |r| + J(x + r, target),    x + r within clip,

    with |r| Euclidean, for the largest c whose minimum is of the target's class.
    (Section 4.1; the paper says the least c, where it must mean the least |r|.) c is
    found by line search: 1 at first, it is multiplied by 10 or divided by it until one
    succeeds and one fails, and then is the geometric mean of the nearest two.

    steps: for each c, the points that L-BFGS looks at, from the best one known, or
    from x. search_steps: how many c are tried; no more once the minimum of one that
    fails is hardly nearer than the best point. loss: J. clip: the box, (0, 1) in the
    paper, or None. target: see Attack; there is no form without.

    x_adv is the nearest point met of the target's class, or x. An example that has that
    class stays as it is. One is valid if the gradient of J at x was finite and not
    exactly zero: at a target that of cross-entropy does not vanish by rounding before
    it is reached. It holds if no c succeeds; its gradient was lost if J had none at a
    point on the way, as where a layer's units are all off.
    """

    piece = 100     # what L-BFGS remembers is ten times as much

    steps: int = 50
    search_steps: int = 20
    loss: str | Callable = "cross_entropy"
    clip: tuple | None = (0, 1)
    target: int | str = "next"

    def run(self, model, x, y, rows, target=None):
        first = input_gradient(model, x, target, self.loss)
        going = np.flatnonzero(first.valid & ~entered(first.z, target))
        best, length = x.copy(), np.full(len(x), np.inf)
        c, succeeds, fails = np.ones(len(x)), np.zeros(len(x)), np.full(len(x), np.inf)
        looks, lost_at = np.zeros(len(x), int), np.full(len(x), -1)

        def objective(x_adv, at):
            gradient = input_gradient(model, x_adv, target[at], self.loss)
            r = x_adv - x[at]
            size, inside = lengths(r), entered(gradient.z, target[at])
            better = inside & gradient.finite & (size < length[at])
            best[at[better]], length[at[better]] = x_adv[better], size[better]
            lost = at[gradient.finite & ~gradient.valid & ~inside & (lost_at[at] < 0)]
            lost_at[lost] = looks[lost]
            looks[at] += 1
            return penalized(c[at], r, gradient)
        for _ in range(self.search_steps):
            if not going.size:
                break
            found = minimize(lambda x_adv, at: objective(x_adv, going[at]), best[going],
                             self.clip, self.steps, FLAT * c[going])
            inside = entered(model.logits(found), target[going])
            succeeds[going[inside]], fails[going[~inside]] = (
                c[going[inside]], c[going[~inside]])
            c = np.select([np.isinf(fails), succeeds == 0],
                          [DECADE * c, c / DECADE], np.sqrt(succeeds * fails))
            near = lengths(found - x[going]) >= CLOSE * length[going]
            going = going[inside | ~near]
        lost_at[first.finite & ~first.valid] = 0
        return Attempt(best, first.finite, first.valid, first.z, lost_at)


def penalized(c, r, gradient):
    """c |r| + J (N,), and its gradient (N, D); at r = 0 the shortest of its
    subgradients. gradient: the InputGradient of J."""
    size, dJ = lengths(r), gradient.dx
    outside = dJ + over(c, size) * r
    at_x = np.maximum(0, 1 - over(c, lengths(dJ))) * dJ
    value = np.where(gradient.finite, c * size + gradient.loss, np.inf)
    return value, np.where(size[:, None] > 0, outside, at_x).astype(r.dtype)


def minimize(f, x, clip, steps, flat):
    """Projected L-BFGS, for each row of x (N, D) on its own: where f is least, within
    clip. f(x, at) -> values (n,) and gradients (n, D), of the rows `at`; asked `steps`
    times. flat (N,): the length of a gradient that counts as zero."""
    low, high = clip or (-np.inf, np.inf)
    x, at = x.copy(), np.arange(len(x))
    value, g = f(x, at)
    S, Y = np.zeros((2, MEMORY, *x.shape), x.dtype)
    d, alpha = np.zeros_like(x), np.ones(len(x), x.dtype)
    new = at
    for _ in range(steps - 1):
        fixed = (x[new] <= low) & (g[new] > 0) | (x[new] >= high) & (g[new] < 0)
        free = np.where(fixed, 0, g[new])
        d[new] = np.where(fixed, 0, -inverse_hessian(free, S[:, new], Y[:, new]))
        alpha[new] = np.where(lengths(free) > flat[new], 1, 0)
        at = at[alpha[at] > SHORTEST]
        if not at.size:
            break
        trial = np.clip(x[at] + alpha[at, None] * d[at], low, high)
        f_trial, g_trial = f(trial, at)
        promised = dots(g[at], trial - x[at])
        noise = np.finfo(x.dtype).eps * np.abs(value[at])
        enough = f_trial <= value[at] + ARMIJO * promised + noise
        # Where the parabola through what is known has its minimum.
        shorter = promised / (2 * (promised - (f_trial - value[at])))
        alpha[at[~enough]] *= np.clip(shorter[~enough], LEAST, 1 / 2)
        new, trial, g_trial = at[enough], trial[enough], g_trial[enough]
        s, y = trial - x[new], g_trial - g[new]
        curved = dots(s, y) > BEND * lengths(s) * lengths(g[new])
        for history, pair in ((S, s), (Y, y)):
            history[:-1, new[curved]] = history[1:, new[curved]]
            history[-1, new[curved]] = pair[curved]
        little = value[new] - f_trial[enough] <= LITTLE * np.abs(value[new])
        x[new], value[new], g[new] = trial, f_trial[enough], g_trial
        at, new = np.setdiff1d(at, new[little]), new[~little]
    return x


def inverse_hessian(g, S, Y):
    """H g by the two loops, of the pairs S, Y (MEMORY, N, D), the newest last; a pair
    of zeros is none. Without any, g is made 1 long."""
    q, alphas, curvature = g.copy(), [], [dots(s, y) for s, y in zip(S, Y)]
    for s, y, sy in list(zip(S, Y, curvature))[::-1]:
        alphas.append(over(dots(s, q), sy))
        q -= alphas[-1] * y
    gamma = over(curvature[-1], dots(Y[-1], Y[-1]))
    q *= np.where(gamma > 0, gamma, over(1, lengths(g)))
    for s, y, sy, alpha in zip(S, Y, curvature, alphas[::-1]):
        q += (alpha - over(dots(y, q), sy)) * s
    return q


def dots(a, b):
    """(N,) float64: the products of rows of a and b (N, D)."""
    return np.einsum("nd,nd->n", a, b, dtype="float64")


def lengths(a):
    """(N,) float64: Euclidean."""
    return np.sqrt(dots(a, a))


def over(a, b):
    """(N, 1): a / b, and 0 where b is."""
    return (np.divide(a, b, out=np.zeros(len(b)), where=b > 0))[:, None]
