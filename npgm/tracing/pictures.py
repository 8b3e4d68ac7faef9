"""Series over the updates, drawn: a panel a quantity."""
import math

import numpy as np

from npgm import plots
from npgm.errors import InputError

COLORS = "viridis_r"
STYLES = ("-", "--", ":", "-.")
NAMED = 10          # parameters, at most, that a legend names


def draw(traces, names):
    """A figure of the quantities named, a panel each: of one Trace a line a parameter,
    of several, {label: Trace}, a color and style each. Raises InputError."""
    if not names:
        raise InputError("nothing to draw: name quantities, for example 'step'")
    rows = -(-len(names) // 2)
    columns = min(2, len(names))
    figure, axes = plots.new(columns, rows=rows, width=5 * columns,
                             height=1 + 2.6 * rows, squeeze=False)
    for ax in axes.flat[len(names):]:
        ax.remove()
    for name, ax in zip(names, axes.flat):
        for k, (label, trace) in enumerate(traces.items()):
            _lines(ax, trace, name, label if len(traces) > 1 else None, k, len(traces))
        ax.set_xlabel("updates")
        ax.set_ylabel(name.replace("_", " "))
    fullest = max(axes.flat[:len(names)],
                  key=lambda ax: len(ax.get_legend_handles_labels()[1]))
    plots.legend_below(figure, fullest)
    return figure


def _lines(ax, trace, name, label, k, count):
    """What the k-th of count traces has of a quantity; label: None if it is alone."""
    values = np.asarray(trace[name], "float64")
    columns = values.reshape(len(values), math.prod(values.shape[1:]))
    labels = [None] * columns.shape[1]
    if label and labels:
        labels[0] = label
    elif values.ndim == 2 and len(labels) == len(trace.parameters) <= NAMED:
        labels = trace.parameters
    # A number between two that are none would not be seen in a line.
    marker = "." if len(values) <= 50 or np.isnan(values).any() else None
    colors = plots.shades(COLORS, count if label else len(labels))
    for j, (column, shown) in enumerate(zip(columns.T, labels)):
        n = k if label else j
        ax.plot(trace.steps, column, STYLES[n % len(STYLES)], label=shown, lw=1.2, ms=3,
                marker=marker, color=colors[n])
