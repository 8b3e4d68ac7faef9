"""Runs: a configuration to a trained, measured, stored record.

A run's folder is named after the hash of its configuration and holds

    record.json         configuration, measurements, provenance
    step-NNNNNN.npz     the network at each point of evaluation
    losses.npz          the mean loss of every batch
    checkpoint.npz      while it trains: theta, state and t
    progress.json       while it trains: how far it is

so every experiment that needs a run shares it, and measures are taken from
those networks without training. Processes meet only in these files, so any
concurrent.futures.Executor that sees the folder can do the work.
"""
import contextlib
import fcntl
import hashlib
import json
import multiprocessing
import os
import shutil
import signal
import threading
import time
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from npgm import storage
from npgm.errors import DataError, Interrupted, NpgmError, StorageError
from npgm.experiments import protocol, provenance
from npgm.experiments.measures import LAST_ONLY, MEASURES


@dataclass(frozen=True)
class Run:
    """Everything a run's bits depend on, but for the machine."""

    optimizer: str
    hyperparameters: dict
    seed: int
    steps: int
    data_checksum: str
    hidden: tuple = protocol.HIDDEN
    batch_size: int = protocol.BATCH_SIZE
    scheme: str = protocol.SCHEME
    dtype: str = protocol.DTYPE
    defence: dict | None = None     # {"name": ..., its hyperparameters}

    @classmethod
    def of(cls, name, optimizer, **settings):
        return cls(name, asdict(optimizer), **settings)

    def __str__(self):
        """ "adam 0.01 seed 2" """
        defended = [self.defence["name"]] if self.defence else []
        return " ".join([self.optimizer, f"{self.hyperparameters['learning_rate']:g}",
                         *defended, f"seed {self.seed}"])

    @property
    def configuration(self):
        """As it is stored. A defence is part of it only if there is one."""
        settings = asdict(self)
        if self.defence is None:
            del settings["defence"]
        return json.loads(json.dumps(settings))

    @property
    def hash(self):
        text = json.dumps(self.configuration, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass
class Record:
    """What is known of a run. evaluations: {step: {measure: {name: value}}};
    status: "training", "done" or "diverged"."""

    configuration: dict
    status: str = "training"
    diverged_at: int | None = None
    wall_seconds: float = 0.0
    provenance: dict = field(default_factory=dict)
    evaluations: dict = field(default_factory=dict)

    @classmethod
    def read(cls, path, configuration):
        """The record at path, or a new one; DataError if it is of another run."""
        if not path.exists():
            return cls(configuration)
        stored = storage.read_json(path)
        try:
            record = cls(**stored)
        except TypeError:
            record = None
        if not (record and record.status in ("training", "done", "diverged")
                and isinstance(record.evaluations, dict)
                and (record.status != "done"
                     or str(configuration["steps"]) in record.evaluations)
                and all(isinstance(e, dict) for e in record.evaluations.values())):
            raise DataError(f"{path} is not a run's record: delete it to run again")
        if record.configuration != configuration:
            raise DataError(f"{path} is the record of a run with other settings: "
                            "delete it or choose another --out")
        return record

    def write(self, path):
        storage.write_json(path, asdict(self))

    def at(self, step, measure, name):
        """A measured value, None if the run diverged before that step."""
        return self.evaluations.get(str(step), {}).get(measure, {}).get(name)


def folder_of(out, run):
    return Path(out) / "runs" / run.hash


def work(out, run, measures, data_folder):
    """Train a run, or go on with it, and take the measures it lacks."""
    from npgm.data import load_dataset
    folder = folder_of(out, run)
    with _BUSY, _lock(folder):
        for leftover in folder.glob(f"*{storage.UNFINISHED}"):  # of a killed process
            leftover.unlink()
        record = Record.read(folder / "record.json", run.configuration)
        if record.status != "training" and not _missing(record, measures):
            return
        # Nothing here looks at the validation images: 30 MB a worker.
        data = replace(load_dataset(data_folder), x_validation=None)
        if data.checksum != run.data_checksum:
            raise DataError(f"{data_folder or 'the shipped MNIST'} has changed since "
                            "this run was asked for: give the same command again")
        if record.status == "training":
            _train(folder, run, record, measures, data)
        _measure_snapshots(folder, record, measures, data)


def _train(folder, run, record, measures, data):
    from npgm import defences
    from npgm.network import MLP
    from npgm.optimizers import OPTIMIZERS
    from npgm.training import train
    net = MLP.initialize((data.x_train.shape[1], *run.hidden, data.classes),
                         seed=run.seed, dtype=run.dtype, scheme=run.scheme)
    optimizer = OPTIMIZERS[run.optimizer](**run.hyperparameters)
    defence = defences.make(**run.defence) if run.defence else None
    path, clock = folder / "record.json", _Clock()

    def store():
        record.wall_seconds += clock.lap()
        record.provenance = provenance.machine()
        record.write(path)

    def evaluate(net, step):
        net.save(folder / f"step-{step:06d}.npz")
        record.evaluations[str(step)] = {}
        for _, name in _missing(record, measures, [str(step)]):
            record.evaluations[str(step)][name] = MEASURES[name](net, data)
        store()

    progress = _Progress(folder, record, run.steps)
    try:
        history = train(net, optimizer, data, steps=run.steps, seed=run.seed,
                        batch_size=run.batch_size, defence=defence,
                        evaluate=evaluate, checkpoint=folder / "checkpoint.npz",
                        progress=progress)
    except Interrupted:
        store()
        raise
    storage.write_arrays(folder / "losses.npz", losses=history.losses)
    record.diverged_at = history.diverged_at
    record.status = "done" if history.diverged_at is None else "diverged"
    store()
    for name in ("checkpoint.npz", "progress.json"):
        (folder / name).unlink(missing_ok=True)


def _measure_snapshots(folder, record, measures, data):
    from npgm.network import MLP
    for step, name in _missing(record, measures):
        path = folder / f"step-{int(step):06d}.npz"
        if not path.exists():
            raise DataError(f"{path} is gone: delete its folder to train the run again")
        net = MLP.load(path)
        record.evaluations[step][name] = MEASURES[name](net, data)
        record.write(folder / "record.json")


def _missing(record, measures, steps=None):
    """(step, measure) of what is wanted and not taken, of all steps so far."""
    last = str(record.configuration["steps"])
    return [(step, name) for step in steps or record.evaluations for name in measures
            if name not in record.evaluations[step]
            and (step == last or name not in LAST_ONLY)]


_BUSY = threading.Lock()        # held while this process works on a run


class _Clock:
    def __init__(self):
        self.start = time.monotonic()

    def lap(self):
        before, self.start = self.start, time.monotonic()
        return self.start - before


class _Progress:
    """Called after every update: twice a second it tells how far the run is and
    stops it if that was asked for."""

    stop = False        # for the whole process, by SIGTERM or the parent's death

    def __init__(self, folder, record, steps):
        self.path, self.record, self.steps = folder / "progress.json", record, steps
        self.told = 0.0

    def __call__(self, step, losses):
        now = time.monotonic()
        if now - self.told < 0.5 and step != self.steps:
            return
        self.told = now
        if _Progress.stop:
            raise Interrupted(f"stopped after {step:,} of {self.steps:,} updates")
        newest = {name: value for taken in list(self.record.evaluations.values())[-1:]
                  for numbers in taken.values() for name, value in numbers.items()}
        with contextlib.suppress(NpgmError):    # a full disk fails at the checkpoint
            storage.write_json(self.path, {"step": step, **newest}, durable=False)


@contextlib.contextmanager
def _lock(folder, patience=10):
    """Hold a run's folder for this process; DataError if another has it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = open(folder / "lock", "w")
    except OSError as error:
        raise StorageError(f"cannot write {folder}: {error.strerror}: choose another "
                           "--out") from error
    with file:
        deadline = time.monotonic() + patience
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except OSError:
                if time.monotonic() > deadline:
                    raise DataError(f"{folder} is being worked on by another process: "
                                    "wait for it or choose another --out") from None
                time.sleep(0.2)
        yield


def prepare_worker():
    """In a worker: Ctrl-C is the parent's to handle; SIGTERM means save and stop."""
    def stop(signum, frame):
        _Progress.stop = True
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, stop)
    if multiprocessing.parent_process():
        threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent():
    """A killed parent leaves its workers waiting for work: save, then end."""
    multiprocessing.parent_process().join()
    _Progress.stop = True
    with _BUSY:
        os._exit(1)


def forget(out, runs):
    """Delete finished and half-finished runs, to train them again."""
    for run in runs:
        with _lock(folder_of(out, run)):
            shutil.rmtree(folder_of(out, run))


def progress_of(out, run):
    """{"step": updates done, newest measurements} of a run, as of now."""
    folder = folder_of(out, run)
    with contextlib.suppress(DataError):
        progress = storage.read_json(folder / "progress.json")
        if isinstance(progress, dict) and isinstance(progress.get("step"), int):
            return progress
    with contextlib.suppress(DataError):
        if Record.read(folder / "record.json",
                       run.configuration).status != "training":
            return {"step": run.steps}
    return {"step": 0}


def records_of(out, runs):
    """The finished records of runs, in order. DataError if one is not there."""
    records = []
    for run in runs:
        path = folder_of(out, run) / "record.json"
        record = Record.read(path, run.configuration)
        if record.status == "training":
            raise DataError(f"{path} is not finished: give the same command again")
        records.append(record)
    return records
