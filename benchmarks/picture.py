"""One picture of all results, drawn from their JSON files."""
import json

import numpy as np

from npgm import plots

COLORS = {"npgm": "#d62728", "numpy": "#4c78a8", "torch": "#f2a65a",
          "torch_fused": "#e07b00", "torch_compiled": "#8c5a1e", "jax": "#54a24b",
          "sklearn": "#9d7bb5"}


def draw(folder):
    """folder/speed.png, of those results that are there; returns its path, or
    None if none of them has a panel."""
    results = {path.stem: json.loads(path.read_text())
               for path in folder.glob("*.json")}
    panels = [(panel, results[name]["rows"]) for name, panel in (
        ("update", updates), ("phases", phases), ("attack", attacks),
        ("growth", widths), ("growth", batches), ("growth", densities))
        if name in results]
    if not panels:
        return None
    figure, axes = plots.new(3, width=13, height=7.5, rows=-(-len(panels) // 3))
    axes = np.ravel(axes)
    for unused in axes[len(panels):]:
        unused.set_axis_off()
    names = {}
    for ax, (panel, rows) in zip(axes, panels):
        panel(ax, rows)
        handles, labels = ax.get_legend_handles_labels()
        names.update(zip(labels, handles))
    order = [name for name in COLORS if name in names]
    figure.legend([names[name] for name in order], order, loc="outside lower center",
                  ncols=len(order), frameon=False)
    path = folder / "speed.png"
    plots.save(plots.png(figure), path)
    return path


def updates(ax, rows):
    grouped(ax, rows)
    ax.set_title("one update, first 2,000")
    ax.set_ylabel("milliseconds")


def attacks(ax, rows):
    grouped(ax, {name.replace(", ", ",\n"): row for name, row in rows.items()})
    ax.set_title("FGSM on 10,000 images")
    ax.set_ylabel("milliseconds")


def grouped(ax, rows):
    """Bars of each candidate's median, in groups, with the quartiles."""
    names = [name for name in COLORS
             if any(name in row["times"] for row in rows.values())]
    width = 0.85 / len(names)
    for k, name in enumerate(names):
        for x, row in enumerate(rows.values()):
            if name in row["times"]:
                t = row["times"][name]
                low, high = t["quartiles_ms"]
                middle = t["median_ms"]
                ax.bar(x - 0.42 + (k + 0.5) * width, middle, 0.9 * width,
                       color=COLORS[name], label=name,
                       yerr=[[middle - low], [high - middle]],
                       error_kw={"lw": 0.7, "ecolor": "#333333"})
    ax.set_xticks(range(len(rows)), list(rows), fontsize=9)
    ax.grid(axis="x", visible=False)


def phases(ax, rows):
    """Adam at 0.001 drawn through, at 0.01 dashed."""
    for row, dashes in zip(rows.values(), ("-", "--")):
        for name in row["phases"][0]["times"]:
            ax.plot([max(p["updates"], 300) for p in row["phases"]],
                    [p["times"][name]["median_ms"] for p in row["phases"]],
                    dashes, color=COLORS[name], label=name, lw=1.3)
    ax.set_xscale("log")
    ax.set_ylim(0)
    ax.set_xlabel("updates done")
    ax.set_ylabel("milliseconds")
    ax.set_title("one Adam update during training\n(0.001 solid, 0.01 dashed)",
                 fontsize=10)


def widths(ax, rows):
    lines(ax, rows, "width ")
    ax.set_xlabel("units in the first hidden layer")


def batches(ax, rows):
    lines(ax, rows, "batch ")
    ax.set_xlabel("examples in a batch")


def densities(ax, rows):
    lines(ax, rows, "density ", scale=100, log=False)
    ax.set_xlabel("pixels lit (%)")


def lines(ax, rows, prefix, scale=1, log=True):
    chosen = {scale * float(key.removeprefix(prefix)): row["times"]
              for key, row in rows.items() if key.startswith(prefix)}
    for name in next(iter(chosen.values())):
        ax.plot(list(chosen), [times[name]["median_ms"] for times in chosen.values()],
                "o-", ms=3, color=COLORS[name], label=name, lw=1.3)
    if log:
        ax.set_xscale("log")
        ax.set_yscale("log")
        ax.set_xticks(list(chosen), [f"{x:g}" for x in chosen])
        ax.minorticks_off()
    else:
        ax.set_ylim(0)
    ax.set_ylabel("milliseconds")
    ax.set_title("one Adam update")
