"""The Square attack (Andriushchenko, Croce, Flammarion and Hein 2020, arXiv
1912.00049): squares of one colour, kept where they raise the loss."""
import math
from dataclasses import dataclass
from typing import Callable

import numpy as np

from npgm import checks
from npgm.attacks.base import Attack, clipped, draws
from npgm.attacks.many_steps import Best
from npgm.attacks.result import Attempt
from npgm.checks import finite_rows
from npgm.errors import InputError
from npgm.losses import evaluate, mistakes

# The queries, of 10,000, after which p is halved.
HALVED = (10, 50, 200, 500, 1000, 2000, 4000, 6000, 8000)


@dataclass(frozen=True)
class Square(Attack):
    """Random search for the highest loss within epsilon of x: vertical stripes first,
    then at each query one square at a random place, each of its channels moved to
    x + epsilon or x - epsilon. The paper's Algorithms 1 and 2, in the maximum norm.

    It asks a model for logits alone, so a masked gradient does not stop it, and every
    example is valid. queries: logits asked of an example beside those of x, until it is
    fooled; an example already wrong stays as it is. p: the squares' share of the
    pixels, halved on the paper's schedule, rescaled to `queries`. loss: the paper's,
    "margin", or "cross_entropy", its loss of targeted attacks. clip: None or (low,
    high) for x_adv; the paper's is (0, 1).

    shape of an example: (H, W), (C, H, W) or (H, W, C), of which the shorter of the
    first and last axis are the channels. None: as the model takes it, if that is one of
    these; rows of D numbers are images of one channel where D is a square number, or
    else one pixel high and D wide. Where a square does not fit, it is a rectangle.
    """

    epsilon: float = 0.25
    queries: int = 1000
    p: float = 0.8
    clip: tuple | None = None
    seed: int = 0
    shape: tuple | None = None
    loss: str | Callable = "margin"

    def __post_init__(self):
        super().__post_init__()
        checks.number("p", self.p, high=1, above=True)
        if self.shape and len(self.shape) not in (2, 3):
            raise InputError(f"shape is {self.shape}: give (H, W), (C, H, W) or "
                             "(H, W, C)")

    def run(self, model, x, y, rows):
        images = self._images(model, x)
        z, best, always = model.logits(x), Best(x), np.ones(len(x), bool)
        epsilon, finite = x.dtype.type(self.epsilon), finite_rows(z)
        ends = [images(clipped(x + sign * epsilon, self.clip)) for sign in (-1, 1)]
        going = np.flatnonzero(finite & ~mistakes(z, y))
        for query in range(self.queries):
            if not going.size:
                break
            x_adv, labels = best.x[going], y[going]
            paint = self._squares if query else self._stripes
            paint(images(x_adv), ends, rows, going, query)
            z_adv = model.logits(x_adv)
            best.see(x_adv, evaluate(self.loss, z_adv, labels)[0],
                     mistakes(z_adv, labels), finite_rows(z_adv), going)
            going = going[~best.fools[going]]
        return Attempt(best.x, finite, always, z)

    def _images(self, model, x):
        """The function that sees rows like x as images (N, C, H, W)."""
        shape, D = self.shape, x.shape[1]
        if not shape:
            shape = getattr(model, "shape", ())
        if len(shape) not in (2, 3):
            side = math.isqrt(D)
            shape = (side, side) if side * side == D else (1, D)
        if math.prod(shape) != D:
            raise InputError(f"shape is {shape}: examples of {D} numbers have another")
        if len(shape) == 2:
            shape = (1, *shape)
        last = shape[0] > shape[-1]     # where the channels are

        def images(x):
            seen = x.reshape(-1, *shape)
            return np.moveaxis(seen, -1, 1) if last else seen
        return images

    def _stripes(self, images, ends, rows, going, query):
        """Each column of pixels of each channel to one of its ends, in place."""
        channels, _, width = images.shape[1:]
        signs = draws(self.seed, rows, lambda rng, count: rng.integers(
            0, 2, (count, channels, 1, width)), query)[going]
        images[:] = np.where(signs, ends[1][going], ends[0][going])

    def _squares(self, images, ends, rows, going, query):
        """A square of each image to one of its ends, a channel at a time, in place."""
        channels, height, width = images.shape[1:]
        p = self.p / 2 ** np.searchsorted(HALVED, 10_000 * query // self.queries)
        h, w = _sides(p, height, width)
        highest = [height - h + 1, width - w + 1] + channels * [2]
        drawn = draws(self.seed, rows, lambda rng, count: rng.integers(
            0, highest, (count, len(highest))), query)[going]
        for image, i, (row, column, *signs) in zip(images, going, drawn.tolist()):
            for channel, sign in enumerate(signs):
                square = channel, slice(row, row + h), slice(column, column + w)
                image[square] = ends[sign][i][square]


def _sides(p, height, width):
    """Height and width of a square of a share p of the pixels; where it does not fit,
    of a rectangle across the image."""
    side = max(round(math.sqrt(p * height * width)), 1)
    if side <= min(height, width):
        return side, side
    if height <= width:
        return height, max(round(p * width), 1)
    return max(round(p * height), 1), width
