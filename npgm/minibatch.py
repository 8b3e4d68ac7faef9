"""The training path: the gradient of a minibatch, and the update, compiled.

The mathematics stands in `network`, `losses` and `optimizers`. Here it is put
together again from `kernels`, in memory that is kept from batch to batch.
"""
from typing import NamedTuple

import numpy as np

from npgm.jit import compiled, specialized
from npgm.kernels import (SparseRows, compress, cross_entropy, gather, product, relu,
                          relu_backward, sum_rows, transpose, transpose_dense)
from npgm.network import aligned_zeros, layer_views
from npgm.optimizers import check_gradient


class Layer(NamedTuple):
    """What one layer's kernels read and write. N examples, n inputs, m outputs."""

    W: np.ndarray               # (n, m)
    b: np.ndarray               # (m,)
    dW: np.ndarray
    db: np.ndarray
    H: SparseRows               # (N, n): the layer's input
    H_transposed: SparseRows    # (n, N)
    Z: np.ndarray               # (N, m): its output; after relu, the next H
    dZ: np.ndarray              # (N, m)
    dZ_sparse: SparseRows       # (N, m)
    W_transposed: np.ndarray    # (m, n)
    cursor: np.ndarray          # (n,) uint32


def minibatch_gradient(layers, y, losses, live, zeros):
    """Forward and backward over a batch; layers[0].H holds its examples.
    Twin: `MLP.loss_gradients`, whose steps it follows one by one."""
    last = len(layers) - 1
    for i in range(last + 1):
        layer = layers[i]
        product(layer.H, layer.W, layer.b, layer.Z)
        if i < last:
            relu(layer.Z)
            compress(layer.Z, layers[i + 1].H, True)

    cross_entropy(layers[last].Z, y, layers[last].dZ, losses)
    for i in range(live.size):      # a zero residual: everything behind it is zero
        live[i] = np.any(layers[last].dZ[i])

    for i in range(last, -1, -1):
        layer = layers[i]
        transpose(layer.H, live, layer.H_transposed, layer.cursor)
        product(layer.H_transposed, layer.dZ, zeros, layer.dW)
        sum_rows(layer.dZ, layer.db)
        if i > 0:
            dH = layers[i - 1].dZ
            compress(layer.dZ, layer.dZ_sparse, True)
            transpose_dense(layer.W, layer.W_transposed)
            product(layer.dZ_sparse, layer.W_transposed, zeros, dH)
            relu_backward(dH, layers[i - 1].Z)


minibatch_gradient = compiled(minibatch_gradient)


class MinibatchGradient:
    """Loss and theta-gradient of one minibatch after another, in memory kept."""

    def __init__(self, net, x, batch_size):
        """net: an MLP, read at every call. x (N, D): the examples batches are
        chosen from, copied in sparse form."""
        N, dtype = batch_size, net.dtype
        self.x = SparseRows.from_dense(x)
        self.theta = aligned_zeros(net.theta.size, dtype)
        self.losses = np.zeros(N, dtype)
        self.live = np.zeros(N, bool)
        self.zeros = np.zeros(max(net.sizes), dtype)

        def dense(rows, columns):
            return aligned_zeros(rows * columns, dtype).reshape(rows, columns)

        def sparse(rows, columns):
            return SparseRows.empty((rows, columns), dtype)

        self.layers = tuple(
            Layer(W, b, dW, db, H=sparse(N, n),
                  H_transposed=sparse(n, N), Z=dense(N, m), dZ=dense(N, m),
                  dZ_sparse=sparse(N, m), W_transposed=dense(m, n),
                  cursor=np.zeros(n, np.uint32))
            for (W, b), (dW, db), n, m in zip(
                net.layers, layer_views(net.sizes, self.theta), net.sizes,
                net.sizes[1:]))

    def __call__(self, rows, y):
        """Losses (N,) of the examples x[rows] with labels y (N,); self.theta
        becomes the gradient of their mean. Both are overwritten by the next call."""
        gather(self.x, rows, self.layers[0].H)
        minibatch_gradient(self.layers, y, self.losses, self.live, self.zeros)
        return self.losses


def _update0(theta, g, coefficients):
    for k in range(theta.size):
        theta[k], = rule(theta[k], g[k], *coefficients)  # noqa: F821


def _update1(theta, g, first, coefficients):
    for k in range(theta.size):
        theta[k], first[k] = rule(theta[k], g[k], first[k],  # noqa: F821
                                  *coefficients)


def _update2(theta, g, first, second, coefficients):
    for k in range(theta.size):
        theta[k], first[k], second[k] = rule(theta[k], g[k], first[k],  # noqa: F821
                                             second[k], *coefficients)


_UPDATES = {0: _update0, 1: _update1, 2: _update2}


def compiled_update(optimizer):
    """optimizer.update(theta, g, state), its rule compiled into one loop.

    Bit for bit what `Optimizer.update` computes.
    """
    rule = optimizer.rule
    names = list(optimizer.state)
    loop = specialized(_UPDATES[len(names)], f"update_{rule.__name__}",
                       rule=compiled(rule))

    def update(theta, g, state):
        check_gradient(theta, g)        # the loop knows no bounds
        state.t += 1
        loop(theta, g, *(getattr(state, name) for name in names),
             optimizer.typed_coefficients(state.t, theta))
    return update
