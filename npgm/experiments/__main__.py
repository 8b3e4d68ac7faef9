"""The command line: python -m npgm.experiments NAME [options].

Exit status: 0 done; 1 it could not be done; 2 the command was wrong; 130
interrupted.
"""
import argparse
import os
import sys
import time
from pathlib import Path

from npgm import sources, storage
from npgm.data import load_dataset
from npgm.errors import Interrupted, NpgmError, StorageError
from npgm.experiments import protocol
from npgm.experiments.output import report, results, tables, verdicts
from npgm.experiments.store import provenance, scheduler, worker
from npgm.experiments.store.record import records_of
from npgm.experiments.studies import EXPERIMENTS

DEFAULT_OUT = Path("results")


def main(arguments=None):
    options = parse(arguments)
    fresh = options.fresh
    try:
        if options.name == "all":
            run_all(options)
        elif options.name == verdicts.NAME:
            verdicts.main(options.out, or_committed=options.out == DEFAULT_OUT)
        elif options.name == report.NAME:
            report.main(options.out, EXPERIMENTS,
                        or_committed=options.out == DEFAULT_OUT)
        else:
            run_experiment(EXPERIMENTS[options.name], options)
        sys.stdout.flush()
    except BrokenPipeError:             # as of ... | head: nobody reads on
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (Interrupted, KeyboardInterrupt):
        without = ", without --fresh," if fresh else ""
        print(f"\ninterrupted; give the same command again{without} to go on",
              file=sys.stderr)
        return 130
    except NpgmError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def parse(arguments):
    def positive(text):
        if text.replace(",", "").isdecimal() and int(text.replace(",", "")):
            return int(text.replace(",", ""))
        raise argparse.ArgumentTypeError(
            f"{text!r}: give a whole number of at least 1")

    parser = argparse.ArgumentParser(
        prog="python -m npgm.experiments", allow_abbrev=False,
        description="Reproduce 'Gradient Masking Is a Type of Overfitting' (2018).")
    names = [*EXPERIMENTS, verdicts.NAME, report.NAME, "all"]
    parser.add_argument("name", choices=names, metavar="NAME",
                        help="one of: " + ", ".join(names) + ". claims and "
                        "report (report.html, a page) read stored results and train "
                        "nothing; all does everything")
    parser.add_argument("--steps", type=positive, metavar="N",
                        help=f"updates a run (default: {protocol.STEPS:,})")
    parser.add_argument("--seeds", type=positive, metavar="N", default=1,
                        help="how many seeds, from 0 (default: 1)")
    parser.add_argument("--jobs", type=positive, metavar="N",
                        default=_available_cores(),
                        help="processes (default: the cores, %(default)s)")
    parser.add_argument("--out", metavar="DIR", default=DEFAULT_OUT, type=Path,
                        help="where results and runs are kept (default: results)")
    parser.add_argument("--data", metavar="DIR", type=Path,
                        help="a folder of four IDX files (default: MNIST)")
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
    start = time.monotonic()
    storage.check_writable(options.out)
    checksum = load_dataset(options.data).checksum
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
    kept = results.write(options.out, experiment, result)
    shown = experiment.shown(result["rows"])
    print(tables.plain(experiment.headed(result["rows"]), shown) + "\n"
          + "\n".join(results.notes(result)))
    print(f"written: {options.out}/{experiment.name}.json, .md, .csv, .png")
    if kept:
        print(f"kept: the results of other settings, now {kept}.*")


def run_all(options):
    """Every experiment, then claims and report.html. One that fails does not stop
    the others; in the end it is told and NpgmError is raised."""
    checksum, failed = load_dataset(options.data).checksum, []
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
        print(f"\n{name}", flush=True)
        try:
            run_experiment(experiment, options)
        except (Interrupted, StorageError):
            raise
        except NpgmError as error:
            failed.append(name)
            print(f"error: {error}", file=sys.stderr)
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
        print(f"note: {other} of these runs were trained or measured before npgm's "
              "mathematics was last edited; --fresh trains them again", file=sys.stderr)


def _available_cores():
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


if __name__ == "__main__":
    sys.exit(main())
