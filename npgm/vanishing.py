"""Ways in which a gradient vanishes elsewhere: wrappers of a loss or of a model.

An attack is handed the wrapped loss or model and knows nothing of it.
"""
import numpy as np

from npgm import checks
from npgm.losses import evaluate
from npgm.network import backward, forward, layer_views, relu


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
    """The loss with the subnormal numbers of dz flushed to zero, as on many GPUs
    (TensorFlow compiles its GPU kernels so: `ftz=true` in its tensorflow.bzl).

    Of cross_entropy that is also what flushing its exponentials leaves: no entry of p
    is larger than its own, and beside p_y they are lost in any case.
    """
    def flushing(z, y):
        value, dz = evaluate(loss, z, y)
        return value, flush(dz)
    return flushing


class Flushed:
    """A model whose input gradients have their subnormal numbers flushed to zero; not
    within the layers between, as `FlushedLayers` has."""

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


class FlushedLayers:
    """An MLP in arithmetic that has no subnormal numbers: its weights, and what every
    layer takes and gives, forward and backward, are flushed to zero.

    Only within a product's sums they are kept: there hardware may flush too, which
    changes numbers of the size of the smallest normal one.
    """

    def __init__(self, net):
        self.layers = layer_views(net.sizes, flush(net.theta))

    def logits(self, x):
        """z (N, C)."""
        return self.linearize(x)[0]

    def vjp(self, x, dz):
        """J(x)^T dz (N, D)."""
        return self.linearize(x)[1](dz)

    def linearize(self, x):
        """As `MLP.linearize`."""
        *hidden, last = self.layers
        activations = [flush(x)]
        for layer in hidden:
            activations.append(relu(flush(forward([layer], activations[-1])[-1])))

        def vjp(dz):
            for _, _, dh in backward(self.layers, activations, flush(dz)):
                dh[:] = flush(dh)           # before the layer below makes use of it
            return dh
        return flush(forward([last], activations[-1])[-1]), vjp


def flush(array):
    """array with numbers smaller than the smallest normal one replaced by 0."""
    return np.where(np.abs(array) < np.finfo(array.dtype).tiny, 0, array)
