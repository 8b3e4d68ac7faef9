"""Carlini and Wagner's attacks (2017, arXiv 1608.04644): the nearest point at which
another logit leads, in the Euclidean or the maximum norm."""
from dataclasses import dataclass

import numpy as np

from npgm.attacks.base import Aim, Attack
from npgm.attacks.model import linearize, rounding
from npgm.attacks.result import Attempt
from npgm.checks import finite_rows
from npgm.errors import InputError
from npgm.losses import evaluate
from npgm.optimizers import Adam

# The authors' constants.
LITTLE = 0.9999     # of its value before, the objective must fall below
LOOKS = 10          # times in a run at which that is looked at
DECADE = 10.0       # what c is raised by, until one succeeds
LARGEST = {2: 1e10, np.inf: 20.0}       # c
SHRINK = 0.9        # of the distance found, the next tau
# Ours. The authors' w begins at 0.999999, where tanh is so flat that nothing falls for
# an image of 0 and 1 alone; they bisect c nine times, and stop at the first tau that
# fails.
SMOOTH = 0.99       # of the way to a bound, where w begins: at it w were infinite
FINER = 20          # what the rate is divided by where a tau fails
CLOSE = 0.995       # of a c or a distance that succeeds, one that fails is near enough


@dataclass(frozen=True)
class CarliniWagner(Attack):
    """The smallest r with which x + r is misclassified, or of the target's class t:

        norm 2:    minimise |r|^2 + c f(x + r),
        norm inf:  minimise sum_i max(|r_i| - tau, 0) + c f(x + r),

        f = max(max_{k != t} z_k - z_t, -kappa), or, without a target,
        f = max(z_y - max_{k != y} z_k, -kappa),

    f_6 of the paper, on logits: no rounding masks it. A box is kept to by the variable
    w, x + r = low + (high - low) (tanh w + 1) / 2, which Adam moves, from w of x; tanh
    is flat near the bounds, so it begins 0.5 % of the box inside of them.

    norm 2: c is raised tenfold until one succeeds, and then bisected for the least that
    does, to 0.5 %. norm inf: tau is the width of the box at first, and then nine tenths
    of the distance found, from the point found; where it fails with c raised tenfold up
    to 20, it is tried again in finer steps of Adam, and where it fails again, bisected
    between that and the distance, to 0.5 %.

    How near that comes, on affine models of 10 pixels, where the distance is known: for
    nine examples of ten to 0.2 % (norm 2) and 0.8 % (norm inf), for all to 2.5 %.

    kappa: by how much the logit must lead, in units of logits; what is but rounding is
    no lead. steps: of Adam, at most, two calls of the model each; a run ends where its
    objective no longer falls. search_steps: how many c, or pairs of tau and c, are
    tried. learning_rate: of Adam, in units of w. c: the first. clip: (low, high).
    target: see Attack.

    x_adv is the nearest point met that is misclassified, by kappa, or x, where an
    example stays that is so from the start. One is valid if the gradient of f at x was
    finite and not exactly zero. It holds if no such point was met; its gradient was
    lost if f had none at a point on the way.
    """

    piece = 100     # Adam keeps as many numbers twice

    norm: float | str = 2
    kappa: float = 0.0
    steps: int = 1000
    search_steps: int = 20
    learning_rate: float = 0.01
    c: float = 0.001
    clip: tuple = (0, 1)
    target: int | str | None = None

    def __post_init__(self):
        super().__post_init__()
        if self.clip is None:
            raise InputError("clip is None: CarliniWagner needs (low, high), the box "
                             "that tanh maps to")

    def run(self, model, x, y, rows, target=None):
        search = _Search(self, model, x, Aim(y, target, "margin"))
        search.by_c() if self.norm == 2 else search.by_tau()
        return Attempt(search.best, search.finite, search.lost_at != 0,
                       lost_at=search.lost_at)


