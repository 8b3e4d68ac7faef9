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
    """dH = dH where H > 0, else 0, in place. Twin: `np.where(h > 0, dh, 0)`."""
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
