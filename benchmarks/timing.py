"""Interleaved timing: every candidate in turn, again and again, so that what
else the machine does falls on all alike; medians, and ratios of medians."""
import contextlib
import os
import time

import numpy as np


@contextlib.contextmanager
def one_core():
    """Keep this process on one core: JAX heeds no thread variable and would
    quietly use them all."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(before)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def interleave(candidates, repeats, turn=0):
    """{name: seconds (repeats,)} of {name: function}, one call each in turn. Whoever is
    first finds the data in no cache, so each is first in its turn."""
    seconds, names = {name: np.empty(repeats) for name in candidates}, list(candidates)
    for i in range(repeats):
        first = (turn + i) % len(names)
        for name in names[first:] + names[:first]:
            start = time.perf_counter()
            candidates[name]()
            seconds[name][i] = time.perf_counter() - start
    return seconds


def take(candidate, batches):
    """One update of a candidate for every batch."""
    for rows in batches:
        candidate.update(rows)


def summary(seconds, calls=1):
    """Median and quartiles in milliseconds a call."""
    low, middle, high = np.percentile(np.asarray(seconds) * 1e3 / calls, [25, 50, 75])
    return {"median_ms": round(middle, 4), "samples": len(seconds),
            "quartiles_ms": [round(low, 4), round(high, 4)]}


def compare(seconds, calls=1, target=None):
    """Summaries by name, and how many times faster npgm is than the fastest
    other: a row of the results."""
    row = {"times": {name: summary(s, calls) for name, s in seconds.items()}}
    peers = {name: t["median_ms"] for name, t in row["times"].items() if name != "npgm"}
    if peers:
        fastest = min(peers, key=peers.get)
        row.update(fastest_peer=fastest, target=target, ratio=round(
            peers[fastest] / row["times"]["npgm"]["median_ms"], 2))
    return row
