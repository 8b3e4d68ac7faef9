"""What training spends its time in, compiled.

Everything a ReLU network multiplies has zeros on its left: 81 % of MNIST's
pixels, the silent hidden units, the residuals of examples learnt beyond doubt.
So the matrix product here, `multiply`, looks at how many there are: `product`
takes sparse rows, which `compress` makes, and `dense_product` is for the rest. The
mathematics stands in `network`; each kernel names its twin.
"""
from typing import NamedTuple

import numpy as np

from npgm.compiled.jit import compiled, specialized
from npgm.compiled.shuffles import LANES, PACKED, pack, transpose_square
from npgm.compiled.simd import VECTOR_BYTES, has, make_dense_tile, make_sparse_tile

# What of B passes at a time is about as much as a first-level cache holds (32 KB): PAIR
# blocks by PANEL vectors, or one by WIDE where AVX-512 has registers for so many sums.
# BLOCK is a multiple of PACKED.
BLOCK, PANEL, PAIR, WIDE = 48, 8, 2, 25 if has("avx512vl") else 0

# A tile of sums, its vectors of B and 1 factor fill the 16 vector registers.
TILE_ROWS, TILE_VECTORS = 4, 3
dense_tile = make_dense_tile(TILE_ROWS, TILE_VECTORS)
tile = make_sparse_tile(1)     # in `_panels`; each specialization has its own

# Density from which the dense product is faster: on AVX-512 0.55 to 0.58 for those of a
# batch of 125, 0.53 of 500, below 0.3 of 2,000.
SPARSE_BELOW = 0.5


class SparseRows(NamedTuple):
    """The non-zero entries of a matrix, row by row, cut every BLOCK columns.

    Entries of row i with columns in [b * BLOCK, (b + 1) * BLOCK) stand at
    starts[i, b] to starts[i, b + 1] in columns and values. There may be gaps
    between rows.
    """

    starts: np.ndarray      # (N, blocks + 1) int64
    columns: np.ndarray     # uint32: unsigned, so that no index can be negative
    values: np.ndarray


def room(shapes, dtype):
    """Memory for the sparse rows of any one matrix of those shapes: starts, columns
    and values, flat."""
    return (np.empty(max(rows * (blocks_of(columns) + 1) for rows, columns in shapes),
                     np.int64),
            np.empty(max(rows * columns for rows, columns in shapes), np.uint32),
            np.empty(max(rows * columns for rows, columns in shapes), dtype))


