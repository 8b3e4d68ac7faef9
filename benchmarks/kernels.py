"""Each kernel of an Adam update alone: with what it needs in the caches, and after a
pass over as much memory as an update moves. What limits an update is seen here."""
import functools

import numpy as np

import npgm
from benchmarks import roofline, timing
from npgm.compiled import kernels
from npgm.compiled.signs import sign_product
from npgm.network import aligned_zeros
from npgm.training import batch_rows

UPDATES, BATCH = 600, 125       # done before; as in the protocol
ELSEWHERE = 9_000_000           # bytes that go through the caches between two calls


@timing.one_core()
def run(quick=False):
    data, net = npgm.load_dataset(), npgm.MLP.initialize()
    trainer = npgm.Trainer(net, npgm.optimizers.Adam())
    for t in range(1, UPDATES + 1):
        rows = batch_rows(len(data.y_train), BATCH, 0, t)
        trainer.update(data.x_train[rows], data.y_train[rows])
    limits = roofline.peak()
    memory, seconds = np.zeros(ELSEWHERE // 4, np.float32), {}
    for name, (call, amount, unit) in calls(trainer).items():
        def cold():
            np.add(memory, 1, out=memory)
            return timing.interleave({"": call}, 1)[""][0]
        call()
        repeats = 10 if quick else 100
        hot = timing.interleave({"": call}, repeats)[""]
        seconds[name] = (hot, [cold() for _ in range(repeats)], amount, unit)
    return {"title": "the kernels of an Adam update", "peak": limits,
            "rows": {name: row(*taken) for name, taken in seconds.items()}}


def row(hot, cold, amount, unit):
    """amount: MFLOP of entries that are not zero, or megabytes read and written."""
    times = {name: timing.summary(s) for name, s in (("hot", hot), ("cold", cold))}
    rates = {f"{unit}_{name}": round(amount / t["median_ms"], 1)
             for name, t in times.items()}
    return {"times": times, "amount": round(amount, 2), **rates}


def calls(trainer):
    """{what: (a call of a kernel, its MFLOP or megabytes, the rate's unit)}."""
    net, state = trainer.net, trainer.state
    H, dtheta = trainer.activations(), trainer.dtheta.copy()
    room = kernels.room([(n, BATCH) for n in net.sizes]
                        + [(BATCH, n) for n in net.sizes], net.dtype)
    zeros, everything = np.zeros(max(net.sizes), net.dtype), np.arange(max(net.sizes))
    made = {}
    for i, (W, b) in enumerate(net.layers[:2], 1):
        h, dZ = H[i - 1], aligned((H[i] > 0) * np.float32(1e-3))
        h_T, Z, dW = aligned(h.T), aligned(H[i]), aligned(W)
        flops = 2e-6 * np.count_nonzero(h) * W.shape[1]
        made[f"x W{i}" if i == 1 else f"h W{i}"] = (functools.partial(
            kernels.multiply, h, room, W, b, Z), flops, "gflops")
        made[f"gradient of W{i}"] = (functools.partial(
            kernels.multiply, h_T, room, dZ, zeros, dW), flops, "gflops")
        made[f"h of layer {i} to sparse rows"] = (functools.partial(
            kernels.compress, h, room), 1e-6 * h.nbytes, "gbytes_per_second")
        made[f"h of layer {i}, transposed"] = (functools.partial(
            kernels.transpose, h, everything[:BATCH], h_T), 2e-6 * h.nbytes,
            "gbytes_per_second")
    made["gradient of h"] = (functools.partial(
        kernels.multiply, dZ, room, aligned(W.T), zeros, aligned(H[1])),
        2e-6 * np.count_nonzero(dZ) * len(W), "gflops")
    step = trainer.optimizer.compiled()
    made["Adam"] = (lambda: step(net.theta, dtheta, state), 7e-6 * net.theta.nbytes,
                    "gbytes_per_second")
    signs = np.where(np.random.default_rng(0).random((500, 784)) < 0.5, -1, 1)
    signs, W = aligned(signs), net.layers[0][0]
    dense = 2e-6 * signs.size * W.shape[1]
    made["signs W1, 500 images"] = (lambda: sign_product(signs, W), dense, "gflops")
    made["x W1, 500 images, dense"] = (functools.partial(
        kernels.dense_product, signs, W, zeros, aligned(signs[:, :W.shape[1]])), dense,
        "gflops")
    return made


def aligned(A):
    """A in float32, row by row, from a cache line on: as training has its arrays."""
    copy = aligned_zeros(A.shape, np.float32)
    copy[:] = A
    return copy
