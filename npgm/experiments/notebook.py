"""From Python, in a script or a notebook: the runs, records and figures of the command
line."""
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from npgm import names, plots, storage, tables
from npgm.errors import DataError, InputError
from npgm.experiments import options, protocol
from npgm.experiments.execute import DEFAULT_OUT, Request, execute, network_of
from npgm.experiments.experiment import Experiment
from npgm.experiments.output import results
from npgm.experiments.rows import select
from npgm.experiments.store.process import is_starting
from npgm.experiments.store.run import Run, brief
from npgm.experiments.studies import EXPERIMENTS
from npgm.experiments.sweeps import design
from npgm.experiments.sweeps import options as sweeps


@dataclass(frozen=True, repr=False)
class Outcome:
    """What an experiment found. result: what its JSON file has; out: the folder of
    results and runs."""

    experiment: Experiment
    result: dict
    out: Path

    def __repr__(self):
        return (f"<Outcome of {self.experiment.name}: {len(self.rows)} rows by "
                f"{', '.join(self.experiment.keys)}; in {self.out}>")

    @property
    def rows(self):
        """[{key: value, quantity: {"mean", "std", "values"}, "runs", ...}, ...]."""
        return self.result["rows"]

    @property
    def records(self):
        """[{key: value, "seed": its seed, quantity: value}, ...], one a row and seed:
        pandas.DataFrame(outcome.records)."""
        return tables.long(self.rows, self.experiment.keys, [
            quantity.name for quantity in self.experiment.quantities],
            results.seeds_of(self.result))

    def array(self):
        """The records as a structured array: outcome.array()["fgs_error"]; what a
        diverged run has not is NaN."""
        lines = self.records
        columns = {name: _column([line[name] for line in lines]) for name in lines[0]}
        return np.rec.fromarrays(columns.values(), names=list(columns))

    def figure(self):
        """The figure, drawn again from the result: matplotlib's, to be shown or
        changed."""
        with plots.style():
            return self.experiment.draw(self.result)

    def network(self, seed=0, step=None, **keys):
        """The MLP of a run as it was after `step` updates (default: the last), by the
        keys of its row: outcome.network(learning_rate=0.01). Raises InputError unless
        they leave one run, DataError if its file is gone."""
        unknown = [key for key in keys if key not in self.experiment.keys]
        for key in unknown:
            raise InputError(f"there is no {key!r}: "
                             f"{names.nearest(key, self.experiment.keys)}rows differ "
                             f"in {', '.join(self.experiment.keys)}")
        keys = {key: value if value is None or isinstance(value, (int, float, str))
                else brief(value) for key, value in keys.items()}
        seeds = results.seeds_of(self.result)
        found = {run for row in select(self.rows, **keys) for run in row["runs"]
                 if seeds[run] == seed}
        if len(found) != 1:
            raise InputError(f"{len(found)} runs fit: give seed and "
                             f"{', '.join(self.experiment.keys)}, so that one does")
        run = Run(**self.result["provenance"]["runs"][found.pop()]["configuration"])
        return network_of(self.out, run, step)


def _column(values):
    """An array of numbers, None as NaN, or of texts, None as "none"."""
    text = any(isinstance(value, str) for value in values)
    return np.array([str(value or "none") if text else
                     np.nan if value is None else value for value in values])


def run(name, out=DEFAULT_OUT, steps=None, seeds=None, data=None, jobs=None,
        fresh=False, dry_run=False, config=None, save=None, cluster=None, **given):
    """What `python -m npgm.experiments NAME` does: any of its experiments, or "sweep"
    or "train" with keys of `npgm.experiments.sweeps.options` -> Outcome; None of a
    dry_run.

        outcome = npgm.experiments.run("sweep", optimizer=["adam", "rmsprop"],
                                       learning_rates=[0.001, 0.01], steps=3000)

    Runs are kept in out and found again by the command line, and the other way round.
    In a script it belongs below `if __name__ == "__main__":`, since the processes that
    train import the script. Raises NpgmError.
    """
    if is_starting():
        raise InputError("npgm.experiments.run was called while a process that it "
                         "started read your script: put the call below "
                         "if __name__ == \"__main__\":")
    known = (*EXPERIMENTS, design.SWEEP, design.TRAIN)
    if name not in known:
        raise InputError(f"experiment {name!r}: {names.nearest(name, known)}choose one "
                         f"of {', '.join(known)}")
    own = name not in EXPERIMENTS
    if not own and (given or config or save):
        raise InputError(f"{name} has its own settings: sweep and train take "
                         f"{', '.join(given) or 'config and save'}")
    default = protocol.STEPS
    request = Request(out, default if own or steps is None else steps,
                      1 if own or seeds is None else sweeps.seeds(seeds), data,
                      options.available_cores() if jobs is None else jobs, fresh,
                      dry_run, cluster=cluster)
    if own:
        request = options.of_a_sweep(
            request, name, default, config and Path(config),
            {**given, "seeds": seeds, "steps": steps}, save)
    experiment = (design.experiment(name, request.options) if own
                  else EXPERIMENTS[name])
    result = execute(experiment, request)
    return None if dry_run else Outcome(experiment, result, request.out)


def load(path):
    """The Outcome of a result's JSON file. Raises DataError if it is none."""
    if not isinstance(path, (str, os.PathLike)):
        raise InputError(f"path is {path!r}: give the name of NAME.json")
    path = Path(path)
    result = storage.read_json(path)
    try:
        settings, name = result["provenance"]["settings"], result["experiment"]
        if "options" in settings:
            experiment = design.experiment(settings["kind"],
                                           sweeps.read(settings["options"]))
            fits = isinstance(settings["data_from"], str)
        else:
            experiment, fits = EXPERIMENTS[name], True
    except InputError as error:         # a module of one's own that is gone, perhaps
        raise DataError(f"{path} cannot be made out: {error}") from None
    except (KeyError, TypeError, AttributeError):
        raise DataError(f"{path} is not the result of an experiment: give NAME.json "
                        "as an experiment writes it") from None
    if not (fits and experiment.fits(result)):
        raise DataError(f"{path} is not what this version of npgm writes for "
                        f"{experiment.name}: give the same command again")
    return Outcome(experiment, result, path.parent)
