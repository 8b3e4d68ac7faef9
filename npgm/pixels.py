"""Images kept as the unsigned bytes they are stored as, a quarter of the memory:
floats are made of those that are asked for."""
import math

import numpy as np

from npgm import checks

PIECE = 2 ** 18     # numbers, about, that `pieces` makes at a time


class Pixels:
    """x (N, ...) of bytes / 255 in float32 or float64. It has of an array what is
    needed to read some rows at a time: x[rows], and x.take(rows, axis=0), which is
    faster; a new array each time."""

    def __init__(self, values, dtype):
        self.values, self.dtype = values, np.dtype(dtype)

    def __len__(self):
        return len(self.values)

    @property
    def shape(self):
        return self.values.shape

    def reshape(self, *shape):
        return Pixels(self.values.reshape(*shape), self.dtype)

    def __getitem__(self, rows):
        return self._floats(self.values[rows])

    def take(self, rows, axis):
        return self._floats(self.values.take(rows, axis))

    def _floats(self, values):
        x = values.astype(self.dtype)
        x /= self.dtype.type(255)
        return x


class Images:
    """An attribute for images: of Pixels it makes the array when it is first read, and
    keeps that instead."""

    def __set_name__(self, owner, name):
        self.name = name

    def __set__(self, data, x):
        vars(data)[self.name] = x

    def __get__(self, data, owner):
        if data is None:        # for dataclasses: a field without a default
            raise AttributeError(f"{owner.__name__}.{self.name} has no default")
        x = vars(data)[self.name]
        if isinstance(x, Pixels):
            x = vars(data)[self.name] = x[:]
        return x


def pieces(x):
    """x (N, ...), an array or Pixels, as arrays of some of its rows, in order."""
    rows = max(1, PIECE // max(1, math.prod(x.shape[1:])))
    return (x[start:start + rows] for start in range(0, len(x), rows))


def check(x, name):
    """x itself, if it is Pixels or an array of finite numbers in [0, 1]. Raises
    InputError."""
    if isinstance(x, Pixels):
        return x
    return checks.within(checks.finite(x, name), 0, 1, "pixels are floats in [0, 1], "
                         "for example x / 255", name)
