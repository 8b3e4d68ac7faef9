"""Results as JSON, Markdown, CSV and plain text.

A table has columns, each a heading and a function row -> text.
"""
import contextlib
import csv
import io
import os
from pathlib import Path

import numpy as np

from npgm import storage
from npgm.errors import DataError
from npgm.experiments import figures


def summary(values):
    """{"mean", "std", "values"} over seeds. A diverged run's value is None: it
    stays in values and out of mean. std (N - 1) is None below two values."""
    known = [v for v in values if v is not None]
    return {"mean": float(np.mean(known)) if known else None,
            "std": float(np.std(known, ddof=1)) if len(known) > 1 else None,
            "values": list(values)}


def percent(value, digits=2):
    """A summary as "1.53 ± 0.04", a number as "1.53", None as "-"."""
    if value is None:
        return "-"
    if not isinstance(value, dict):
        return f"{value:.{digits}f}"
    if value["mean"] is None:
        return "diverged"
    text = f"{value['mean']:.{digits}f}"
    if value["std"] is not None:
        text += f" ± {value['std']:.{digits}f}"
    lost = sum(v is None for v in value["values"])
    return text + (f" ({lost} diverged)" if lost else "")


def shown(experiment, rows):
    """Those of an experiment's rows that its table has."""
    return experiment.shown(rows) if hasattr(experiment, "shown") else rows


def notes(result):
    """What is said below the table of a result, a list of sentences."""
    settings = result["provenance"]["settings"]
    many = settings["seeds"] > 1
    trained = duration(result["provenance"]["training_seconds"])
    return [*filter(None, [result["stamp"]]),
            f"{settings['seeds']} seed{'s' if many else ''}, {settings['steps']:,} "
            "updates; errors in percent" + ", mean ± standard deviation" * many
            + f"; {trained} of training, summed over the runs."]


def markdown(columns, rows):
    lines = ["| " + " | ".join(heading for heading, _ in columns) + " |",
             "|" + " --- |" * len(columns)]
    lines += ["| " + " | ".join(cells) + " |" for cells in _cells(columns, rows)]
    return "\n".join(lines) + "\n"


def plain(columns, rows):
    table = [[heading for heading, _ in columns], *_cells(columns, rows)]
    widths = [max(map(len, column)) for column in zip(*table)]
    return "\n".join("  ".join(
        cell.ljust(w) if i == 0 else cell.rjust(w)
        for i, (cell, w) in enumerate(zip(cells, widths))).rstrip()
        for cells in table) + "\n"


def long_csv(rows, keys, quantities):
    """One line a row and seed: its keys, the seed, each quantity's value."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow([*keys, "seed", *quantities])
    for row in rows:
        for seed in range(len(row[quantities[0]]["values"])):
            values = [row[name]["values"][seed] for name in quantities]
            writer.writerow([*(row[key] for key in keys), seed,
                             *("" if v is None else f"{v:.4f}" for v in values)])
    return file.getvalue()


def plain_csv(rows, keys):
    """One line a row, of those keys."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerows([keys, *([row[key] for key in keys] for row in rows)])
    return file.getvalue()


def write_text_results(out, name, result, text, csv_text):
    """DIR/NAME.json, .md and .csv."""
    storage.write_json(Path(out) / f"{name}.json", result)
    storage.write_text(Path(out) / f"{name}.md", text)
    storage.write_text(Path(out) / f"{name}.csv", csv_text)


def write_all(out, name, result, text, csv_text, draw):
    """DIR/NAME.json, .md, .csv and .png; the picture is drawn from the JSON read
    back, so that it can always be drawn again from it. Results of other settings
    that stand there are kept: returns their new name, or None."""
    base = Path(out) / name
    kept = _keep_other(base, result)
    write_text_results(out, name, result, text, csv_text)
    figures.save(draw(storage.read_json(f"{base}.json")), f"{base}.png")
    return kept


def _keep_other(base, result):
    """Rename results at base that have other settings than result."""
    try:
        settings = storage.read_json(f"{base}.json")["provenance"]["settings"]
    except (DataError, KeyError, TypeError):
        return None             # nothing there, or nothing that could be named
    if settings == result["provenance"]["settings"]:
        return None
    kept = base.with_name(f"{base.name}-{settings['steps']}-updates-{settings['seeds']}"
                          f"-seeds-{settings['data'][:8]}")
    for suffix in ("json", "md", "csv", "png"):
        with contextlib.suppress(FileNotFoundError):
            os.replace(f"{base}.{suffix}", f"{kept}.{suffix}")
    return kept


def duration(seconds):
    """Seconds as "42 s", "14 min" or "1 h 51 min"."""
    if seconds < 180:
        return f"{seconds:.0f} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min"


def _cells(columns, rows):
    return [[cell(row) for _, cell in columns] for row in rows]
