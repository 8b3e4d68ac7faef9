"""What an entry of the zoo is, and how a function becomes one."""
import functools
from dataclasses import dataclass
from typing import Callable

from . import networks

EXAMPLES = 120


@dataclass(frozen=True)
class Entry:
    """build() -> the model, the doc of which says what is broken, and why the causes
    are right. x, y: examples. masked: what a diagnosis must say. dominant: the cause
    of most gradients (where not "sound": of most that are not sound) is one of these;
    each of `found` holds for some. verdict: causes of which one must be in the
    verdict, where they are other than dominant. slow: to build. needs: a module."""

    name: str
    build: Callable
    masked: bool
    dominant: frozenset
    found: frozenset = frozenset()
    verdict: frozenset = frozenset()
    examples: Callable = None
    epsilon: float = 0.25
    clip: tuple = (0.0, 1.0)
    slow: bool = False
    needs: str | None = None

    @property
    def x(self):
        return self.examples()[0]

    @property
    def y(self):
        return self.examples()[1]


@functools.cache
def digits():
    data = networks.mnist()
    return data.x_test[:EXAMPLES], data.y_test[:EXAMPLES]


@functools.cache
def in_float64():
    x, y = digits()
    return x.astype("float64"), y


@functools.cache
def sevens():
    """Label 1 are the sevens."""
    x, y = digits()
    return x, (y == networks.SEVEN).astype("int64")


def images():
    x, y = digits()
    return x.reshape(-1, 1, 28, 28), y


def entries(masked):
    """(a list, a decorator that adds an Entry of a function to it)."""
    listed = []

    def entry(dominant, found="", verdict="", examples=digits, **settings):
        def add(build):
            listed.append(Entry(build.__name__, functools.cache(build), masked,
                                *(frozenset(names.split())
                                  for names in (dominant, found, verdict)),
                                examples, **settings))
            return build
        return add
    return listed, entry
