"""What rounding leaves of the residual softmax(z) - onehot(y), and how far a label's
logit may lead before it does."""
import functools
from dataclasses import dataclass

import numpy as np

from npgm.losses import cross_entropy

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
FARTHEST = 2e4      # a lead beyond every threshold: float64's largest is 745
# The logits' own rounding hides what they differ by once its unit is more than this
# part of it: five bits are then left of the residual.
COARSE = 1 / 32


@functools.cache
def thresholds(dtype):
    """(label, whole): the smallest leads at which the label's entry of the residual,
    and at which all of it, is exactly 0 in a dtype: tried on this machine, by
    bisection, with the loss that is attacked. In float32 about 16.6 and 104 (87 where
    subnormals are flushed to zero), in float64 36.7 and 745."""
    return tuple(_smallest_lead(np.dtype(dtype), gone) for gone in (
        lambda dz: dz[0, 0] == 0, lambda dz: not dz.any()))


def _smallest_lead(dtype, gone):
    low, high = 0.0, min(FARTHEST, float(np.finfo(dtype).max) / 2)
    while high - low > 1e-6 * high:
        middle = (low + high) / 2
        _, dz = cross_entropy(np.array([[middle, 0]], dtype), np.array([0]))
        low, high = (low, middle) if gone(dz) else (middle, high)
    return high


def lead(z, y):
    """(N,): the label's logit minus the largest other, of z (N, C); in float64, so that
    the difference is not rounded again."""
    rows, others = np.arange(len(y)), z.astype("float64")
    right = others[rows, y]
    others[rows, y] = -np.inf
    return right - others.max(axis=1)


def coarse(z):
    """(N,): the unit in the last place of the largest logit is more than COARSE of what
    the logits differ by, as behind a large common offset."""
    unit = np.spacing(np.abs(z).max(axis=1)).astype("float64")
    spread = z.max(axis=1).astype("float64") - z.min(axis=1)
    return unit > np.maximum(COARSE * spread, np.finfo(z.dtype).eps)


@dataclass(frozen=True)
class Arithmetic:
    """Of N examples: dtype: that of the logits. label_threshold, residual_threshold:
    `thresholds` of it. lead: {quantile: lead}. ulps: {quantile: |lead| in units in the
    last place of the largest logit}. label_rounded, residual_rounded: the shares of
    examples of which the label's entry, all of the residual, is exactly 0 in it;
    coarse: of which the logits are too coarse."""

    dtype: str
    label_threshold: float
    residual_threshold: float
    lead: dict
    ulps: dict
    label_rounded: float
    residual_rounded: float
    coarse: float


def arithmetic(z, y):
    """The Arithmetic of logits z (N, C) and labels y; rows that are not finite are left
    out of the quantiles."""
    finite = np.isfinite(z).all(axis=1)
    kept, labels = z[finite], y[finite]
    leads = lead(kept, labels)
    ulps = np.abs(leads) / np.spacing(np.abs(kept).max(axis=1, initial=0))
    _, dz = cross_entropy(kept, labels)
    shares = (np.count_nonzero(found) / len(z) for found in (
        dz[np.arange(len(dz)), labels] == 0, ~dz.any(axis=1), coarse(kept)))
    return Arithmetic(str(z.dtype), *thresholds(z.dtype.name), _quantiles(leads),
                      _quantiles(ulps), *shares)


def _quantiles(values):
    if not len(values):
        return {}
    return {f"{q:g}": float(value)
            for q, value in zip(QUANTILES, np.quantile(values, QUANTILES))}
