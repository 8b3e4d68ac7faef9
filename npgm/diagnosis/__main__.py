"""The command line: python -m npgm.diagnosis MODEL [options].

Exit status: 0 not masked; 3 masked; 1 it could not be done; 2 the command was wrong;
130 interrupted.
"""
import sys

try:
    import argparse
    from pathlib import Path

    from npgm import checks, command, models, plots, storage, streams
    from npgm.diagnosis import examples
    from npgm.diagnosis.examination import diagnose
    from npgm.errors import InputError
    from npgm.streams import say
except KeyboardInterrupt:       # Ctrl-C while Python still reads: nothing was begun
    sys.exit(130)

MASKED = 3
EXAMPLES, QUICK_EXAMPLES = 1000, 200


def main(arguments=None):
    streams.prepare()
    options = parse(arguments)
    return command.status(lambda: run(options), "nothing was written")


def parse(arguments):
    parser = argparse.ArgumentParser(
        prog="python -m npgm.diagnosis", allow_abbrev=False,
        description="Is a model's gradient masked, by what, and how robust is it "
        "really? Exit status 3 if it is masked, 0 if not.")
    parser.add_argument("model", metavar="MODEL", help="an .npz, .safetensors or .onnx "
                        "file of weights, or package.module:name of a torch module, an "
                        "MLPClassifier, an object with logits and vjp, a function that "
                        "makes one")
    parser.add_argument("--x", metavar="FILE", type=command.file,
                        help="examples, .npy, as the model takes them (default: "
                        "MNIST's test images)")
    parser.add_argument("--y", metavar="FILE", type=command.file,
                        help="their labels, .npy")
    parser.add_argument("--data", **command.DATA)
    parser.add_argument("--epsilon", default=0.25, metavar="E", type=command.that(
        lambda text: checks.number("epsilon", float(text), above=True)),
                        help="largest change of a pixel (default: %(default)s)")
    parser.add_argument("--clip", type=float, nargs=2, metavar=("LOW", "HIGH"),
                        help="what a pixel may be (default: 0 1 if all are)")
    parser.add_argument("--examples", type=command.positive, metavar="N",
                        help=f"how many, drawn by seed (default: {EXAMPLES:,})")
    parser.add_argument("--seed", default=0, metavar="N", type=command.that(
        lambda text: checks.seed(int(text))))
    parser.add_argument("--quick", action="store_true",
                        help=f"{QUICK_EXAMPLES} examples and short attacks, for a look")
    parser.add_argument("--white-box", action="store_true",
                        help="without Square and transfer, which take the longest")
    for name, what in (("json", "all numbers"), ("html", "a self-contained page"),
                       ("figure", "a picture, PNG")):
        parser.add_argument(f"--{name}", metavar="FILE", type=command.file,
                            help=f"write {what}")
    options = parser.parse_args(arguments)
    _check(parser, options)
    options.examples = options.examples or (
        QUICK_EXAMPLES if options.quick else EXAMPLES)
    return options


def _check(parser, options):
    """What argparse cannot say of options together."""
    if bool(options.x) != bool(options.y) or (options.x and options.data):
        parser.error("give --x and --y together, or --data, or neither")
    read, written = ([Path(file).resolve() for file in files if file] for files in (
        (options.model, options.x, options.y),
        (options.json, options.html, options.figure)))
    if len({*read, *written}) < len({*read}) + len(written):
        parser.error("a file to write is named twice: give each its own")
    try:
        options.clip = checks.clip(options.clip) if options.clip else "data"
    except InputError as error:
        parser.error(str(error))


def run(options):
    """Diagnose, print, write; -> exit status."""
    for path in filter(None, (options.json, options.html, options.figure)):
        storage.check_can_write(path)
    if options.html or options.figure:
        plots.check()
    model = models.load(options.model)
    source = ((examples.from_files, options.x, options.y) if options.x
              else (examples.from_dataset, options.data))
    x, y = source[0](*source[1:], model, options.examples, options.seed)
    report = diagnose(model, x, y, options.epsilon, options.clip, options.seed,
                      options.quick, not options.white_box, progress=True,
                      name=options.model)
    say(str(report))
    for path, write in ((options.json, report.write_json),
                        (options.html, report.write_html),
                        (options.figure, report.write_figure)):
        if path:
            write(path)
            say(f"written: {path}")
    return MASKED if report.masked else 0


if __name__ == "__main__":
    sys.exit(main())
