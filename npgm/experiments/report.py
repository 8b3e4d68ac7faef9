"""All results as one self-contained page: figures, tables, claims, provenance."""
import base64
import html
import importlib.resources
from pathlib import Path

from npgm import storage
from npgm.experiments import claims, verdicts
from npgm.experiments.runs import Run

CSS = {verdicts.YES: "yes", verdicts.HOLDS: "yes", verdicts.NO: "no",
       verdicts.FAILS: "no", verdicts.OTHERWISE: "otherwise"}
TITLES = {
    "table2": "Table II: four optimizers",
    "fig1": "Fig. 1: the learning rate",
    "fig2": "Fig. 2: FGSM over training",
    "fig3": "Fig. 3: random signs on training images",
    "optimizers": "Five optimizers at their rate and at ten times it",
    "reduction": "The 90.4: a mean loss and flushed subnormals",
    "adversarial-training": "Adversarial training",
    "pseudocode": "Adam as printed, and as it is meant"}


def write(out, names, claim_rows):
    """DIR/report.html from DIR/NAME.json, .md and .png of each name; its path."""
    parts = [_claims(claim_rows) if claim_rows else
             "<p><strong>These are not the paper's settings, so its claims are not "
             "judged here.</strong></p>"]
    parts += [_experiment(Path(out), name) for name in names
              if (Path(out) / f"{name}.json").exists()]
    page = importlib.resources.files("npgm.experiments").joinpath(
        "report_page.html").read_text(encoding="utf-8")
    titles = {**({claims.NAME: "The claims, checked"} if claim_rows else {}),
              **{name: TITLES[name] for name in names}}
    links = "".join(f'<li><a href="#{name}">{html.escape(title)}</a></li>'
                    for name, title in titles.items())
    path = Path(out) / "report.html"
    storage.write_text(path, page.replace("{{contents}}", links)
                       .replace("{{parts}}", "\n".join(parts)))
    return path


def _claims(rows):
    """A table for each kind of claim."""
    kinds = dict.fromkeys(row["kind"] for row in rows)
    tables = "".join(f"<h3>{html.escape(kind)}</h3>" + _claims_table(
        [row for row in rows if row["kind"] == kind]) for kind in kinds)
    return f'<section id="claims"><h2>The claims, checked</h2>{tables}</section>'


def _claims_table(rows):
    cells = "".join(
        "<tr>" + f"<th scope=row>{html.escape(row['claim'])}</th>" + "".join(
            f"<td>{html.escape(row[key])}</td>" for key in ("statement", "measured"))
        + f'<td class="verdict {CSS.get(row["verdict"], "unknown")}">'
        f"{html.escape(row['verdict'])}</td><td>{html.escape(row['why'])}</td></tr>"
        for row in rows)
    return ('<div class="scroll"><table class="claims"><thead><tr><th>claim</th><th>statement</th>'
            "<th>measured</th><th>verdict</th><th>why</th></tr></thead>"
            f"<tbody>{cells}</tbody></table></div>")


def _experiment(out, name):
    result = storage.read_json(out / f"{name}.json")
    picture = base64.b64encode((out / f"{name}.png").read_bytes()).decode()
    table, notes = _table((out / f"{name}.md").read_text(encoding="utf-8"))
    runs = "".join(f"<li><code>{html.escape(run)}</code> {_run(stored)}</li>"
                   for run, stored in result["provenance"]["runs"].items())
    machine = result["provenance"]["machine"]
    versions = ", ".join(f"{k} {v}" for k, v in machine["versions"].items())
    return (
        f'<section id="{name}"><h2>{html.escape(TITLES[name])}</h2>'
        f'<figure><img src="data:image/png;base64,{picture}" '
        f'alt="{html.escape(TITLES[name])}; the numbers are in the table"></figure>'
        f'<div class="scroll">{table}</div><p class="note">{html.escape(notes)}</p>'
        f"<details><summary>Where this comes from</summary><p>"
        f"{html.escape(versions)}; {html.escape(machine['processor'])}</p>"
        f"<ul>{runs}</ul></details></section>")


def _run(stored):
    c = stored["configuration"]
    return html.escape(f"{Run(**c)}, {c['steps']:,} updates")


def _table(markdown):
    """A table of `tables.markdown` as HTML, and the text below it."""
    lines = markdown.splitlines()
    rows = [[html.escape(cell.strip()) for cell in line.strip("|").split("|")]
            for line in lines if line.startswith("|")]
    head = "".join(f"<th>{cell}</th>" for cell in rows[0])
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>"
                   for row in rows[2:])
    notes = ". ".join(line for line in lines if line and not line.startswith("|"))
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>", notes
