"""The command line: python -m npgm.diagnosis MODEL [options].

Exit status: 0 not masked; 3 masked; 1 it could not be done; 2 the command was wrong;
130 interrupted.
"""
import sys

try:
    import argparse

    from npgm import command, models, plots, storage, streams
    from npgm.diagnosis import examples
    from npgm.diagnosis.examination import diagnose
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
    parser.add_argument("model", metavar="MODEL", help="an .npz file of weights, or "
                        "package.module:name of a torch module, an MLPClassifier, an "
                        "object with logits and vjp, a function that makes one")
    parser.add_argument("--x", metavar="FILE", help="examples, .npy, as the model "
                        "takes them (default: MNIST's test images)")
    parser.add_argument("--y", metavar="FILE", help="their labels, .npy")
    parser.add_argument("--data", metavar="DIR", type=command.folder,
                        help="a folder of four IDX files")
    parser.add_argument("--epsilon", type=float, default=0.25, metavar="E",
                        help="largest change of a pixel (default: %(default)s)")
    parser.add_argument("--clip", type=float, nargs=2, metavar=("LOW", "HIGH"),
                        help="what a pixel may be (default: 0 1 if all are)")
    parser.add_argument("--examples", type=command.positive, metavar="N",
                        help=f"how many, drawn by seed (default: {EXAMPLES:,})")
    parser.add_argument("--seed", type=int, default=0, metavar="N")
    parser.add_argument("--quick", action="store_true",
                        help=f"{QUICK_EXAMPLES} examples and short attacks, for a look")
    parser.add_argument("--white-box", action="store_true",
                        help="without Square and transfer, which take the longest")
    for name, what in (("json", "all numbers"), ("html", "a self-contained page"),
                       ("figure", "a picture, PNG")):
        parser.add_argument(f"--{name}", metavar="FILE", help=f"write {what}")
    options = parser.parse_args(arguments)
    if bool(options.x) != bool(options.y) or (options.x and options.data):
        parser.error("give --x and --y together, or --data, or neither")
    options.examples = options.examples or (
        QUICK_EXAMPLES if options.quick else EXAMPLES)
    return options


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
    clip = tuple(options.clip) if options.clip else "data"
    report = diagnose(model, x, y, options.epsilon, clip, options.seed, options.quick,
                      not options.white_box, progress=True, name=options.model)
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
