"""A sweep as a figure: every quantity against the option that varies."""
import math
import numbers

from npgm import plots
from npgm.experiments.experiment import KEYS
from npgm.experiments.rows import spans
from npgm.experiments.sweeps import menu

# What is drawn along the x axis, if it varies; else the number with most values.
FIRST = ("step", "learning_rate", "epsilon")
STYLES = ("-", "--", ":", "-.")     # for what varies last, if it has few values
LINES = 16                          # in a legend; more are drawn without
LETTERS = 13                        # of a legend, on an inch


def draw(result, keys, quantities):
    """A panel for each quantity, a line for each combination of what else varies;
    shades, or bars, from the lowest to the highest seed."""
    rows = result["rows"]
    along = _along(rows, keys)
    others = [key for key in keys if key != along and len(_values(rows, key)) > 1]
    lines = _lines(rows, others)
    columns = min(3, len(quantities))
    height, width = math.ceil(len(quantities) / columns), max(6, 4.2 * columns)
    figure, axes = plots.new(columns, width=width, height=0.8 + 3.2 * height,
                             rows=height, squeeze=False)
    for ax, quantity in zip(axes.flat, quantities):
        _panel(ax, quantity, along, _values(rows, along), lines)
    for ax in axes.flat[len(quantities):]:
        ax.set_visible(False)
    if others and len(lines) <= LINES:
        longest = max(len(line["label"]) for line in lines)
        by_epsilon = [menu.has_epsilon(quantity) for quantity in quantities]
        plots.legend_below(figure, axes.flat[by_epsilon.index(True) if any(by_epsilon)
                                             else 0],
                           columns=max(1, int(width * LETTERS / (longest + 8))))
    figure.suptitle(_fixed(result, keys, along, others), fontsize=8, color="#555555")
    return figure


def _lines(rows, others):
    """What is drawn in every panel: [{rows, epsilon, label, color, linestyle}, ...]."""
    groups = {}
    for row in rows:
        groups.setdefault(tuple(row[key] for key in others), []).append(row)
    styled = len(others) > 1 and len(_values(rows, others[-1])) <= len(STYLES)
    hues = list(dict.fromkeys(values[:-1] if styled else values for values in groups))
    shade = plots.shades("turbo", len(hues)) if len(hues) > 10 else plots.colors()
    return [{"rows": chosen, "epsilon": chosen[0].get("epsilon"),
             "label": _words(others, values),
             "color": shade[hues.index(values[:-1] if styled else values)],
             "style": STYLES[_values(rows, others[-1]).index(values[-1])]
             if styled else "-"} for values, chosen in groups.items()]


def _panel(ax, quantity, along, values, lines):
    """One quantity; what does not depend on epsilon is drawn once."""
    first = lines[0]["epsilon"]
    drawn = [line for line in lines if along == "epsilon"
             or line["epsilon"] == first or menu.has_epsilon(quantity)]
    for place, line in enumerate(drawn):
        aside = 0.8 * ((place + 0.5) / len(drawn) - 0.5)
        _line(ax, line, along, values, quantity.name, aside)
    if ax.dataLim.height == 0 and ax.dataLim.y0 > 0:    # all the same
        ax.set_ylim(0, 1.05 * ax.dataLim.y0)
    ax.set_title(quantity.heading)
    ax.set_xlabel(_heading(along))
    if not _are_numbers(values):
        texts = [_text(along, value) for value in values]
        slanted = {"rotation": 12, "ha": "right"} if max(map(len, texts)) > 15 else {}
        ax.set_xticks(range(len(values)), texts, **slanted)
        ax.set_xlim(-0.6, len(values) - 0.4)
    elif along == "learning_rate":
        plots.log_rate(ax)
    elif min(values) > 0 and max(values) >= 8 * min(values):
        plots.log_x(ax)


def _along(rows, keys):
    """The key of the x axis."""
    varied = [key for key in keys if len(_values(rows, key)) > 1]
    numeric = [key for key in varied if _are_numbers(_values(rows, key))]
    for key in FIRST:
        if key in numeric:
            return key
    return max(numeric or varied or keys[:1], key=lambda key: len(_values(rows, key)))


def _line(ax, line, along, values, quantity, aside):
    """One combination: a line over numbers; over words, points a little aside of each
    other, with the seeds' span."""
    rows, color, label = line["rows"], line["color"], line["label"]
    if _are_numbers(values):
        rows = sorted(rows, key=lambda row: row[along])
        plots.line(ax, [row[along] for row in rows], spans(rows, quantity), color,
                   label, line["style"])
        return
    middle, low, high = spans(rows, quantity)
    ax.errorbar([values.index(row[along]) + aside for row in rows], middle,
                [[m - end for m, end in zip(middle, low)],
                 [end - m for m, end in zip(middle, high)]],
                fmt="o" if line["style"] == "-" else "s", ms=5, capsize=3, color=color,
                label=label)


def _fixed(result, keys, along, others):
    """What does not vary, in small print."""
    settings, row = result["provenance"]["settings"], result["rows"][0]
    run = next(iter(result["provenance"]["runs"].values()))["configuration"]
    fixed = [key for key in keys if key not in (along, *others)]
    said = [_words([key], [row[key]]) for key in fixed]
    said += [_words([key], [_brief(run[key])]) for key in ("hidden", "batch_size")
             if key not in keys]
    seeds = settings["seeds"]
    count = seeds if isinstance(seeds, int) else len(seeds)
    said += [f"{settings['steps']:,} updates"] if "steps" not in keys else []
    return ", ".join([settings["data_from"], *said, "1 seed" if count == 1 else
                      f"{count} seeds, shades or bars from the lowest to the highest"])


def _values(rows, key):
    """The different values of a key, as they come."""
    return list(dict.fromkeys(row[key] for row in rows))


def _are_numbers(values):
    return all(isinstance(value, numbers.Real) and not isinstance(value, bool)
               for value in values)


def _heading(key):
    return KEYS[key][0] if key in KEYS else key.replace("_", " ")


def _words(keys, values):
    return ", ".join(str(value) if key == "optimizer"
                     else f"{_heading(key)} {_text(key, value)}"
                     for key, value in zip(keys, values)
                     if value is not None or key == "defence")


def _text(key, value):
    if value is None:
        return "none" if key == "defence" else "-"
    return f"{value:g}" if _are_numbers([value]) else str(value)


def _brief(value):
    return ",".join(map(str, value)) if isinstance(value, list) else value
