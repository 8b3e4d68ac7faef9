"""Results as they were written, read back and checked."""
from pathlib import Path

import npgm
from npgm import storage
from npgm.data import MNIST_CHECKSUM
from npgm.errors import DataError
from npgm.experiments import protocol

COMMITTED = Path(npgm.__file__).parents[1] / "figures" / "data"


def find(name, out):
    """The path of an experiment's results: in out, else the committed ones of a
    checkout; None if there are none."""
    for folder in (Path(out), COMMITTED):
        if (folder / f"{name}.json").exists():
            return folder / f"{name}.json"
    return None


def load(name, path):
    """The results at path. DataError, naming it, if it is damaged, of another
    experiment, or not the paper's protocol."""
    result = storage.read_json(path)
    damaged = DataError(f"{path} is not a result of {name}: delete it, then "
                        f"python -m npgm.experiments {name}")
    try:
        settings = result["provenance"]["settings"]
        known = result["provenance"]["runs"]
        fits = (result["experiment"] == name and result["rows"]
                and all(hash in known for row in result["rows"]
                        for hash in row["runs"]))
        comparable = (not result["stamp"] and settings["steps"] == protocol.STEPS
                      and settings["data"] == MNIST_CHECKSUM)
        same = all(run["configuration"]["steps"] == settings["steps"]
                   and run["configuration"]["data_checksum"] == settings["data"]
                   for run in known.values())
    except (KeyError, TypeError, AttributeError):
        raise damaged from None
    if not fits:
        raise damaged
    if not (comparable and same):
        raise DataError(f"{path} is of other settings than the paper's "
                        f"({settings['steps']:,} updates): choose another --out, or "
                        f"python -m npgm.experiments {name} --out {path.parent}")
    return result
