"""All results as one self-contained page: figures, tables, claims, provenance."""
import base64
import html
import importlib.resources
from pathlib import Path

from npgm import storage
from npgm.experiments import claims, figures, stored, tables, verdicts
from npgm.experiments.runs import Run

CSS = {verdicts.YES: "yes", verdicts.HOLDS: "yes", verdicts.NO: "no",
       verdicts.FAILS: "no", verdicts.OTHERWISE: "otherwise"}
NAME = "report"
TITLES = {
    "table2": "Table II: four optimizers",
    "fig1": "Fig. 1: the learning rate",
    "fig2": "Fig. 2: FGSM over training",
    "fig3": "Fig. 3: random signs on training images",
    "optimizers": "Five optimizers at their rate and at ten times it",
    "reduction": "The 90.4: a mean loss and flushed subnormals",
    "adversarial-training": "Adversarial training",
    "pseudocode": "Adam as printed, and as it is meant"}


def main(out, experiments, or_committed=False):
    """Write DIR/report.html from the stored results of experiments, {name: module},
    without training anything. Raises DataError."""
    paths = stored.find(experiments, out, or_committed)
    results = {name: stored.read(name, path) for name, path in paths.items()}
    comparable = not any(result["stamp"] for result in results.values())
    parts = {}
    for name, result in results.items():
        with stored.of_this_version(paths[name]):
            parts[name] = _experiment(experiments[name], result)
    path = Path(out) / "report.html"
    storage.check_writable(out)
    storage.write_text(path, _page(
        parts, claims.rows(out, or_committed) if comparable else []))
    print(f"read: {', '.join(map(str, paths.values()))}\nwritten: {path}")


def _page(parts, claim_rows):
    """parts: {experiment: its section}."""
    first = _claims(claim_rows) if claim_rows else (
        "<p><strong>These are not the paper's settings, so its claims are not judged "
        "here.</strong></p>")
    titles = {**({claims.NAME: "The claims, checked"} if claim_rows else {}),
              **{name: TITLES[name] for name in parts}}
    links = "".join(f'<li><a href="#{name}">{html.escape(title)}</a></li>'
                    for name, title in titles.items())
    page = importlib.resources.files("npgm.experiments").joinpath(
        "report_page.html").read_text(encoding="utf-8")
    return page.replace("{{contents}}", links).replace(
        "{{parts}}", "\n".join([first, *parts.values()]))


def _claims(rows):
    """A table for each kind of claim."""
    kinds = dict.fromkeys(row["kind"] for row in rows)
    parts = "".join(f"<h3>{html.escape(kind)}</h3>" + _claims_table(
        [row for row in rows if row["kind"] == kind]) for kind in kinds)
    return f'<section id="claims"><h2>The claims, checked</h2>{parts}</section>'


def _claims_table(rows):
    cells = "".join(
        "<tr>" + f"<th scope=row>{html.escape(row['claim'])}</th>" + "".join(
            f"<td>{html.escape(row[key])}</td>" for key in ("statement", "measured"))
        + f'<td class="verdict {CSS.get(row["verdict"], "unknown")}">'
        f"{html.escape(row['verdict'])}</td><td>{html.escape(row['why'])}</td></tr>"
        for row in rows)
    return (f'<div class="scroll"><table class="claims">{_head(claims.COLUMNS)}'
            f"<tbody>{cells}</tbody></table></div>")


def _experiment(experiment, result):
    picture = base64.b64encode(figures.png(experiment.draw(result))).decode()
    title = html.escape(TITLES[experiment.NAME])
    runs = "".join(f"<li><code>{html.escape(run)}</code> {_run(of)}</li>"
                   for run, of in result["provenance"]["runs"].items())
    machine = result["provenance"]["machine"]
    versions = ", ".join(f"{k} {v}" for k, v in machine["versions"].items())
    return (
        f'<section id="{experiment.NAME}"><h2>{title}</h2>'
        f'<figure><img src="data:image/png;base64,{picture}" '
        f'alt="{title}; the numbers are in the table"></figure>'
        f'<div class="scroll">{_table(experiment, result)}</div>'
        f'<p class="note">{html.escape(". ".join(tables.notes(result)))}</p>'
        f"<details><summary>Where this comes from</summary><p>"
        f"{html.escape(versions)}; {html.escape(machine['processor'])}</p>"
        f"<ul>{runs}</ul></details></section>")


def _run(of):
    c = of["configuration"]
    return html.escape(f"{Run(**c)}, {c['steps']:,} updates")


def _table(experiment, result):
    body = "".join(
        "<tr>" + "".join(f"<td>{html.escape(cell(row))}</td>"
                         for _, cell in experiment.COLUMNS) + "</tr>"
        for row in tables.shown(experiment, result["rows"]))
    return f"<table>{_head(experiment.COLUMNS)}<tbody>{body}</tbody></table>"


def _head(columns):
    return "<thead><tr>" + "".join(f"<th>{html.escape(heading)}</th>"
                                   for heading, _ in columns) + "</tr></thead>"
