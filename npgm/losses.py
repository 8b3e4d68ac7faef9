"""Losses: logits and labels to one loss an example and its gradient.

Each takes z (N, C) logits and y (N,) integer labels and returns
(loss (N,), dz (N, C)) in the dtype of z, where row i of dz is the gradient of
example i's own loss with respect to its own logits. LOSSES has them by name: to
attack with, and to train with.

The first two push the logits the same way. In exact arithmetic

    cross_entropy = softplus(log_odds)
    d cross_entropy / dz = (1 - p_y) * d log_odds / dz

and the factor 1 - p_y, the probability of being wrong, is positive: an attack
that uses only the sign of the gradient must do the same with either. In
floating point it does not, because 1 - p_y rounds to zero. (softplus(a) is
log(1 + exp(a)).)
"""
import numpy as np

from npgm import checks, names
from npgm.errors import InputError


def mistakes(z, y):
    """(N,) bool: the largest logit is not the label's, or one is not a number."""
    return (z.argmax(axis=1) != y) | np.isnan(z).any(axis=1)


def _rows(z, y):
    """0 to N - 1; InputError unless z is (N, C) and y its N integer labels."""
    if not isinstance(z, np.ndarray) or z.ndim != 2 or z.shape[1] < 2:
        raise InputError(f"z has shape {np.shape(z)}: give logits, an array (N, C) of "
                         "two classes or more")
    checks.labels(y, *z.shape)
    return np.arange(len(z))


def softmax(z):
    """Softmax of each row of z (N, C), and the log of its normalizer (N,).

    Each row is shifted by its maximum, so that exp cannot overflow.
    """
    highest = z.max(axis=1, keepdims=True)
    p = np.exp(z - highest)
    total = p.sum(axis=1, keepdims=True)
    p /= total
    return p, (highest + np.log(total))[:, 0]


def cross_entropy(z, y):
    """-log p_y with p = softmax(z), and dz = p - onehot(y). Paper, equation (3).

    dz is rounded as the common frameworks round it, and that is where masking
    comes from: in float32, once z_y leads by about 16.6, p_y rounds to 1 and
    dz_y to exactly 0, so what is left is non-zero and wrong; once it leads by
    about 104, every entry of dz is 0. The loss itself stays exact: the sum of the
    wrong p, not 1 - p_y, says how far p_y is from 1.
    """
    rows = _rows(z, y)
    p, log_normalizer = softmax(z)
    p_y = p[rows, y]
    p[rows, y] = 0
    wrong, loss = p.sum(axis=1), log_normalizer - z[rows, y]
    right = p_y > wrong
    loss[right] = np.log1p(wrong[right] / p_y[right])
    p[rows, y] = p_y - 1
    return loss, p


def log_odds(z, y):
    """log((1 - p_y) / p_y), the log odds against the label, p = softmax(z).

    It equals logsumexp over the wrong classes minus z_y, so dz = q - onehot(y)
    with q the softmax over the wrong classes alone: dz_y is -1 whatever the
    lead, the other entries sum to 1, and no rounding can make dz vanish. For
    an attack, the repaired form of cross_entropy.
    """
    rows = _rows(z, y)
    wrong = z.copy()
    wrong[rows, y] = -np.inf
    q, log_normalizer = softmax(wrong)
    q[rows, y] = -1
    return log_normalizer - z[rows, y], q


# Other people's ways around rounding: losses to attack with.


def margin(z, y):
    """max over k != y of z_k, minus z_y: Carlini and Wagner 2017's f_6, untargeted and
    without kappa. dz is 1 at that k and -1 at y, whatever the lead."""
    rows = _rows(z, y)
    wrong = z.copy()
    wrong[rows, y] = -np.inf
    k, dz = wrong.argmax(axis=1), np.zeros_like(z)
    dz[rows, k] = 1
    dz[rows, y] -= 1
    return z[rows, k] - z[rows, y], dz


