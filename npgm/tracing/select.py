"""Which parameters to follow, by name: W1[406,17], b2[3], slices W1[400:410,17].

A name is that of a layer's array, as networks are saved, and its indices from 0; W is
(in, out), so W1[406,17] leads from pixel 406 to unit 17.
"""
import re
from dataclasses import dataclass

import numpy as np

from npgm import checks
from npgm.errors import InputError
from npgm.network import layer_views, parameter_count

NAME = re.compile(r"\s*(\w+)\s*\[([^\[\]]*)\]\s*")
INDEX = re.compile(r"\s*(\d+)\s*")
SLICE = re.compile(r"\s*(\d*)\s*:\s*(\d*)\s*(?::\s*(\d*)\s*)?")


@dataclass(frozen=True)
class Selection:
    """names: K parameters, such as "W1[406,17]". indices (K,): where they stand in
    theta."""

    names: tuple
    indices: np.ndarray


def arrays(sizes):
    """{name: indices into theta, of its shape}: W1, b1, W2, b2, ..."""
    flat = np.arange(parameter_count(sizes))
    return {f"{letter}{i}": array for i, layer in enumerate(
        layer_views(sizes, flat), 1) for letter, array in zip("Wb", layer)}


def named(sizes, texts):
    """The Selection of parameters named so, in that order, each once. InputError, with
    the valid range, where one is not of a network of those sizes."""
    if isinstance(texts, str) or not np.iterable(texts):
        texts = [texts]
    known, found = arrays(checks.sizes(sizes)), []
    for text in texts:
        match = NAME.fullmatch(text) if isinstance(text, str) else None
        if not match or match[1] not in known:
            raise InputError(f"parameter {text!r}: give one as W1[0,0] or b1[3], or "
                             f"slices as W1[:10,0]; there are {_shapes(known)}")
        found.append(known[match[1]][_index(text, *match.groups(), known)].ravel())
    return of(sizes, np.concatenate([np.empty(0, np.int64), *found]))


def of(sizes, indices):
    """The Selection of those indices into theta, each once."""
    indices = np.array(list(dict.fromkeys(map(int, indices))), np.int64)
    names = np.empty(indices.shape, object)
    for name, array in arrays(sizes).items():
        inside = (array.flat[0] <= indices) & (indices <= array.flat[-1])
        places = np.unravel_index(indices[inside] - array.flat[0], array.shape)
        names[inside] = [f"{name}[{','.join(map(str, place))}]"
                         for place in zip(*places)]
    return Selection(tuple(names), indices)


def drawn(sizes, count, seed=0):
    """The Selection of count parameters at random: of W1, b1, W2, ... in turn, for a
    draw from all would hardly leave W1."""
    known = list(arrays(checks.sizes(sizes)).values())
    count, total = checks.count("parameters", count), parameter_count(sizes)
    if count > total:
        raise InputError(f"parameters is {count}: this network has {total}")
    rng, orders = np.random.default_rng(checks.seed(seed)), []
    for array in known:
        order = rng.permutation(array.size)[:count]
        orders.append(array.ravel()[order])
    turns = [order[turn] for turn in range(count) for order in orders
             if turn < len(order)]
    return of(sizes, turns[:count])


def from_pixel(sizes, shape, pixel, unit):
    """The name of the weight from a pixel (row, column) of images of that shape
    (height, width) to a unit of the first hidden layer. InputError, with the valid
    range."""
    row, column = pixel
    for what, value, end in (("pixel row", row, shape[0]),
                             ("pixel column", column, shape[1]),
                             ("unit", unit, sizes[1])):
        if checks.count(what, value, least=0) >= end:
            raise InputError(f"{what} {value}: give 0 to {end - 1}")
    return f"W1[{row * shape[1] + column},{unit}]"


def _index(text, name, inside, known):
    """What stands between the brackets, as NumPy takes it. InputError."""
    shape, parts = known[name].shape, inside.split(",")
    index = [_part(part) for part in parts]
    fits = len(parts) == len(shape) and all(
        part is not None and (isinstance(part, slice) and len(range(*part.indices(end)))
                              or isinstance(part, int) and part < end)
        for part, end in zip(index, shape))
    if not fits:
        ranges = " and ".join(f"0 to {end - 1}" for end in shape)
        raise InputError(f"parameter {text!r}: {name} takes {len(shape)} "
                         f"{'index' if len(shape) == 1 else 'indices'}, {ranges}, or "
                         "slices with something in them")
    return tuple(index)


def _part(text):
    """An index, a slice, or None for neither."""
    if match := INDEX.fullmatch(text):
        return int(match[1])
    if (match := SLICE.fullmatch(text)) and match[3] != "0":
        return slice(*(int(bound) if bound else None for bound in match.groups()))


def _shapes(known):
    return ", ".join(f"{name} {array.shape}" for name, array in known.items())
