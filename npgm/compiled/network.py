"""The compiled twin of `network.MLP`, for training and for attacks.

The mathematics stands in `network` and `losses`. Here it is put together again
from `kernels`, in memory that is kept from call to call.
"""
from types import SimpleNamespace
from typing import NamedTuple

import numpy as np

from npgm import losses
from npgm.compiled import twins
from npgm.compiled.jit import compiled
from npgm.compiled.kernels import (cross_entropy, kept_rows, multiply, relu,
                                   relu_backward, relu_on_line, room, sum_rows,
                                   transpose)
from npgm.network import aligned_zeros, layer_views


class Layer(NamedTuple):
    """What one layer's kernels read and write. N examples, n inputs, m outputs."""

    W: np.ndarray               # (n, m)
    b: np.ndarray               # (m,)
    dW: np.ndarray
    db: np.ndarray
    H: np.ndarray               # (N, n): its input, x or the Z of the layer before
    Z: np.ndarray               # (N, m): its output, after relu in hidden layers
    dZ: np.ndarray              # (N, m)
    W_transposed: np.ndarray    # (m, n)


class Scratch(NamedTuple):
    """What every layer's kernels use in turn."""

    room: tuple                 # for sparse rows, see kernels.room
    H_transposed: np.ndarray    # flat, as large as the largest H
    zeros: np.ndarray           # as many as the widest layer has units
    upwards: np.ndarray         # 0, 1, 2, ... below N and below any layer's width


@compiled
def forward(layers, scratch, first):
    """Z of every layer from the first-th on. Twin: `network.forward`."""
    last = len(layers) - 1
    for i in range(first, last + 1):
        layer = layers[i]
        multiply(layer.H, scratch.room, layer.W, layer.b, layer.Z)
        if i < last:
            relu(layer.Z)


@compiled
def transpose_weights(layer, scratch):
    """W^T, which the gradient of the layer's input, dZ W^T, is made with."""
    transpose(layer.W, scratch.upwards[:len(layer.W)], layer.W_transposed)


@compiled
def backward(layers, scratch):
    """dW and db of every layer, from the last one's dZ. Twin: `network.backward`."""
    last = len(layers) - 1
    live = kept_rows(layers[last].dZ)   # behind a zero residual everything is zero
    N = live.size
    for i in range(last, -1, -1):
        layer, dZ = layers[i], layers[i].dZ[:N]
        n = layer.H.shape[1]
        H_transposed = scratch.H_transposed[:n * N].reshape(n, N)
        transpose(layer.H, live, H_transposed)
        multiply(H_transposed, scratch.room, dZ, scratch.zeros, layer.dW)
        sum_rows(dZ, layer.db)
        if i > 0:
            dH = layers[i - 1].dZ[:N]
            transpose_weights(layer, scratch)
            multiply(dZ, scratch.room, layer.W_transposed, scratch.zeros, dH)
            relu_backward(dH, layer.H, live)


@compiled
def backward_to_x(layers, scratch, dX, fresh):
    """dX from the last layer's dZ. fresh: whether W^T has to be made. Twin:
    `network.backward_to_x`."""
    for i in range(len(layers) - 1, -1, -1):
        layer, dH = layers[i], layers[i - 1].dZ if i > 0 else dX
        if fresh:
            transpose_weights(layer, scratch)
        multiply(layer.dZ, scratch.room, layer.W_transposed, scratch.zeros, dH)
        if i > 0:
            relu_backward(dH, layer.H, scratch.upwards[:len(dH)])


def _plain(x):
    """x as the kernels are compiled for: contiguous, aligned and, by its type,
    writable. They only read it, so what may not be written to is not copied."""
    x = np.require(x, requirements="CA")
    if x.flags.writeable:
        return x
    interface = {**x.__array_interface__, "data": (x.ctypes.data, False)}
    return np.asarray(SimpleNamespace(__array_interface__=interface, of=x))


