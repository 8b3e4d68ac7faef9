"""What a page holds of traces: a tree of plain values, which its script draws.

A line of a chart is {"trace": its place among the traces, "array": of numbers}, and
where it is not of the chosen parameter "label" and "column".
"""
import numpy as np

from npgm.diagnosis.arithmetic import QUANTILES
from npgm.errors import InputError
from npgm.optimizers.base import arguments
from npgm.tracing.summaries import DECADES
from npgm.tracing.web.arrays import Arrays
from npgm.tracing.web.digits import digits

LAYER = ("ratio", "step_norm", "g_norm", "theta_norm", "unchanged", "against")
MEDIAN = QUANTILES.index(0.5)


def content(traces, steps, batches=None):
    """Of {label: Trace}, at those steps. batches: (data, batch_size, seed), to show
    their images."""
    kept = Arrays()
    parameters = next(iter(traces.values())).parameters
    rows = {label: np.flatnonzero(np.isin(trace.steps, steps))
            for label, trace in traces.items()}
    return {
        "traces": [_trace(kept, label, trace, rows[label])
                   for label, trace in traces.items()],
        "charts": {"parameter": _of_parameters(kept, traces, rows),
                   "batch": _of_batches(kept, traces, rows),
                   "layers": _of_layers(kept, traces, rows)},
        "digits": batches and digits(kept, parameters, steps, *batches),
        "parameters": parameters, "steps": kept.add(steps), "decades": DECADES,
        "arrays": kept}


def _trace(kept, label, trace, rows):
    """One optimizer: its updates, worked line by line where its rule can be read."""
    lines = _lines(kept, trace, rows)
    used = arguments(trace.optimizer.rule) if trace.optimizer else trace.coefficients
    given = {name.removesuffix("_before"): values for name, values in
             trace.quantities.items() if name.endswith("_before")}
    given |= {"g": trace["g"], **{name: values for name, values in
                                  trace.coefficients.items() if name in used}}
    made = {} if lines else {name: trace[name] for name in trace.quantities
                             if name not in given and not name.endswith("_before")}
    made |= {"theta": trace["theta"]} if made else {}
    about = ("changed", "ulps", "effective_rate")
    return {"label": label, "dtype": trace.dtype, "ended": trace.ended,
            "steps": kept.add(trace.steps[rows]), "lines": lines,
            "given": _series(kept, given, rows), "made": _series(kept, made, rows),
            "about": _series(kept, {name: trace[name] for name in about}, rows)}


def _series(kept, known, rows):
    return [[name, kept.add(values[rows])] for name, values in known.items()]


def _lines(kept, trace, rows):
    """The rule's lines, names replaced by arrays of their numbers; or None."""
    try:
        updates = [trace.worked(row) for row in rows]
    except InputError:
        return None
    return [_line(kept, *zip(*cases)) for cases in zip(*updates)]


def _line(kept, lines, operands, results):
    line = lines[0]
    numbers = {name: kept.add(np.stack([values[name] for values in operands]))
               for name in line.names}
    return {"target": line.target,
            "parts": [numbers.get(part, part) for part in line.parts],
            "names": [part if part in numbers else "" for part in line.parts],
            "result": kept.add(np.stack(results)) if line.target else None}


def _of_parameters(kept, traces, rows):
    """A chart a quantity: of the parameter chosen, or a coefficient."""
    names = dict.fromkeys(name for trace in traces.values() for name in trace.names
                          if not name.endswith("_before"))
    return [{"name": name, "lines": [
        {"trace": n, "array": kept.add(trace[name][rows[label]])}
        for n, (label, trace) in enumerate(traces.items()) if name in trace.names]}
        for name in names]


def _of_batches(kept, traces, rows):
    """A chart a number of the batch; of several traces the median lead alone."""
    names = dict.fromkeys(name for trace in traces.values() for name in trace.batch)
    charts = []
    for name in names:
        lines = [{"trace": n, "array": kept.add(trace.batch[name][rows[label]]),
                  "label": what, "column": column}
                 for n, (label, trace) in enumerate(traces.items())
                 if name in trace.batch
                 for column, what in _columns(name, trace, len(traces) > 1)]
        charts.append({"name": name, "lines": lines, "marks": _marks(name, traces)})
    return charts


def _columns(name, trace, several):
    """[(column, what it is)] of a number of the batch."""
    if name == "lead":
        return [(column, f"{100 * share:g} % of the batch below" if share != 0.5 else
                 "median") for column, share in enumerate(QUANTILES)
                if not several or column == MEDIAN]
    values = trace.batch[name]
    if values.ndim == 1:
        return [(0, "")]
    return [(layer, f"hidden layer {layer + 1}") for layer in range(values.shape[1])]


def _marks(name, traces):
    """The leads at which a residual rounds to 0: [(where, what)]."""
    if name != "lead":
        return []
    label, whole = next(iter(traces.values())).thresholds
    return [(label, f"label's entry of the residual 0 from {label:.1f} on"),
            (whole, f"all of it 0 from {whole:.1f} on")]


def _of_layers(kept, traces, rows):
    """{layer: its charts, and the histogram of each trace}."""
    layers = dict.fromkeys(layer for trace in traces.values() for layer in trace.layers)

    def lines(layer, what):
        return [{"trace": n, "label": "", "column": 0,
                 "array": kept.add(trace.layers[layer][what][rows[label]])}
                for n, (label, trace) in enumerate(traces.items())
                if layer in trace.layers]
    return {layer: {"charts": [{"name": what, "lines": lines(layer, what)}
                               for what in LAYER],
                    "histogram": lines(layer, "histogram"),
                    "unchanged": lines(layer, "unchanged")} for layer in layers}
