"""Weights and biases under the names that frameworks save them by: an MLP."""
import re
from collections.abc import Mapping

import numpy as np

from npgm import checks, formats
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
    """The npgm.MLP (ReLU between the layers) of a mapping name -> array, of a list of
    arrays (W, b, W, b, ...), or of the path of a file that holds either: .npz, or
    .safetensors or .onnx (of its initializers; the extra `files`).

    Names as PyTorch ("fc1.weight", "fc1.bias"; a state_dict), Keras ("dense/kernel:0",
    "layers/dense/vars/0"), scikit-learn ("coefs_0", "intercepts_0", or lists "coefs_",
    "intercepts_") and npgm ("W1", "b1") give them; without a bias it is 0. Layers whose
    names differ in their numbers alone are in the order of these, others as they come.
    The shapes tell whether each W is (in, out) or (out, in); where they leave it open
    the names do, or layout, "in_out" or "out_in". All arrays are float32, or float64.
    A last layer of one output z is made to give (0, z). Raises InputError, DataError.
    """
    if layout not in (None, "in_out", "out_in"):
        raise InputError(f"layout {layout!r}: choose in_out or out_in")
    arrays = _flat(arrays)
    names = _by_layer(arrays)
    layers = [(arrays[W], arrays.get(b)) for W, b in names]
    conventions = {WEIGHTS[NAME.fullmatch(W)["kind"]] for W, _ in names}
    laid_out = {"in_out": layers, "out_in": [(W.T, b) for W, b in layers]}
    fitting = [kind for kind in laid_out
               if layout in (None, kind) and _chain(laid_out[kind])]
    if not fitting:
        raise InputError("these are no layers that follow one another: " + ", ".join(
            f"{name} {arrays[name].shape}" for pair in names for name in pair if name
        )[:300])
    if len(fitting) == 2:
        if len(conventions) > 1 or None in conventions:
            raise InputError("the arrays fit as (in, out) and as (out, in): say which, "
                             "layout='in_out' or layout='out_in'")
        fitting = [*conventions]
    return mlp(laid_out[fitting[0]])


def _flat(arrays):
    """{name: array} of all that from_arrays takes."""
    if isinstance(arrays, (list, tuple)):
        arrays = {"arr_": arrays}
    elif not isinstance(arrays, Mapping):
        arrays = formats.read(arrays)
    flat = {}
    for name, value in arrays.items():
        several = isinstance(value, (list, tuple))
        for i, part in enumerate(value if several else [value]):
            with told(f"{name}, as a NumPy array,"):
                flat[f"{name}{i}" if several else str(name)] = np.asarray(part)
    by_place = all(name.startswith("arr_") for name in flat)    # as np.savez names them
    return _by_place(flat) if by_place else flat


def _by_place(arrays):
    """The arrays named: each 2-d one is a layer's w, a 1-d one behind it its b."""
    named, layer = {}, ""
    for name, array in arrays.items():
        if array.ndim == 2:
            layer, name = name, f"{name}/w"
        elif array.ndim == 1 and f"{layer}/b" not in named:
            name = f"{layer}/b"
        named[name] = array
    return named


def _by_layer(arrays):
    """[(name of W, name of b or None), ...], the layers in order."""
    layers = {}
    for name, array in arrays.items():
        match = NAME.fullmatch(name)
        part = "W" if match and match["kind"] in WEIGHTS else "b"
        if not match or array.ndim != {"W": 2, "b": 1}[part]:
            raise InputError(
                f"{name} {array.shape} is neither the weights (2-d) nor the bias (1-d) "
                "of a plain MLP's layer: bring such a model by npgm.models.from_torch, "
                "or leave the array out if the logits do not need it")
        layer = layers.setdefault(f"{match['layer'] or ''}.{match['number']}", {})
        if layer.setdefault(part, name) != name:
            raise InputError(f"{layer[part]} and {name} are one: leave one out")
    if not layers:
        raise InputError("there are no arrays: give weights and biases")
    for layer in layers.values():
        if "W" not in layer:
            raise InputError(f"{layer['b']} is a bias without weights: name the two "
                             "alike, as W1 and b1, or fc1.weight and fc1.bias")
    return [(layers[key]["W"], layers[key].get("b")) for key in _in_order(layers)]


def _in_order(keys):
    """By their numbers, if they differ in nothing else: fc10 after fc2."""
    if len({re.sub(r"_?\d+", "", key) for key in keys}) > 1:
        return keys
    return sorted(keys, key=lambda key: [int(n) for n in re.findall(r"\d+", key)])


def _chain(layers):
    """Whether layers (W (in, out), b or None) fit each other."""
    return all(b is None or b.size == W.shape[1] for W, b in layers) and all(
        W.shape[1] == len(V) for (W, _), (V, _) in zip(layers, layers[1:]))


def mlp(layers):
    """The MLP of [(W (in, out), b or None), ...], one output z made two, (0, z)."""
    parts = [part for W, b in layers
             for part in (W, np.zeros(W.shape[1], W.dtype) if b is None else b)]
    if parts[-1].size == 1:
        parts[-2:] = [np.concatenate([np.zeros_like(part), part], axis=-1)
                      for part in parts[-2:]]
    dtypes = {part.dtype.name for part in parts}
    if len(dtypes) > 1 or not dtypes <= set(checks.DTYPES):
        raise InputError(f"the arrays are {', '.join(sorted(dtypes))}: make all of "
                         "them float32 or float64")
    sizes = [len(parts[0]), *(b.size for b in parts[1::2])]
    return MLP(sizes, np.concatenate([part.ravel() for part in parts])).copy()
