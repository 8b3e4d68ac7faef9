"""Rows as Markdown, CSV and plain text.

A table has columns, each a heading and a function row -> text.
"""
import csv
import io


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


def long(rows, keys, quantities, seeds):
    """[{key: value, "seed": its seed, quantity: value}, ...], one a row and run; None
    for a run that diverged. seeds: {run: seed}."""
    return [{**{key: row[key] for key in keys}, "seed": seeds[run],
             **{name: row[name]["values"][place] for name in quantities}}
            for row in rows for place, run in enumerate(row["runs"])]


def long_csv(rows, keys, quantities, seeds):
    """The same as lines."""
    lines = [[*(line[key] for key in (*keys, "seed")),
              *("" if line[name] is None else f"{line[name]:.4f}"
                for name in quantities)]
             for line in long(rows, keys, quantities, seeds)]
    return plain_csv([*keys, "seed", *quantities], lines)


def plain_csv(headings, lines):
    """A line of headings, then those lines."""
    file = io.StringIO()
    csv.writer(file, lineterminator="\n").writerows([headings, *lines])
    return file.getvalue()


def duration(seconds):
    """Seconds as "42 s", "14 min" or "1 h 51 min"."""
    if seconds < 180:
        return f"{seconds:.0f} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min"


def _cells(columns, rows):
    return [[cell(row) for _, cell in columns] for row in rows]