class _Search:
    """The nearest points found so far. best (N, D), length (N,): of best - x in the
    norm of the attack, infinite if there is none. going: the examples looked for.
    rate (N,): what Adam's is multiplied by."""

    def __init__(self, attack, model, x, aim):
        self.attack, self.model, self.x, self.aim = attack, model, x, aim
        self.best, self.length = x.copy(), np.full(len(x), np.inf)
        self.finite, self.rate = np.ones(len(x), bool), np.ones(len(x), x.dtype)
        self.looks, self.lost_at = np.zeros(len(x), int), np.full(len(x), -1)
        self.see(x, np.arange(len(x)))
        self.going = np.flatnonzero(
            self.finite & (self.lost_at < 0) & np.isinf(self.length))

    def by_c(self):
        """Norm 2: the least c that succeeds."""
        N = len(self.x)
        c, fails, succeeds = np.full(N, self.attack.c), np.zeros(N), np.full(N, np.inf)
        for _ in range(self.attack.search_steps):
            going = self.going
            if not going.size:
                break
            met = self.descend(self.x, c)
            succeeds[going[met]], fails[going[~met]] = c[going[met]], c[going[~met]]
            c = np.where(np.isinf(succeeds), DECADE * c, (fails + succeeds) / 2)
            near = fails >= CLOSE * succeeds
            self.going = going[(self.finite & ~near & (c <= LARGEST[2]))[going]]

    def by_tau(self):
        """Norm inf: the least tau."""
        N, (low, high) = len(self.x), self.attack.clip
        c, tau, fails = np.full(N, self.attack.c), np.full(N, high - low), np.zeros(N)
        for _ in range(self.attack.search_steps):
            going = self.going
            if not going.size:
                break
            met = self.descend(self.best, c, tau)
            spent = DECADE * c[going] > LARGEST[np.inf]
            failed = going[~met & spent]
            fine = self.rate[failed] < 1
            fails[failed[fine]] = tau[failed[fine]]
            self.rate[failed] = 1 / FINER
            c[going[~met & ~spent]] *= DECADE
            new = going[met | spent]
            tau[new] = np.where(fails > 0, (fails + self.length) / 2,
                                SHRINK * self.length)[new]
            near = fails >= CLOSE * self.length
            self.going = going[(self.finite & ~near & np.isfinite(tau))[going]]

    def descend(self, start, c, tau=None):
        """A run of Adam, in u = w / rate, for the examples that are going -> whether
        each met a point that succeeds, (n,); of norm inf within tau, and there the run
        ends."""
        attack, at = self.attack, self.going
        adam, (low, high) = Adam(attack.learning_rate), attack.clip
        half = self.x.dtype.type((high - low) / 2)
        s = self.rate[at][:, None]      # Adam's steps in u do not depend on it
        u = np.arctanh(SMOOTH * ((start[at] - low) / half - 1)).astype(s.dtype) / s
        state, update = adam.init(u), adam.compiled()
        met, before = np.zeros(len(at), bool), np.full(len(at), np.inf)
        here, every = np.arange(len(at)), max(1, attack.steps // LOOKS)
        for step in range(attack.steps):
            tanh = np.tanh(s * u)
            x_adv = np.clip(low + half * (tanh + 1), low, high)
            f, df, inside = self.see(x_adv, at[here])
            r, weight = x_adv - self.x[at[here]], c[at[here]].astype(u.dtype)
            width = None if tau is None else tau[at[here]]
            distance, dr = penalty(r, width)
            if tau is not None:
                inside &= np.abs(r).max(axis=1) <= width
            met[here] |= inside
            on = self.finite[at[here]] & ((tau is None) | ~inside)
            if step % every == 0:
                objective = distance + weight * f
                on &= objective <= LITTLE * before[here]
                before[here] = objective
            du = (dr + weight[:, None] * df) * (s * half * (1 - tanh * tanh))
            if not on.all():
                here, s, u, du = here[on], s[on], u[on], du[on]
                for name in adam.initial:
                    setattr(state, name, getattr(state, name)[on])
                if not here.size:
                    break
            update(u, du, state)
        return met

    def see(self, x_adv, at):
        """f (n,) and its gradient (n, D) at points x_adv of the examples `at`, and
        whether each is where it is to go."""
        z, vjp = linearize(self.model, x_adv)
        lead, dz = evaluate(self.aim.loss, z, self.aim.labels[at])
        least = np.maximum(self.attack.kappa, rounding(z))
        short = lead <= least
        g = vjp(np.where(short[:, None], dz, 0).astype(z.dtype))
        finite = finite_rows(z) & finite_rows(g)
        inside = finite & ~short
        r = x_adv - self.x[at]
        length = np.linalg.norm(r.astype("float64"), self.attack.norm, axis=1)
        nearer = at[better := inside & (length < self.length[at])]
        self.best[nearer], self.length[nearer] = x_adv[better], length[better]
        lost = at[finite & short & ~g.any(axis=1) & (self.lost_at[at] < 0)]
        self.lost_at[lost] = self.looks[lost]
        self.looks[at] += 1
        self.finite[at] &= finite
        return -np.minimum(lead, least), -g, inside


def penalty(r, tau):
    """What the distance adds to the objective (N,), and its gradient (N, D): |r|^2, or
    what of |r_i| is above tau (N,)."""
    if tau is None:
        return (r * r).sum(axis=1), 2 * r
    above = np.abs(r) - tau[:, None].astype(r.dtype)
    return np.maximum(above, 0).sum(axis=1), np.where(above > 0, np.sign(r), 0)
