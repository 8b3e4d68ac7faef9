"""One update of each optimizer, over the first 2,000 of training, one thread."""
import functools

import numpy as np

import npgm
from benchmarks import peers, roofline, timing
from npgm.experiments.protocol import OPTIMIZERS
from npgm.training import batch_rows

TARGET = 2.0
BLOCK = 20          # updates at a time for each candidate
# Relative difference of losses allowed after 20 updates. Adam makes a full step
# of the sign of a gradient that is zero but for rounding, so its losses spread more.
AGREEMENT = {"adam": 5e-4}
OTHERS = 1e-4


@timing.one_core()
def run(quick=False):
    data = npgm.load_dataset()
    found, missing = peers.available()
    limits = roofline.peak()
    rows = {name: one_optimizer(optimizer, data, found, limits, 200 if quick else 2000)
            for name, optimizer in OPTIMIZERS.items()}
    return {"title": "one update, milliseconds", "rows": rows, "missing": missing,
            "peak": limits}


def one_optimizer(optimizer, data, found, limits, updates):
    net = npgm.MLP.initialize()
    name = type(optimizer).__name__.lower()
    candidates = {peer: make(net, data, optimizer) for peer, make in found.items()
                  if name in make.OPTIMIZERS}
    losses = check_agreement(candidates, len(data.y_train),
                             AGREEMENT.get(name, OTHERS))
    batches = iter_batches(len(data.y_train), 20)

    seconds = {peer: [] for peer in candidates}
    for turn in range(updates // BLOCK):
        batch = [next(batches) for _ in range(BLOCK)]
        blocks = {peer: functools.partial(timing.take, candidate, batch)
                  for peer, candidate in candidates.items()}
        for peer, (taken,) in timing.interleave(blocks, 1, turn).items():
            seconds[peer].append(taken)
    row = timing.compare(seconds, BLOCK, TARGET)
    work = roofline.needed(net, data.x_train[batch[-1]], len(optimizer.initial))
    row.update(losses_after_20=losses, needed=work, roofline_fraction=roofline.fraction(
        work, limits, row["times"]["npgm"]["median_ms"]))
    return row


def iter_batches(count, t, batch_size=125, seed=0):
    """The rows of one update after the other, from update t + 1 on."""
    while True:
        t += 1
        yield batch_rows(count, batch_size, seed, t)


def check_agreement(candidates, count, tolerance):
    """Take 20 updates with each; their losses, which must agree."""
    batches = iter_batches(count, 0)
    for rows in [next(batches) for _ in range(20)]:
        for peer in candidates.values():
            peer.update(rows)
    losses = {name: peer.loss() for name, peer in candidates.items()}
    for name, loss in losses.items():
        if not np.isclose(loss, losses["npgm"], rtol=tolerance, atol=0):
            raise AssertionError(f"{name} does not compute the same thing: loss {loss} "
                                 f"after 20 updates, npgm {losses['npgm']}")
    return losses
