"""Files written whole or not at all."""
import contextlib
import json
import os
import tempfile
from pathlib import Path

import numpy as np

from npgm.errors import DataError, StorageError

UNFINISHED = ".unfinished"      # how the names of files being written end


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
        file.write(text.encode())


def write_json(path, value, durable=True):
    write_text(path, json.dumps(value, indent=1, allow_nan=False) + "\n", durable)


def read_json(path):
    """The value in a JSON file; DataError if it is missing or damaged."""
    try:
        return json.loads(Path(path).read_text())
    except FileNotFoundError:
        raise DataError(f"{path} does not exist") from None
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read: {error}: delete it to make it "
                        "anew") from error


def write_arrays(path, **arrays):
    """Write an .npz archive of plain arrays."""
    with replacing(path) as file:
        np.savez(file, **arrays)


def read_arrays(path):
    """{name: array} from an .npz archive; DataError if missing or damaged.

    Never unpickles: an archive that holds Python objects is refused.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except FileNotFoundError:
        raise DataError(f"{path} does not exist") from None
    except Exception as error:  # zipfile, zlib and NumPy raise a dozen kinds
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataError(f"{path} is not a whole .npz archive of plain arrays "
                        f"({reason}): delete or replace it") from error
