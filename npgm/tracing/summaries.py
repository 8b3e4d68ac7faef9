"""What an update did to each layer, and what the batch it was made of looked like."""
import numpy as np

from npgm.diagnosis.arithmetic import QUANTILES, lead
from npgm.losses import cross_entropy
from npgm.network import forward, layer_views

# Sizes of steps are counted between these powers of ten, and below and beyond them.
DECADES = tuple(range(-12, 1))


class LayerSummaries:
    """T summaries of what updates did to a network's arrays."""

    def __init__(self, count, arrays, dtype):
        """arrays: {name: array}, in the order they have in theta."""
        self.names = list(arrays)
        self.sizes = np.array([array.size for array in arrays.values()])
        self.ends = np.cumsum(self.sizes)
        # From 0 on, for what is not a number reaches no edge and is in no bin.
        self.edges = np.array([0, *(10.0 ** np.array(DECADES))], dtype)
        self.sums = np.zeros((count, len(self.sizes), 5))
        self.reaching = np.zeros((count, len(self.sizes), len(self.edges)), np.int64)
        self.summarize = fastest_summarize()

    def record(self, row, before, after, g):
        """Row of theta (P,) before and after an update, and its gradient g; before
        becomes after."""
        self.summarize(before, after, g, self.ends, self.edges, self.sums[row],
                       self.reaching[row])

    def series(self, count):
        """{array's name: {what: (count,)}} of the first rows, histogram (count, 14)."""
        sums, reaching = self.sums[:count], self.reaching[:count]
        g, step, theta = np.sqrt(np.moveaxis(sums[..., :3], -1, 0))
        with np.errstate(all="ignore"):
            found = {"g_norm": g, "step_norm": step, "theta_norm": theta,
                     "ratio": step / theta, "unchanged": sums[..., 3] / self.sizes,
                     "against": sums[..., 4] / self.sizes}
        bins = -np.diff(reaching, append=0)
        bins[..., 0] -= sums[..., 3].astype(np.int64)
        found["histogram"] = bins
        return {name: {what: values[:, k] for what, values in found.items()}
                for k, name in enumerate(self.names)}


def summarize(before, after, g, ends, edges, sums, reaching):
    """As npgm.compiled.summarize, its twin, which says what becomes of what."""
    start = 0
    for layer, end in enumerate(ends):
        b, slope = before[start:end], g[start:end]
        step = b - after[start:end]
        sums[layer, :3] = [np.sum(np.square(array, dtype="float64"))
                           for array in (slope, step, b)]
        sums[layer, 3] = np.count_nonzero(step == 0)
        sums[layer, 4] = np.count_nonzero(np.sign(step) * np.sign(slope) < 0)
        reaching[layer] = [np.count_nonzero(np.abs(step) >= edge) for edge in edges]
        start = end
    before[:] = after


def fastest_summarize():
    """The compiled one, where Numba compiles."""
    from npgm import compiled           # which loads Numba
    return summarize if compiled.jit.disabled() else compiled.summarize


def activations(trainer, before):
    """[x, h1, ..., z] of a trainer's newest batch, by theta (P,) before its update."""
    return trainer.activations() or forward(layer_views(trainer.net.sizes, before),
                                            trainer.x)


class BatchSummaries:
    """T summaries of batches. numbers: {"loss": (T,), the mean; "lead": (T, 5), how far
    the label's logit leads, of the examples nearest to arithmetic.QUANTILES of it;
    "label_rounded", "residual_rounded": (T,) how many examples' residual, softmax minus
    one-hot, is exactly 0 in the label's entry and in all; "active": (T, H) the share of
    a hidden layer's units that are on, the mean over examples; "silent": (T, H) how
    many units are off for the whole batch}."""

    def __init__(self, count, hidden):
        self.numbers = {
            "loss": np.full(count, np.nan), "lead": np.full(
                (count, len(QUANTILES)), np.nan),
            "label_rounded": np.zeros(count, np.int64),
            "residual_rounded": np.zeros(count, np.int64),
            "active": np.full((count, hidden), np.nan),
            "silent": np.zeros((count, hidden), np.int64)}

    def record(self, row, losses, activations, y):
        """Row of a batch: its losses (N,), [x, h1, ..., z] and labels (N,)."""
        numbers, (_, *hidden, z) = self.numbers, activations
        _, residual = cross_entropy(z, y)
        numbers["loss"][row] = losses.mean()
        ranks = np.round(np.multiply(QUANTILES, len(y) - 1)).astype(int)
        numbers["lead"][row] = np.sort(lead(z, y))[ranks]   # np.quantile takes 0.15 ms
        numbers["label_rounded"][row] = np.count_nonzero(
            residual[np.arange(len(y)), y] == 0)
        numbers["residual_rounded"][row] = np.count_nonzero(~residual.any(axis=1))
        for layer, h in enumerate(hidden):
            on = h > 0
            numbers["active"][row, layer] = np.count_nonzero(on) / on.size
            numbers["silent"][row, layer] = np.count_nonzero(~on.any(axis=0))
