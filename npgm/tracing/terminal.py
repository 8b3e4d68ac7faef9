"""A trace as text: every update worked line by line, or a table of many."""
import numpy as np

from npgm import tables
from npgm.diagnosis.arithmetic import QUANTILES
from npgm.errors import InputError
from npgm.optimizers.base import arguments
from npgm.tracing.pseudocode import text

SHOWN = 12          # updates in a table, at most
FOLLOWED = 10       # parameters with a table of their own, at most


def worked(trace):
    """Each update recorded, for each parameter: the rule's lines with the numbers put
    in, complete to the last bit. Quantities alone, where the rule cannot be read."""
    blocks = []
    for row, t in enumerate(trace.steps):
        blocks.append(f"update {t}" + _of_batch(trace, row))
        taken = [f"  {name} = {text(values[row])}" for name, values in
                 trace.coefficients.items() if name in _used(trace)]
        blocks.append("\n".join(["the same for every parameter:", *taken]))
        lines = _lines(trace, row)
        for k, parameter in enumerate(trace.parameters):
            blocks.append("\n".join([parameter, *_parameter(trace, row, k, lines)]))
    return "\n\n".join(blocks) + "\n"


def _lines(trace, row):
    """The rule worked, or None where it cannot be read."""
    try:
        return trace.worked(row)
    except InputError:
        return None


def _parameter(trace, row, k, lines):
    """The text of one update of one parameter."""
    kept = [name for name in trace.quantities if name.endswith("_before")]
    given = [f"  {name.removesuffix('_before')} = {text(trace[name][row, k])}"
             for name in kept] + [f"  g = {text(trace['g'][row, k])}"]
    if lines is None:
        made = [f"  {name} = {text(trace[name][row, k])}"
                for name in trace.quantities if name not in kept and name != "g"]
    else:
        made = [shown for line in lines for shown in _line(*line, k)]
    return [*given, *made, "  " + _remark(trace, row, k)]


def _line(line, operands, result, k):
    if result is None:
        return ["  " + part for part in line.plain.splitlines()]
    numbers = {name: _of(value, k) for name, value in operands.items()}
    indent = " " * (len(line.target) + 3)
    if line.formula == line.target:
        return [f"  {line.target} = {text(_of(result, k))}"]
    shown = ["  " + line.plain]
    if numbers:
        shown.append(f"{indent}= {line.with_numbers(numbers)}")
    return [*shown, f"{indent}= {text(_of(result, k))}"]


def _of(value, k):
    return value[k] if np.ndim(value) else value


def _remark(trace, row, k):
    """What became of theta, in words."""
    ulps, rate = trace["ulps"][row, k], trace["effective_rate"][row, k]
    told = "no gradient" if np.isnan(rate) else f"effective rate {rate:.3g}"
    if trace["theta_before"][row, k] == 0:
        return told
    if not trace["changed"][row, k]:
        return f"theta is unchanged: the step is {ulps:.2g} of its last place; {told}"
    return f"the step is {ulps:.4g} times theta's last place; {told}"


def _used(trace):
    """The names of a rule's arguments; all coefficients, if it is not known."""
    return (arguments(trace.optimizer.rule) if trace.optimizer
            else tuple(trace.coefficients))


def _of_batch(trace, row):
    if "loss" not in trace.batch:
        return ""
    return f", loss {trace.batch['loss'][row]:.6g}"


def table(trace):
    """A table of the run, then one of each parameter: at most SHOWN updates, evenly
    spaced, the last among them."""
    rows = _rows(len(trace.steps))
    parts = [_thresholds(trace) + tables.plain(_run_columns(trace), rows)
             ] if trace.batch else []
    for k, parameter in enumerate(trace.parameters[:FOLLOWED]):
        parts.append(f"{parameter}\n"
                     + tables.plain(_parameter_columns(trace, k), rows))
    if (more := len(trace.parameters) - FOLLOWED) > 0:
        parts.append(f"... and {more} more parameters: --csv or --npz writes them\n")
    return "\n".join(parts)


def side_by_side(traces):
    """A table of the losses {label: Trace}, and of the first parameter's theta and
    step."""
    longest = max(traces.values(), key=lambda trace: len(trace.steps))
    steps = longest.steps
    columns = [("update", lambda row: str(steps[row]))]
    parts = {}
    if all("loss" in trace.batch for trace in traces.values()):
        parts["loss"] = [trace.batch["loss"] for trace in traces.values()]
    for name in longest.parameters[:1]:
        for quantity in ("theta", "step"):
            parts[f"{quantity} of {name}"] = [trace[quantity][:, 0]
                                              for trace in traces.values()]
    return "\n".join(
        f"{heading}\n" + tables.plain(
            columns + [_column(label, values) for label, values in zip(traces, series)],
            _rows(len(steps))) for heading, series in parts.items())


def _column(heading, values, digits=4):
    """A column of a series (T,); empty behind its end."""
    return heading, lambda row: (f"{values[row]:.{digits}g}" if row < len(values)
                                 else "")


def _rows(count):
    """At most SHOWN of count rows, evenly spaced, first and last among them."""
    if not count:
        return []
    return list(dict.fromkeys(np.linspace(0, count - 1, min(SHOWN, count)).round()
                              .astype(int).tolist()))


def _thresholds(trace):
    """A line: from which leads on a residual is 0; nothing where there are no leads."""
    if "lead" not in trace.batch:
        return ""
    label, whole = trace.thresholds
    return (f"in {trace.dtype} the residual is 0 in the label from a lead of "
            f"{label:.1f} on, in all from {whole:.1f}\n")


def _run_columns(trace):
    batch, columns = trace.batch, [("update", lambda row: str(trace.steps[row]))]
    columns.append(_column("loss", batch["loss"]))
    if "lead" in batch:
        columns += [
            _column("median lead", batch["lead"][:, QUANTILES.index(0.5)], 3),
            _column("residual 0 in label", batch["label_rounded"], 8),
            _column("in all", batch["residual_rounded"], 8),
            ("silent units", lambda row: " ".join(map(str, batch["silent"][row]))
             or "-")]
    return columns + [_column(f"{layer} step/theta", known["ratio"], 2)
                      for layer, known in trace.layers.items() if layer[0] == "W"]


def _parameter_columns(trace, k):
    names = [name for name in dict.fromkeys(["g", *trace.quantities])
             if not name.endswith("_before") and name not in ("theta", "step")]
    names += ["step", "effective_rate", "ulps", "theta"]
    return [("update", lambda row: str(trace.steps[row]))] + [
        _column(name.replace("_", " "), trace[name][:, k]) for name in names]
