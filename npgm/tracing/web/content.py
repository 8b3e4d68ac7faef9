"""What a page holds of traces: a tree of plain values, which its script draws.

A line of a chart is {"trace": its place among the traces, "array": of numbers}, and
where it is not of the chosen parameter "label" and "column".
"""
import base64

import numpy as np

from npgm.diagnosis.arithmetic import QUANTILES
from npgm.errors import InputError
from npgm.optimizers.base import arguments
from npgm.tracing.summaries import DECADES
from npgm.tracing.web.arrays import Arrays
from npgm.tracing.web.digits import digits

# What is drawn of a layer; and what numbers are whose names do not say it.
LAYER = ("ratio", "step_norm", "g_norm", "theta_norm", "unchanged", "against")
MEANING = {
    "ratio": "norm of the steps over norm of theta",
    "unchanged": "share of the steps that are exactly 0",
    "against": "share of the steps whose sign is opposite to the gradient's",
    "effective_rate": "step / g", "ulps": "step in units of theta's last place",
    "changed": "1 where theta became another number",
    "lead": "the label's logit minus the largest other",
    "label_rounded": "examples whose residual is exactly 0 in the label's entry",
    "residual_rounded": "examples whose residual is exactly 0: no gradient",
    "active": "share of a layer's units that are on",
    "silent": "units that are off for the whole batch"}
MEDIAN = QUANTILES.index(0.5)


def content(traces, steps, batches=None, ground=None):
    """Of {label: Trace}, at those steps. batches: (data, batch_size, seed), to show
    their images. ground: (PNG, names, span), to show paths over it."""
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
        "ground": ground and _over(kept, traces, rows, *ground),
        "first": _liveliest(next(iter(traces.values()))),
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
    made = {} if lines else {name: values for name, values in trace.quantities.items()
                             if name != "g" and not name.endswith("_before")}
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
    """A line over the updates; without numbers if one of them has no result."""
    line = lines[0]
    if any(result is None for result in results):
        return {"target": "", "parts": [line.plain], "names": [""], "result": None}
    numbers = {name: kept.add(np.stack([values[name] for values in operands]))
               for name in line.names if all(name in values for values in operands)}
    return {"target": line.target,
            "parts": [numbers.get(part, part) for part in line.parts],
            "names": [part if part in numbers else "" for part in line.parts],
            "result": kept.add(np.stack(results))}


def _of_parameters(kept, traces, rows):
    """A chart a quantity: of the parameter chosen, or a coefficient."""
    names = dict.fromkeys(name for trace in traces.values() for name in trace.names
                          if not name.endswith("_before"))
    return [_chart(name, [
        {"trace": n, "array": kept.add(trace[name][rows[label]])}
        for n, (label, trace) in enumerate(traces.items()) if name in trace.names])
        for name in names]


def _of_batches(kept, traces, rows):
    """A chart a number of the batch; of several traces a chart a column, so that there
    a line is a trace, and of the leads the median alone."""
    charts, several = {}, len(traces) > 1
    for n, (label, trace) in enumerate(traces.items()):
        for name, values in trace.batch.items():
            array = kept.add(values[rows[label]])
            for column, what in enumerate(_columns(name, values)):
                if several and name == "lead" and column != MEDIAN:
                    continue
                title = f"{name}, {what}" if several and what else name
                chart = charts.setdefault(title, _chart(name, [], title=title,
                                                        marks=_marks(name, traces)))
                chart["lines"].append({"trace": n, "array": array, "column": column,
                                       "label": "" if several else what})
    return list(charts.values())


def _chart(name, lines, title=None, marks=()):
    return {"name": title or name, "about": MEANING.get(name, ""), "lines": lines,
            "marks": marks}


def _columns(name, values):
    """What the columns of a number of the batch are."""
    if name == "lead":
        return ["median" if share == 0.5 else f"{100 * share:g} % of the batch below"
                for share in QUANTILES]
    if values.ndim == 1:
        return [""]
    return [f"hidden layer {layer + 1}" for layer in range(values.shape[1])]


def _marks(name, traces):
    """The leads at which a residual rounds to 0: [(where, what)]."""
    if name != "lead":
        return []
    label, whole = next(iter(traces.values())).thresholds
    return [(label, f"label's entry of the residual 0 from {label:.1f} on"),
            (whole, f"all of it 0 from {whole:.1f} on")]


def _over(kept, traces, rows, png, names, span):
    """Paths over a surface: where each update begins; of one parameter, it and the
    loss."""
    paths = []
    for n, (label, trace) in enumerate(traces.items()):
        theta = trace["theta_before"][rows[label]]
        if theta.shape[1] == 1:
            theta = np.column_stack([theta, trace["loss"][rows[label]]])
        paths.append({"trace": n, "array": kept.add(theta), "label": "", "column": 0})
    return {"image": base64.b64encode(png).decode(), "names": names, "span": span,
            "paths": paths}


def _liveliest(trace):
    """The place of the parameter that most updates changed: shown at first."""
    changes = np.count_nonzero(trace["changed"], axis=0)
    return int(changes.argmax()) if changes.size else 0


def _of_layers(kept, traces, rows):
    """{layer: its charts, and the histogram of each trace}."""
    layers = dict.fromkeys(layer for trace in traces.values() for layer in trace.layers)

    def lines(layer, what):
        return [{"trace": n, "label": "", "column": 0,
                 "array": kept.add(trace.layers[layer][what][rows[label]])}
                for n, (label, trace) in enumerate(traces.items())
                if layer in trace.layers]
    return {layer: {"charts": [_chart(what, lines(layer, what)) for what in LAYER],
                    "histogram": lines(layer, "histogram"),
                    "unchanged": lines(layer, "unchanged")} for layer in layers}
