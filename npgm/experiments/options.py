"""The options of the command line."""
import argparse
import os
import sys
from dataclasses import replace

from npgm import command
from npgm.errors import InputError, NpgmError
from npgm.experiments import protocol
from npgm.experiments.execute import DEFAULT_OUT, Request
from npgm.experiments.output.results import count_of
from npgm.experiments.store import cluster
from npgm.experiments.sweeps import design
from npgm.experiments.sweeps import options as sweeps
from npgm.names import nearest

FILES = ("config", "save")      # options of a sweep that are no keys of it
# Options behind which no experiment's name stands.
VALUED = ("--steps", "--seeds", "--jobs", "--out", "--data", "--cluster", *(
    f"--{key.replace('_', '-')}" for key in (*sweeps.ALL, *FILES)))


def parse(arguments, names, of_ones_own):
    """(name, Request) of a command line; an experiment of `of_ones_own` takes the
    options of a sweep too. SystemExit as argparse makes it."""
    arguments = sys.argv[1:] if arguments is None else arguments
    own = any(word in of_ones_own and before not in VALUED
              for before, word in zip(["", *arguments], arguments))
    parser = _parser(names, of_ones_own, own)
    given, unknown = parser.parse_known_args(arguments)
    for option in unknown:
        key = option.removeprefix("--").replace("-", "_")
        goes = (f": it goes with {' and '.join(of_ones_own)}"
                if key in (*sweeps.ALL, *FILES) and not own else "")
        parser.error(f"unrecognized argument {option}{goes}")
    if given.quick and given.steps:
        parser.error("--quick sets the number of updates: leave out --steps")
    steps = protocol.QUICK_STEPS if given.quick else protocol.STEPS
    request = Request(given.out, steps, data=given.data, jobs=given.jobs,
                      fresh=given.fresh, dry_run=given.dry_run, cluster=given.cluster)
    if not own:
        return given.experiment, replace(request, steps=given.steps or steps,
                                         seeds=given.seeds)
    try:
        request = of_a_sweep(request, given.experiment, steps, given.config, {
            name: getattr(given, name) for name in sweeps.ALL}, given.save)
        return given.experiment, request
    except NpgmError as error:
        parser.error(str(error))


def of_a_sweep(request, kind, steps, config, given, save=None):
    """A Request with the options of a sweep or a training: those given, then those of a
    TOML file, `steps` if neither says. Raises NpgmError."""
    options = sweeps.read({**(sweeps.from_toml(config) if config else {}), **{
        name: value for name, value in given.items() if value is not None}})
    several, seeds = options["steps"] or (steps,), options["seeds"]
    options["steps"] = several if len(several) > 1 else ()
    experiment = design.experiment(kind, options)       # as it would be run
    if save and not experiment.every_step:
        raise InputError("save is of a training: a sweep's networks are in its runs")
    if save and count_of(seeds) > 1:
        raise InputError("save is of one seed: give one, seeds=2-2 for another than 0")
    return replace(request, steps=max(several), seeds=seeds, kind=kind,
                   options=options, save=save)


def _parser(names, of_ones_own, own):
    parser = argparse.ArgumentParser(
        prog="python -m npgm.experiments", allow_abbrev=False,
        description="Reproduce 'Gradient Masking Is a Type of Overfitting' (2018), or "
        "change one thing.")
    parser.add_argument(
        "experiment", type=lambda text: _named(text, names), metavar="NAME",
        help="one of: " + ", ".join(names) + ". claims and report (report.html, a page)"
        " read stored results and train nothing; all does everything of the paper; "
        + " and ".join(of_ones_own) + " take settings of one's own, see "
        f"{of_ones_own[0]} --help")
    add = parser.add_argument
    if own:
        add("--seeds", metavar="N", help="how many seeds, from 0, or which, 3-7 "
            "(default: 1)")
        _add_keys(parser)
    else:
        add("--steps", type=command.positive, metavar="N",
            help=f"updates a run (default: {protocol.STEPS:,})")
        add("--seeds", type=command.positive, metavar="N", default=1,
            help="how many seeds, from 0 (default: 1)")
    add("--jobs", type=command.positive, metavar="N", default=available_cores(),
        help="processes (default: the cores, %(default)s)")
    add("--cluster", metavar="ADDRESS", type=command.that(cluster.address),
        help="tcp://HOST:PORT of a running dask scheduler, to whose workers the runs "
        "are handed instead of processes here (the extra dask)")
    add("--out", metavar="DIR", default=DEFAULT_OUT, type=command.folder,
        help="where results and runs are kept (default: results)")
    add("--data", **command.DATA)
    add("--quick", action="store_true", help=f"{protocol.QUICK_STEPS:,} updates: a "
        "minute or two, for a look; not comparable with the paper")
    add("--fresh", action="store_true",
        help="train again what is already finished or begun")
    add("--dry-run", action="store_true", help="say how many runs there are, and about "
        "how long they take; train nothing")
    return parser


def _add_keys(parser):
    """The options of settings of one's own."""
    add = parser.add_argument_group(
        "settings of one's own", "Each may have several values, 0.001,0.003: a sweep "
        "is their product, a training has one of each.").add_argument
    for name, key in sweeps.KEYS.items():
        add(f"--{name.replace('_', '-')}", nargs="+", metavar=key.metavar,
            help=key.help)
    add("--set", nargs="+", action="extend", metavar="KEY=VALUE",
        help="a hyperparameter of the optimizer, decay=0.9,0.99")
    add("--name", metavar="NAME", help="what the results are called, NAME.json and so "
        "on")
    add("--config", metavar="FILE", type=command.file, help="a TOML file of these keys;"
        " what is given beside it counts more")
    add("--save", metavar="FILE", type=command.file, help="of a training: where the "
        "network is to be written, too")


def _named(text, names):
    """The name of an experiment, or of what else there is."""
    if text in names:
        return text
    raise argparse.ArgumentTypeError(f"{text!r}: {nearest(text, names)}choose one of "
                                     + ", ".join(names))


def available_cores():
    """Those that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
