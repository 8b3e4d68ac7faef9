"""What a measure is, (net, data) -> numbers and texts, and a quantity, what a number
is called.

Errors and shares in percent. A measure's name carries what its numbers depend on,
since they are stored under it in a run's record: one of MEASURES, or a member of a
family, "NAME_EPSILON" or "NAME WHAT_EPSILON", with "none" for no epsilon.
"""
import functools
import re
from dataclasses import dataclass

import numpy as np

from npgm import names
from npgm.data import MNIST_CHECKSUM, images_of
from npgm.errors import InputError

FIRST = 1000            # test images of the attacks of many steps

MEASURES = {}           # name: function
FAMILIES = {}           # name: function that takes more than net and data
LAST_ONLY = set()       # those of both taken of a run's last network only


def measure(name, last_only=False):
    """Declare the function below it as a measure."""
    def declare(function):
        MEASURES[name] = function
        if last_only:
            LAST_ONLY.add(name)
        function.measure = name
        return function
    return declare


def family(name, last_only=False):
    """Declare the function below it, (net, data, epsilon) -> numbers or (net, data,
    epsilon, what), as the family of that name; epsilon is None where the name has
    none."""
    def declare(function):
        FAMILIES[name] = function
        if last_only:
            LAST_ONLY.add(name)
        return function
    return declare


def named(name):
    """The function (net, data) -> numbers that a measure's name stands for. Raises
    InputError."""
    if name in MEASURES:
        return MEASURES[name]
    kind, what, epsilon = _parts(name)
    if kind not in FAMILIES:
        raise InputError(f"measure {name!r}: {names.nearest(name, MEASURES)}there is "
                         "no such")
    given = {"epsilon": epsilon, **({"what": what} if what else {})}
    return functools.partial(FAMILIES[kind], **given)


def is_last_only(name):
    """Whether a measure is taken of a run's last network only."""
    return not LAST_ONLY.isdisjoint({name, _parts(name)[0]})


def _parts(name):
    """A family, what of it, and epsilon, None if there is none."""
    head, _, last = name.rpartition("_")
    kind, _, what = head.partition(" ")
    try:
        return kind, what, None if last == "none" else float(last)
    except ValueError:
        return name, "", None


@dataclass(frozen=True)
class Quantity:
    """A number of a measure, as results have it: its name there, its measure, its
    column's heading and digits, and its entry in the measure, if it has another
    name; "{epsilon}" in a measure or an entry is the row's."""

    name: str
    measure: str
    heading: str
    digits: int = 1
    entry: str = ""

    def entry_in(self, row):
        """Its entry in a row of these keys."""
        return (self.entry or self.name).format(**row)

    def measure_in(self, row):
        """Its measure in a row of these keys."""
        measure = self.measure
        for key, value in row.items():
            measure = measure.replace(f"{{{key}}}", str(value))
        return measure


@dataclass(frozen=True)
class Text(Quantity):
    """A text of a measure, such as pixels: rows have that of each seed, tables none.
    pattern: the regular expression of a text that is one."""

    heading: str = ""
    pattern: str = ".*"

    def are(self, found, count):
        """Whether what was read from a file is a row's texts of so many seeds."""
        return (isinstance(found, list) and len(found) == count
                and all(text is None or isinstance(text, str)
                        and re.fullmatch(self.pattern, text) for text in found))


def some(data, count):
    """(x, y) of that many test images: MNIST's first; of other data, which may be
    sorted, a draw that is always the same."""
    rows = np.arange(len(data.y_test))
    if data.checksum != MNIST_CHECKSUM:
        rows = np.sort(np.random.default_rng(0).permutation(rows)[:count])
    return images_of(data, "x_test")[rows[:count]], data.y_test[rows[:count]]


def percent(wrong):
    return 100 * float(np.mean(wrong))
