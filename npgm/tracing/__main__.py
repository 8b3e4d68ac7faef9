"""The command line: python -m npgm.tracing OPTIMIZER [options].

Exit status: 0 done; 1 it could not be done; 2 the command was wrong; 130
interrupted.
"""
import sys

try:
    import argparse
    import ast
    import re
    import warnings

    from npgm import command, optimizers, plots, storage, streams
    from npgm.command import DATA, file, positive
    from npgm.data import load_dataset
    from npgm.errors import DivergedWarning, InputError
    from npgm.network import MLP
    from npgm.streams import say
    from npgm.tracing import pictures, roles, select, terminal, toy, web
    from npgm.tracing.lessons import __main__ as lessons
    from npgm.tracing.run import compare
    from npgm.tracing.series import Trace
except KeyboardInterrupt:       # Ctrl-C while Python still reads: nothing was begun
    sys.exit(130)

FEW, WORKED = 5, 30     # updates, and times parameters, that are worked line by line
DRAWN = ("theta", "g", "step", "effective_rate")
COMPARED = ("loss", "theta", "step", "effective_rate")


def main(arguments=None):
    words = sys.argv[1:] if arguments is None else arguments
    if words and words[0] in lessons.WORDS:
        return lessons.main(words)
    streams.prepare()
    options = parse(words)
    return command.status(lambda: run(options),
                          "no file was written but those told above")


def run(options):
    """Trace, tell, write; -> exit status."""
    try:
        check_files(options)
        chosen = chosen_optimizers(options)
        with warnings.catch_warnings():         # that it diverged, the trace says
            warnings.simplefilter("ignore", DivergedWarning)
            traces = (toy_traces if options.toy else network_traces)(options, chosen)
    except InputError as error:
        say(f"error: {error}", error=True)
        return 2
    tell(traces)
    write(options, traces)
    for label, trace in traces.items():
        if trace.ended:
            say(f"note: {label} {trace.ended}: its trace ends there", error=True)
    return 130 if any(trace.interrupted for trace in traces.values()) else 0


def tell(traces):
    """Each update worked, if there are few; one trace as tables; several side by
    side."""
    for trace in traces.values():
        few = (len(trace.steps) <= FEW
               and len(trace.steps) * len(trace.parameters) <= WORKED)
        if few or len(traces) == 1:
            say(f"{trace.optimizer}, {trace.dtype}\n")
            say((terminal.worked if few else terminal.table)(trace))
    if len(traces) > 1:
        say(terminal.side_by_side(traces))


def toy_traces(options, chosen):
    return {label: toy.trace(options.toy, optimizer, options.steps, options.every,
                             options.at, options.dtype)
            for label, optimizer in chosen.items()}


def network_traces(options, chosen):
    data = load_dataset(options.data, options.dtype)
    net = MLP.initialize((data.x_train.shape[1], *options.hidden, data.classes),
                         options.seed, options.dtype)
    return compare(net, chosen, data, steps=options.steps, every=options.every,
                   at=options.at, seed=options.seed, progress=sys.stderr.isatty(),
                   parameters=parameters(options, net, data, chosen))


def parameters(options, net, data, chosen):
    """What to follow: names, or how many to draw."""
    if options.pixel:
        return [select.from_pixel(net.sizes, data.shape, options.pixel, options.unit)]
    for role in roles.ROLES:
        if count := getattr(options, role):
            label, optimizer = next(iter(chosen.items()))
            say(f"first pass: {options.steps:,} updates of {label}, to find the "
                f"{role.replace('_', ' ')}; the same run again is traced", error=True)
            return roles.find(role, net, optimizer, data, count, steps=options.steps,
                              seed=options.seed)
    return options.parameters or options.random or 3


def chosen_optimizers(options):
    """{label: optimizer} of the command, in its order. Raises InputError."""
    given = dict(options.set)
    if options.learning_rate is not None:
        given["learning_rate"] = options.learning_rate
    if options.compare_forms:
        return {form: optimizers.make("adam", form=form, **given)
                for form in optimizers.ADAM_FORMS}
    if options.form:
        given["form"] = options.form
    chosen = {}
    if options.optimizer:
        label = ", ".join([options.optimizer, *(f"{name}={value}" for name, value in
                                                given.items())])
        chosen[label] = optimizers.make(options.optimizer, **given)
    for name in options.compare or ():
        chosen[name] = optimizers.make(name, **({} if options.optimizer else given))
    return chosen


def check_files(options):
    """What cannot be written is told before the work."""
    for path in filter(None, (options.csv, options.npz, options.figure, options.html)):
        storage.check_can_write(path)
    if options.figure:
        plots.check()


def write(options, traces):
    """The files asked for: figures and pages show all traces, others one each."""
    for path, how in ((options.csv, Trace.write_csv), (options.npz, Trace.save)):
        for label, trace in traces.items() if path else ():
            one = path if len(traces) == 1 else path.with_stem(
                f"{path.stem}-{re.sub('[^A-Za-z0-9.]+', '-', label)}")
            how(trace, one)
            say(f"written: {one}")
    if options.figure:
        drawn = (toy.draw(options.toy, traces) if options.toy
                 else pictures.draw(traces, DRAWN if len(traces) == 1 else COMPARED))
        plots.save(plots.png(drawn), options.figure)
        say(f"written: {options.figure}")
    if options.html:
        storage.write_text(options.html, page(options, traces))
        say(f"written: {options.html}")


def page(options, traces):
    """All traces to explore: a toy's over its surface, a network's with its images."""
    if options.toy:
        return web.document(traces, ground=toy.ground(options.toy))
    return web.document(traces, load_dataset(options.data, options.dtype),
                        seed=options.seed)


