"""Auto-PGD (Croce and Hein 2020, arXiv 2003.01690): the step halves itself."""
from dataclasses import dataclass
from typing import Callable

import numpy as np

from npgm.attacks.base import input_gradient
from npgm.attacks.fgsm import sign_step
from npgm.attacks.many_steps import Best, ManySteps
from npgm.attacks.result import Attempt
from npgm.checks import finite_rows
from npgm.losses import mistakes

# The paper's constants.
ALPHA = 0.75    # of the new step, 1 - ALPHA of the last one: momentum
RHO = 0.75      # the share of steps that must raise the loss


def checkpoints(steps):
    """The steps w_j at which the step size is looked at: w_j = ceil(p_j steps), p_0 =
    0, p_1 = 0.22, p_{j+1} = p_j + max(p_j - p_{j-1} - 0.03, 0.06)."""
    found, p, gap = [], 22, 22          # in hundredths: 0.41 * 100 is above 41
    while p <= 100:
        found.append(-(-p * steps // 100))
        gap = max(gap - 3, 6)
        p += gap
    return found


@dataclass(frozen=True)
class APGD(ManySteps):
    """PGD with momentum whose step begins at 2 epsilon, and halves, back at the best
    point so far, where too few steps raised the loss or no best point was found since
    the last checkpoint: the paper's Algorithm 1, in the maximum norm.

    It begins uniformly within epsilon of x. x_adv is the first point that fools, where
    the example is left alone, or the one of highest J. An example is valid if its first
    gradient was not exactly zero. Where one is, as in a region where a layer's units
    are all off, the example begins anew at another random point, up to `restarts`
    times; the original never does (restarts = 0), and stays there.
    """

    epsilon: float = 0.25
    steps: int = 100
    loss: str | Callable = "cross_entropy"
    clip: tuple | None = None
    restarts: int = 5
    seed: int = 0

    def run(self, model, x, y, rows):
        walk, best, going = _Walk(x, 2 * self.epsilon), Best(x), np.arange(len(x))
        finite, valid = np.ones(len(x), bool), None
        lost_at, left = np.full(len(x), -1), np.full(len(x), self.restarts)
        due, anew = checkpoints(self.steps), going
        for k in range(self.steps + 1):
            if not going.size:
                break
            if anew.size:
                walk.begin(anew, self.start(x, rows, k)[anew])
            x_adv, labels = walk.x[going], y[going]
            gradient = input_gradient(model, x_adv, labels, self.loss)
            best.see(x_adv, gradient.loss, mistakes(gradient.z, labels),
                     finite_rows(gradient.z), going)
            valid = gradient.valid if valid is None else valid
            finite[going] = gradient.finite | best.fools[going]
            lost = going[gradient.finite & ~gradient.valid]
            lost_at[lost[lost_at[lost] < 0]] = k
            on = gradient.finite & ~best.fools[going]
            going, anew = going[on], lost[~best.fools[lost] & (left[lost] > 0)]
            spent = going[~gradient.valid[on] & (left[going] == 0)]
            left[anew] -= 1
            walk.arrive(going, gradient.loss[on], gradient.dx[on])
            if k in due:
                walk.check(going)
            going = np.setdiff1d(going, spent[walk.rest(spent)])
            walk.step(going, lambda x_adv: self.project(x_adv, x[going]))
        return Attempt(best.x, finite, valid, lost_at=lost_at)


class _Walk:
    """The variables of Algorithm 1, an entry an example. x, before, x_max (N, D):
    x^(k), x^(k-1) and the point of highest f, dx_max its gradient. f, f_max (N,). k:
    steps since it began. k_then, f_then: k and f_max at the last checkpoint."""

    def __init__(self, x, eta):
        self.first_eta, N = eta, len(x)
        self.x, self.before, self.x_max, self.dx, self.dx_max = (
            np.zeros_like(x) for _ in range(5))
        self.eta = np.zeros(N, x.dtype)
        self.f, self.f_max, self.f_then = np.zeros((3, N))
        self.k, self.k_then, self.rises = np.zeros((3, N), int)
        self.halved = np.zeros(N, bool)

    def begin(self, at, x):
        """The examples `at` begin at x, whatever they were at before."""
        self.x[at] = self.before[at] = x
        self.eta[at], self.halved[at] = self.first_eta, False
        self.f[at], self.f_max[at], self.f_then[at] = np.inf, -np.inf, -np.inf
        self.k[at] = self.k_then[at] = self.rises[at] = 0

    def arrive(self, at, f, dx):
        """f and its gradient at x, of the examples `at`."""
        self.rises[at] += f > self.f[at]
        self.f[at], self.dx[at] = f, dx
        higher = at[f > self.f_max[at]]
        for best, now in ((self.x_max, self.x), (self.dx_max, self.dx),
                          (self.f_max, self.f)):
            best[higher] = now[higher]

    def check(self, at):
        """A checkpoint: where a condition holds, halve the step and go back."""
        few = self.rises[at] < RHO * (self.k[at] - self.k_then[at])     # condition 1
        stuck = ~self.halved[at] & (self.f_max[at] == self.f_then[at])  # condition 2
        self.halved[at] = few | stuck
        self.f_then[at], self.k_then[at], self.rises[at] = self.f_max[at], self.k[at], 0
        back = at[few | stuck]
        self.eta[back] /= 2
        for now, best in ((self.x, self.x_max), (self.dx, self.dx_max),
                          (self.f, self.f_max)):
            now[back] = best[back]

    def rest(self, at):
        """Whether no step will move them: no momentum, and no gradient at x^(k) or
        x_max."""
        still = (self.x[at] == self.before[at]).all(axis=1)
        return still & ~(self.dx[at].any(axis=1) | self.dx_max[at].any(axis=1))

    def step(self, at, project):
        """From x^(k) to x^(k+1)."""
        x, before = self.x[at], self.before[at]
        z = project(sign_step(x, self.dx[at], self.eta[at, None]))
        alpha = np.where(self.k[at, None] == 0, 1, x.dtype.type(ALPHA))
        self.before[at] = x
        self.x[at] = project(x + alpha * (z - x) + (1 - alpha) * (x - before))
        self.k[at] += 1
