"""The field's table in Markdown, written from diagnosis.json."""
import json
import re

from npgm import storage, tables

NEAR = 5        # points
INTRODUCTION = """# The field's table

Robust error in percent on {examples} MNIST images, as each tool reports it with its
defaults, PGD with 40 steps, pixels in [0, 1] (where there is no clip, npgm alone goes
beyond). Every tool attacks the same `logits` and `vjp`, through a torch module that
wraps them. *Truth* is the share of images that anything here fools within epsilon: the
robust error is at least that. *Masked* is what the model was built to be. Seconds of
processor time, one thread, {processor}; what is compiled once is left out.
"""


def write(folder):
    """folder/diagnosis.md; returns its path, or None if there are no results."""
    path = folder / "diagnosis.json"
    if not path.exists():
        return None
    result = json.loads(path.read_text())
    storage.write_text(path.with_suffix(".md"), text(result))
    return path.with_suffix(".md")


def text(result):
    rows = [{"name": name, **row} for name, row in result["rows"].items()]
    names = list(rows[0]["tools"])
    return "\n".join([
        INTRODUCTION.format(processor=result["machine"]["processor"], **result),
        tables.markdown(totals(rows), names),
        *(f"Missing: {what} ({why}).\n" for what, why in result["missing"].items()),
        tables.markdown(columns(names), rows),
        "## How each model was made\n",
        tables.markdown([("model", lambda row: row["name"]),
                         ("what", lambda row: cell(row["what"]))], rows)])


def totals(rows):
    """The columns of a table with a line for each tool."""
    masked, others = ([row for row in rows if row["masked"] is kind]
                      for kind in (True, False))

    def count(name, rows, fits):
        found = sum(bool(fits(row, row["tools"][name])) for row in rows)
        return f"{found} of {len(rows)}"

    return [
        ("", str),
        (f"within {NEAR} points of the truth, masked models",
         lambda name: count(name, masked, near)),
        ("the others", lambda name: count(name, others, near)),
        ("warns of masked models",
         lambda name: count(name, masked, lambda row, answer: answer["warned"])),
        ("of the others",
         lambda name: count(name, others, lambda row, answer: answer["warned"])),
        ("fails", lambda name: count(name, rows, lambda row, answer: answer["failed"])),
        ("seconds in all", lambda name: f"{seconds(rows, name):.0f}"),
    ]


def near(row, answer):
    return answer["error"] is not None and abs(answer["error"] - row["truth"]) <= NEAR


def seconds(rows, name):
    return sum(row["tools"][name]["seconds"] for row in rows)


def columns(names):
    """Those of a table with a line for each model."""
    return [
        ("model", lambda row: row["name"]),
        ("masked", lambda row: "yes" if row["masked"] else "no"),
        ("epsilon", lambda row: f"{row['epsilon']:g}"
            + ("" if row["clip"] else ", no clip")),
        ("truth", lambda row: f"{row['truth']:g}"),
        *((name, lambda row, name=name: error(row["tools"][name])) for name in names),
        ("others warn", lambda row: cell(warned(row))),
        ("npgm says", lambda row: cell(row["tools"]["npgm"].get("verdict", ""))),
        ("seconds, in that order", lambda row: ", ".join(
            f"{row['tools'][name]['seconds']:.1f}" for name in names)),
    ]


def error(answer):
    return cell(f"{answer['error']:g}" if answer["error"] is not None
                else answer["failed"])


def warned(row):
    """What tools but npgm warn of: the first sentence, once for all that differ but in
    their numbers."""
    told = {name: list({re.sub(r"\d+", "", line): re.split(r"[.!](?:\s|$)", line)[0]
                        for line in answer["warned"]}.values())
            for name, answer in row["tools"].items() if name != "npgm"}
    return "; ".join(f"{name}: {', '.join(lines)}"
                     for name, lines in told.items() if lines)


def cell(words):
    return words.replace("|", "/")
