"""What training spends its time in, compiled.

Everything a ReLU network multiplies has zeros on its left: 81 % of MNIST's
pixels, the silent hidden units, the residuals of examples learnt beyond doubt.
So there is one matrix product here, `product`, of sparse rows with a dense
matrix, and the two ways to get sparse rows, `compress` and `transpose`. The
mathematics stands in `network` and `optimizers`; each kernel names its twin.
"""
from typing import NamedTuple

import numpy as np

from npgm.jit import compiled, specialized
from npgm.network import aligned_zeros, layer_views
from npgm.optimizers import check_gradient
from npgm.simd import VECTOR_BYTES, make_tile

# A block of B, 64 rows of 120 float32, fills the first-level cache (32 KB).
BLOCK = 64

NONE = np.uint32(0)


class SparseRows(NamedTuple):
    """The non-zero entries of a matrix, row by row, cut every BLOCK columns.

    Entries of row i with columns in [b * BLOCK, (b + 1) * BLOCK) stand at
    starts[i, b] to starts[i, b + 1] in columns and values. There may be gaps
    between rows.
    """

    starts: np.ndarray      # (N, blocks + 1) int64
    columns: np.ndarray     # uint32: unsigned, so that no index can be negative
    values: np.ndarray

    @classmethod
    def empty(cls, shape, dtype):
        """Room for any matrix of that shape."""
        rows, columns = shape
        return cls(np.zeros((rows, -(-columns // BLOCK) + 1), np.int64),
                   np.empty(rows * columns, np.uint32),
                   np.empty(rows * columns, dtype))

    @classmethod
    def from_dense(cls, A):
        """The sparse rows of A (N, D)."""
        room = cls(np.zeros((len(A), -(-A.shape[1] // BLOCK) + 1), np.int64),
                   np.empty(np.count_nonzero(A) + 1, np.uint32),
                   np.empty(np.count_nonzero(A) + 1, A.dtype))
        compress(A, room, False)
        return room


def compress(A, sparse, spread):
    """A (N, D) dense to sparse rows. Twin: `A != 0`.

    spread gives every row room for D entries; else rows follow each other.
    """
    starts = sparse.starts
    first = 0
    for i in range(A.shape[0]):
        if spread:
            first = i * A.shape[1]
        row, columns, values = A[i], sparse.columns[first:], sparse.values[first:]
        n = NONE                # unsigned and from 0: no index needs a sign test
        for block in range(starts.shape[1] - 1):
            starts[i, block] = first + n
            for j in range(block * BLOCK, min((block + 1) * BLOCK, A.shape[1])):
                columns[n] = j
                values[n] = row[j]
                n += np.uint32(row[j] != 0)     # no branch: a zero is overwritten
        first += n
        starts[i, -1] = first


def gather(sparse, rows, chosen):
    """chosen = the given rows of sparse, copied side by side. A batch's rows lie
    scattered in main memory, and the products read each several times."""
    n = 0
    for i in range(rows.size):
        starts = sparse.starts[rows[i]]
        for block in range(starts.size):
            chosen.starts[i, block] = n + starts[block] - starts[0]
        for k in range(starts[0], starts[-1]):
            chosen.columns[n] = sparse.columns[k]
            chosen.values[n] = sparse.values[k]
            n += 1


def transpose(sparse, live, transposed, cursor):
    """Sparse rows (N, D) to the sparse rows of the transpose (D, N), each with
    room for N entries. Leaves out row i where live[i] is False. Twin: `A.T`.

    cursor: room for D unsigned integers.
    """
    N = sparse.starts.shape[0]
    for j in range(cursor.size):
        cursor[j] = j * N
    for i in range(N):
        if i % BLOCK == 0:
            transposed.starts[:, i // BLOCK] = cursor
        if live[i]:
            entries = slice(sparse.starts[i, 0], sparse.starts[i, -1])
            columns, values = sparse.columns[entries], sparse.values[entries]
            for k in range(columns.size):
                place = cursor[columns[k]]
                transposed.columns[place] = i
                transposed.values[place] = values[k]
                cursor[columns[k]] = place + np.uint32(1)
    transposed.starts[:, -1] = cursor


def transpose_dense(A, transposed):
    """transposed = A.T, eight rows at a time to write whole vectors."""
    whole = A.shape[0] - A.shape[0] % 8
    for i in range(0, whole, 8):
        a, b, c, d = A[i], A[i + 1], A[i + 2], A[i + 3]
        e, f, g, h = A[i + 4], A[i + 5], A[i + 6], A[i + 7]
        for j in range(A.shape[1]):
            to = transposed[j, i:i + 8]
            to[0], to[1], to[2], to[3] = a[j], b[j], c[j], d[j]
            to[4], to[5], to[6], to[7] = e[j], f[j], g[j], h[j]
    for i in range(whole, A.shape[0]):
        transposed[:, i] = A[i]


def _panels(sparse, B, initial, out, j, end, step):
    """The columns j, j + step, ... below end of a product, a tile at a time.

    A block of B stays in the first-level cache while every row passes it.
    """
    starts, columns, values = sparse
    while j + step <= end:
        for block in range(starts.shape[1] - 1):
            for i in range(starts.shape[0]):
                start, stop = starts[i, block], starts[i, block + 1]
                if start < stop or block == 0:
                    tile(out, i, j, initial, block == 0,  # noqa: F821
                         B, columns, values, start, stop)
        j += step
    return j


def product(sparse, B, initial, out):
    """out (N, M) = initial[:M] + A (N, D) @ B (D, M), A as sparse rows.

    Each entry is summed in ascending column of A. Twin: `A @ B + b`.
    """
    width = out.shape[1]
    vector = VECTOR_BYTES // out.itemsize
    j = 0
    if width % (15 * vector) == 0:      # 15 sums and 1 factor fill 16 registers
        j = panels15(sparse, B, initial, out, j, width, 15 * vector)
    j = panels8(sparse, B, initial, out, j, width, 8 * vector)
    j = panels1(sparse, B, initial, out, j, width, vector)
    if j < width:
        panels_rest(sparse, B, initial, out, j, width, width - j)


def sum_rows(A, total):
    """total (M,) = the sum of the rows of A (N, M). Twin: `A.sum(axis=0)`."""
    total[:] = 0
    for i in range(A.shape[0]):
        for j in range(A.shape[1]):
            total[j] += A[i, j]


def relu(Z):
    """Z = max(0, Z) in place; NaN stays NaN. Twin: `np.maximum(Z, 0)`."""
    flat = Z.reshape(-1)
    zero = flat.dtype.type(0)
    for k in range(flat.size):
        flat[k] = zero if flat[k] <= 0 else flat[k]


def relu_backward(dH, H):
    """dH = dH where H > 0, else 0, in place. Twin: `dh * (h > 0)`."""
    gradient, activation = dH.reshape(-1), H.reshape(-1)
    zero = gradient.dtype.type(0)
    for k in range(gradient.size):
        gradient[k] = gradient[k] if activation[k] > 0 else zero


def cross_entropy(Z, y, dZ, losses):
    """losses (N,) and dZ (N, C), the gradient of their mean.
    Twin: `losses.cross_entropy`, with dz / N."""
    N, C = Z.shape
    number = Z.dtype.type
    for i in range(N):
        highest = wrong = number(-np.inf)       # of all classes; of the wrong ones
        for c in range(C):
            highest = max(highest, Z[i, c])
            if c != y[i]:
                wrong = max(wrong, Z[i, c])
        total = odds = number(0)
        for c in range(C):
            dZ[i, c] = np.exp(Z[i, c] - highest)
            total += dZ[i, c]
            if c != y[i]:
                odds += np.exp(Z[i, c] - wrong)
        for c in range(C):
            p = dZ[i, c] / total
            dZ[i, c] = (p - number(1) if c == y[i] else p) / number(N)
        losses[i] = np.logaddexp(number(0), wrong + np.log(odds) - Z[i, y[i]])


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


compress = compiled(compress)
gather = compiled(gather)
transpose = compiled(transpose)
transpose_dense = compiled(transpose_dense)
panels15 = specialized(_panels, "panels15", contract=True, tile=make_tile(15))
panels8 = specialized(_panels, "panels8", contract=True, tile=make_tile(8))
panels1 = specialized(_panels, "panels1", contract=True, tile=make_tile(1))
panels_rest = specialized(_panels, "panels_rest", contract=True, tile=make_tile(0))
product = compiled(product)
sum_rows = compiled(sum_rows)
relu = compiled(relu)
relu_backward = compiled(relu_backward)
cross_entropy = compiled(cross_entropy)
minibatch_gradient = compiled(minibatch_gradient)

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
