"""Networks really trained, each once a process, on MNIST: a second or a few."""
import dataclasses
import functools

import numpy as np

import npgm
from npgm import losses
from npgm.attacks import PGD
from npgm.defences import AdversarialTraining
from npgm.network import MLP, Gradients, layer_views
from npgm.optimizers import SGD, Adam, Momentum

SIZES = (784, 100, 10)
SEVEN = 7


@functools.cache
def mnist():
    return npgm.load_dataset()


def sevens(data):
    """Two classes: 1 are the sevens."""
    labels = {name: (getattr(data, name) == SEVEN).astype("int64")
              for name in ("y_train", "y_validation", "y_test")}
    return dataclasses.replace(data, classes=2, **labels)


def first(data, count):
    """With the first `count` training images alone."""
    return dataclasses.replace(data, x_train=data.x_train[:count],
                               y_train=data.y_train[:count])


def trained(sizes=SIZES, optimizer=Adam(), steps=1000, kind=MLP, data=None, **options):
    net = kind.initialize(sizes, seed=0)
    npgm.train(net, optimizer, data or mnist(), steps, evaluate_at=(), **options)
    return net


@functools.cache
def early():
    """Adam 0.001 early: leads of some 5, far from any rounding."""
    return trained()


@functools.cache
def sgd():
    return trained(optimizer=SGD(0.1))


@functools.cache
def momentum():
    return trained(optimizer=Momentum(0.01))


@functools.cache
def masked():
    """Adam 0.03 on 5,000 images that it knows by heart: leads of some 50, and units
    that are off everywhere."""
    return trained((784, 100, 50, 10), Adam(0.03), 4000, data=first(mnist(), 5000))


@functools.cache
def partly_silent():
    """As masked, with a narrow last hidden layer: all off for every sixth image."""
    return trained((784, 100, 50, 20, 10), Adam(0.03), 4000, data=first(mnist(), 5000))


@functools.cache
def told_sevens():
    """Is it a seven?"""
    return trained((784, 100, 2), data=sevens(mnist()))


@functools.cache
def at_temperature(T=100):
    """Trained with softmax(z / T), as in defensive distillation (Papernot and others
    2016), which then learns the soft labels of such a network: what matters here, that
    the logits grow T times as large, is there without."""
    def loss(z, y):
        value, dz = losses.cross_entropy(z / z.dtype.type(T), y)
        return value, dz / z.dtype.type(T)
    return trained(optimizer=Adam(0.01), loss=loss)


@functools.cache
def smoothed(share=0.1):
    """Labels of which a share is spread over all classes."""
    def loss(z, y):
        p, log_normalizer = losses.softmax(z)
        target = np.full_like(z, share / z.shape[1])
        target[np.arange(len(y)), y] += 1 - share
        return log_normalizer - (target * z).sum(axis=1), p - target
    return trained(loss=loss)


@functools.cache
def overfitted_to_fgsm():
    """Trained on FGS images at 0.25, one step from x itself: it learns to give a
    gradient that misleads (Wong, Rice and Kolter 2020). So it did with each of three
    seeds."""
    return trained(defence=AdversarialTraining(0.25))


@functools.cache
def regression():
    return trained((784, 10))


def widened(net):
    """The same weights in float64."""
    return MLP(net.sizes, net.theta.astype("float64"))


class TrainedOnPgd:
    """A defence: PGD's examples in place of each batch (Madry and others 2018)."""

    def __init__(self, epsilon, steps=5):
        self.attack = PGD(epsilon, steps, 2.5 * epsilon / steps, clip=(0, 1), seed=0)

    def examples(self, model, x, y):
        return self.attack(model, x, y).x_adv, y


@functools.cache
def robust():
    return trained(steps=500, defence=TrainedOnPgd(0.1))


# Other activations than ReLU


class Activated(MLP):
    """An MLP with activate(a) -> (h, dh/da) in place of ReLU."""

    def compiled(self):
        return self

    def logits(self, x):
        return self._forward(x)[0]

    def linearize(self, x):
        z, hs, slopes = self._forward(x)

        def vjp(dz):
            for _, _, dx in self._backward(hs, slopes, dz):
                pass
            return dx
        return z, vjp

    def loss_gradients(self, x, y, loss="cross_entropy"):
        z, hs, slopes = self._forward(x)
        value, dz = losses.evaluate(loss, z, y)
        dtheta = np.empty_like(self.theta)
        for (dW, db), (W, b, dx) in zip(reversed(layer_views(self.sizes, dtheta)),
                                        self._backward(hs, slopes, dz)):
            dW[:], db[:] = W / len(x), b / len(x)
        return Gradients(value, dtheta, dx)

    def _forward(self, x):
        """z, and for each layer its input and the slope of what made that."""
        hs, slopes = [x], [1]
        for W, b in self.layers:
            a = hs[-1] @ W + b
            h, slope = self.activate(a)
            hs.append(h)
            slopes.append(slope)
        return a, hs[:-1], slopes[:-1]

    def _backward(self, hs, slopes, dz):
        for (W, _), h, slope in zip(*map(reversed, (self.layers, hs, slopes))):
            dh = (dz @ W.T) * slope
            yield h.T @ dz, dz.sum(axis=0), dh
            dz = dh


class Tanh(Activated):
    steepness = 1

    def activate(self, a):
        h = np.tanh(self.steepness * a)
        return h, self.steepness * (1 - h * h)


class Binarized(Tanh):
    """So steep that nearly all units are at -1 or 1, to the last bit."""

    steepness = 10_000


class WinnersTakeAll(Activated):
    """k-WTA (Xiao, Zhong and Zheng 2020): of a layer's units the k largest pass, the
    others are 0. Which do jumps about with x."""

    k = 5

    def activate(self, a):
        least = np.partition(a, -self.k, axis=1)[:, -self.k, None]
        wins = a >= least
        return np.where(wins, a, 0), wins.astype(a.dtype)


@functools.cache
def tanh():
    return trained(kind=Tanh)


@functools.cache
def winners_take_all():
    return trained((784, 300, 10), kind=WinnersTakeAll)
