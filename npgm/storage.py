"""Files written whole or not at all."""
import contextlib
import json
import math
import os
import tempfile
import zipfile
from pathlib import Path

import numpy as np

from npgm.errors import DataError, InputError, StorageError, reason

UNFINISHED = ".unfinished"      # how the names of files being written end
CONTAINER = 128                 # bytes of memory a small list or dict takes, at most
HEADERS = {(1, 0): np.lib.format.read_array_header_1_0,
           (2, 0): np.lib.format.read_array_header_2_0}


@contextlib.contextmanager
def replacing(path, durable=True):
    """Open a temporary binary file beside path; on success it becomes path.

    A crash, a full disk or an exception leaves whatever stood at path; so does a
    loss of power if durable. Raises StorageError, naming path, if it cannot be
    written.
    """
    path = Path(path)
    temporary = None
    try:
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.",
                                         suffix=UNFINISHED, delete=False) as file:
            temporary = file.name
            yield file
            file.flush()
            if durable:
                os.fsync(file.fileno())
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, path)
    except OSError as error:
        _remove(temporary)
        raise StorageError(f"cannot write {path}: {error.strerror or error}: make room "
                           "or choose a folder that exists and is yours") from error
    except BaseException:
        _remove(temporary)
        raise


def check_can_write(path):
    """StorageError unless a file can be written at path: said before the long work."""
    path = Path(path)
    if path.is_dir() or not path.parent.is_dir():
        wrong = path if path.is_dir() else path.parent
        raise StorageError(f"cannot write {path}: {wrong} is "
                           f"{'a folder' if path.is_dir() else 'no folder'}")
    check_writable(path.parent)


def check_writable(folder):
    """Make the folder; StorageError if it cannot be written to."""
    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        reason = "it is a file" if folder.is_file() else error.strerror
        raise StorageError(f"cannot write to {folder}: {reason}: choose another "
                           "--out") from error


def _umask():
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _remove(path):
    if path is not None:
        with contextlib.suppress(OSError):
            os.unlink(path)


def write_text(path, text, durable=True):
    with replacing(path, durable) as file:
        file.write(text.encode("utf-8", "backslashreplace"))     # odd file names


def write_json(path, value, durable=True):
    write_text(path, json.dumps(value, indent=1, allow_nan=False) + "\n", durable)


def plain(value):
    """A value as JSON has it: lists, plain numbers, None for NaN and infinity."""
    if isinstance(value, dict):
        return {str(key): plain(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(part) for part in value]
    if isinstance(value, (float, np.floating)):
        return float(value) if np.isfinite(value) else None
    return value.item() if isinstance(value, np.generic) else value


def read_json(path):
    """The value in a JSON file; DataError if it is missing or damaged."""
    try:
        raw = Path(path).read_bytes()
        if raw.count(b"[") + raw.count(b"{") > _allowance(len(raw)) // CONTAINER:
            raise ValueError("it is nested beyond reason")
        return json.loads(raw, parse_constant=_refuse)
    except FileNotFoundError:
        raise DataError(f"{path} does not exist") from None
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"{path} cannot be read: {reason(error)}: move it away, to "
                        "make it anew") from error


def _refuse(constant):
    raise ValueError(f"{constant} is no JSON")


def write_arrays(path, /, **arrays):
    """Write an .npz archive of plain arrays."""
    with replacing(path) as file, zipfile.ZipFile(file, "w") as archive:
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, np.asanyarray(array),
                                          allow_pickle=False)


def read_arrays(path, most=0):
    """{name: array} from an .npz archive, in this machine's byte order; DataError if
    missing or damaged, or if it promises far more than its size can hold and than
    `most` bytes.

    Never unpickles: an archive that holds Python objects is refused.
    """
    with reading(path, ".npz", "archive of plain arrays"):
        with zipfile.ZipFile(path) as archive:
            _check_promises(archive, max(most, _allowance(Path(path).stat().st_size)))
        with np.load(path, allow_pickle=False) as archive:
            return {name: array.astype(array.dtype.newbyteorder("="), copy=False)
                    for name, array in archive.items()}


def read_array(path):
    """The array of a .npy file, in this machine's byte order, mapped: what a header
    promises beyond the file is refused. DataError if it is missing or damaged."""
    with reading(path, ".npy", "file of one plain array"):
        array = np.load(path, mmap_mode="r", allow_pickle=False)
        if not isinstance(array, np.ndarray):
            raise ValueError("it is an archive of several")
        return array.astype(array.dtype.newbyteorder("="), copy=False)


@contextlib.contextmanager
def reading(path, kind, what):
    """Whatever goes wrong within is told as DataError."""
    if not isinstance(path, (str, os.PathLike)):
        raise InputError(f"path is {path!r}: give the name of an {kind} file")
    try:
        yield
    except FileNotFoundError:
        raise DataError(f"{path} does not exist") from None
    except IsADirectoryError:
        raise DataError(f"{path} is a folder: give an {kind} file") from None
    except Exception as error:  # zipfile, zlib and NumPy raise a dozen kinds
        raise DataError(f"{path} is not a whole {kind} {what} ({reason(error)}): "
                        "replace it or move it away") from error


def _check_promises(archive, most):
    """ValueError if the members of an archive claim more than `most` bytes of memory:
    headers can lie, and zeros can be packed a thousand to one."""
    members = archive.infolist()
    if sum(member.file_size for member in members) > most:
        raise ValueError("it would unpack to far more than its size")
    for member in members:
        with archive.open(member) as file:
            version = np.lib.format.read_magic(file)
            if version not in HEADERS:
                raise ValueError(f"{member.filename} is no plain array")
            shape, _, dtype = HEADERS[version](file)
        if math.prod(shape) * dtype.itemsize > member.file_size:
            raise ValueError(f"{member.filename} promises more than it holds")


def _allowance(size):
    """Bytes of memory that reading a file of that size may take."""
    return 10 * size + 50_000_000
