"""How figures look and how they are written."""
import contextlib
import io
import os

import numpy as np

from npgm import storage
from npgm.errors import NpgmError

PAPER, NATURAL, ATTACKED, REPAIRED, VALID = (
    "#222222", "#6b7a8f", "#1f77b4", "#d62728", "#9ccc9c")

# What is drawn of FGSM wherever it is drawn: (quantity, label, color).
FGS_BARS = (("fgs_error", "FGS, as attacked", ATTACKED),
            ("fgs_error_repaired", "FGS, residual repaired", REPAIRED),
            ("valid_fgs", "valid FGS images", VALID))

STYLE = {"font.size": 10, "axes.spines.top": False, "axes.spines.right": False,
         "axes.grid": True, "grid.alpha": 0.3, "axes.axisbelow": True,
         "figure.constrained_layout.use": True, "savefig.dpi": 150}


def library():
    """Matplotlib, loaded when first needed, because it takes longer than all the
    rest; a backend that the surroundings ask for is of no concern to files."""
    backend = os.environ.pop("MPLBACKEND", None)
    try:
        import matplotlib
    finally:
        if backend is not None:
            os.environ["MPLBACKEND"] = backend
    return matplotlib


@contextlib.contextmanager
def style():
    """How figures look, whatever a user's matplotlibrc says."""
    matplotlib = library()
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(STYLE)
        yield matplotlib


def check():
    """Draw something, to see that figures can be drawn. Raises NpgmError."""
    try:
        picture(lambda result: new(1, width=1, height=1)[0], {"stamp": ""})
    except Exception as error:
        raise NpgmError(f"figures cannot be drawn: {type(error).__name__}: {error}: "
                        "mend matplotlib") from error


def new(columns, width=10, height=4.2, rows=1, **options):
    """A figure with rows of axes: (figure, axes)."""
    with style():
        from matplotlib.figure import Figure
        figure = Figure(figsize=(width, height))
        return figure, figure.subplots(rows, columns, **options)


def shades(colormap, count):
    """That many colors of a colormap, its palest left out."""
    matplotlib = library()
    return [matplotlib.colormaps[colormap](0.3 + 0.7 * k / max(1, count - 1))
            for k in range(count)]


def colors():
    """Ten colors that differ as much as they can, for what has no order."""
    return library().colormaps["tab10"].colors


def line(ax, x, values, color, label, style="-"):
    """Means with markers, and a shade from the lowest to the highest seed.
    values: (means, lows, highs)."""
    middle, low, high = values
    ax.plot(x, middle, f"o{style}", ms=3, lw=1.5, color=color, label=label)
    ax.fill_between(x, low, high, color=color, alpha=0.2, lw=0)


def log_plain(ax):
    """A logarithmic y axis, its ticks in plain numbers."""
    if ax.dataLim.height < 0:           # nothing drawn: every run diverged
        ax.set_ylim(1, 100)
    ax.set_yscale("log")
    plain_ticks(ax.yaxis, (1, 2, 5))


def log_rate(ax):
    """A logarithmic x axis of learning rates, in plain numbers too."""
    log_x(ax)
    plain_ticks(ax.xaxis, (1, 3))


def log_x(ax):
    """A logarithmic x axis."""
    if ax.dataLim.width < 0:            # nothing drawn: every run diverged
        ax.set_xlim(1e-4, 1)
    ax.set_xscale("log")


def plain_ticks(axis, digits):
    """Ticks of a logarithmic axis at those digits, written out."""
    from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter
    axis.set_major_locator(LogLocator(subs=digits))
    axis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axis.set_minor_formatter(NullFormatter())


def bars(ax, rows, series, name):
    """Groups of bars, a group a row and a bar a (quantity, label, color): means,
    a dot a seed, and a line where the paper has a number. name: a format of the row
    that a group is called by."""
    width, paper = 0.8 / len(series), "paper"
    for s, (quantity, label, color) in enumerate(series):
        for i, row in enumerate(rows):
            x = i - 0.4 + (s + 0.5) * width
            values = [v for v in row[quantity]["values"] if v is not None]
            if values:
                ax.bar(x, row[quantity]["mean"], 0.92 * width, color=color,
                       label=label if i == 0 else None)
            if len(values) > 1:
                ax.plot([x] * len(values), values, "o", ms=3, mfc="white",
                        mec="#222222", mew=0.8)
            if row.get("paper", {}).get(quantity) is not None:
                ax.plot([x - width / 2, x + width / 2], [row["paper"][quantity]] * 2,
                        color=PAPER, lw=2, label=paper)
                paper = None            # one entry in the legend
    ax.set_xticks(range(len(rows)), [name.format(**row) for row in rows])
    ax.grid(axis="x", visible=False)


def matrix(ax, values, columns, rows, words):
    """Percentages (R, C) as shades with words in them, columns and rows named, or no
    rows; NaN is left white."""
    ax.imshow(values, cmap="YlOrRd", vmin=0, vmax=100, aspect="auto")
    for i, line in enumerate(words):
        for j, text in enumerate(line):
            if text is not None:
                ax.text(j, i, text, ha="center", va="center", fontsize=8,
                        color="white" if values[i][j] > 60 else "#222222")
    ax.set_xticks(range(len(columns)), columns, fontsize=8)
    ax.set_yticks(range(len(rows)), rows, fontsize=8)
    ax.grid(visible=False)
    ax.spines[:].set_visible(False)


def legend_below(figure, ax, columns=5, place="outside lower center"):
    """One legend under all axes, of what one of them shows."""
    handles, labels = ax.get_legend_handles_labels()
    if handles:                 # none if every run diverged
        figure.legend(handles, labels, loc=place, frameon=False,
                      ncols=min(columns, len(handles)), fontsize=9)


def legend_above(figure, ax, columns=5):
    """The same above them."""
    legend_below(figure, ax, columns, "outside upper center")


def picture(draw, result):
    """What draw makes of a result, as the bytes of a PNG; its stamp in small print
    along the top."""
    with style():
        figure = draw(result)
        if result["stamp"]:
            figure.suptitle(result["stamp"], fontsize=8, color="#b00020")
        return png(figure)


def png(figure):
    """The picture as bytes."""
    file = io.BytesIO()
    with style():
        figure.savefig(file, format="png", metadata={"Software": "npgm"})
    return file.getvalue()


def pixels(image, low, high):
    """An image (H, W) in grey or (H, W, 3) in color as the bytes of a PNG, a pixel a
    pixel; low is black, high white."""
    library()
    from matplotlib.image import imsave
    shades = np.clip((np.asarray(image, "float64") - low) / ((high - low) or 1), 0, 1)
    shades = np.nan_to_num(shades)
    if shades.ndim == 2:
        shades = np.repeat(shades[:, :, None], 3, axis=2)
    file = io.BytesIO()
    imsave(file, shades, format="png", metadata={"Software": "npgm"})
    return file.getvalue()


def save(png, path):
    """Write a picture, given as bytes."""
    with storage.replacing(path) as file:
        file.write(png)