def widths(text):
    """Hidden layers' widths, "600,128"."""
    return tuple(positive(width) for width in text.split(","))


def setting(text):
    """A hyperparameter, "decay=0.9"."""
    name, equals, value = text.partition("=")
    if not (name.isidentifier() and equals):
        raise argparse.ArgumentTypeError(f"{text!r}: give name=value")
    try:
        return name, ast.literal_eval(value)
    except (ValueError, SyntaxError):
        return name, value


def parse(arguments):
    parser = argparse.ArgumentParser(
        prog="python -m npgm.tracing", allow_abbrev=False,
        description="Watch an optimizer work on chosen weights, down to each update.",
        epilog="python -m npgm.tracing lessons lists lessons, lesson NAME teaches one.")
    parser.add_argument("optimizer", nargs="?", metavar="OPTIMIZER",
                        help=f"one of {', '.join(optimizers.OPTIMIZERS)}, or "
                        "package.module:Name")
    _add_optimizers(parser.add_argument_group("optimizers"))
    _add_run(parser.add_argument_group("the run"))
    _add_parameters(parser.add_argument_group(
        "what to follow (default: three weights and biases at random)"))
    _add_files(parser.add_argument_group("files"))
    options = parser.parse_args(arguments)
    _check(parser, options)
    return options


def _add_optimizers(group):
    group.add_argument("--learning-rate", type=float, metavar="A")
    group.add_argument("--form", metavar="FORM", help="of Adam: "
                       + ", ".join(optimizers.ADAM_FORMS))
    group.add_argument("--set", type=setting, metavar="NAME=VALUE", action="append",
                       default=[], help="any other hyperparameter, as often as needed")
    group.add_argument("--compare", nargs="+", metavar="NAME",
                       help="these, side by side: from the same start, on the same "
                       "batches. Hyperparameters are OPTIMIZER's if there is one, "
                       "else all of theirs")
    group.add_argument("--compare-forms", choices=["adam"],
                       help="all forms of Adam, side by side")


def _add_run(group):
    group.add_argument("--steps", type=positive, default=200, metavar="N",
                       help=f"updates (default: 200); up to {FEW} recorded are worked "
                       "line by line")
    group.add_argument("--every", type=positive, default=1, metavar="K",
                       help="record the first of every K updates (default: all)")
    group.add_argument("--at", type=positive, nargs="+", metavar="T",
                       help="record these updates alone")
    group.add_argument("--seed", type=int, default=0, metavar="N")
    group.add_argument("--hidden", type=widths, default=(600, 128), metavar="N,N",
                       help="hidden layers (default: 600,128)")
    group.add_argument("--dtype", default="float32", choices=["float32", "float64"])
    group.add_argument("--data", **DATA)
    group.add_argument("--toy", choices=list(toy.SURFACES),
                       help="a surface of one or two parameters, not a network")


def _add_parameters(group):
    way = group.add_mutually_exclusive_group()
    way.add_argument("--parameters", nargs="+", metavar="NAME",
                     help="W1[406,17], b2[3], or slices as W1[400:410,17]")
    way.add_argument("--pixel", type=int, nargs=2, metavar=("ROW", "COLUMN"),
                     help="the weight from this pixel, with --unit")
    way.add_argument("--random", type=positive, metavar="N")
    for role, what in (("largest-step", "whose largest step is the largest"),
                       ("first-to-freeze", "which stop for good before all others"),
                       ("silent", "biases of the first units that go silent")):
        way.add_argument(f"--{role}", type=positive, nargs="?", const=1, metavar="N",
                         help=f"{what}; a first pass of the same run finds them")
    group.add_argument("--unit", type=int, metavar="N",
                       help="of the first hidden layer, with --pixel")


def _add_files(group):
    group.add_argument("--csv", type=file, metavar="FILE",
                       help="lines t, of, quantity, value, for pandas.read_csv")
    group.add_argument("--npz", type=file, metavar="FILE",
                       help='arrays, for numpy.load(FILE)["m"]')
    group.add_argument("--figure", type=file, metavar="FILE", help="a PNG")
    group.add_argument("--html", type=file, metavar="FILE",
                       help="a page to explore it with, step by step, in a browser")


def _check(parser, options):
    """What argparse cannot say of options together."""
    if not (options.optimizer or options.compare_forms or options.compare):
        parser.error("give an OPTIMIZER, for example adam")
    if options.compare_forms and (options.optimizer or options.compare or options.form):
        parser.error("--compare-forms names the optimizers: leave out the others")
    _check_once(parser, options)
    if (options.pixel is None) != (options.unit is None):
        parser.error("--pixel ROW COLUMN and --unit N belong together")
    follows = ("parameters", "pixel", "random", *roles.ROLES)
    if options.toy and any(getattr(options, name) for name in follows):
        parser.error("--toy follows all its parameters: leave out what to follow")
    for name in ("data", "seed", "hidden") if options.toy else ():
        if getattr(options, name) != parser.get_default(name):
            parser.error(f"--toy has no --{name}: leave it out")
    if options.at and options.every != 1:
        parser.error("--at and --every: give one of them")


def _check_once(parser, options):
    """What would be dropped is refused: a hyperparameter or an optimizer given twice.
    """
    given = [name for name, _ in options.set]
    given += [name for name in ("learning_rate", "form")
              if getattr(options, name) is not None]
    given += ["form"] if options.compare_forms else []
    named = [*(options.compare or ()), *([] if given or not options.optimizer
                                         else [options.optimizer])]
    for names in (given, named):
        for name in names:
            if names.count(name) > 1:
                parser.error(f"{name} is given twice: leave one out")


if __name__ == "__main__":
    sys.exit(main())
