"""What a trace costs: an update of Adam's with and without, and a long one's memory."""
import functools
import tracemalloc

import numpy as np

import npgm
from benchmarks import timing
from benchmarks.update import iter_batches
from npgm.tracing import Recorder, select

BLOCK = 20          # updates at a time for each candidate
PARAMETERS = 20
NOTHING, LAYERS = 1, 25             # percent of an update, at most
UPDATES, FOLLOWED, MEMORY = 10_000, 100, 200        # megabytes, at most
WAYS = {"nothing": (0, False, False), "20 parameters": (PARAMETERS, False, False),
        "20 parameters and layers": (PARAMETERS, True, False),
        "20 parameters, layers and batch": (PARAMETERS, True, True)}
TARGETS = {"nothing": NOTHING, "20 parameters and layers": LAYERS}


@timing.one_core()
def run(quick=False):
    data = npgm.load_dataset()
    updates = 400 if quick else 4000
    candidates = {"untraced": Traced(data, updates), **{
        name: Traced(data, updates, *way) for name, way in WAYS.items()}}
    batches = iter_batches(len(data.y_train), 0)
    seconds = {name: [] for name in candidates}
    for block in range(updates // BLOCK):
        rows = [next(batches) for _ in range(BLOCK)]
        for name, (taken,) in timing.interleave({
                name: functools.partial(timing.take, candidate, rows)
                for name, candidate in candidates.items()}, 1).items():
            if block:           # the first one warms up and compiles
                seconds[name].append(taken)
    times = {name: timing.summary(taken, BLOCK) for name, taken in seconds.items()}
    rows = {f"an update traced: {name}": {
        "times": {"npgm": times[name], "untraced": times["untraced"]},
        "percent_more": more(seconds[name], seconds["untraced"]),
        "target": TARGETS.get(name)} for name in WAYS}
    rows[f"a trace of {UPDATES:,} updates of {FOLLOWED} parameters"] = {
        "peak": memory(), "target": MEMORY}
    return {"title": "tracing Adam's updates, milliseconds", "rows": rows}


class Traced:
    """Updates of a network of its own, watched by a recorder, if there is one."""

    def __init__(self, data, updates, parameters=None, layers=False, batch=False):
        self.data, self.recorder = data, None
        net = npgm.MLP.initialize()
        self.trainer = npgm.Trainer(net, npgm.optimizers.Adam())
        if parameters is not None:
            names = select.drawn(net.sizes, parameters).names if parameters else []
            self.recorder = Recorder(select.named(net.sizes, names), updates,
                                     layers=layers, batch=batch)
            self.recorder.begin(self.trainer)

    def update(self, rows):
        self.trainer.update(self.data.x_train[rows], self.data.y_train[rows])
        if self.recorder:
            self.recorder(self.trainer)


def more(seconds, others):
    """How many percent more, the median over blocks run one after the other."""
    return round(100 * float(np.median(np.divide(seconds, others))) - 100, 1)


def memory():
    """Megabytes that a long trace takes at most, the network's left out: of a small
    one, which has as many layers."""
    rng = np.random.default_rng(0)
    x, y = rng.random((500, 20), np.float32), np.arange(500) % 10
    data = npgm.Dataset.from_arrays(x, y, x, y)
    net = npgm.MLP.initialize((20, 8, 8, 10))
    npgm.trace(net.copy(), npgm.optimizers.Adam(), data, 1, 1)      # loads and compiles
    tracemalloc.start()
    npgm.trace(net, npgm.optimizers.Adam(), data, FOLLOWED, UPDATES)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return round(peak / 1e6, 1)