class CompiledMLP:
    """An MLP whose products run in `kernels`, on one thread: the same bits whatever
    the number of cores."""

    def __init__(self, net):
        """net: an MLP, whose theta is read at every call."""
        self.net = net
        self._dtheta = aligned_zeros(net.theta.size, net.dtype)
        self._memory = self._transposed = None
        self._calls = 0

    def compiled(self):
        """Itself: there is nothing faster."""
        return self

    def mean_gradient(self, x, y, loss=losses.cross_entropy):
        """As `MLP.mean_gradient`; dtheta holds until the next call.

        x (N, D) and y (N,) int64 are not checked: they must fit the network.
        """
        layers, scratch = self._layers(x)
        dZ = layers[-1].dZ
        forward(layers, scratch, 0)
        if loss is losses.cross_entropy and twins.may_stand_in(twins.CROSS_ENTROPY):
            values = np.empty(len(x), self.net.dtype)
            cross_entropy(layers[-1].Z, y, dZ, values)
        else:
            values, dZ[:] = losses.evaluate(loss, layers[-1].Z.copy(), y)
            dZ /= dZ.dtype.type(len(x))
        backward(layers, scratch)
        return values, self._dtheta

    def activations(self, x):
        """[x, h1, h2, ..., z] of the newest call, which x was given to: views, until
        the next."""
        return [x, *(layer.Z[:len(x)] for layer in self._memory[0])]

    def logits(self, x):
        """As `MLP.logits`."""
        return self._forward(self.net.check_x(x))

    def linearize(self, x):
        """As `MLP.linearize`, but the function holds only until theta changes; after a
        call of any other method it makes the forward pass again. Of few examples its
        time is that of transposing W, which is done once."""
        self._forget()
        z = self._forward(self.net.check_x(x))
        calls = self._calls

        def vjp(dz):
            nonlocal calls
            self.net.check_dz(dz, z)
            if self._calls != calls:
                self._forget()
                self._forward(x)
            dx, calls = self._dx(x, dz), self._calls
            return dx
        return z, vjp

    def vjp(self, x, dz):
        """As `MLP.vjp`."""
        return self.linearize(x)[1](dz)

    def logits_on_line(self, x, s):
        """As `MLP.logits_on_line`."""
        self.net.check_line(x, s)
        layers, scratch = self._layers(x)
        start, slope = (np.empty_like(layers[0].Z) for _ in range(2))
        multiply(layers[0].H, scratch.room, layers[0].W, layers[0].b, start)
        multiply(_plain(s), scratch.room, layers[0].W, scratch.zeros, slope)
        return self._along(start, slope, x)

    def _along(self, start, slope, x):
        """The function epsilon -> logits, where layer 1 before its ReLU is start +
        epsilon * slope, (N, m) each. x: as many examples, whatever they are."""
        layers, scratch = self._layers(x)

        def logits(epsilon):
            epsilon = start.dtype.type(epsilon)
            if len(layers) == 1:
                return start + epsilon * slope
            relu_on_line(start, slope, epsilon, layers[0].Z)
            forward(layers, scratch, 1)
            return layers[-1].Z.copy()
        return logits

    def _forward(self, x):
        """z (N, C) of x, the hidden layers left in the memory."""
        layers, scratch = self._layers(x)
        forward(layers, scratch, 0)
        return layers[-1].Z.copy()

    def _forget(self):
        """What was made of theta: it may have changed since."""
        self._transposed = None

    def _dx(self, x, dz):
        """J(x)^T dz after the forward pass of x."""
        layers, scratch = self._layers(x)
        layers[-1].dZ[:] = dz
        dx, W_transposed = np.empty_like(x, order="C"), layers[0].W_transposed
        backward_to_x(layers, scratch, dx, W_transposed is not self._transposed)
        self._transposed = W_transposed
        return dx

    def _layers(self, x):
        """Memory for the most examples so far; its first rows, for those of x."""
        self._calls += 1
        N = len(x)
        if self._memory is None or N > len(self._memory[0][0].Z):
            self._memory = self._new_memory(N)
        layers, H = [], _plain(x)
        for layer in self._memory[0]:
            layers.append(layer._replace(H=H, Z=layer.Z[:N], dZ=layer.dZ[:N]))
            H = layers[-1].Z
        return tuple(layers), self._memory[1]

    def _new_memory(self, N):
        net = self.net

        def dense(*shape):
            return aligned_zeros(shape, net.dtype)

        layers, H = [], dense(0, 0)     # layer 0's is x, put there at every call
        gradients = layer_views(net.sizes, self._dtheta)
        for (W, b), (dW, db), n, m in zip(net.layers, gradients, net.sizes,
                                          net.sizes[1:]):
            layers.append(Layer(W, b, dW, db, H, Z=dense(N, m), dZ=dense(N, m),
                                W_transposed=dense(m, n)))
            H = layers[-1].Z
        widest = max(net.sizes)
        shapes = [shape for n in net.sizes for shape in ((N, n), (n, N))]
        return tuple(layers), Scratch(
            room=room(shapes, net.dtype), H_transposed=dense(N * widest),
            zeros=np.zeros(widest, net.dtype), upwards=np.arange(max(N, widest)))
