"""Ways in which a gradient vanishes elsewhere: wrappers of a loss or of a model.

An attack is handed the wrapped loss or model and knows nothing of it.
"""
import numpy as np

from npgm.losses import named


def mean_over(loss, count):
    """The loss as a part of the mean over `count` examples: dz / count, as in
    frameworks that reduce before they differentiate."""
    loss = named(loss)

    def mean(z, y):
        value, dz = loss(z, y)
        return value, dz / dz.dtype.type(count)
    return mean


def in_float64(loss):
    """The loss computed in float64, its value and dz then rounded to the dtype of z."""
    loss = named(loss)

    def wide(z, y):
        return tuple(part.astype(z.dtype) for part in loss(z.astype("float64"), y))
    return wide


def flushed(loss):
    """The loss with the subnormal numbers of dz flushed to zero, as on many GPUs."""
    loss = named(loss)

    def flushing(z, y):
        value, dz = loss(z, y)
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


def flush(array):
    """array with numbers smaller than the smallest normal one replaced by 0."""
    return np.where(np.abs(array) < np.finfo(array.dtype).tiny, 0, array)