def dlr(z, y):
    """The difference of logits ratio (Croce and Hein 2020),

        max_{k != y} z_k - z_y, over d = z_(1) - z_(3) + 1e-12,

    z_(i) the i-th largest logit, 1e-12 as in AutoAttack for a tie of all three. dz goes
    through d too, as autograd would. Neither a shift of z nor its scale matters to the
    loss. InputError for two classes: there is no third largest.
    """
    lead, towards = margin(z, y)
    if z.shape[1] < 3:
        raise InputError(f"dlr needs three classes, z has {z.shape[1]}: take margin or "
                         "log_odds")
    rows, order = np.arange(len(z)), np.argsort(z, axis=1)
    first, third = order[:, -1], order[:, -3]
    d = z[rows, first] - z[rows, third] + z.dtype.type(1e-12)
    loss = lead / d
    towards[rows, first] -= loss
    towards[rows, third] += loss
    return loss, towards / d[:, None]


def mifpe(z, y):
    """cross_entropy of z / s with s = z_(1) - z_(2), the lead of the largest logit over
    the next, held constant: dz is what that has at s as it is (Yu and Xu, CVPR 2023).

    As in their code s does not depend on the label, so it is positive for examples
    misclassified too, and is not differentiated. Unlike there T, by which z / s is
    multiplied, is 1 (their default is 10), z is shifted by its maximum first, so
    that a common offset costs no digits, and s is at least the rounding of z_(1) minus
    the smallest logit: theirs divides by zero at a tie. That they move no example
    already misclassified is their attack's, not the loss's. The scale of z does not
    matter to the loss.
    """
    _rows(z, y)
    down = z - z.max(axis=1, keepdims=True)
    ordered = np.sort(down, axis=1)
    s = np.maximum(-ordered[:, -2:-1], -ordered[:, :1] * np.finfo(z.dtype).eps)
    s[s == 0] = 1                       # all logits are the same
    loss, dz = cross_entropy(down / s, y)
    return loss, dz / s


# To train with: labels that are probabilities, logits at a temperature.


def soft_cross_entropy(z, y):
    """-sum_k y_k log p_k with p = softmax(z), and dz = p - y, for labels y (N, C) that
    are probabilities themselves; of onehot(y) it is cross_entropy (Hinton, Vinyals and
    Dean 2015, arXiv 1503.02531)."""
    y = checks.probabilities(y, *np.shape(z)).astype(z.dtype, copy=False)
    p, log_normalizer = softmax(z)
    return (y * (log_normalizer[:, None] - z)).sum(axis=1), p - y


def at_temperature(loss, T):
    """The loss of z / T, and its gradient to z: what a softmax at temperature T > 0
    makes of it. T times the logits do at T what they do at 1 without."""
    T = checks.number("temperature", T, above=True)

    def tempered(z, y):
        T_z = z.dtype.type(T)
        value, dz = evaluate(loss, z / T_z, y)
        return value, dz / T_z
    return tempered


LOSSES = {"cross_entropy": cross_entropy, "log_odds": log_odds, "margin": margin,
          "dlr": dlr, "mifpe": mifpe}


def named(loss):
    """The function of a loss given as such, or by its name. Raises InputError."""
    return loss if callable(loss) else names.find("loss", loss, LOSSES)


def evaluate(loss, z, y):
    """(loss (N,), dz (N, C)) of a loss by its name or function. InputError if a user's
    own gives anything else."""
    function = named(loss)
    if function in LOSSES.values():
        return function(z, y)
    try:
        value, dz = (np.asarray(part, z.dtype) for part in function(z.copy(), y))
        fits = value.shape == z.shape[:1] and dz.shape == z.shape
    except InputError:              # a ValueError too, and a loss within has said why
        raise
    except (TypeError, ValueError):
        fits = False
    if not fits:
        raise InputError(f"the loss {name_of(loss)} must return two arrays, loss "
                         f"{z.shape[:1]} and dz {z.shape}")
    return value, dz


def minus(loss):
    """Minus a loss given by its name or as a function: to raise it makes the label
    likelier."""
    def negated(z, y):
        value, dz = evaluate(loss, z, y)
        return -value, -dz
    return negated


def name_of(loss):
    """How a configuration names a loss: "log_odds", or "package.module:function"."""
    return loss if isinstance(loss, str) else names.name_of(loss, LOSSES)
