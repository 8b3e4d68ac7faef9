"""How an Adam update's cost grows with hidden width, batch size and the share of
pixels lit; and what the sparse and the dense product cost at each such share."""
import functools
from pathlib import Path
from types import SimpleNamespace

import numpy as np

import npgm
from benchmarks import peers, timing
from npgm.compiled import kernels

WIDTHS = (150, 300, 600, 1200, 2400)
BATCHES = (25, 50, 125, 500, 2000)
DENSITIES = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.7, 1.0)
FASHION = Path("/usr/share/datasets/fashion-mnist")
TARGET = 1.1
SHOWN = ("npgm", "numpy", "torch_fused", "jax")     # one of each library's ways


@timing.one_core()
def run(quick=False):
    data = npgm.load_dataset()
    found, missing = peers.available()
    found = {name: make for name, make in found.items() if name in SHOWN}
    take = slice(None, None, 2 if quick else 1)
    repeats = 5 if quick else 25
    rows = {}
    for width in WIDTHS[take]:
        rows[f"width {width}"] = update(found, data, (width, 128), 125, repeats)
    for batch in BATCHES[take]:
        rows[f"batch {batch}"] = update(found, data, (600, 128), batch, repeats)
    for density in DENSITIES[take]:
        rows[f"density {density}"] = update(found, lit(density), (600, 128), 125,
                                            repeats)
    for density in DENSITIES[take]:
        rows[f"product at density {density}"] = products(
            lit(density, 125).x_train, 4 * repeats)
    if FASHION.is_dir():
        fashion = npgm.load_dataset(FASHION).x_train[:125]
        rows["product on Fashion-MNIST"] = products(fashion, 4 * repeats)
    else:
        missing["Fashion-MNIST"] = f"no {FASHION}; Debian: dataset-fashion-mnist"
    rows["dense product, 500 x 784 x 600"] = dense(4 * repeats)
    return {"title": "one Adam update as it grows, milliseconds", "rows": rows,
            "missing": missing}


def lit(density, count=5000):
    """Random images, that share of their pixels lit."""
    rng = np.random.default_rng(0)
    x = rng.random((count, 784), np.float32) * (rng.random((count, 784)) < density)
    y = rng.integers(0, 10, count)
    return SimpleNamespace(x_train=x, y_train=y, x_test=x, y_test=y, classes=10)


def update(found, data, hidden, batch_size, repeats):
    net = npgm.MLP.initialize((784, *hidden, 10))
    rng = np.random.default_rng(0)
    candidates = {name: make(net, data, npgm.optimizers.Adam(), batch_size)
                  for name, make in found.items()}
    rows = [rng.permutation(len(data.y_train))[:batch_size] for _ in range(10)]
    blocks = {name: functools.partial(timing.take, candidate, rows)
              for name, candidate in candidates.items()}
    timing.interleave(blocks, 1)        # warms up and compiles
    return timing.compare(timing.interleave(blocks, max(3, repeats // 5)), len(rows),
                          TARGET)


def products(A, repeats):
    """The first layer's forward product: as sparse rows, dense, and as chosen."""
    W, b = npgm.MLP.initialize().layers[0]
    out, room = np.empty((125, 600), np.float32), kernels.room([A.shape], A.dtype)

    def sparse():
        kernels.product(kernels.compress(A, room)[0], W, b, out)
    ways = {"sparse": sparse, "dense": lambda: kernels.dense_product(A, W, b, out),
            "chosen": lambda: kernels.multiply(A, room, W, b, out)}
    timing.interleave(ways, 3)
    seconds = timing.interleave(ways, repeats)
    return {"density": round(float(np.mean(A != 0)), 3),
            "times": {name: timing.summary(s) for name, s in seconds.items()}}


def dense(repeats):
    """The first layer's product for 500 images of which every pixel is lit, against
    NumPy's, which is OpenBLAS's."""
    x, (W, b) = lit(1.0, 500).x_train, npgm.MLP.initialize().layers[0]
    out = np.empty((500, 600), np.float32)
    ways = {"npgm": lambda: kernels.dense_product(x, W, b, out),
            "openblas": lambda: np.matmul(x, W, out=out)}
    timing.interleave(ways, 3)
    return timing.compare(timing.interleave(ways, repeats), target=1.0)
