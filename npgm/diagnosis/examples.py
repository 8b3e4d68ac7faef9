"""The examples that a model is diagnosed with, as the command line names them."""
import numpy as np

from npgm import storage
from npgm.data import load_dataset
from npgm.errors import InputError, NpgmError
from npgm.network import MLP

# Shapes that a model may take images in, if it does not take them as rows.
LAYOUTS = {"rows": lambda n, h, w: (n, h * w),
           "channels first": lambda n, h, w: (n, 1, h, w),
           "channels last": lambda n, h, w: (n, h, w, 1),
           "images": lambda n, h, w: (n, h, w)}


def from_files(x_path, y_path, model, count, seed):
    """(x, y) of two .npy files, x in the model's dtype; `count` of them, drawn by seed,
    None for all. Raises DataError, InputError."""
    x, y = storage.read_array(x_path), storage.read_array(y_path)
    if x.dtype.kind not in "fiu" or x.ndim < 2 or len(x) != len(y):
        raise InputError(f"{x_path} is {x.dtype}{x.shape} and {y_path} "
                         f"{y.dtype}{y.shape}: give floats (N, ...) and a label for "
                         "each of the N")
    rows = _rows(len(x), count, seed)
    x, y = x[rows], y[rows]
    dtype = getattr(model, "dtype", None)
    return (x.astype(dtype) if dtype and x.dtype.kind == "f" else x), y


def from_dataset(folder, model, count, seed):
    """(x, y) of the test images of a folder of IDX files, None for MNIST, in the first
    of LAYOUTS that the model takes, and its dtype. Raises DataError, InputError."""
    dtype = str(getattr(model, "dtype", None) or "float32")
    data = load_dataset(folder, dtype if dtype in ("float32", "float64") else "float32")
    rows = _rows(len(data.x_test), count, seed)
    x, y = data.x_test[rows].astype(dtype, copy=False), data.y_test[rows]
    if isinstance(model, MLP):
        return x, y
    refusals = []
    for name, layout in LAYOUTS.items():
        images = x.reshape(layout(len(x), *data.shape))
        try:
            model.logits(images[:2].copy())
            return images, y
        except Exception as error:      # a user's code raises what it likes
            refusals.append(error)
    first = refusals[0]
    if isinstance(first, NpgmError):
        raise first
    raise InputError(f"the model takes none of the shapes {', '.join(LAYOUTS)} of "
                     f"{data.shape[0]} x {data.shape[1]} images "
                     f"({type(first).__name__}: {first}): give --x and --y") from first


def _rows(available, count, seed):
    """Which examples: the first of what a draw by seed gives, in their order."""
    if count is None or count >= available:
        return np.arange(available)
    return np.sort(np.random.default_rng(seed).permutation(available)[:count])
