"""The examples that a model is diagnosed with, as the command line names them."""
import numpy as np

from npgm import storage
from npgm.checks import DTYPES
from npgm.data import images_of, load_dataset
from npgm.errors import InputError, NpgmError, reason
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
    fits = x.dtype.kind in "fiu" and x.ndim > 1 and x.shape[:1] == y.shape[:1]
    if not fits:
        raise InputError(f"{x_path} is {x.dtype}{x.shape} and {y_path} "
                         f"{y.dtype}{y.shape}: give floats (N, ...) and a label for "
                         "each of the N")
    rows = _rows(len(x), count, seed)
    x, y, dtype = x[rows], y[rows], dtype_of(model)
    return (x.astype(dtype) if dtype and x.dtype.kind == "f" else x), y


def from_dataset(folder, model, count, seed):
    """(x, y) of the test images of what `load_dataset` takes, None for MNIST, in the
    first of LAYOUTS that the model takes, and its dtype. Raises DataError, InputError.
    """
    dtype = dtype_of(model) or "float32"
    data = load_dataset(folder, dtype if dtype in DTYPES else "float32")
    rows = _rows(len(data.y_test), count, seed)
    x, y = images_of(data, "x_test")[rows].astype(dtype, copy=False), data.y_test[rows]
    if isinstance(model, MLP):
        return x, y
    refusals = []
    for name, layout in LAYOUTS.items():
        images = x.reshape(layout(len(x), *data.shape))
        try:
            model.logits(images[:2].copy())
            return images, y
        except (Exception, SystemExit) as error:   # a user's code, any
            refusals.append(error)
    first = refusals[0]
    if isinstance(first, NpgmError):
        raise first
    raise InputError(f"the model takes none of the shapes {', '.join(LAYOUTS)} of "
                     f"{data.shape[0]} x {data.shape[1]} images "
                     f"({type(first).__name__}: {reason(first)}): give --x and --y"
                     ) from first


def dtype_of(model):
    """The name of the NumPy floats that a model takes, None if it does not say: by its
    dtype, a name, NumPy's or a library's own. Raises InputError if NumPy has none."""
    given = getattr(model, "dtype", None)
    if given is None:
        return None
    for dtype in (given, str(given).removeprefix("torch.")):
        try:
            found = np.dtype(dtype)
        except (TypeError, ValueError):
            continue
        if found.kind == "f":
            return found.name
    raise InputError(f"the model's dtype is {given}, no floats of NumPy's: give it in "
                     "float32, a torch module as module.to(torch.float32)")


def _rows(available, count, seed):
    """Which examples: the first of what a draw by seed gives, in their order."""
    if count is None or count >= available:
        return np.arange(available)
    return np.sort(np.random.default_rng(seed).permutation(available)[:count])
