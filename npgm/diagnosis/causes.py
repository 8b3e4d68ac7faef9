"""Why an example's input gradient is what it is: one cause each, from `logits` and
`vjp` alone.

Central differences of f(x) = sum_k dz_k z_k(x), dz the exact residual, along signs
drawn at random and along the sign of the gradient, are held against the gradient.
"""
from dataclasses import dataclass, fields

import numpy as np

from npgm.attacks import input_gradient
from npgm.attacks.base import draws
from npgm.checks import finite_rows
from npgm.diagnosis.arithmetic import coarse
from npgm.losses import cross_entropy, log_odds

# The first that applies, from the top.
CAUSES = {
    "not_finite": "a logit or the gradient is NaN or infinite",
    "random": "two calls of logits differ",
    "coarse_logits": "the logits' rounding hides what they differ by",
    "probabilities": "a softmax inside the model has saturated",
    "cut": "vjp is exactly zero though the logits can move: a clip, a quantizer",
    "silent": "the residual is alive, its path through the layers is not: all off",
    "rough": "differences over two steps disagree: jumps, no slope to follow",
    "wrong_vjp": "vjp disagrees with the differences of logits",
    "residual_rounded": "every entry of the residual is rounded to zero",
    "label_rounded": "the label's entry of the residual is rounded to zero",
    "sound": "the gradient is right",
}
# Of a gradient that is alive, but for rounding.
ALIVE = ("residual_rounded", "label_rounded", "sound")
PIECE = 500
DIRECTIONS = 4          # drawn at random, for each example
# The two steps are in units of the range of the data. The cube root of the rounding
# unit balances rounding against curvature; but a step must not be so short that it
# finds nothing of a staircase that an attack would have to climb.
LONGEST, SHORTEST = 1 / 128, 1 / 2048
RATIO = 4               # of the two steps
DISAGREEMENT = 0.5      # ReLU's kinks make some 0.1; noise makes 1, a wrong sign 2
ROUNDINGS = 16          # differences below so many units of rounding say nothing
CALLS = 2 * 2 + 2 * 2 * (DIRECTIONS + 1)     # of the model for an example
RANDOM = 1e-4           # AutoAttack's tolerance for two calls, of normalized logits
SATURATED = 2.0 ** -10  # 1 - p below this has lost half of float32's digits


@dataclass(frozen=True)
class Gradients:
    """Of N examples. z (N, C): logits; cause (N,): names of CAUSES. agreement (N,): the
    share of pixels where the gradient as attacked has the sign it has with the residual
    in exact arithmetic, of those where that is not zero; nan where there is none.
    error (N,): how far the exact gradient is from the differences, relative; nan where
    they say nothing."""

    z: np.ndarray
    cause: np.ndarray
    agreement: np.ndarray
    error: np.ndarray


def steps_of(x, z, scale):
    """The two steps of the differences, longest first, for examples x that span `scale`
    and logits z: for the dtype of the coarser of the two, and never lost in x."""
    unit = max(np.finfo(array.dtype).eps for array in (x, z))
    shortest = float(np.clip(unit ** (1 / 3), SHORTEST, LONGEST)) * scale / RATIO
    shortest = max(shortest, ROUNDINGS * float(np.spacing(np.abs(x).max())))
    return RATIO * shortest, shortest


def gradients(model, x, y, scale, seed=0):
    """The Gradients of a model at x (N, D) rows as `attacks.checked` gives them."""
    parts = []
    for start in range(0, len(x), PIECE):
        rows = range(start, min(start + PIECE, len(x)))
        with np.errstate(all="ignore"):
            parts.append(_piece(model, x[rows.start:rows.stop], y[rows.start:rows.stop],
                                rows, scale, seed))
    return Gradients(*(np.concatenate([getattr(part, field.name) for part in parts])
                       for field in fields(Gradients)))