@compiled
def blocks_of(columns):
    """How many blocks that many columns are cut into: at least one."""
    return max(1, -(-columns // BLOCK))


@compiled
def compress(A, room):
    """A (N, D), C-contiguous, as SparseRows, made in room, and how many entries they
    have. Twin: `A != 0`."""
    N, D = A.shape
    blocks, entries = blocks_of(D), 0
    starts, columns, values = room
    starts = starts[:N * (blocks + 1)].reshape(N, blocks + 1)
    for i in range(N):
        first, n = i * D, 0
        row, row_columns, row_values = A[i], columns[first:], values[first:]
        for block in range(blocks):
            starts[i, block] = first + n
            end = min((block + 1) * BLOCK, D)
            whole = end - end % PACKED
            for j in range(block * BLOCK, whole, PACKED):
                n = pack(row, j, row_columns, row_values, n)
            for j in range(whole, end):     # no branch: a zero is overwritten
                row_columns[n] = j
                row_values[n] = row[j]
                n += row[j] != 0
        starts[i, blocks] = first + n
        entries += n
    return SparseRows(starts, columns, values), entries


@compiled
def transpose(A, rows, transposed):
    """transposed (D, N) = A[rows].T, rows (N,). Squares at an edge lie over those
    before them, and do the same again. Twin: `A[rows].T`."""
    D, N = transposed.shape
    if min(D, N) < LANES:
        for i in range(N):
            for j in range(D):
                transposed[j, i] = A[rows[i], j]
        return
    for j in range(0, D, LANES):
        for i in range(0, N, LANES):
            transpose_square(A, rows, min(i, N - LANES), min(j, D - LANES), transposed)


def _panels(sparse, B, initial, out, step, blocks):
    """A product, step columns at a time; the last panel lies over the one before it,
    and computes the same again. Some blocks of B stay in the first-level cache while
    every row passes them.
    """
    starts, columns, values = sparse
    width, last = out.shape[1], starts.shape[1] - 1
    for j in range(0, width, step):
        j = min(j, width - step)
        for block in range(0, last, blocks):
            end = min(block + blocks, last)
            for i in range(starts.shape[0]):
                start, stop = starts[i, block], starts[i, end]
                if start < stop or block == 0:
                    tile(out, i, j, initial, B, block == 0, columns, values, start,
                         stop)


wide_panels, panels, narrow_panels, panel_rest = (
    specialized(_panels, name, contract=True, tile=make_sparse_tile(vectors))
    for name, vectors in (("wide_panels", WIDE), ("panels", PANEL),
                          ("narrow_panels", 1), ("panel_rest", 0)))


@compiled
def product(sparse, B, initial, out):
    """out (N, M) = initial[:M] + A (N, D) @ B (D, M), A as sparse rows.

    Each entry is summed in ascending column of A. Twin: `A @ B + b`.
    """
    width = out.shape[1]
    vector = VECTOR_BYTES // out.itemsize
    if WIDE and width % (WIDE * vector) == 0:
        wide_panels(sparse, B, initial, out, WIDE * vector, 1)
    elif width >= PANEL * vector:
        panels(sparse, B, initial, out, PANEL * vector, PAIR)
    elif width >= vector:
        narrow_panels(sparse, B, initial, out, vector, PAIR)
    else:
        panel_rest(sparse, B, initial, out, width, PAIR)


@compiled(contract=True)
def dense_product(A, B, initial, out):
    """out (N, M) = initial[:M] + A (N, D) @ B (D, M), term by term as `product`.

    The last tile of a row or column lies over the one before it, and computes
    the same again: so N and M must be at least a tile's. A may have any layout.
    """
    N, M = out.shape
    width = TILE_VECTORS * (VECTOR_BYTES // out.itemsize)
    panel = np.empty((len(B), width), B.dtype)      # its rows lie far apart in B
    for first in range(0, M, width):
        j = min(first, M - width)
        for k in range(len(B)):
            row, packed = B[k, j:j + width], panel[k]
            for c in range(np.uint32(width)):
                packed[c] = row[c]
        for i in range(0, N, TILE_ROWS):
            dense_tile(out, min(i, N - TILE_ROWS), j, initial, panel, A)


@compiled
def multiply(A, room, B, initial, out):
    """out (N, M) = initial[:M] + A (N, D) @ B (D, M), all C-contiguous, by the faster
    way: as sparse rows, made in room, if A has few entries. Returns whether it was
    that. Both ways add the same terms in the same order, but for zeros."""
    N, M = out.shape
    small = (min(N, A.shape[1]) < TILE_ROWS
             or M < TILE_VECTORS * (VECTOR_BYTES // out.itemsize))
    rows, entries = compress(A, room)
    if small or entries < SPARSE_BELOW * A.size:
        product(rows, B, initial, out)
        return True
    dense_product(A, B, initial, out)
    return False


@compiled
def kept_rows(A):
    """Which rows of A (N, M) are not all zero (L,): they become its first L, in their
    order."""
    kept = np.empty(len(A), np.int64)
    n = 0
    for i in range(len(A)):
        if np.any(A[i]):
            kept[n] = i
            for j in range(A.shape[1]):     # `A[n] = A[i]` compiles for two seconds
                A[n, j] = A[i, j]
            n += 1
    return kept[:n]


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
def relu_on_line(start, slope, epsilon, Z):
    """Z = max(0, start + epsilon * slope), all (N, M). Twin: of it,
    `network.MLP.logits_on_line` makes its first hidden layer."""
    a, b, out = start.reshape(-1), slope.reshape(-1), Z.reshape(-1)
    zero = out.dtype.type(0)
    for k in range(out.size):
        z = a[k] + epsilon * b[k]
        out[k] = zero if z <= 0 else z


@compiled
def relu_backward(dH, H, rows):
    """dH (N, M) = dH where H[rows] > 0, else 0, in place; rows (N,).
    Twin: `np.where(h > 0, dh, 0)`."""
    zero = dH.dtype.type(0)
    for i in range(rows.size):
        gradient, activation = dH[i], H[rows[i]]
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
