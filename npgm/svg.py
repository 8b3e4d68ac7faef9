"""Drawings within a page, as SVG. Text and axes have the ink of the page, and so follow
its light and dark; a drawing is as many units wide as a phone has pixels."""
import html
import math
from typing import NamedTuple

from npgm import plots

WIDTH = 360
LEFT, RIGHT, TOP, BOTTOM = 44, 12, 10, 38     # margins of `curves`
HIGH = 200                                    # of its plot, without them
SPREAD_HEIGHT, BOX, AXIS = 104, 52, 78        # of `spread`: middle of its box; axis
LABEL = 115                                   # the room that a mark's label takes
TICK = 40                                     # and that of a number on the axis
INK = "currentColor"


class Line(NamedTuple):
    """shares: of 1, one for each x. dash: lengths drawn and left out, or ""."""

    name: str
    shares: tuple
    color: str
    dash: str


def curves(x, lines, label, mark, alternative):
    """Lines over x, which begins at 0, and what they are called. label: of the x axis;
    mark: an x at which a thin line stands; alternative: for who cannot see it."""
    def across(value):
        return LEFT + (WIDTH - LEFT - RIGHT) * value / x[-1]

    def up(share):
        return TOP + HIGH * (1 - share)
    grid = [_rule(LEFT, up(share), WIDTH - RIGHT, up(share), "grid")
            + _text(LEFT - 5, up(share) + 4, f"{100 * share:g} %", "end")
            for share in (0, 0.25, 0.5, 0.75, 1)]
    below = [_text(across(value), up(0) + 16, f"{value:g}") for value in _ticks(x[-1])]
    drawn = [_curve([(across(value), up(share)) for value, share in
                     zip(x, line.shares)], line) for line in lines]
    return _drawing(TOP + HIGH + BOTTOM, [
        *grid, *below, _text(across(x[-1] / 2), up(0) + 33, label),
        _rule(across(mark), TOP, across(mark), up(0)), *drawn], alternative) + _key(
            lines)


def spread(quantiles, marks, alternative):
    """Five quantiles of a quantity as a box with whiskers, and marks (value, label), on
    an axis that is linear near 0 and logarithmic far from it."""
    values = [0, *quantiles, *(value for value, _ in marks)]
    low, high = math.asinh(min(values)), math.asinh(max(values)) + 0.3

    def across(value):
        return RIGHT + (WIDTH - 2 * RIGHT) * (math.asinh(value) - low) / (high - low)
    first, left, middle, right, last = map(across, quantiles)
    ticks = [value for value in _powers((high - low) / (WIDTH - 2 * RIGHT))
             if min(values) <= value <= max(values)]
    return _drawing(SPREAD_HEIGHT, [
        _rule(RIGHT, AXIS, WIDTH - RIGHT, AXIS, "grid"),
        *(_text(across(value), AXIS + 16, f"{value:g}") for value in ticks),
        _rule(first, BOX, last, BOX),
        f'<rect class="box" x="{left:.1f}" y="{BOX - 9}" '
        f'width="{right - left:.1f}" height="18"/>',
        _rule(middle, BOX - 9, middle, BOX + 9, "middle"),
        *(_mark(across(value), 12 + 14 * i, label)
          for i, (value, label) in enumerate(marks))], alternative)


def _mark(x, y, label):
    """A line down to the axis, its label on the right if there is room."""
    room = WIDTH - x > LABEL
    return _rule(x, y - 9, x, AXIS, "mark") + _text(
        x + (4 if room else -4), y, label, "start" if room else "end")


def _curve(points, line):
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    dots = "".join(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.5" fill="{line.color}"/>'
                   for x, y in points)
    return (f'<polyline points="{path}" fill="none" stroke="{line.color}" '
            f'stroke-width="2" stroke-dasharray="{line.dash}"/>{dots}')


def _key(lines):
    """The names of lines, each beside a piece of it."""
    return '<ul class="key">' + "".join(
        '<li><svg width="36" height="12" aria-hidden="true">'
        f"{_curve([(2, 6), (34, 6)], line)}</svg> {html.escape(line.name)}</li>"
        for line in lines) + "</ul>"


def _drawing(height, parts, alternative):
    return (f'<svg class="drawing" viewBox="0 0 {WIDTH} {height}" role="img" '
            f'aria-label="{html.escape(alternative)}">{"".join(parts)}</svg>')


def _rule(x1, y1, x2, y2, css="rule"):
    return (f'<line class="{css}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" '
            f'y2="{y2:.1f}"/>')


def _text(x, y, text, anchor="middle"):
    return (f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{html.escape(text)}'
            "</text>")


def _powers(scale):
    """0 and powers of 10, up and down, that do not crowd where a unit of the drawing
    is `scale` in asinh."""
    every = math.ceil(TICK * scale / math.log(10))
    powers = range(0 if every == 1 else every, 308, every)
    return [0.0, *(sign * 10.0 ** power for power in powers for sign in (-1, 1))]


def _ticks(high):
    """A few round numbers from 0 to high."""
    plots.library()
    from matplotlib.ticker import MaxNLocator
    found = MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]).tick_values(0, high)
    return [value for value in found if 0 <= value <= high * (1 + 1e-9)]
