"""Results as they were written, read back and checked."""
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


def load(name, path):
    """The results at path. DataError, naming it, if it is damaged, of another
    experiment, or not the paper's protocol."""
    result = storage.read_json(path)
    again = f"python -m npgm.experiments {name} --out {path.parent}"
    damaged = DataError(f"{path} is not a result of {name}: delete it, then {again}")
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
        kept = sorted(path.parent.glob(f"{name}-{protocol.STEPS}-updates-*.json"))
        advice = (f"such results are in {kept[-1].name}, rename them" if kept else
                  f"choose another --out, or {again}")
        raise DataError(f"{path} is of other settings than the paper's "
                        f"({settings['steps']:,} updates): {advice}")
    return result
