"""All results as one self-contained page: figures, tables, claims, provenance."""
import importlib.resources
from pathlib import Path

from npgm import page, plots, storage
from npgm.experiments.claims import claim as words
from npgm.experiments.output import results, verdicts
from npgm.experiments.store.run import Run
from npgm.streams import say

NAME = "report"
CSS = {words.YES: "yes", words.HOLDS: "yes", words.NO: "no", words.FAILS: "no",
       words.OTHERWISE: "otherwise"}
NOT_JUDGED = ("<p><strong>These are not the paper's settings, so its claims are not "
              "judged here.</strong></p>")


def main(out, experiments, or_committed=False):
    """Write DIR/report.html from the stored results of {name: Experiment}, without
    training anything. Raises DataError."""
    paths = results.find(experiments, out, or_committed)
    found = {name: results.read(experiments[name], path)
             for name, path in paths.items()}
    claims = ([] if any(result["stamp"] for result in found.values())
              else verdicts.rows(out, or_committed))
    path = Path(out) / "report.html"
    storage.check_writable(out)
    storage.write_text(path, _page(experiments, found, claims))
    say(f"read: {', '.join(map(str, paths.values()))}\nwritten: {path}")


def _page(experiments, found, claims):
    titles = {**({verdicts.NAME: verdicts.TITLE} if claims else {}),
              **{name: experiments[name].title for name in found}}
    introduction = importlib.resources.files("npgm.experiments.output").joinpath(
        "introduction.html").read_text(encoding="utf-8")
    return page.document(
        "npgm: is gradient masking a type of overfitting?",
        "Is gradient masking a type of overfitting?",
        "\n".join([introduction, page.contents(titles),
                   _claims(claims) if claims else NOT_JUDGED,
                   *(_experiment(experiments[name], result)
                     for name, result in found.items())]))


def _claims(rows):
    """A table for each kind of claim."""
    parts = "".join(f"<h3>{kind}</h3>" + page.table(
        verdicts.SHOWN, [[row[key] for key in verdicts.SHOWN] for row in chosen],
        [["head", "", "", f"verdict {CSS.get(row['verdict'], 'unknown')}", ""]
         for row in chosen], "sentences")
        for kind, chosen in verdicts.kinds(rows).items())
    return page.section(verdicts.NAME, verdicts.TITLE, parts)


def _experiment(experiment, result):
    columns = experiment.headed(result["rows"])
    machine = result["provenance"]["machine"]
    versions = ", ".join(f"{k} {v}" for k, v in machine["versions"].items())
    picture = plots.picture(experiment.draw, result)
    return page.section(experiment.name, experiment.title, "".join([
        page.picture(picture, f"{experiment.title}; the numbers are in the table"),
        page.table([heading for heading, _ in columns],
                   [[cell(row) for _, cell in columns]
                    for row in experiment.shown(result["rows"])]),
        page.note(". ".join(results.notes(result))),
        page.details("Where this comes from", f"{versions}; {machine['processor']}",
                     [(hash, _run(run["configuration"])) for hash, run in
                      result["provenance"]["runs"].items()])]))


def _run(configuration):
    return f"{Run(**configuration)}, {configuration['steps']:,} updates"
