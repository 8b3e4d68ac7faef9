"""Ways in which a gradient vanishes elsewhere: wrappers of a loss or of a model.

An attack is handed the wrapped loss or model and knows nothing of it.
"""
import numpy as np

from npgm import checks
from npgm.losses import evaluate


def mean_over(loss, count):
    """The loss as a part of the mean over `count` examples: dz / count, as in
    frameworks that reduce before they differentiate."""
    count = checks.count("count", count)

    def mean(z, y):
        value, dz = evaluate(loss, z, y)
        return value, dz / dz.dtype.type(count)
    return mean


def in_float64(loss):
    """The loss computed in float64, its value and dz then rounded to the dtype of z."""
    def wide(z, y):
        return tuple(part.astype(z.dtype)
                     for part in evaluate(loss, z.astype("float64"), y))
    return wide


def flushed(loss):
    """The loss with the subnormal numbers of dz flushed to zero, as on many GPUs."""
    def flushing(z, y):
        value, dz = evaluate(loss, z, y)
        return value, flush(dz)
    return flushing


class Flushed:
    """A model whose input gradients have their subnormal numbers flushed to zero; not
    within the layers between."""

    def __init__(self, model):
        self.model = model

    def compiled(self):
        """The same of the model's faster twin, if it has one."""
        twin = getattr(self.model, "compiled", None)
        return Flushed(twin()) if twin else self

    def logits(self, x):
        """As the model's."""
        return self.model.logits(x)

    def vjp(self, x, dz):
        """As the model's, flushed."""
        return flush(self.model.vjp(x, dz))

    def linearize(self, x):
        """As `MLP.linearize`, flushed; one forward pass if the model has that."""
        if not hasattr(self.model, "linearize"):
            return self.logits(x), lambda dz: self.vjp(x, dz)
        z, vjp = self.model.linearize(x)
        return z, lambda dz: flush(vjp(dz))


def flush(array):
    """array with numbers smaller than the smallest normal one replaced by 0."""
    return np.where(np.abs(array) < np.finfo(array.dtype).tiny, 0, array)
