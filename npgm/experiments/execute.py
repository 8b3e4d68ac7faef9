"""An experiment from beginning to end: runs trained, measured, gathered, written."""
import json
import time
from dataclasses import dataclass
from pathlib import Path

from npgm import checks, formats, plots, provenance, sources, storage, tables
from npgm.command import interrupts_later
from npgm.data import MNIST_CHECKSUM, MNIST_TRAINING, load_dataset
from npgm.errors import DataError, InputError
from npgm.experiments import estimate, protocol
from npgm.experiments.output import results
from npgm.experiments.store import cluster, scheduler, worker
from npgm.experiments.store.record import progress_of, records_of
from npgm.experiments.store.run import folder_of
from npgm.network import MLP
from npgm.streams import say

DEFAULT_OUT = Path("results")


@dataclass(frozen=True)
class Request:
    """How an experiment is to be run. out: the folder of results and runs; steps:
    updates a run; seeds: how many, from 0, or which; data: a folder or file, or None
    for MNIST; jobs: processes; fresh: train again what is there; dry_run: only say what
    there is to do; kind, options: of a sweep or training, kept with its result; save:
    where the network of its last run goes, too; cluster: the address of a dask
    scheduler, whose workers are used instead of processes here."""

    out: Path = DEFAULT_OUT
    steps: int = protocol.STEPS
    seeds: int | tuple = 1
    data: Path | None = None
    jobs: int = 1
    fresh: bool = False
    dry_run: bool = False
    kind: str = ""
    options: dict | None = None
    save: Path | None = None
    cluster: str | None = None

    def __post_init__(self):
        """Checked, paths as such. Raises InputError."""
        for name in ("steps", "jobs"):
            checks.count(name, getattr(self, name))
        for name in ("out", "data", "save"):
            value = getattr(self, name)
            if isinstance(value, str):
                object.__setattr__(self, name, Path(value))
            elif not isinstance(value, (Path, type(None))):
                raise InputError(f"{name} is {value!r}: give the name of a file or "
                                 "folder")
        if self.cluster is not None:
            cluster.address(self.cluster)


def execute(experiment, request):
    """Train and measure what is missing, write the result; returns it as its JSON has
    it, None of a dry run. Raises NpgmError."""
    start, checksum = time.monotonic(), prepare(experiment, request)
    if request.dry_run or request.options:
        announce([experiment], request)
    if request.dry_run:
        return None
    wanted = experiment.wanted(request.steps, request.seeds, checksum)
    if request.fresh:
        worker.forget(request.out, wanted)
    scheduler.complete(request.out, [(run, experiment.needed) for run in wanted],
                       request.data, request.jobs, request.cluster, check=check_figures)
    records = records_of(request.out, wanted)
    _warn_of_other_sources(records, experiment.measures)
    result = {
        "experiment": experiment.name,
        "stamp": "" if request.options else results.stamp(
            request.steps, checksum, request.data),
        "rows": experiment.rows(wanted, records),
        **_together(experiment, request, wanted),
        "provenance": {
            "settings": _settings(request, checksum),
            "runs": {run.hash: {"configuration": run.configuration,
                                **record.provenance, "measured": {
                                    name: record.measured[name] for name in
                                    experiment.measures if name in record.measured}}
                     for run, record in zip(wanted, records)},
            "machine": provenance.machine(),
            "command_seconds": round(time.monotonic() - start, 1),
            "training_seconds": round(sum(record.wall_seconds for record in records),
                                      1)}}
    _write(experiment, request.out, result)
    if request.options:
        _hand_on(request, wanted[-1])
    return result


def prepare(experiment, request):
    """Whatever can fail does so before the long work, but for `check_figures`; returns
    the data's checksum."""
    storage.check_writable(request.out)
    count, checksum = MNIST_TRAINING, MNIST_CHECKSUM    # held against the files by runs
    if request.data is not None:
        data = load_dataset(request.data)
        count, checksum = len(data.y_train), data.checksum
    largest = max(run.batch_size for run in experiment.wanted(1, 1, ""))
    if count < largest:
        raise DataError(f"{request.data or 'MNIST'} has {count} training images: a "
                        f"batch takes {largest}")
    if request.save:
        storage.check_can_write(request.save)
        formats.check(request.save)
    return checksum


def check_figures():
    """NpgmError if figures cannot be drawn, which takes a while to find out."""
    with interrupts_later():
        plots.check()


def announce(experiments, request):
    """Say how many runs experiments want, how many of them are left, and about how
    long these take."""
    data = load_dataset(request.data)
    wanted = {run.hash: run for experiment in experiments for run in experiment.wanted(
        request.steps, request.seeds, data.checksum)}
    left = [run for run in wanted.values() if request.fresh or progress_of(
        request.out, run)["step"] < run.steps]
    text = f"{len(wanted)} run{'s' * (len(wanted) > 1)}, {len(left)} to be trained"
    if left:
        jobs = 1 if request.cluster else request.jobs
        text += ", about " + tables.duration(estimate.seconds(
            left, request.out, data, jobs)) + (f" of training with {jobs} at a time, "
                                               "without what is measured")
    say(f"{text}; kept in {request.out}")


def _together(experiment, request, wanted):
    """{"together": what is measured of all networks of a seed at once}, if anything is.
    """
    if not experiment.together:
        return {}
    say(f"{experiment.name}: measuring all networks of a seed together", error=True)
    data, found = load_dataset(request.data), []
    for start in range(0, len(wanted), len(experiment.runs)):
        runs = wanted[start:start + len(experiment.runs)]
        found.append(experiment.together([network_of(request.out, run) for run in runs],
                                         data))
    return {"together": found}


def network_of(out, run, step=None):
    """The network of a run as it was after `step` updates, or the last. Raises
    DataError."""
    path = folder_of(out, run) / f"step-{step or run.steps:06d}.npz"
    if not path.exists():
        raise DataError(f"{run} has no network after {step or run.steps:,} updates: it "
                        f"diverged, or {path} was moved")
    return MLP.load(path)


def _settings(request, checksum):
    """What a result is known by."""
    settings = {"steps": request.steps, "seeds": request.seeds, "data": checksum}
    if request.options:
        settings.update(kind=request.kind, options=request.options, data_from=(
            "MNIST" if checksum == MNIST_CHECKSUM else request.data.name))
    return json.loads(json.dumps(settings))


def _write(experiment, out, result):
    shown = experiment.shown(result["rows"])
    say(tables.plain(experiment.headed(result["rows"]), shown) + "\n"
        + "\n".join([*experiment.said(result), *results.notes(result)]))
    kept = results.write(out, experiment, result)
    say(f"written: {out}/{experiment.name}.json, .md, .csv, .png")
    if kept:
        say(f"kept: the results of other settings, now {kept}.*")


def _hand_on(request, run):
    """Say where the network of a run is, and write it where it is wanted."""
    path = folder_of(request.out, run) / f"step-{run.steps:06d}.npz"
    if path.exists():           # else it diverged, which the table says
        say(f"network of {run}: {path}")
    if request.save:
        network_of(request.out, run).save(request.save)
        say(f"saved: {request.save}")


def _warn_of_other_sources(records, measures):
    other = sum(record.sources(measures) != {sources.digest()} for record in records)
    if other:
        say(f"note: {other} of these runs were trained or measured before npgm's "
            "mathematics was last edited; --fresh trains them again", error=True)
