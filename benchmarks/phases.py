"""100,000 Adam updates: npgm trains; on the way, at log-spaced phases, every
candidate is timed from npgm's weights of that moment, interleaved. A candidate's
whole run is the integral of its time an update over the phases."""
import copy
import functools

import numpy as np

import npgm
from benchmarks import peers, timing
from benchmarks.update import iter_batches
from npgm.network import forward

PHASES = (0, 1_000, 3_000, 10_000, 30_000, 60_000, 100_000)
RATES = {0.001: 2.0, 0.01: 3.0}     # and the target for each
TIMED = 100         # updates at each phase, in blocks of 10


@timing.one_core()
def run(quick=False):
    data = npgm.load_dataset()
    found, missing = peers.available()
    phases = PHASES[:2] if quick else PHASES
    rows = {}
    for rate, target in RATES.items():
        adam = npgm.optimizers.Adam(rate)
        rows[f"adam {rate}"] = one_rate(adam, data, found, phases, target)
    return {"title": f"{phases[-1]:,} Adam updates, milliseconds an update",
            "rows": rows, "missing": missing}


def one_rate(optimizer, data, found, phases, target):
    net = npgm.MLP.initialize()
    trainer = found["npgm"](net, data, optimizer)
    batches, t, points = iter_batches(len(data.y_train), 0), 0, []
    for phase in phases:
        while t < phase:
            trainer.update(next(batches))
            t += 1
        points.append(one_phase(trainer, data, optimizer, found, t))
    total = {name: np.trapezoid([p["times"][name]["median_ms"] for p in points], phases)
             for name in points[0]["times"]}
    fastest = min((name for name in total if name != "npgm"), key=total.get)
    seconds = {name: round(total[name] / 1e3, 1) for name in total}
    return {"phases": points, "seconds": seconds,
            "fastest_peer": fastest, "target": target,
            "ratio": round(total[fastest] / total["npgm"], 2)}


def one_phase(trainer, data, optimizer, found, t):
    candidates = {name: make(trainer.net, data, optimizer)
                  for name, make in found.items() if "adam" in make.OPTIMIZERS}
    candidates["npgm"].trainer.state = copy.deepcopy(trainer.trainer.state)
    batches = iter_batches(len(data.y_train), t)
    seconds = {name: [] for name in candidates}
    for block in range(TIMED // 10 + 1):
        rows = [next(batches) for _ in range(10)]
        blocks = {name: functools.partial(timing.take, candidate, rows)
                  for name, candidate in candidates.items()}
        for name, (taken,) in timing.interleave(blocks, 1, block).items():
            if block:           # the first one warms up and compiles
                seconds[name].append(taken)
    x = data.x_train[:1000]
    hidden = forward(trainer.net.layers, x)[1:-1]
    return {"updates": t, **timing.compare(seconds, 10),
            "active_hidden_units": [round(float(np.mean(h > 0)), 3) for h in hidden]}
