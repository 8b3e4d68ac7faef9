"""What an update did to each layer, and what the batch it was made of looked like."""
import numpy as np

from npgm.diagnosis.arithmetic import QUANTILES, lead
from npgm.losses import cross_entropy

# Sizes of steps are counted between these powers of ten, and below and beyond them.
DECADES = tuple(range(-12, 1))

LAYER = ("g_norm", "step_norm", "theta_norm", "ratio", "unchanged", "against")


class LayerSummaries:
    """T summaries of L layers' arrays. numbers {name of LAYER: (T, L) float64};
    histogram (T, L, 14) int32."""

    def __init__(self, count, sizes):
        """sizes: how many parameters each array has, in the order they have in
        theta."""
        self.ends = np.cumsum(sizes)
        self.edges = 10.0 ** np.array(DECADES)
        self.numbers = {name: np.full((count, len(sizes)), np.nan) for name in LAYER}
        self.histogram = np.zeros((count, len(sizes), len(DECADES) + 1), np.int32)

    def record(self, row, before, after, g):
        """Row of theta (P,) before and after an update, and its gradient g."""
        start = 0
        for layer, end in enumerate(self.ends):
            sums, reaching = _summarize(before[start:end], after[start:end],
                                        g[start:end], self.edges)
            *squares, unchanged, against = sums
            norms, count = np.sqrt(squares), end - start
            ratio = norms[1] / norms[2] if norms[2] else np.nan
            for name, value in zip(LAYER, (*norms, ratio, unchanged / count,
                                           against / count)):
                self.numbers[name][row, layer] = value
            self.histogram[row, layer] = -np.diff(reaching, prepend=count - unchanged,
                                                  append=0)
            start = end


def summarize(before, after, g, edges):
    """(sums (5,), reaching (B,)): see npgm.compiled.summarize, its twin."""
    step = before - after
    sums = [np.sum(np.square(array, dtype="float64")) for array in (g, step, before)]
    against = np.sign(step) * np.sign(g) < 0
    reaching = [np.count_nonzero(np.abs(step) >= edge) for edge in edges]
    return (np.array([*sums, np.count_nonzero(step == 0), np.count_nonzero(against)]),
            np.array(reaching))


def _summarize(before, after, g, edges):
    from npgm.compiled import jit, summarize as compiled    # which loads Numba
    edges = edges.astype(before.dtype)
    if jit.disabled():
        return summarize(before, after, g, edges)
    sums, reaching = np.empty(5), np.empty(len(edges), np.int64)
    compiled(before, after, g, edges, sums, reaching)
    return sums, reaching


class BatchSummaries:
    """T summaries of batches. numbers: {"loss": (T,), "lead": (T, 5) quantiles,
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
        numbers["lead"][row] = np.quantile(lead(z, y), QUANTILES)
        numbers["label_rounded"][row] = np.count_nonzero(
            residual[np.arange(len(y)), y] == 0)
        numbers["residual_rounded"][row] = np.count_nonzero(~residual.any(axis=1))
        for layer, h in enumerate(hidden):
            on = h > 0
            numbers["active"][row, layer] = np.count_nonzero(on) / on.size
            numbers["silent"][row, layer] = np.count_nonzero(~on.any(axis=0))
