"""Attacks of many steps: within epsilon of x, the best point met kept."""
import numpy as np

from npgm.attacks.base import Attack, clipped, draws


class ManySteps(Attack):
    """An attack with fields epsilon, clip and seed that goes from point to point."""

    def start(self, x, rows, *stream):
        """Uniformly drawn points (N, D) within epsilon of x, and within clip."""
        noise = draws(self.seed or 0, rows, lambda rng, count: rng.uniform(
            -1, 1, (count, x.shape[1])), *stream)
        return self.project(x + (self.epsilon * noise).astype(x.dtype), x)

    def project(self, x_adv, x):
        """x_adv, every pixel within epsilon of x, and within clip."""
        epsilon = x.dtype.type(self.epsilon)
        return clipped(np.clip(x_adv, x - epsilon, x + epsilon), self.clip)


class Best:
    """The best of the points seen, for each example: x, its loss, whether it fools."""

    def __init__(self, x):
        self.x, self.loss = x.copy(), np.full(len(x), -np.inf)
        self.fools = np.zeros(len(x), bool)

    def see(self, x, loss, fools, finite, at=slice(None)):
        """Points x of the examples `at`, all of them by default."""
        better = finite & ((fools & ~self.fools[at])
                           | ((fools == self.fools[at]) & (loss > self.loss[at])))
        at = np.arange(len(self.x))[at][better]
        self.x[at], self.loss[at] = x[better], loss[better]
        self.fools[at] |= fools[better]
