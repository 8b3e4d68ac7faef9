"""How long runs will take, before they begin: told, not promised."""
import time

import numpy as np

from npgm.data import images_of
from npgm.errors import NpgmError
from npgm.experiments.store.record import progress_of
from npgm.network import MLP
from npgm.training import Trainer, batch_rows

SHAPES = 6          # kinds of run that are tried, at most
SECONDS = 1.0       # that a kind is tried for
WARM = 5            # updates before the clock starts: compiling, cold caches


def seconds(runs, out, data, jobs):
    """About how long it takes to train what is left of these runs, `jobs` at a time on
    this machine, without what is measured of them: the longest run at least. A few
    updates of each kind of run are made and thrown away; other kinds than the first
    few are held to take as long in proportion to weights and images."""
    tried, left = {}, []
    for run in runs:
        shape = (run.hidden, run.batch_size, run.dtype, run.loss, repr(run.defence),
                 run.optimizer)
        size = _multiplications(run, data)
        if shape not in tried and len(tried) < SHAPES:
            tried[shape] = _of_an_update(run, data), size
        if shape in tried:
            update = tried[shape][0]
        else:
            update = size * np.mean([time / size for time, size in tried.values()])
        left.append(update * (run.steps - progress_of(out, run)["step"]))
    return max(max(left), sum(left) / max(1, min(jobs, len(runs))))


def _multiplications(run, data):
    sizes = (images_of(data, "x_train").shape[1], *run.hidden, data.classes)
    return run.batch_size * sum(a * b for a, b in zip(sizes, sizes[1:]))


def _of_an_update(run, data):
    """Seconds of an update of a fresh network; 0 for a run that cannot begin, which
    the run itself will tell."""
    def update(t):
        rows = batch_rows(len(data.y_train), run.batch_size, run.seed, t)
        trainer.update(x_train[rows].astype(run.dtype), data.y_train[rows])

    x_train = images_of(data, "x_train")
    try:
        net = MLP.initialize((x_train.shape[1], *run.hidden, data.classes),
                             run.seed, run.dtype, run.scheme)
        optimizer, defence = run.parts()
        trainer = Trainer(net, optimizer, run.loss, defence)
        for t in range(1, WARM + 1):
            update(t)
        start = time.perf_counter()
        while time.perf_counter() < start + SECONDS:
            update(t := t + 1)
    except (NpgmError, MemoryError):
        return 0.0
    return (time.perf_counter() - start) / (t - WARM)
