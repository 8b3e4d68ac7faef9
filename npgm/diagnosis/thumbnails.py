"""The worst examples of a diagnosis as small pictures."""
import math

import numpy as np

from npgm import plots

CHANNELS = (1, 3)


def images(x):
    """Examples x (K, ...) as (K, H, W) in grey or (K, H, W, 3) in color: rows of a
    square number of pixels, images, channels first or last. None of anything else."""
    if x.ndim == 2 and math.isqrt(x.shape[1]) ** 2 == x.shape[1]:
        return x.reshape(len(x), *[math.isqrt(x.shape[1])] * 2)
    if x.ndim == 4 and x.shape[1] in CHANNELS:
        x = np.moveaxis(x, 1, 3)
    if x.ndim == 4 and x.shape[3] in CHANNELS:
        return x[..., 0] if x.shape[3] == 1 else x
    return x if x.ndim == 3 else None


def triples(worst, clip):
    """For each of the worst examples three PNGs: before, after, and the difference, of
    which grey is none. None if they are no images."""
    before, after = images(worst.x), images(worst.x_adv)
    if before is None:
        return None
    low, high = clip or (min(before.min(), after.min()), max(before.max(), after.max()))
    return [(plots.pixels(x, low, high), plots.pixels(x_adv, low, high),
             plots.pixels(x_adv - x, -size, size))
            for x, x_adv in zip(before, after)
            for size in [np.abs(x_adv - x).max()]]
