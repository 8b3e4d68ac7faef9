"""Small models to attack, and examples to attack them with."""
import numpy as np

from npgm.network import MLP

D, C = 6, 4


def examples(count, dtype="float64", seed=0, classes=C):
    rng = np.random.default_rng(seed)
    return rng.random((count, D)).astype(dtype), rng.integers(0, classes, count)


def network(dtype="float64", sizes=(D, 8, C), lead=1):
    """A fresh network, the logits of which are multiplied by lead."""
    net = MLP.initialize(sizes, seed=2, dtype=dtype, scheme="he")
    for array in net.layers[-1]:
        array *= lead
    return net


def affine(W, b, dtype="float64"):
    """The model z = x W + b."""
    return MLP(np.shape(W), np.concatenate([np.ravel(W), b]).astype(dtype))


def learnt(net, x):
    """Labels with which every example is right."""
    return net.logits(x).argmax(axis=1)


class LogitsAndVjp:
    """The least a model must have, and a count of examples it was shown."""

    def __init__(self, net):
        self.net, self.shown = net, 0

    def logits(self, x):
        self.shown += len(x)
        return self.net.logits(x)

    def vjp(self, x, dz):
        return self.net.vjp(x, dz)


class Images(LogitsAndVjp):
    """Takes images (N, 1, 2, 3)."""

    def logits(self, x):
        assert x.shape[1:] == (1, 2, 3)
        return self.net.logits(x.reshape(len(x), D))

    def vjp(self, x, dz):
        return self.net.vjp(x.reshape(len(x), D), dz).reshape(x.shape)


class OfAnyDtype(LogitsAndVjp):
    """A float64 network that takes float32 too, and gives what it was given."""

    def logits(self, x):
        return self.net.logits(x.astype("float64")).astype(x.dtype)

    def vjp(self, x, dz):
        return self.net.vjp(x.astype("float64"), dz.astype("float64")).astype(x.dtype)


SUBSTITUTE = OfAnyDtype(network())


class Largest(LogitsAndVjp):
    """shown: the most examples it was shown at once."""

    def logits(self, x):
        self.shown = max(self.shown, len(x))
        return self.net.logits(x)


def by_pieces_of(size, attack):
    """The same attack, so many examples at a time."""
    kind = type(attack)
    return type(kind.__name__, (kind,), {"piece": size})(**vars(attack))


def assert_same(one, other):
    for name in ("x_adv", "success", "status", "valid", "lost_at"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
