"""The words of python -m npgm.tracing that teach: lessons, which lists them, and
lesson NAME, which runs one and tells what was seen.

Exit status: 0 done; 1 it could not be done; 2 the command was wrong; 130
interrupted.
"""
import argparse
import sys
from pathlib import Path

from npgm import checks, command, plots, provenance, storage, streams
from npgm.data import load_dataset
from npgm.errors import InputError
from npgm.names import nearest
from npgm.streams import say
from npgm.tracing.lessons import LESSONS, web

WORDS = ("lesson", "lessons")
ALL = "all"
LEAST = 30      # updates, for there to be a first and a last tenth


def main(arguments=None):
    streams.prepare()
    options = parse(sys.argv[1:] if arguments is None else arguments)
    return command.status(lambda: run(options), "lessons told before are written")


def run(options):
    """List the lessons, or run those chosen and write what they found."""
    if not options.chosen:
        say("\n".join(f"{lesson.name:14}{lesson.title} ({lesson.takes})"
                      for lesson in LESSONS.values()))
        return
    storage.check_writable(options.out)
    if options.html:
        storage.check_can_write(options.html)
    plots.check()
    data = load_dataset(options.data)
    learnt = [teach(lesson, data, options) for lesson in options.chosen]
    if options.html:
        storage.write_text(options.html, web.document(learnt))
        say(f"written: {options.html}")


def teach(lesson, data, options):
    """Run a lesson, tell it, write its picture and numbers; -> (it, numbers, PNG)."""
    steps, path = options.steps or lesson.steps, options.out / lesson.name
    say(f"{lesson.name}: {lesson.takes} on a quiet core", error=True)
    numbers, series = lesson.run(data, steps, options.seed)
    with plots.style():
        png = plots.png(lesson.draw(numbers, series))
    rows = lesson.rows(numbers)
    width = max(len(what) for what, _ in rows)
    say("\n".join([lesson.title, "",
                   *(f"  {what:{width}}  {value}" for what, value in rows), "",
                   *lesson.tell(numbers), ""]))
    plots.save(png, path.with_suffix(".png"))
    storage.write_json(path.with_suffix(".json"), {
        "lesson": lesson.name, "steps": steps, "seed": options.seed,
        "data": data.checksum, "numbers": storage.plain(numbers),
        "machine": provenance.machine()})
    say(f"written: {path}.png and .json\n")
    return lesson, numbers, png


def parse(arguments):
    parser = argparse.ArgumentParser(
        prog="python -m npgm.tracing", allow_abbrev=False,
        description="Lessons on how optimizers work: runs that are looked at.")
    parser.add_argument("word", choices=WORDS, metavar="lesson|lessons",
                        help="lessons lists them; with --html it runs all")
    parser.add_argument("name", nargs="?", metavar="NAME",
                        help=f"of lesson: {', '.join(LESSONS)}, or {ALL}, which writes "
                        "a page of them")
    parser.add_argument("--out", type=command.folder, default=Path("results"),
                        metavar="DIR", help="for NAME.png and NAME.json, its numbers "
                        "(default: results)")
    parser.add_argument("--html", type=Path, metavar="FILE",
                        help="a page of what was run")
    parser.add_argument("--steps", type=command.positive, metavar="N",
                        help="updates, for a look (default: as many as a lesson needs)")
    parser.add_argument("--seed", type=int, default=0, metavar="N")
    parser.add_argument("--data", **command.DATA)
    options = parser.parse_args(arguments)
    try:
        options.chosen = _chosen(options)
        checks.seed(options.seed)
        checks.count("--steps", options.steps or LEAST, LEAST)
    except InputError as error:
        parser.error(str(error))
    if options.name == ALL and not options.html:
        options.html = options.out / "lessons.html"
    return options


def _chosen(options):
    """The lessons to run. Raises InputError."""
    if options.word == "lessons":
        if options.name:
            raise InputError(f"lessons takes no NAME: lesson {options.name}?")
        return [*LESSONS.values()] if options.html else []
    if options.name == ALL:
        return [*LESSONS.values()]
    if options.name not in LESSONS:
        near = nearest(options.name, LESSONS) if options.name else ""
        raise InputError(f"lesson {options.name or ''}: {near}choose one of "
                         f"{', '.join(LESSONS)}, or {ALL}")
    return [LESSONS[options.name]]


if __name__ == "__main__":
    sys.exit(main())
