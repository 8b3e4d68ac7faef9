"""A model as attacks see it: rows in, checked rows out."""
import warnings

import numpy as np

from npgm.errors import InputError

LOOKED_AT = 8       # examples that a model is tried on before an attack


def view(model, shape):
    """The model for examples of that shape, or its faster twin if it has one; with a
    guard around it unless it is an MLP. Attacks hand over rows (N, D)."""
    model = model.compiled() if hasattr(model, "compiled") else model
    ours = (hasattr(model, "logits_on_line")
            and type(model).__module__.partition(".")[0] == "npgm")
    return model if ours else Guarded(model, shape)


class Guarded:
    """Any object with logits(x) and vjp(x, dz), handed what it may overwrite: copies,
    in the shape of the examples. What comes back is checked and copied too."""

    def __init__(self, model, shape):
        self.model, self.shape = model, shape

    def logits(self, x):
        """z (N, C). Raises InputError if the model gives anything else."""
        return _checked_logits(self.model.logits(self._own(x)), len(x))

    def vjp(self, x, dz):
        """J(x)^T dz (N, D), in the dtype of x."""
        return self._rows(self.model.vjp(self._own(x), dz.copy()), x)

    def linearize(self, x):
        """z, and the function dz -> J(x)^T dz; one forward pass if the model's own
        linearize saves the other."""
        if not hasattr(self.model, "linearize"):
            return self.logits(x), lambda dz: self.vjp(x, dz)
        z, vjp = self.model.linearize(self._own(x))
        return _checked_logits(z, len(x)), lambda dz: self._rows(vjp(dz.copy()), x)

    def _own(self, x):
        return x.reshape(len(x), *self.shape).copy()

    def _rows(self, dx, x):
        dx = np.asarray(dx)
        if dx.size != x.size or len(dx) != len(x) or dx.dtype.kind != "f":
            raise InputError(f"vjp gives {dx.dtype}{dx.shape}: it must give floats in "
                             f"the shape of x, {(len(x), *self.shape)}")
        return dx.reshape(x.shape).astype(x.dtype)


def _checked_logits(z, count):
    z = np.array(z)
    if z.ndim != 2 or len(z) != count or z.dtype.kind != "f":
        raise InputError(f"logits gives {z.dtype}{z.shape} for {count} examples: it "
                         "must give floats (N, C), a row an example")
    if z.shape[1] < 2:
        raise InputError("logits gives one number an example: give at least two logits,"
                         " (0, z) for a sigmoid of z")
    return z


def look(model, x):
    """Classes that a model tells apart. Warns if two calls differ, or if it gives
    probabilities where logits are expected."""
    x = x[:LOOKED_AT]
    z, again = model.logits(x), model.logits(x)
    if not np.array_equal(z, again, equal_nan=True):
        warnings.warn("two calls of logits differ: the model is random, and so is "
                      "whatever an attack finds", stacklevel=4)
    if (z >= 0).all() and (np.abs(z.sum(axis=1) - 1) < 1e-3).all():
        warnings.warn("logits look like probabilities: their gradient vanishes where "
                      "the softmax saturates; give what goes into it", stacklevel=4)
    return z.shape[1]
