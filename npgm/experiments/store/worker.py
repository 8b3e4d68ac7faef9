"""The work on one run, in whatever process: train it, measure it, keep it.

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
import multiprocessing
import os
import shutil
import signal
import threading
import time
from dataclasses import replace

from npgm import defences, optimizers, sources, storage
from npgm.data import load_dataset
from npgm.errors import DataError, Interrupted, NpgmError, StorageError
from npgm.experiments.measures import MEASURES
from npgm.experiments.store import provenance
from npgm.experiments.store.record import Record
from npgm.experiments.store.run import folder_of
from npgm.network import MLP
from npgm.training import train


def work(out, run, measures, data_folder):
    """Train a run, or go on with it, and take the measures it lacks."""
    folder = folder_of(out, run)
    with _BUSY, lock(folder):
        for leftover in folder.glob(f"*{storage.UNFINISHED}"):  # of a killed process
            leftover.unlink()
        record = Record.read(folder / "record.json", run.configuration)
        if record.status != "training" and not record.missing(measures):
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
    net = MLP.initialize((data.x_train.shape[1], *run.hidden, data.classes),
                         seed=run.seed, dtype=run.dtype, scheme=run.scheme)
    optimizer = optimizers.make(run.optimizer, **run.hyperparameters)
    defence = defences.make(**run.defence) if run.defence else None
    path, clock, before = folder / "record.json", _Clock(), record.provenance

    def store():
        record.wall_seconds += clock.lap()
        record.provenance = provenance.machine(before)
        record.write(path)

    def evaluate(net, step):
        net.save(folder / f"step-{step:06d}.npz")
        record.evaluations[str(step)] = {}
        for _, name in record.missing(measures, [str(step)]):
            record.take(step, name, MEASURES[name](net, data), sources.digest())
        store()

    try:
        history = train(net, optimizer, data, steps=run.steps, seed=run.seed,
                        batch_size=run.batch_size, defence=defence,
                        evaluate=evaluate, checkpoint=folder / "checkpoint.npz",
                        watch=_Progress(folder, record, run.steps))
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
    for step, name in record.missing(measures):
        path = folder / f"step-{int(step):06d}.npz"
        if not path.exists():
            raise DataError(f"{path} is gone: delete its folder to train the run again")
        record.take(step, name, MEASURES[name](MLP.load(path), data), sources.digest())
        record.write(folder / "record.json")


_BUSY = threading.Lock()        # held while this process works on a run


class _Clock:
    def __init__(self):
        self.start = time.monotonic()

    def lap(self):
        before, self.start = self.start, time.monotonic()
        return self.start - before


class _Progress:
    """Watches a training: twice a second it tells how far the run is and stops it if
    that was asked for."""

    stop = False        # for the whole process, by SIGTERM or the parent's death

    def __init__(self, folder, record, steps):
        self.path, self.record, self.steps = folder / "progress.json", record, steps
        self.told = 0.0

    def __call__(self, trainer):
        now, step = time.monotonic(), trainer.t
        if now - self.told < 0.5 and step != self.steps:
            return
        self.told = now
        if _Progress.stop:
            raise Interrupted(f"stopped after {step:,} of {self.steps:,} updates")
        newest = {name: value for taken in list(self.record.evaluations.values())[-1:]
                  for numbers in taken.values() for name, value in numbers.items()}
        with contextlib.suppress(NpgmError):    # a full disk fails at the checkpoint
            storage.write_json(self.path, {"step": step, **newest}, durable=False)


def forget(out, runs):
    """Delete finished and half-finished runs, to train them again."""
    for run in runs:
        with lock(folder_of(out, run)):
            shutil.rmtree(folder_of(out, run))


@contextlib.contextmanager
def lock(folder, patience=10):
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