def _piece(model, x, y, rows, scale, seed):
    attacked = input_gradient(model, x, y, cross_entropy)
    exact = input_gradient(model, x, y, log_odds)
    z, again = attacked.z, exact.z
    differences = _differences(model, x, exact, rows, scale, seed)
    # Where finite is False, dx is 0 there and anything may be said below: it comes
    # first.
    dead = ~exact.dx.any(axis=1)
    conditions = {
        "not_finite": ~(attacked.finite & exact.finite),
        "random": np.abs(normalized(z) - normalized(again)).max(axis=1) > RANDOM,
        "coarse_logits": coarse(z),
        "probabilities": saturated(z),
        "cut": dead & (differences.moves | _clipped(z)),
        "silent": dead,
        "rough": differences.rough,
        "wrong_vjp": differences.error > DISAGREEMENT,
        "residual_rounded": ~attacked.dz.any(axis=1) | ~attacked.dx.any(axis=1),
        "label_rounded": attacked.dz[np.arange(len(y)), y] == 0,
    }
    cause = np.select(list(conditions.values()), list(conditions), "sound")
    return Gradients(z, cause, sign_agreement(attacked.dx, exact.dx),
                     differences.error)


def sign_agreement(dx, exact):
    """(N,): of the pixels where exact (N, D) is not zero, the share where dx has its
    sign; nan where there is none."""
    there = exact != 0
    same = there & (np.sign(dx) == np.sign(exact))
    with np.errstate(invalid="ignore"):
        return same.sum(axis=1) / there.sum(axis=1)


@dataclass(frozen=True)
class _Differences:
    """moves (N,): whether the logits changed at all. rough (N,): the differences of the
    two steps disagree. error (N,): relative, of the gradient against the shorter's."""

    moves: np.ndarray
    rough: np.ndarray
    error: np.ndarray


def _differences(model, x, gradient, rows, scale, seed):
    signs = [2 * draws(seed, rows, lambda rng, count: rng.integers(
        0, 2, (count, x.shape[1]), np.int8), k) - 1 for k in range(DIRECTIONS)]
    directions = [np.asarray(s, x.dtype) for s in (*signs, np.sign(gradient.dx))]
    moves = np.zeros(len(x), bool)
    slopes, measured, doubt = [], [], []
    for step in steps_of(x, gradient.z, scale):
        slope, change = [], []
        for s in directions:
            above, below = x + x.dtype.type(step) * s, x - x.dtype.type(step) * s
            z, other = model.logits(above), model.logits(below)
            moves |= (z != other).any(axis=1) & finite_rows(z) & finite_rows(other)
            slope.append(_dot(gradient.dx, above - below) / (2 * step))
            change.append(_dot(gradient.dz, z.astype("float64") - other) / (2 * step))
        slopes.append(np.stack(slope, axis=1))
        measured.append(np.stack(change, axis=1))
        unit = np.spacing(np.abs(gradient.z).max(axis=1)).astype("float64")
        doubt.append(ROUNDINGS * unit / step)
    return _Differences(moves, _error(*measured, sum(doubt)) > DISAGREEMENT,
                        _error(slopes[1], measured[1], doubt[1]))


def _dot(a, b):
    """(N,): of rows, in float64."""
    return np.einsum("nd,nd->n", a, b, dtype="float64")


def _error(a, b, doubt):
    """(N,): |a - b| / max(|a|, |b|) of rows; nan where both are in doubt."""
    size = np.maximum(np.linalg.norm(a, axis=1), np.linalg.norm(b, axis=1))
    apart = np.maximum(np.linalg.norm(a - b, axis=1) - doubt, 0)
    return np.where(size > doubt, apart / size, np.nan)


def normalized(z):
    """Rows of z over their Euclidean norm, in float64: as AutoAttack compares calls."""
    return z / np.maximum(np.linalg.norm(z.astype("float64"), axis=1, keepdims=True),
                          1e-12)


def saturated(z):
    """(N,): the logits of an example look like probabilities, not below 0 and of sum 1,
    and one of them is so near to 1 that the softmax they come from passes hardly a
    gradient on."""
    z = z.astype("float64")
    return ((z >= 0).all(axis=1) & (np.abs(z.sum(axis=1) - 1) < 1e-3)
            & (z.max(axis=1) > 1 - SATURATED))


def _clipped(z):
    """(N,): half or more of the logits are exactly the smallest or the largest of them,
    but not all, as where they are cut off at a bound; of two classes it cannot be
    seen."""
    C = z.shape[1]
    at_bound = [(z == bound(axis=1, keepdims=True)).sum(axis=1) for bound in (
        z.min, z.max)]
    return np.logical_or.reduce([(n >= max(2, C / 2)) & (n < C) for n in at_bound])
