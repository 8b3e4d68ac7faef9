"""How sure a count of examples makes one."""
import math
from statistics import NormalDist

import numpy as np

from npgm.errors import InputError


def paired_exact(a, b):
    """The p-value of "a more often than b" for a, b (N,) bool of the same N examples:
    the exact test of McNemar (1947), one-sided.

    Of the examples on which the two differ, were either as likely to be the one that
    is True, at least as many would be a's with this probability. 1 if they never
    differ. Two-sided: twice the smaller of paired_exact(a, b) and (b, a), at most 1.
    """
    a, b = np.asarray(a, bool), np.asarray(b, bool)
    if a.ndim != 1 or a.shape != b.shape:
        raise InputError(f"a has shape {a.shape} and b {b.shape}: give the same "
                         "examples of each, (N,)")
    only_b, differ = int((~a & b).sum()), int((a != b).sum())
    ways, total = 1, 0          # whole numbers: nothing is rounded, nothing overflows
    for k in range(only_b + 1):
        total += ways
        ways = ways * (differ - k) // (k + 1)
    return total / 2 ** differ


def wilson(count, n, confidence=0.95):
    """(low, high) of a share of which `count` in `n` were seen: the score interval of
    Wilson (1927), which is right near 0 and 1 too. (0, 1) if n is 0."""
    if not 0 <= count <= n or not 0 < confidence < 1:
        raise InputError(f"{count} of {n} at a confidence of {confidence}: give a count"
                         " in [0, n], and a confidence between 0 and 1")
    if n == 0:
        return 0.0, 1.0
    z2 = NormalDist().inv_cdf((1 + confidence) / 2) ** 2
    middle = (count + z2 / 2) / (n + z2)
    half = math.sqrt(z2 * (count * (n - count) / n + z2 / 4)) / (n + z2)
    return max(middle - half, 0.0), min(middle + half, 1.0)
