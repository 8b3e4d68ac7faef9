"""Weights and biases under the names that frameworks save them by: an MLP."""
import re
from collections.abc import Mapping

import numpy as np

from npgm import checks, storage
from npgm.errors import InputError, told
from npgm.network import MLP

# How the names of arrays end, and how their W is laid out where its shape leaves it
# open; None: not to be told from the name.
WEIGHTS = {"weight": "out_in", "kernel": "in_out", "vars/0": "in_out",
           "coefs": "in_out", "W": "in_out", "w": None, "weights": None}
BIASES = ("bias", "vars/1", "intercepts", "b", "biases")
NAME = re.compile(r"(?:(?P<layer>.*)[./_])?(?P<kind>{})_?(?P<number>\d*)(?::0)?".format(
    "|".join([*WEIGHTS, *BIASES])))


def from_arrays(arrays, layout=None):
    """The npgm.MLP (ReLU between the layers) of a mapping name -> array, or of the
    path of an .npz file that holds one. One output z becomes the logits (0, z).

    Names as PyTorch ("fc1.weight", "fc1.bias"; a state_dict), Keras ("dense/kernel:0",
    "layers/dense/vars/0"), scikit-learn ("coefs_0", "intercepts_0", or lists "coefs_",
    "intercepts_") and npgm ("W1", "b1") give them; without a bias it is 0. Layers whose
    names differ in their numbers alone are in the order of these, others as they come.
    The shapes tell whether W is (in, out) or (out, in), then the names; where neither
    does, or against them, layout "in_out" or "out_in". Raises InputError, DataError.
    """
    if layout not in (None, "in_out", "out_in"):
        raise InputError(f"layout {layout!r}: choose in_out or out_in")
    if not isinstance(arrays, Mapping):
        arrays = storage.read_arrays(arrays)
    layers, conventions = _by_layer(_flat(arrays))
    fits = {kind: layers_in_out for kind, layers_in_out in (
        ("in_out", layers), ("out_in", [(W.T, b) for W, b in layers]))
        if layout in (None, kind) and _chain(layers_in_out)}
    if not fits:
        raise InputError("these are no layers that follow one another: " + ", ".join(
            f"{name} {np.shape(array)}" for name, array in arrays.items())[:300])
    if len(fits) == 2:
        layout = conventions.pop() if len(conventions) == 1 else None
        if layout is None:
            raise InputError("the arrays fit as (in, out) and as (out, in): say which, "
                             "layout='in_out' or layout='out_in'")
        return mlp(fits[layout])
    return mlp(*fits.values())


def _flat(arrays):
    """{name: array}, lists of arrays numbered. InputError unless all are floats of one
    dtype."""
    flat = {}
    for name, value in arrays.items():
        if isinstance(value, (list, tuple)):
            flat.update({f"{name}{i}": part for i, part in enumerate(value)})
        else:
            flat[str(name)] = value
    with told("the arrays, made NumPy's,"):
        flat = {name: np.asarray(array) for name, array in flat.items()}
    return flat


def _by_layer(arrays):
    """[(W, b), ...] in order, and what the names say of their layout."""
    found, conventions = {}, set()
    for name, array in arrays.items():
        match = NAME.fullmatch(name)
        kind = match and match["kind"]
        if not match or array.ndim != (2 if kind in WEIGHTS else 1):
            raise InputError(
                f"{name} {array.shape} is neither the weights (2-d) nor the bias (1-d) "
                "of a plain MLP's layer: bring such a model by npgm.models.from_torch, "
                "or leave the array out if the logits do not need it")
        layer = found.setdefault(f"{match['layer'] or ''}.{match['number']}", {})
        layer["W" if kind in WEIGHTS else "b"] = name
        if kind in WEIGHTS:
            conventions.add(WEIGHTS[kind])
    if not found:
        raise InputError("there are no arrays: give weights and biases")
    if len({re.sub(r"_?\d+", "", key) for key in found}) == 1:
        found = dict(sorted(found.items(), key=lambda item: [
            int(number) for number in re.findall(r"\d+", item[0])]))
    return [_layer(arrays, **names) for names in found.values()], conventions


def _layer(arrays, W=None, b=None):
    """(W, b) by their names, b zeros of either length if there is none."""
    if W is None:
        raise InputError(f"{b} {arrays[b].shape} is a bias without weights: name them "
                         "alike, as W1 and b1 or fc1.weight and fc1.bias")
    return arrays[W], None if b is None else arrays[b]


def _chain(layers):
    """Whether layers (W (in, out), b or None) fit each other."""
    return all(b is None or b.size == W.shape[1] for W, b in layers) and all(
        W.shape[1] == len(V) for (W, _), (V, _) in zip(layers, layers[1:]))


def mlp(layers):
    """The MLP of [(W (in, out), b or None), ...]; one output z becomes two, (0, z)."""
    parts = [part for W, b in layers
             for part in (W, np.zeros_like(W[0]) if b is None else b)]
    if parts[-1].size == 1:
        parts[-2:] = [np.concatenate([np.zeros_like(part), part], axis=-1)
                      for part in parts[-2:]]
    kinds = {part.dtype.name for part in parts}
    if len(kinds) > 1 or not kinds <= set(checks.DTYPES):
        raise InputError(f"the arrays are {', '.join(sorted(kinds))}: make all of them "
                         "float32 or float64")
    sizes = [len(parts[0]), *(b.size for b in parts[1::2])]
    return MLP(sizes, np.concatenate([part.ravel() for part in parts])).copy()
