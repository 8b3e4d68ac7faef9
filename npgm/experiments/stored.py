"""Results as they were written, read back and checked."""
import contextlib
from pathlib import Path

import npgm
from npgm import storage
from npgm.data import MNIST_CHECKSUM
from npgm.errors import DataError
from npgm.experiments import protocol

COMMITTED = Path(npgm.__file__).parents[1] / "figures" / "data"


def find(names, out, or_committed=False):
    """{name: path} of the experiments that have results in out; if none of them has,
    and that is asked for, of the committed ones of a checkout. DataError if there
    are none: results of two folders are never mixed."""
    for folder in (Path(out), COMMITTED)[:1 + or_committed]:
        found = {name: folder / f"{name}.json" for name in names
                 if (folder / f"{name}.json").exists()}
        if found:
            return found
    raise DataError(f"there are no results in {out}: python -m npgm.experiments "
                    f"{next(iter(names))} --out {out} makes the first")


def read(name, path):
    """The results at path. DataError, naming it, if it is damaged, of another
    experiment, or of runs of other settings than it says."""
    result = storage.read_json(path)
    try:
        settings = result["provenance"]["settings"]
        known = result["provenance"]["runs"]
        fits = (result["experiment"] == name and result["rows"]
                and isinstance(result["stamp"], str)
                and all(hash in known for row in result["rows"]
                        for hash in row["runs"])
                and all(run["configuration"]["steps"] == settings["steps"]
                        and run["configuration"]["data_checksum"] == settings["data"]
                        for run in known.values()))
    except (KeyError, TypeError, AttributeError):
        fits = False
    if not fits:
        raise DataError(f"{path} is not a result of {name}: delete it, then "
                        f"{_again(name, path)}")
    return result


def load(name, path):
    """The same; DataError too if they are not of the paper's protocol."""
    result = read(name, path)
    settings = result["provenance"]["settings"]
    if (result["stamp"] or settings["steps"] != protocol.STEPS
            or settings["data"] != MNIST_CHECKSUM):
        kept = sorted(path.parent.glob(f"{name}-{protocol.STEPS}-updates-*.json"))
        advice = (f"such results are in {kept[-1].name}, rename them" if kept else
                  f"choose another --out, or {_again(name, path)}")
        raise DataError(f"{path} is of other settings than the paper's "
                        f"({settings['steps']:,} updates): {advice}")
    return result


@contextlib.contextmanager
def of_this_version(*paths):
    """DataError, naming the files, where a row or one of its columns is missing."""
    try:
        yield
    except (KeyError, IndexError, ValueError):
        raise DataError(
            f"{', '.join(map(str, paths))}: not what this version of npgm writes; "
            f"{' and '.join(_again(path.stem, path) for path in paths)} write it anew"
        ) from None


def _again(name, path):
    return f"python -m npgm.experiments {name} --out {path.parent}"
