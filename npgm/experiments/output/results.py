"""Results of experiments: written, and read back and checked."""
import contextlib
import itertools
import os
from pathlib import Path

import npgm
from npgm import plots, storage, tables
from npgm.data import MNIST_CHECKSUM
from npgm.errors import DataError, OtherSettings
from npgm.experiments import protocol

SUFFIXES = ("json", "md", "csv", "png")
COMMITTED = Path(npgm.__file__).parents[1] / "figures" / "data"


def stamp(steps, checksum, data_folder):
    """Why these numbers must not be held against the paper's, or ""."""
    reasons = []
    if steps != protocol.STEPS:
        reasons.append(f"{steps:,} updates instead of {protocol.STEPS:,}")
    if checksum != MNIST_CHECKSUM:
        name = os.fsencode(data_folder).decode("utf-8", "backslashreplace")
        reasons.append(f"data from {name}")
    return "NOT COMPARABLE with the paper: " + ", ".join(reasons) if reasons else ""


def notes(result):
    """What is said below the table of a result, a list of sentences."""
    settings = result["provenance"]["settings"]
    count = count_of(settings["seeds"])
    many = count > 1
    trained = tables.duration(result["provenance"]["training_seconds"])
    return [*filter(None, [result["stamp"]]),
            f"{count} seed{'s' if many else ''}, {settings['steps']:,} "
            "updates; errors in percent" + ", mean ± standard deviation" * many
            + f"; {trained} of training, summed over the runs."]


def count_of(seeds):
    """How many seeds there are, of their number or of a list of them."""
    return seeds if isinstance(seeds, int) else len(seeds)


def write(out, experiment, result):
    """DIR/NAME.json, .md, .csv and at last .png; the picture is drawn from the JSON
    read back, so that it can always be drawn again from it. Results of other settings
    that stand there are kept: returns their new name, or None."""
    base, rows = Path(out) / experiment.name, result["rows"]
    kept = _keep_other(base, result)
    table = tables.markdown(experiment.headed(rows), experiment.shown(rows))
    said = "\n".join([*experiment.said(result), *notes(result)])
    quantities = [quantity.name for quantity in experiment.quantities]
    write_text(out, experiment.name, result, f"{table}\n{said}\n", tables.long_csv(
        rows, experiment.keys, quantities, seeds_of(result)))
    plots.save(plots.picture(experiment.draw, storage.read_json(f"{base}.json")),
               f"{base}.png")
    return kept


def seeds_of(result):
    """{run: its seed}."""
    return {run: found["configuration"]["seed"]
            for run, found in result["provenance"]["runs"].items()}


def write_text(out, name, result, text, csv_text):
    """DIR/NAME.json, .md and .csv."""
    storage.write_json(Path(out) / f"{name}.json", result)
    storage.write_text(Path(out) / f"{name}.md", text)
    storage.write_text(Path(out) / f"{name}.csv", csv_text)


def _keep_other(base, result):
    """Rename what stands at base unless it is a result of the same settings."""
    if not any(Path(f"{base}.{suffix}").exists() for suffix in SUFFIXES):
        return None
    try:
        settings = storage.read_json(f"{base}.json")["provenance"]["settings"]
        if settings == result["provenance"]["settings"]:
            return None
        kept = base.with_name(f"{base.name}-{settings['steps']:d}-updates-"
                              f"{count_of(settings['seeds']):d}-seeds-"
                              f"{settings['data'][:8]}")
        if "options" in settings and Path(f"{kept}.json").exists():
            raise ValueError("of other options")
    except (DataError, KeyError, TypeError, ValueError):    # somebody's, or damaged
        names = (base.with_name(f"{base.name}-kept-{n}") for n in itertools.count(1))
        kept = next(name for name in names if not Path(f"{name}.json").exists())
    for suffix in SUFFIXES:
        with contextlib.suppress(FileNotFoundError):
            os.replace(f"{base}.{suffix}", f"{kept}.{suffix}")
    return kept


def find(names, out, or_committed=False):
    """{name: path} of the experiments that have results in out; if none of them has,
    and that is asked for, of the committed ones of a checkout. DataError if there
    are none: results of two folders are never mixed."""
    for folder in (Path(out), COMMITTED)[:1 + or_committed]:
        found = {name: folder / f"{name}.json" for name in names
                 if (folder / f"{name}.json").exists()}
        if found:
            return found
    raise DataError(f"there are no results in {out} of {', '.join(names)}: python -m "
                    f"npgm.experiments {next(iter(names))} --out {out} makes the first")


def read(experiment, path):
    """The result at path, checked: whoever uses it may rely on every row and column.
    DataError, naming it, if it is not what this version of the experiment writes."""
    result = storage.read_json(path)
    if not experiment.fits(result):
        raise DataError(f"{path} is not what this version of npgm writes for "
                        f"{experiment.name}: move it away, then "
                        f"{_again(experiment.name, path)}")
    return result


def load(experiment, path):
    """The same; OtherSettings if it is not of the paper's protocol."""
    result, name = read(experiment, path), experiment.name
    settings = result["provenance"]["settings"]
    if (result["stamp"] or settings["steps"] != protocol.STEPS
            or settings["data"] != MNIST_CHECKSUM):
        kept = sorted(path.parent.glob(f"{name}-{protocol.STEPS}-updates-*.json"))
        advice = (f"such results are in {kept[-1].name}, rename them" if kept else
                  f"choose another --out, or {_again(name, path)}")
        which = (f"{settings['steps']:,} updates" if settings["steps"] != protocol.STEPS
                 else "other data")
        raise OtherSettings(f"{path} is of other settings than the paper's "
                            f"({which}): {advice}")
    return result


def _again(name, path):
    return f"python -m npgm.experiments {name} --out {path.parent}"
