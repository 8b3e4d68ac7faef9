"""What the signs look at: each is measured once, when first asked for."""
import functools
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from npgm.attacks import PGD, input_gradient
from npgm.attacks.base import checked, clipped
from npgm.attacks.fgsm import sign_step
from npgm.diagnosis.signs.sign import NotMeasured
from npgm.losses import mistakes

SUBSET = 100    # examples of the signs that make runs of their own
CALLS = 480     # of the model for each of them, at most
STEPS = 40      # of PGD, each a tenth of epsilon: as attacks.PGD has it
LOSS = "cross_entropy"      # the loss as it is attacked


class Path(NamedTuple):
    """PGD's way, x first: loss and wrong (STEPS + 1, N), and whether the first
    gradient was finite and not exactly zero, valid (N,)."""

    loss: np.ndarray
    wrong: np.ndarray
    valid: np.ndarray

    @property
    def fooled(self):
        """(N,): wrong anywhere on the way."""
        return self.wrong.any(axis=0)


def walk(model, x, y, attack):
    """The Path of plain PGD, an `attacks.PGD`, from x: no best point is kept and
    nothing begins again, so that what goes wrong is seen."""
    x_adv, steps = x, []
    for _ in range(attack.steps + 1):
        gradient = input_gradient(model, x_adv, y, attack.loss)
        steps.append((gradient.loss, mistakes(gradient.z, y), gradient.valid))
        x_adv = attack.project(sign_step(
            x_adv, gradient.dx, x.dtype.type(attack.step_size)), x)
    loss, wrong, valid = (np.array(part) for part in zip(*steps))
    return Path(loss, wrong, valid[0])


@dataclass(frozen=True)
class Evidence:
    """A model as attacks see it, the first examples x (N, D), y (N,), and what attacks
    found: errors {name: success} of all examples."""

    model: object
    x: np.ndarray
    y: np.ndarray
    epsilon: float
    clip: tuple | None
    seed: int
    errors: dict

    @classmethod
    def of(cls, model, x, y, epsilon, clip, seed, errors):
        """That of the first SUBSET examples. Raises InputError if they do not fit."""
        model, x, y = checked(model, x[:SUBSET], y[:SUBSET], clip, epsilon)
        return cls(model, x, y, epsilon, clip, seed, errors)

    def fooled_by(self, *names):
        """(N,) of all examples: fooled by any of the attacks named that were run.
        Raises NotMeasured if none was."""
        known = [self.errors[name] for name in names if name in self.errors]
        if not known:
            raise NotMeasured(f"needs {' or '.join(names)}, which was not run")
        return np.any(known, axis=0)

    def near(self, radius, stream, draw=0):
        """x with each pixel moved uniformly within radius, clip or no clip; by other
        noise for each stream, a name, and draw."""
        noise = self._rng(stream, draw).uniform(-radius, radius, self.x.shape)
        return self.x + noise.astype(self.x.dtype)

    def start(self, stream):
        """A random point within epsilon of x, and within clip."""
        return clipped(self.near(self.epsilon, stream), self.clip)

    def corner(self, stream, draw):
        """x with each pixel moved by epsilon, up or down, clipped."""
        signs = self._rng(stream, draw).integers(0, 2, self.x.shape, np.int8) * 2 - 1
        return clipped(sign_step(self.x, signs, self.x.dtype.type(self.epsilon)),
                       self.clip)

    def _rng(self, stream, draw):
        # Rows are drawn one after the other: how many follow one changes nothing in it.
        return np.random.default_rng([self.seed, draw, *stream.encode()])

    @property
    def range(self):
        """From the least to the largest that a pixel is, or may be; 1 if that is 0."""
        low, high = self.clip or (self.x.min(), self.x.max())
        return float(high - low) or 1.0

    @functools.cached_property
    def z(self):
        """Logits of x."""
        return self.model.logits(self.x)

    @functools.cached_property
    def right(self):
        """(N,): right before any attack. Raises NotMeasured if none is."""
        right = ~mistakes(self.z, self.y)
        if not right.any():
            raise NotMeasured("the model is right on none of the examples")
        return right

    @functools.cached_property
    def path(self):
        """That of PGD as it is attacked."""
        return walk(self.model, self.x, self.y, PGD(
            self.epsilon, STEPS, self.epsilon / 10, LOSS, self.clip))

    @functools.cached_property
    def unbounded(self):
        """That of PGD with no epsilon: steps of a tenth of the range of the data."""
        step = self.range / 10
        return walk(self.model, self.x, self.y, PGD(
            STEPS * step, STEPS, step, LOSS, self.clip))
