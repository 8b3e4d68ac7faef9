"""The work on one run, in whatever process: train it, measure it, keep it.

A run's folder is named after the hash of its configuration and holds

    record.json         configuration, measurements, provenance
    step-NNNNNN.npz     the network at each point of evaluation
    losses.npz          the mean loss of every batch
    checkpoint.npz      while it trains: theta, state and t; of a defence that trains a
                        teacher first, teacher-checkpoint.npz too
    progress.json       while it trains: how far it is

so every experiment that needs a run shares it, and measures are taken from
those networks without training. Processes meet only in these files, so any
concurrent.futures.Executor that sees the folder can do the work.
"""
import contextlib
import importlib
import time
import warnings

from npgm import provenance, sources, storage
from npgm.data import images_of, load_dataset
from npgm.errors import DataError, DivergedWarning, Interrupted, NpgmError
from npgm.experiments.measures import named
from npgm.experiments.store.process import busy, lock, stop_if_asked
from npgm.experiments.store.record import Record
from npgm.experiments.store.run import folder_of
from npgm.network import MLP
from npgm.training import train


def prepare():
    """What takes long to import, imported: a process does that while it waits for its
    first run."""
    importlib.import_module("npgm.compiled")


def work(out, run, measures, data_folder):
    """Train a run, or go on with it, and take the measures it lacks."""
    folder = folder_of(out, run)
    with busy, lock(folder):
        for leftover in folder.glob(f"*{storage.UNFINISHED}"):  # of a killed process
            leftover.unlink()
        record = Record.read(folder / "record.json", run.configuration)
        if record.status != "training" and not record.missing(measures):
            return
        with warnings.catch_warnings():     # the command has told of them
            warnings.simplefilter("ignore")
            data = load_dataset(data_folder, run.dtype)
        if data.checksum != run.data_checksum:
            raise DataError(f"{data_folder or 'the shipped MNIST'} has changed since "
                            "this run was asked for: give the same command again")
        if record.status == "training":
            _train(folder, run, record, measures, data)
        _measure_snapshots(folder, record, measures, data)


def _train(folder, run, record, measures, data):
    optimizer, defence = run.parts()
    outputs = data.classes + getattr(defence, "extra_outputs", 0)
    net = MLP.initialize((images_of(data, "x_train").shape[1], *run.hidden, outputs),
                         seed=run.seed, dtype=run.dtype, scheme=run.scheme)
    path, clock, before = folder / "record.json", _Clock(), record.provenance

    def store():
        record.wall_seconds += clock.lap()
        record.provenance = provenance.machine(before)
        record.write(path)

    def evaluate(net, step):
        net.save(folder / f"step-{step:06d}.npz")
        record.evaluations[str(step)] = {}
        for _, name in record.missing(measures, [str(step)]):
            _tell(folder, record, step, f"measuring {name}")
            record.take(step, name, named(name)(net, data), sources.digest())
        store()

    try:
        with warnings.catch_warnings():         # that it diverged, the record says
            warnings.simplefilter("ignore", DivergedWarning)
            history = train(net, optimizer, data, steps=run.steps, seed=run.seed,
                            batch_size=run.batch_size, loss=run.loss, defence=defence,
                            evaluate=evaluate, checkpoint=folder / "checkpoint.npz",
                            watch=_Progress(folder, record, run.steps))
    except Interrupted:
        store()
        raise
    storage.write_arrays(folder / "losses.npz", losses=history.losses)
    record.diverged_at = history.diverged_at
    record.status = "done" if history.diverged_at is None else "diverged"
    store()
    for name in ("checkpoint.npz", "teacher-checkpoint.npz", "progress.json"):
        (folder / name).unlink(missing_ok=True)


def _measure_snapshots(folder, record, measures, data):
    for path in folder.glob("step-*.npz"):      # of points that a lost record had
        record.evaluations.setdefault(str(int(path.stem.removeprefix("step-"))), {})
    for step, name in record.missing(measures):
        path = folder / f"step-{int(step):06d}.npz"
        if not path.exists():
            raise DataError(f"{path} is gone: --fresh trains the run again")
        stop_if_asked()
        _tell(folder, record, int(step), f"measuring {name}")
        record.take(step, name, named(name)(MLP.load(path), data), sources.digest())
        record.write(folder / "record.json")
    (folder / "progress.json").unlink(missing_ok=True)


class _Clock:
    def __init__(self):
        self.start = time.monotonic()

    def lap(self):
        before, self.start = self.start, time.monotonic()
        return self.start - before


class _Progress:
    """Watches a training: twice a second it tells how far the run is and stops it if
    that was asked for."""

    def __init__(self, folder, record, steps):
        self.folder, self.record, self.steps = folder, record, steps
        self.told = 0.0

    def __call__(self, trainer):
        now, step = time.monotonic(), trainer.t
        if now - self.told < 0.5 and step != self.steps:
            return
        self.told = now
        stop_if_asked()
        _tell(self.folder, self.record, step)

    def teaching(self, trainer):
        """The run itself has not begun."""
        now = time.monotonic()
        if now - self.told >= 0.5:
            self.told = now
            stop_if_asked()
            _tell(self.folder, self.record, 0, f"teacher, update {trainer.t:,}")


def _tell(folder, record, step, doing=None):
    """Leave word of how far a run is, with its newest measurements."""
    newest = {name: value for taken in list(record.evaluations.values())[-1:]
              for numbers in taken.values() for name, value in numbers.items()
              if not isinstance(value, str)}
    with contextlib.suppress(NpgmError):        # a full disk fails at the checkpoint
        storage.write_json(folder / "progress.json",
                           {**newest, "step": step, "doing": doing}, durable=False)


def forget(out, runs):
    """Delete finished and half-finished runs, to train them again; not their locks,
    which others may be waiting for."""
    for run in runs:
        with lock(folder_of(out, run), patience=10):
            for path in folder_of(out, run).iterdir():
                if path.name != "lock":
                    path.unlink()
