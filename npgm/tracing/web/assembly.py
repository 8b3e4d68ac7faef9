"""The page as text: what it holds thinned until it fits, and nothing of the network."""
import base64
import hashlib
import html
import importlib.resources
import json
import re

import numpy as np

from npgm import page
from npgm.errors import InputError
from npgm.tracing.web.content import content

LARGEST = 10_000_000        # bytes of a page
MOST, LEAST = 2000, 20      # updates in a page: more are not seen, fewer tell little
SCRIPTS = ("numbers.js", "chart.js", "board.js", "update.js", "surface.js", "page.js")


def document(traces, data=None, batch_size=125, seed=0, ground=None):
    """The page of {label: Trace}, of the same parameters. data, batch_size, seed: as
    of the run, to show the images of its batches. ground: of a toy, what toy.ground
    gives. Raises InputError if it would be too large."""
    batches = None if data is None else (data, batch_size, seed)
    recorded = np.unique(np.concatenate([trace.steps for trace in traces.values()]))
    most = _at_first(traces)
    while True:
        if most < min(LEAST, len(recorded)):
            count = len(next(iter(traces.values())).parameters)
            raise InputError(
                f"a page of {len(recorded):,} updates of {count:,} parameters does not "
                f"fit into {LARGEST / 1e6:g} MB: follow fewer parameters, or record "
                "fewer updates, for example with --every")
        steps = recorded[thinned(len(recorded), most)]
        text = _text(traces, content(traces, steps, batches, ground), len(recorded))
        size = len(text.encode())
        if size <= LARGEST:
            return text
        most = int(0.95 * len(steps) * LARGEST / size)


def thinned(count, most):
    """Which of count updates are shown, at most `most`: the first ones all, then evenly
    spaced ones, the last among them."""
    if count <= most:
        return np.arange(count)
    first = most // 4
    return np.concatenate([np.arange(first), np.linspace(
        first, count - 1, most - first).round().astype(int)])


def _at_first(traces):
    """How many updates may fit, by the numbers of their parameters alone."""
    row = sum(values.itemsize * values.shape[1] for trace in traces.values()
              for values in trace.quantities.values())
    return int(min(MOST, LARGEST / (1 + row * 4 / 3)))


def _text(traces, held, recorded):
    arrays = held["arrays"]
    steps = arrays.packed[held["steps"]]["shape"][0]
    held = {**held, "arrays": arrays.packed}
    files = importlib.resources.files("npgm.tracing.web")
    style, body, *scripts = (files.joinpath(name).read_text(encoding="utf-8")
                             for name in ("page.css", "page.html", *SCRIPTS))
    script = "\n".join(scripts)
    parts = {"notes": _notes(traces, steps, recorded), "data": _json(held),
             "script": script}
    body = re.sub(r"{{(\w+)}}", lambda place: parts[place[1]], body)
    heading = _heading(traces)
    text = page.document(heading, heading, body)
    look = text.partition("<style>")[2].partition("</style>")[0]
    return text.replace("<title>", _policy(script, look, style) + "\n<title>", 1
                        ).replace("</head>", f"<style>{style}</style>\n</head>", 1)


def _policy(script, *styles):
    """What the browser holds the page to: its own script and styles, pictures within
    it, and nothing else."""
    allowed = " ".join(map(_hash, styles))
    return ('<meta http-equiv="Content-Security-Policy" content="default-src '
            f"'none'; script-src {_hash(script)}; style-src {allowed}; img-src data:; "
            "base-uri 'none'; form-action 'none'\">")


def _hash(text):
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return f"'sha256-{digest}'"


def _json(held):
    """JSON that no text within can end early."""
    return json.dumps(held, allow_nan=False, separators=(",", ":")).replace(
        "<", "\\u003c")


def _heading(traces):
    if len(traces) == 1:
        return f"{next(iter(traces))}, update by update"
    return f"{', '.join(traces)}: side by side"


def _notes(traces, shown, recorded):
    """What is to be known of the traces, in sentences."""
    dtypes = " and ".join(dict.fromkeys(trace.dtype for trace in traces.values()))
    notes = [page.note(f"Every number is as it was computed, in {dtypes}, and printed "
                       "as short as it can be read back.")]
    if shown < recorded:
        why = ("more would not be seen" if shown == MOST
               else f"more would not fit into {LARGEST / 1e6:g} MB")
        notes.append(page.note(
            f"Thinned: of {recorded:,} updates recorded this page holds {shown:,}, the "
            f"first {shown // 4:,} and then evenly spaced ones; {why}."))
    for label, trace in traces.items():
        if trace.ended:
            notes.append('<p class="warning">' + html.escape(
                f"\u26a0\ufe0e {label} {trace.ended}: its trace ends there.") + "</p>")
    if not shown:
        notes.append("<p>No update was recorded.</p>")
    return "\n".join(notes)
