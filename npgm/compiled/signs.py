"""A matrix of signs times any other, by adding up what was added up before.

Four neighbouring signs are one of 16 patterns. What each makes of its four rows of W is
summed once; every example then adds one sum of a table where a product multiplies and
adds four rows (the method of the four Russians: Arlazarov, Dinic, Kronrod and Faradzhev
1970).
"""
import numpy as np

from npgm.compiled.jit import compiled
from npgm.network import aligned_zeros

PATTERNS, BYTES = 16, 4     # of four signs; of the signs that are added at a time


def sign_product(s, W):
    """s @ W for s (N, D) of -1 and 1 alone. Sums are taken in another order than in
    `kernels.product`, of fewer terms; a row's do not depend on the others. |W| has to
    be below half of the largest float."""
    bits = np.packbits(s > 0, axis=1, bitorder="little")
    bits = np.pad(bits, ((0, 0), (0, -bits.shape[1] % BYTES)))
    N, M = len(s), W.shape[1]
    out = aligned_zeros((N, M), W.dtype)
    table = aligned_zeros((2 * BYTES, PATTERNS, M), W.dtype)
    add_patterns(bits, W, table, out)
    return out


@compiled
def add_patterns(bits, W, table, out):
    """out (N, M) += s @ W, where bit k of row i of bits tells whether s[i, k] is 1 or
    -1. table: room for what the patterns of 32 signs make of W's rows."""
    for block in range(0, bits.shape[1], BYTES):
        for quarter in range(2 * BYTES):
            sum_patterns(W, 8 * block + 4 * quarter, table[quarter])
        for i in range(out.shape[0]):
            row = bits[i, block:]
            a, b = table[0, row[0] & 15], table[1, row[0] >> 4]
            c, d = table[2, row[1] & 15], table[3, row[1] >> 4]
            e, f = table[4, row[2] & 15], table[5, row[2] >> 4]
            g, h = table[6, row[3] & 15], table[7, row[3] >> 4]
            sums = out[i]
            for j in range(sums.size):
                sums[j] += (((a[j] + b[j]) + (c[j] + d[j]))
                            + ((e[j] + f[j]) + (g[j] + h[j])))


@compiled
def sum_patterns(W, first, sums):
    """sums (16, M): of four rows of W from the first on, those of a pattern's bits
    added, the others subtracted. A row past the end is 0."""
    rows, none = min(4, W.shape[0] - first), sums[0]
    for j in range(none.size):
        none[j] = 0
    for k in range(rows):
        row = W[first + k]
        for j in range(none.size):
            none[j] -= row[j]
    for k in range(4):
        row, twice = W[first + k if k < rows else 0], none.dtype.type(2 * (k < rows))
        for pattern in range(1 << k):
            known, more = sums[pattern], sums[pattern + (1 << k)]
            for j in range(more.size):
                more[j] = known[j] + twice * row[j]
