"""What training spends its time in, compiled.

Everything a ReLU network multiplies has zeros on its left: 81 % of MNIST's
pixels, the silent hidden units, the residuals of examples learnt beyond doubt.
So the matrix product here, `multiply`, looks at how many there are: `product`
takes sparse rows, which `compress` and `transpose` make, and `dense_product` is
for the rest. The mathematics stands in `network`; each kernel names its twin.
"""
from typing import NamedTuple

import numpy as np

from npgm.compiled.jit import compiled, specialized
from npgm.compiled.simd import (VECTOR_BYTES, make_dense_tile, make_sparse_tile,
                                many_registers)

# A block of B, 64 rows of 120 float32, fills the first-level cache (32 KB).
BLOCK = 64

# A tile of sums, its vectors of B and 1 factor have to fit the vector registers:
# AVX-512 brings 32 of them, 16 is what there was before.
TILE_ROWS, TILE_VECTORS = (8 if many_registers() else 4), 3
dense_tile = make_dense_tile(TILE_ROWS, TILE_VECTORS)
tile = make_sparse_tile(1)     # in `_panels`; each specialization has its own

SPARSE_BELOW = 0.5      # density from which the dense product is faster

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


@compiled
def compress(A, sparse):
    """A (N, D) dense to sparse rows, each with room for D entries. Twin: `A != 0`."""
    starts = sparse.starts
    for i in range(A.shape[0]):
        first = i * A.shape[1]
        row, columns, values = A[i], sparse.columns[first:], sparse.values[first:]
        n = NONE                # unsigned and from 0: no index needs a sign test
        for block in range(starts.shape[1] - 1):
            starts[i, block] = first + n
            for j in range(block * BLOCK, min((block + 1) * BLOCK, A.shape[1])):
                columns[n] = j
                values[n] = row[j]
                n += np.uint32(row[j] != 0)     # no branch: a zero is overwritten
        starts[i, -1] = first + n


@compiled
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


@compiled
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
                    tile(out, i, j, initial, B, block == 0, columns, values, start,
                         stop)
        j += step
    return j


panels15, panels8, panels1, panels_rest = (
    specialized(_panels, name, contract=True, tile=make_sparse_tile(vectors))
    for name, vectors in (("panels15", 15), ("panels8", 8), ("panels1", 1),
                          ("panels_rest", 0)))


@compiled
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


@compiled(contract=True)
def dense_product(A, B, initial, out):
    """out (N, M) = initial[:M] + A (N, D) @ B (D, M), term by term as `product`.

    The last tile of a row or column lies over the one before it, and computes
    the same again: so N and M must be at least a tile's. A may have any layout.
    """
    N, M = out.shape
    width = TILE_VECTORS * (VECTOR_BYTES // out.itemsize)
    for j in range(0, M, width):
        for i in range(0, N, TILE_ROWS):
            dense_tile(out, min(i, N - TILE_ROWS), min(j, M - width), initial, B, A)


@compiled
def multiply(A, room, B, initial, out):
    """out = initial + A @ B by the faster way: as sparse rows, made in room, if A
    has few entries. Returns whether it was that. Both ways add the same terms in
    the same order, but for zeros."""
    N, M = out.shape
    entries = 0
    for i in range(N):
        for j in range(A.shape[1]):
            entries += A[i, j] != 0
    small = (min(N, A.shape[1]) < TILE_ROWS
             or M < TILE_VECTORS * (VECTOR_BYTES // out.itemsize))
    sparse = small or entries < SPARSE_BELOW * A.size
    if sparse:
        compress(A, room)
        product(room, B, initial, out)
    else:
        dense_product(A, B, initial, out)
    return sparse


@compiled
def sum_rows(A, total):
    """total (M,) = the sum of the rows of A (N, M). Twin: `A.sum(axis=0)`."""
    total[:] = 0
    for i in range(A.shape[0]):
        for j in range(A.shape[1]):
            total[j] += A[i, j]


@compiled
def relu(Z):
    """Z = max(0, Z) in place; NaN stays NaN. Twin: `np.maximum(Z, 0)`."""
    flat = Z.reshape(-1)
    zero = flat.dtype.type(0)
    for k in range(flat.size):
        flat[k] = zero if flat[k] <= 0 else flat[k]


@compiled
def relu_backward(dH, H):
    """dH = dH where H > 0, else 0, in place. Twin: `np.where(h > 0, dh, 0)`."""
    gradient, activation = dH.reshape(-1), H.reshape(-1)
    zero = gradient.dtype.type(0)
    for k in range(gradient.size):
        gradient[k] = gradient[k] if activation[k] > 0 else zero


@compiled
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
