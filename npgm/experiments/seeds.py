"""What a few seeds say of one more run: whether a number of somebody else's could be
one."""
import math
from statistics import NormalDist

import numpy as np

from npgm.errors import InputError

CONFIDENCE = 0.95
POWER = 0.8         # how often a difference that is there is to be found


def interval(values, confidence=CONFIDENCE):
    """(low, high) that one more value is in with this confidence, if values are normal:

        mean -+ t s sqrt(1 + 1 / n),  t of n - 1 degrees of freedom

    (Hahn and Meeker, *Statistical Intervals*, 1991, chapter 4). Infinite for a single
    value. Raises InputError.
    """
    values = _known(values)
    n, middle = len(values), float(np.mean(values))
    if n == 1:
        return -math.inf, math.inf
    half = (_student((1 + confidence) / 2, n - 1) * float(np.std(values, ddof=1))
            * math.sqrt(1 + 1 / n))
    return middle - half, middle + half


def rank_p(values, value):
    """How probable it is, whatever their distribution, that one more run is as far out
    among all n + 1 as `value` is, on either side: they could have come in any order, so
    each rank has the probability 1 / (n + 1) (Wilks 1941). Raises InputError."""
    values = _known(values)
    out = min((values <= value).sum(), (values >= value).sum()) + 1
    return min(1.0, 2 * int(out) / (len(values) + 1))


def may_give(values, value, confidence=CONFIDENCE):
    """Whether one more run may give `value`: it is between two of values, or within
    their interval. Raises InputError."""
    values = _known(values)
    low, high = interval(values, confidence)
    return bool(min(low, values.min()) <= value <= max(high, values.max()))


def seeds_to_refuse(confidence=CONFIDENCE):
    """How many values it takes before their ranks alone, both sides counted, refuse one
    that lies beyond all of them: the smallest n with 2 / (n + 1) <= 1 - confidence."""
    return math.ceil(2 / (1 - confidence) - 1e-9) - 1


def runs_to_tell(a, b, confidence=CONFIDENCE, power=POWER):
    """How many runs of unknown origin, a or b, tell which, by their ranks among ever so
    many seeds of one of the two: None if none do, as no value of a tends to be larger.

        k = (z_confidence + z_power)^2 / (12 (P(a < b) - 1/2)^2)

    (Noether 1987, *Sample Size Determination for Some Common Nonparametric Tests*, for
    the two-sided Wilcoxon test, all of the other sample given); P from all pairs, ties
    halved. Raises InputError.
    """
    a, b = _known(a), _known(b)
    less = np.mean((a[:, None] < b) + (a[:, None] == b) / 2)
    if less == 0.5:
        return None
    z = sum(map(NormalDist().inv_cdf, ((1 + confidence) / 2, power)))
    return math.ceil(z ** 2 / (12 * (less - 0.5) ** 2))


def _known(values):
    values = np.array([value for value in values if value is not None], float)
    if not values.size:
        raise InputError("there are no values: give one at least")
    return values


def _student(p, degrees):
    """The quantile of Student's t at p > 1/2, by bisection of its distribution."""
    low, high = 0.0, 1.0
    while _student_cdf(high, degrees) < p:
        low, high = high, 2 * high
    for _ in range(100):
        middle = (low + high) / 2
        low, high = ((middle, high) if _student_cdf(middle, degrees) < p
                     else (low, middle))
    return high


def _student_cdf(t, degrees):
    """P(T <= t) for t >= 0: Abramowitz and Stegun 1964, 26.7.3 and 26.7.4."""
    angle = math.atan(t / math.sqrt(degrees))
    odd = degrees % 2
    term = math.cos(angle) if odd else 1.0
    total = 0.0
    for k in range(degrees // 2):
        total += term
        term *= math.cos(angle) ** 2 * (2 * k + 1 + odd) / (2 * k + 2 + odd)
    within = (2 / math.pi * (angle + math.sin(angle) * total) if odd
              else math.sin(angle) * total)
    return (1 + within) / 2
