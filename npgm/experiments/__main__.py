"""The command line: python -m npgm.experiments NAME [options].

Exit status: 0 done; 1 it could not be done; 2 the command was wrong; 130
interrupted.
"""
import sys

try:
    import argparse
    import difflib
    import os
    import time
    from pathlib import Path

    from npgm import command, plots, provenance, sources, storage, streams, tables
    from npgm.data import load_dataset
    from npgm.errors import DataError, Interrupted, NpgmError, StorageError
    from npgm.experiments import protocol
    from npgm.experiments.output import report, results, verdicts
    from npgm.experiments.store import scheduler, worker
    from npgm.experiments.store.record import records_of
    from npgm.experiments.studies import EXPERIMENTS
    from npgm.streams import say
except KeyboardInterrupt:       # Ctrl-C while Python still reads: nothing was begun
    sys.exit(130)

DEFAULT_OUT = Path("results")
NAMES = (*EXPERIMENTS, verdicts.NAME, report.NAME, "all")


def main(arguments=None):
    streams.prepare()
    options = parse(arguments)
    without = ", without --fresh," if options.fresh else ""
    return command.status(lambda: run(options),
                          f"give the same command again{without} to go on")


def run(options):
    """What was asked for, by its name."""
    default = options.out == DEFAULT_OUT
    if options.name == "all":
        run_all(options)
    elif options.name == verdicts.NAME:
        verdicts.main(options.out, or_committed=default)
    elif options.name == report.NAME:
        report.main(options.out, EXPERIMENTS, or_committed=default)
    else:
        run_experiment(EXPERIMENTS[options.name], options)


def named(text):
    """The name of an experiment, or of what else there is."""
    if text in NAMES:
        return text
    near = difflib.get_close_matches(text, NAMES, 1)
    raise argparse.ArgumentTypeError(
        f"{text!r}: " + (f"is it {near[0]}? " if near else "")
        + "choose one of " + ", ".join(NAMES))


def parse(arguments):
    parser = argparse.ArgumentParser(
        prog="python -m npgm.experiments", allow_abbrev=False,
        description="Reproduce 'Gradient Masking Is a Type of Overfitting' (2018).")
    parser.add_argument("name", type=named, metavar="NAME",
                        help="one of: " + ", ".join(NAMES) + ". claims and "
                        "report (report.html, a page) read stored results and train "
                        "nothing; all does everything")
    parser.add_argument("--steps", type=command.positive, metavar="N",
                        help=f"updates a run (default: {protocol.STEPS:,})")
    parser.add_argument("--seeds", type=command.positive, metavar="N", default=1,
                        help="how many seeds, from 0 (default: 1)")
    parser.add_argument("--jobs", type=command.positive, metavar="N",
                        default=_available_cores(),
                        help="processes (default: the cores, %(default)s)")
    parser.add_argument("--out", metavar="DIR", default=DEFAULT_OUT,
                        type=command.folder,
                        help="where results and runs are kept (default: results)")
    parser.add_argument("--data", **command.DATA)
    parser.add_argument("--quick", action="store_true",
                        help=f"{protocol.QUICK_STEPS:,} updates: a minute or two, for "
                        "a look; not comparable with the paper")
    parser.add_argument("--fresh", action="store_true",
                        help="train again what is already finished or begun")
    options = parser.parse_args(arguments)
    if options.quick and options.steps:
        parser.error("--quick sets the number of updates: leave out --steps")
    options.steps = options.steps or (
        protocol.QUICK_STEPS if options.quick else protocol.STEPS)
    return options


def run_experiment(experiment, options):
    start, checksum = time.monotonic(), prepare(options)
    wanted = experiment.wanted(options.steps, options.seeds, checksum)
    if options.fresh:
        worker.forget(options.out, wanted)
    scheduler.complete(options.out, [(run, experiment.measures) for run in wanted],
                       options.data, options.jobs)
    records = records_of(options.out, wanted)
    _warn_of_other_sources(records, experiment.measures)
    result = {
        "experiment": experiment.name,
        "stamp": results.stamp(options.steps, checksum, options.data),
        "rows": experiment.rows(wanted, records),
        "provenance": {
            "settings": {"steps": options.steps, "seeds": options.seeds,
                         "data": checksum},
            "runs": {run.hash: {"configuration": run.configuration,
                                **record.provenance, "measured": {
                                    name: record.measured[name] for name in
                                    experiment.measures if name in record.measured}}
                     for run, record in zip(wanted, records)},
            "machine": provenance.machine(),
            "command_seconds": round(time.monotonic() - start, 1),
            "training_seconds": round(sum(record.wall_seconds for record in records),
                                      1)}}
    shown = experiment.shown(result["rows"])
    say(tables.plain(experiment.headed(result["rows"]), shown) + "\n"
        + "\n".join(results.notes(result)))
    kept = results.write(options.out, experiment, result)
    say(f"written: {options.out}/{experiment.name}.json, .md, .csv, .png")
    if kept:
        say(f"kept: the results of other settings, now {kept}.*")


def prepare(options):
    """Whatever can fail does so before the long work; returns the data's checksum."""
    storage.check_writable(options.out)
    data = load_dataset(options.data)
    if len(data.x_train) < protocol.BATCH_SIZE:
        raise DataError(f"{options.data} has {len(data.x_train)} training images: the "
                        f"protocol's batches take {protocol.BATCH_SIZE}")
    plots.check()
    return data.checksum


def run_all(options):
    """Every experiment, then claims and report.html. One that fails does not stop
    the others; in the end it is told and NpgmError is raised."""
    checksum, failed = prepare(options), []
    if options.fresh:                   # here, because experiments share their runs
        for experiment in EXPERIMENTS.values():
            worker.forget(options.out, experiment.wanted(options.steps, options.seeds,
                                                         checksum))
        options.fresh = False
    try:            # all runs at once: one bar says what is left, no core waits
        scheduler.complete(options.out, _all_needs(options, checksum), options.data,
                           options.jobs)
    except (Interrupted, StorageError):
        raise
    except NpgmError:
        pass        # the experiments that miss a run say so
    for name, experiment in EXPERIMENTS.items():
        say(f"\n{name}")
        try:
            run_experiment(experiment, options)
        except (Interrupted, StorageError):
            raise
        except NpgmError as error:
            failed.append(name)
            say(f"error: {error}", error=True)
    if failed:
        raise NpgmError(f"failed: {', '.join(failed)}; the others are written: give "
                        "the same command again")
    if not results.stamp(options.steps, checksum, options.data):
        verdicts.main(options.out)
    report.main(options.out, EXPERIMENTS)


def _all_needs(options, checksum):
    """(run, measures) for each run that any experiment wants. Those with a defence
    take longest and come first, so that all processes end together."""
    needs = {}
    for experiment in EXPERIMENTS.values():
        for run in experiment.wanted(options.steps, options.seeds, checksum):
            _, measures = needs.setdefault(run.hash, (run, {}))
            measures.update(dict.fromkeys(experiment.measures))
    return sorted(((run, tuple(measures)) for run, measures in needs.values()),
                  key=lambda need: need[0].defence is None)


def _warn_of_other_sources(records, measures):
    other = sum(record.sources(measures) != {sources.digest()} for record in records)
    if other:
        say(f"note: {other} of these runs were trained or measured before npgm's "
            "mathematics was last edited; --fresh trains them again", error=True)


def _available_cores():
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


if __name__ == "__main__":
    sys.exit(main())
