"""What a measure is, (net, data) -> numbers, and a quantity, what a number is called.

Errors and shares in percent. A measure's name carries what its numbers depend on,
since they are stored under it in a run's record.
"""
from dataclasses import dataclass

import numpy as np

from npgm.data import MNIST_CHECKSUM

FIRST = 1000            # test images of the attacks of many steps

MEASURES = {}           # name: function
LAST_ONLY = set()       # those taken of a run's last network only


def measure(name, last_only=False):
    """Declare the function below it as a measure."""
    def declare(function):
        MEASURES[name] = function
        if last_only:
            LAST_ONLY.add(name)
        function.measure = name
        return function
    return declare


@dataclass(frozen=True)
class Quantity:
    """A number of a measure, as results have it: its name there, its measure, its
    column's heading and digits, and its entry in the measure, if it has another
    name; "{epsilon}" in an entry is the row's."""

    name: str
    measure: str
    heading: str
    digits: int = 1
    entry: str = ""

    def entry_in(self, row):
        return (self.entry or self.name).format(**row)


def some(data, count):
    """(x, y) of that many test images: MNIST's first; of other data, which may be
    sorted, a draw that is always the same."""
    rows = np.arange(len(data.y_test))
    if data.checksum != MNIST_CHECKSUM:
        rows = np.sort(np.random.default_rng(0).permutation(rows)[:count])
    return data.x_test[rows[:count]], data.y_test[rows[:count]]


def percent(wrong):
    return 100 * float(np.mean(wrong))
