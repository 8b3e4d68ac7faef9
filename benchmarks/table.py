"""The speed table, written from the results' JSON files."""
import json

from npgm import storage, tables

HEADINGS = ("work", "npgm", "the fastest other", "ratio", "target")


def write(folder):
    """folder/speed.md, of those results that are there; returns its path, or None if
    there are none."""
    results = {path.stem: json.loads(path.read_text())["rows"]
               for path in folder.glob("*.json")}
    lines = [line for name, part in PARTS.items() if name in results
             for line in part(results[name])]
    if not lines:
        return None
    columns = [(heading, lambda line, k=k: str(line[k]))
               for k, heading in enumerate(HEADINGS)]
    storage.write_text(folder / "speed.md", tables.markdown(columns, lines))
    return folder / "speed.md"


def compared(work, row, target="", ratio=None):
    """A line of a row of `timing.compare`."""
    times = {name: t["median_ms"] for name, t in row["times"].items()}
    other = row.get("fastest_peer")
    return (work, _ms(times["npgm"]), f"{_ms(times[other])} ({other})"
            if other else "", ratio or row.get("ratio", ""),
            target or row.get("target") or "")


def _ms(time):
    return f"{time:.2f} ms" if time < 100 else f"{time:.0f} ms"


def update(rows):
    return [*(compared(f"one update, {name}", row) for name, row in rows.items()),
            ("of what the machine could do, an Adam update", "", "",
             rows["adam"]["roofline_fraction"], ROOFLINE)]


def phases(rows):
    return [(f"{row['phases'][-1]['updates']:,} updates, {name}",
             f"{row['seconds']['npgm']:.0f} s",
             f"{row['seconds'][row['fastest_peer']]:.0f} s ({row['fastest_peer']})",
             row["ratio"], row["target"]) for name, row in rows.items()]


def table2(rows):
    row = rows["table2"]
    return [(f"`table2` at {row['updates']:,} updates, two processes",
             f"{row['npgm']:.0f} s", f"{row['torch']:.0f} s (torch_fused)"
             if "torch" in row else "", row.get("ratio", ""), row["target"])]


def attack(rows):
    six, lines = rows["six epsilons"], []
    for name, row in rows.items():
        work = name.replace("one epsilon", "FGSM on 10,000 images")
        lines.append(compared(work.replace("six", "the same at six"), row))
    return lines + [("six epsilons against one, npgm", "", "", six["npgm_times_one"],
                     f"at most {six['target_times_one']}")]


def growth(rows):
    return [compared(f"one update, Adam, {name}" if "product" not in name else name,
                     rows[name]) for name in GROWN if name in rows]


def attacks(rows):
    return [compared(f"{name}, {row['examples']:,} images", row)
            for name, row in rows.items()]


def processes(rows):
    throughput, memory = rows["throughput"], rows["peak memory of a worker, MB"]
    return [("two processes against one", "", "", throughput["ratio"],
             throughput["target"]),
            ("memory of a worker", f"{memory['peak']} MB", "", "",
             f"at most {memory['target']} MB")]


def start(rows):
    return [(name, f"{row['median']:g} s", "", "", f"at most {row['target']} s")
            for name, row in rows.items()]


def tracing(rows):
    lines = [(work, "", "", f"{row['percent_more']} % more",
              f"at most {row['target']} %" if row["target"] else "")
             for work, row in rows.items() if "percent_more" in row]
    return lines + [(work, f"{row['peak']} MB", "", "", f"at most {row['target']} MB")
                    for work, row in rows.items() if "peak" in row]


def limits(rows):
    return [line for name, row in rows.items() for line in (
        (f"a diagnosis, {name}", f"{row['warm']:g} s", "", "",
         f"at most {row['target']} s"),
        ("the same, nothing compiled yet", f"{row['cold']:g} s", "", "", ""),
        ("memory of it", f"{row['megabytes']} MB", "", "",
         f"at most {row['target_megabytes']} MB"))]


ROOFLINE = 0.35         # wanted of an Adam update
GROWN = ("batch 2000", "density 0.5", "dense product, 500 x 784 x 600")
PARTS = {"update": update, "phases": phases, "table2": table2, "attack": attack,
         "growth": growth,
         "attacks": attacks, "processes": processes, "start": start, "tracing": tracing,
         "limits": limits}
