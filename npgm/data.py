"""Image sets, of IDX files or of arrays, and the MNIST that ships with the package."""
import hashlib
import math
import os
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from npgm import checks, pixels, storage
from npgm.errors import DataError, InputError
from npgm.idx import LARGEST_FILE, read_idx
from npgm.pixels import Images, Pixels

MNIST = Path(__file__).parent / "mnist"

FILES = {
    "train_images": "train-images-idx3-ubyte",
    "train_labels": "train-labels-idx1-ubyte",
    "test_images": "t10k-images-idx3-ubyte",
    "test_labels": "t10k-labels-idx1-ubyte",
}

ARRAYS = ("x_train", "y_train", "x_test", "y_test")     # of an .npz file; and those
MAY_BE = ("x_validation", "y_validation", "shape")      # that it need not have

# Of the uncompressed files, equal to those of the official distribution.
MNIST_SHA256 = {
    "train_images": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train_labels": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "test_images": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "test_labels": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}


def _joint_checksum(sums):
    return hashlib.sha256("".join(sums[part] for part in FILES).encode()).hexdigest()


MNIST_CHECKSUM = _joint_checksum(MNIST_SHA256)      # of the Dataset, all four files
MNIST_TRAINING = 50_000                             # images


@dataclass(frozen=True)
class Dataset:
    """Images as rows of floats in [0, 1], labels as integers from 0.

    x_*: (N, D) floats; y_*: (N,) int64; shape: (height, width), D = height *
    width; classes: one more than the largest label; checksum: SHA-256 over the
    four files' contents, or over the arrays as given or stored, whatever
    dtype is asked for. x_* may be Pixels, of which it makes arrays when they are read.
    """

    x_train: np.ndarray = Images()
    y_train: np.ndarray
    x_validation: np.ndarray = Images()
    y_validation: np.ndarray
    x_test: np.ndarray = Images()
    y_test: np.ndarray
    shape: tuple
    classes: int
    checksum: str

    @classmethod
    def from_arrays(cls, x_train, y_train, x_test, y_test, x_validation=None,
                    y_validation=None, shape=None):
        """A Dataset of arrays: x rows (N, D) or images (N, height, width), floats in
        [0, 1] of one dtype, float32 or float64; y (N,) integers from 0.

        Without validation examples there are none. shape: (height, width) of images
        given as rows; default: they are one row high. checksum: over the arrays,
        and over a shape other than the default. Raises InputError.
        """
        if (x_validation is None) != (y_validation is None):
            raise InputError("give x_validation and y_validation, or neither")
        parts = {"train": (x_train, y_train), "test": (x_test, y_test)}
        if x_validation is not None:
            parts["validation"] = (x_validation, y_validation)
        first = _array("x_train", x_train)
        default = _default_shape(first)
        shape = default if shape is None else _shape(shape)
        arrays = {}
        for name, (x, y) in parts.items():
            x = _rows_of(f"x_{name}", x, first, math.prod(shape))
            y = checks.labels(_array(f"y_{name}", y), len(x), name=f"y_{name}")
            arrays[f"x_{name}"], arrays[f"y_{name}"] = x, y
        checksum = _checksum(arrays, shape if shape != default else None)
        if "validation" not in parts:
            arrays["x_validation"], arrays["y_validation"] = x[:0], y[:0]
        classes = int(arrays["y_train"].max()) + 1
        for part in parts:
            highest = arrays[f"y_{part}"].max()
            if classes < 2 or highest >= classes:
                raise InputError(f"y_train has {classes} classes, y_{part} labels up "
                                 f"to {highest}: at least two are needed, all of them "
                                 "among the training labels")
        return cls(**arrays, shape=shape, classes=classes, checksum=checksum)


def images_of(data, name):
    """data.x_train, or another by its name, for who looks at some rows at a time:
    Pixels of a Dataset that holds such; None if data has none."""
    held = vars(data).get(name) if isinstance(data, Dataset) else None
    return held if isinstance(held, Pixels) else getattr(data, name, None)


def _checksum(arrays, shape=None):
    """SHA-256 over x as rows and y as int64, part by part, and over a shape."""
    digest = hashlib.sha256()
    for part in ("train", "test", "validation"):
        if f"x_{part}" not in arrays:
            continue
        x, y = arrays[f"x_{part}"], arrays[f"y_{part}"].astype(np.int64, copy=False)
        for array in (x.reshape(len(x), -1), y):
            digest.update(f"{array.dtype}{array.shape}".encode())
            for piece in pixels.pieces(array):
                digest.update(np.ascontiguousarray(piece))
    if shape is not None:
        digest.update(str(shape).encode())
    return digest.hexdigest()


def _default_shape(x):
    """(height, width) of images x (N, ...); of anything else, one row."""
    image = x.shape[1:]
    return (image if len(image) == 2 else image[1:] if image[:1] == (1,)
            and len(image) == 3 else (1, math.prod(image)))


def _array(name, value):
    """value as an array or Pixels, unless its rows differ in length."""
    try:
        return value if isinstance(value, Pixels) else np.asarray(value)
    except ValueError:
        raise InputError(f"{name} is no array: give examples of one shape, a label "
                         "for each") from None


def _shape(value):
    """(height, width), checked."""
    if not (isinstance(value, tuple) and len(value) == 2):
        raise InputError(f"shape is {value!r}: give (height, width)")
    return tuple(checks.count("shape", side) for side in value)


def _rows_of(name, x, first, width):
    """x as rows (N, width), checked: of first's dtype, finite, in [0, 1]."""
    x = _array(name, x)
    if not isinstance(x, Pixels):
        x = x.astype(x.dtype.newbyteorder("="), copy=False)
    if x.dtype.name != first.dtype.name or x.dtype.name not in checks.DTYPES:
        raise InputError(f"{name} is {x.dtype}: give floats in [0, 1], all float32 or "
                         "all float64, for example (x / 255).astype('float32')")
    if len(x.shape) < 2 or not len(x) or math.prod(x.shape[1:]) != width:
        raise InputError(f"{name} has shape {x.shape}: give at least one example, rows "
                         f"(N, {width}) or images")
    return pixels.check(x, name).reshape(len(x), width)


def load_dataset(folder=None, dtype="float32"):
    """The four IDX files of a folder, gzip or plain, or an .npz file of arrays; without
    either, MNIST.

    Of a folder the first five sixths of the training file train (MNIST: 50,000, as in
    the paper), the rest validate (10,000). Of a file sorted by class, where a class
    would be missing from either part, they are drawn at random, with a warning. Pixels
    are value / 255 in dtype.

    An .npz file holds x_train, y_train, x_test, y_test and may hold x_validation,
    y_validation and shape, as `Dataset.from_arrays` takes them; pixels of unsigned
    bytes are divided by 255, floats are in [0, 1] and made dtype. Its checksum is over
    the arrays before that.

    Raises DataError, naming the file and its fault, if one is missing or damaged.
    """
    dtype = checks.dtype(dtype)
    where = Path(MNIST if folder is None else folder)
    if where.suffix == ".npz" and not where.is_dir():
        return _of_archive(where, dtype)
    paths = {part: _find(where, name) for part, name in FILES.items()}
    content = {part: read_idx(path, dimensions=3 if "images" in part else 1)
               for part, path in paths.items()}
    sums = {part: hashlib.sha256(raw).hexdigest() for part, (raw, _) in content.items()}
    for part, path in paths.items():
        if folder is None and sums[part] != MNIST_SHA256[part]:
            raise DataError(f"{path} is not the MNIST that npgm ships (its SHA-256 "
                            f"is {sums[part][:16]}...): reinstall npgm")
    values = {part: array for part, (_, array) in content.items()}
    _check_agreement(paths, values)

    count = len(values["train_images"])
    first = count - count // 6

    def rows(images):
        return Pixels(images.reshape(len(images), -1), dtype)

    x, y = values["train_images"], values["train_labels"].astype(np.int64)
    if missing := _missing_class(y[:first], y[first:]):
        warnings.warn(f"{paths['train_labels']} is sorted: {missing}; training and "
                      "validation examples are drawn at random from it", stacklevel=2)
        order = np.random.default_rng(0).permutation(count)
        x, y = x[order], y[order]
    return Dataset(
        x_train=rows(x[:first]), y_train=y[:first],
        x_validation=rows(x[first:]), y_validation=y[first:],
        x_test=rows(values["test_images"]),
        y_test=values["test_labels"].astype(np.int64),
        shape=x.shape[1:], classes=int(y.max()) + 1,
        checksum=_joint_checksum(sums))


def _of_archive(path, dtype):
    """The Dataset of an .npz file's arrays. Raises DataError."""
    arrays = storage.read_arrays(path, most=LARGEST_FILE)
    missing = [name for name in ARRAYS if name not in arrays]
    unknown = [name for name in arrays if name not in ARRAYS + MAY_BE]
    if missing or unknown:
        fault = (f"has no {', '.join(missing)}" if missing
                 else f"holds {', '.join(unknown)}"[:200])
        raise DataError(f"{path} {fault}: give an .npz file of {', '.join(ARRAYS)}, "
                        f"and if need be {', '.join(MAY_BE)}")
    if "shape" in arrays:
        arrays["shape"] = _plain(arrays["shape"])
    # The checksum, of bytes as float32, must not depend on dtype: it names runs.
    stored = {name: Pixels(array, "float32") if _is_bytes(name, array) else array
              for name, array in arrays.items()}
    for name, array in arrays.items():
        if _is_bytes(name, array):
            arrays[name] = Pixels(array, dtype)
        elif name.startswith("x_") and array.dtype.name in checks.DTYPES:
            arrays[name] = array.astype(dtype, copy=False)
    try:
        data = Dataset.from_arrays(**arrays)
    except InputError as error:
        raise DataError(f"{path}: {error}") from error
    default = _default_shape(stored["x_train"])
    vars(data)["checksum"] = _checksum(     # `replace` would make floats of the bytes
        stored, data.shape if data.shape != default else None)
    return data


def _is_bytes(name, array):
    return name.startswith("x_") and array.dtype == np.uint8


def _plain(shape):
    """An array of whole numbers as a tuple, any other as it is in Python."""
    whole = shape.dtype.kind in "iu" and shape.ndim == 1
    return tuple(shape.tolist()) if whole else shape.tolist()


def _missing_class(train, validation):
    """A sentence on a class that training lacks, or validation though by chance it
    would have some (five are expected); or ""."""
    counts = np.bincount(np.concatenate([train, validation]))
    expected = counts * (len(validation) / counts.sum())
    for part, name, wanted in ((train, "training", counts > 0),
                               (validation, "validation", expected >= 5)):
        for label in np.setdiff1d(np.flatnonzero(wanted), part):
            return f"class {label} would have no {name} example"
    return ""


def _find(folder, name):
    dotted = name.replace("-idx", ".idx")     # a common other spelling
    if not os.path.isdir(folder):
        raise DataError(f"{folder} is not a folder: give one with the four IDX files "
                        + ", ".join(FILES.values()) + ", or an .npz file")
    try:
        for candidate in (name, name + ".gz", dotted, dotted + ".gz"):
            if (folder / candidate).is_file():
                return folder / candidate
    except OSError as error:
        raise DataError(f"{folder} cannot be read: {error.strerror}") from error
    raise DataError(f"{folder} has no {name} or {name}.gz: give a folder with the "
                    "four IDX files " + ", ".join(FILES.values()))


def _check_agreement(paths, values):
    for half in ("train", "test"):
        images, labels = values[f"{half}_images"], values[f"{half}_labels"]
        if len(images) != len(labels):
            raise DataError(
                f"{paths[f'{half}_labels']} has {len(labels):,} labels but "
                f"{paths[f'{half}_images']} has {len(images):,} images: they do not "
                "belong together")
    if values["test_images"].shape[1:] != values["train_images"].shape[1:]:
        raise DataError(f"{paths['test_images']} has images of another size than "
                        f"{paths['train_images']}")
    if values["test_labels"].max() > values["train_labels"].max():
        raise DataError(f"{paths['test_labels']} has label "
                        f"{values['test_labels'].max()}, which no training image has")
    if len(values["train_images"]) < 6:
        raise DataError(f"{paths['train_images']} has fewer than 6 images: too few "
                        "to keep some for validation")
    if values["train_labels"].max() < 1:
        raise DataError(f"{paths['train_labels']} has a single class: nothing to "
                        "learn")
