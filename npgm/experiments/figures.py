"""How figures look and how they are written."""
from npgm import storage

PAPER, NATURAL, ATTACKED, REPAIRED, VALID = (
    "#222222", "#6b7a8f", "#1f77b4", "#d62728", "#9ccc9c")

STYLE = {"font.size": 10, "axes.spines.top": False, "axes.spines.right": False,
         "axes.grid": True, "grid.alpha": 0.3, "axes.axisbelow": True,
         "figure.constrained_layout.use": True, "savefig.dpi": 150}


def new(columns, width=10, height=4.2, rows=1, **options):
    """A figure with rows of axes: (figure, axes)."""
    import matplotlib       # here, because it takes longer than all the rest
    from matplotlib.figure import Figure
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(width, height))
        return figure, figure.subplots(rows, columns, **options)


def stamp(figure, text):
    """Small print along the bottom."""
    if text:
        figure.supxlabel(text, fontsize=8, color="#b00020")


def save(figure, path):
    import matplotlib
    with storage.replacing(path) as file, matplotlib.rc_context(STYLE):
        figure.savefig(file, format="png", metadata={"Software": "npgm"})
