"""What arguments must be: each check returns its argument as it is kept, or raises
InputError in one line."""
import numbers
import operator

import numpy as np

from npgm.errors import InputError

DTYPES = ("float32", "float64")


def number(name, value, low=0, high=np.inf, above=False):
    """A float in [low, high), or in (low, high): of any real number but a bool."""
    if isinstance(value, int) and abs(value) > 1e300:       # no float
        value = np.inf
    if (isinstance(value, (bool, np.bool_)) or not isinstance(value, numbers.Real)
            or not low <= value < high or (above and value == low)):
        limits = f"above {low}" if above else f"of at least {low}"
        raise InputError(f"{name} is {value!r}: give a finite number {limits}"
                         + (f" and below {high}" if high < np.inf else ""))
    return float(value)


def count(name, value, least=1):
    """A whole number of at least `least`."""
    if isinstance(value, (bool, np.bool_)) or not isinstance(
            value, numbers.Integral) or value < least:
        raise InputError(f"{name} is {value!r}: give a whole number of at least "
                         f"{least}")
    return int(value)


def seed(value):
    return count("seed", value, least=0)


def flag(name, value):
    """True or False."""
    if not isinstance(value, (bool, np.bool_)):
        raise InputError(f"{name} is {value!r}: give True or False")
    return bool(value)


def clip(value):
    """(low, high), two numbers."""
    pair = isinstance(value, (tuple, list)) and len(value) == 2 and all(
        isinstance(bound, numbers.Real) for bound in value)
    if not (pair and value[0] < value[1]):
        raise InputError(f"clip is {value!r}: give (low, high) with low < high")
    return tuple(map(float, value))


def dtype(value):
    """The name of float32 or float64."""
    try:
        name = np.dtype(value).name
    except TypeError:
        name = None
    if name not in DTYPES:
        raise InputError(f"dtype {value!r}: choose float32 or float64")
    return name


def sizes(value):
    """The widths of a network's layers, a tuple."""
    try:
        value = tuple(operator.index(n) for n in value)
    except TypeError:
        raise InputError(f"sizes {value!r}: give a tuple of whole numbers, for "
                         "example (784, 600, 128, 10)") from None
    if len(value) < 2 or min(value) < 1 or value[-1] < 2:
        raise InputError(f"sizes {value}: give at least inputs and two classes, for "
                         "example (784, 600, 128, 10)")
    return value


def finite_rows(x):
    """(N,): whether all of a row of x (N, ...) is finite."""
    with np.errstate(over="ignore", invalid="ignore"):
        total = np.sum(x)
    if np.isfinite(total):          # one pass; look closer only on trouble
        return np.ones(len(x), bool)
    return np.isfinite(x).reshape(len(x), -1).all(axis=1)


def finite(x, name="x"):
    """x itself, if all of it is finite; the first bad row is named."""
    bad = ~finite_rows(x)
    if bad.any():
        raise InputError(f"{name}[{bad.argmax()}] has NaN or infinite values: remove "
                         "or mend that example")
    return x


def within(x, low, high, advice, name="x"):
    """x itself, if no value lies outside [low, high]; the first that does is named."""
    if x.size and not (low <= x.min() and x.max() <= high):
        outside = (x < low) | (x > high)
        at = np.unravel_index(outside.argmax(), x.shape)
        raise InputError(f"{name}[{', '.join(map(str, at))}] is {x[at]:g}, outside "
                         f"{low:g} to {high:g}: {advice}")
    return x


def labels(y, count, classes=None, name="y"):
    """y as an int64 array of `count` integers in [0, classes), or from 0 on."""
    y = np.asarray(y)
    if y.shape != (count,) or y.dtype.kind not in "iu":
        raise InputError(f"{name} is {y.dtype}{y.shape}: give one integer label for "
                         f"each of the {count} examples")
    if count and not (0 <= y.min() and (classes is None or y.max() < classes)):
        what = "labels" if name == "y" else f"{name} has labels that"
        raise InputError(f"{what} go from {y.min()} to {y.max()}: " + (
            "give integers from 0" if classes is None else
            f"this network knows 0 to {classes - 1}"))
    return y.astype(np.int64, copy=False)


def probabilities(y, count, classes):
    """y as an array (count, classes), if each row is a distribution; NaN passes."""
    y = np.asarray(y)
    if y.shape != (count, classes) or y.dtype.kind != "f":
        raise InputError(f"y is {y.dtype}{y.shape}: give {classes} probabilities for "
                         f"each of the {count} examples")
    wrong = (np.abs(y.sum(axis=1) - 1) > 1e-3) | (y < 0).any(axis=1)
    if wrong.any():
        raise InputError(f"y[{wrong.argmax()}] is no distribution: give probabilities "
                         "that sum to 1")
    return y
