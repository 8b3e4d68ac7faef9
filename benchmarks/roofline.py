"""What this machine can do at best, measured, and what an update needs."""
import time

import numpy as np


def peak():
    """Best of many tries: float32 GFLOP/s of a square matrix product, GB/s of
    adding one array to another in the last-level cache."""
    a = np.random.default_rng(0).random((768, 768), np.float32)
    out = np.empty_like(a)
    gflops = 2 * 768 ** 3 / _best(lambda: np.matmul(a, a, out=out), 30) / 1e9
    x, y = np.zeros(549_218, np.float32), np.ones(549_218, np.float32)
    gbytes = 3 * x.nbytes / _best(lambda: np.add(x, y, out=x), 100) / 1e9
    return {"gflops": round(gflops, 1), "gbytes_per_second": round(gbytes, 1)}


def needed(net, x, state_arrays):
    """Multiply-adds (as two operations) with both factors non-zero in one update
    on the batch x, and bytes the optimizer must move at least."""
    from npgm.network import forward
    activations = forward(net.layers, x)
    flops = 0
    for i, (W, _) in enumerate(net.layers):
        entries = np.count_nonzero(activations[i])
        flops += 2 * entries * W.shape[1]               # forward
        flops += 2 * entries * W.shape[1]               # gradient of W
        if i:
            active = np.count_nonzero(activations[i])
            flops += 2 * active * W.shape[1]            # gradient of the input
    # theta and each state array read and written, the gradient read
    bytes_moved = net.theta.nbytes * (2 + 2 * state_arrays + 1)
    return {"mflop": round(flops / 1e6, 1), "mbytes": round(bytes_moved / 1e6, 1)}


def fraction(needed, peak, milliseconds):
    """Of the time taken, the part both limits together would need."""
    best = (needed["mflop"] / peak["gflops"]
            + needed["mbytes"] / peak["gbytes_per_second"])
    return round(best / milliseconds, 3)


def _best(function, tries):
    best = np.inf
    for _ in range(tries):
        start = time.perf_counter()
        function()
        best = min(best, time.perf_counter() - start)
    return best
