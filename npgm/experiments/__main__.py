"""The command line: python -m npgm.experiments NAME [options].

Exit status: 0 done; 1 it could not be done; 2 the command was wrong; 130
interrupted.
"""
import sys

try:
    from dataclasses import replace

    from npgm import command, streams
    from npgm.errors import Interrupted, NpgmError, StorageError
    from npgm.experiments import options
    from npgm.experiments.execute import (DEFAULT_OUT, announce, check_figures,
                                          execute, prepare)
    from npgm.experiments.output import report, results, verdicts
    from npgm.experiments.store import scheduler, worker
    from npgm.experiments.studies import EXPERIMENTS
    from npgm.experiments.sweeps import design
    from npgm.streams import say
except KeyboardInterrupt:       # Ctrl-C while Python still reads: nothing was begun
    sys.exit(130)

OF_ONES_OWN = (design.SWEEP, design.TRAIN)
NAMES = (*EXPERIMENTS, *OF_ONES_OWN, verdicts.NAME, report.NAME, "all")


def main(arguments=None):
    streams.prepare()
    name, request = options.parse(arguments, NAMES, OF_ONES_OWN)
    without = ", without --fresh," if request.fresh else ""
    return command.status(lambda: run(name, request),
                          f"give the same command again{without} to go on")


def run(name, request):
    """What was asked for, by its name."""
    default = request.out == DEFAULT_OUT
    if name == "all":
        run_all(request)
    elif name == verdicts.NAME:
        verdicts.main(request.out, or_committed=default)
    elif name == report.NAME:
        report.main(request.out, EXPERIMENTS, or_committed=default)
    else:
        execute(design.experiment(name, request.options) if request.options
                else EXPERIMENTS[name], request)


def run_all(request):
    """Every experiment, then claims and report.html. One that fails does not stop
    the others; in the end it is told and NpgmError is raised."""
    for experiment in EXPERIMENTS.values():
        checksum = prepare(experiment, request)
    if request.dry_run:
        announce(EXPERIMENTS.values(), request)
        return
    failed = []
    if request.fresh:                   # here, because experiments share their runs
        for experiment in EXPERIMENTS.values():
            worker.forget(request.out, experiment.wanted(request.steps, request.seeds,
                                                         checksum))
        request = replace(request, fresh=False)
    try:            # all runs at once: one bar says what is left, no core waits
        scheduler.complete(request.out, all_needs(request, checksum), request.data,
                           request.jobs, request.cluster, check=check_figures)
    except (Interrupted, StorageError):
        raise
    except NpgmError:
        pass        # the experiments that miss a run say so
    for name, experiment in EXPERIMENTS.items():
        say(f"\n{name}")
        try:
            execute(experiment, request)
        except (Interrupted, StorageError):
            raise
        except NpgmError as error:
            failed.append(name)
            say(f"error: {error}", error=True)
    if failed:
        raise NpgmError(f"failed: {', '.join(failed)}; the others are written: give "
                        "the same command again")
    if not results.stamp(request.steps, checksum, request.data):
        verdicts.main(request.out)
    report.main(request.out, EXPERIMENTS)


def all_needs(request, checksum):
    """(run, measures) for each run that any experiment wants. Those with a defence
    take longest and come first, so that all processes end together."""
    needs = {}
    for experiment in EXPERIMENTS.values():
        for run in experiment.wanted(request.steps, request.seeds, checksum):
            _, measures = needs.setdefault(run.hash, (run, {}))
            measures.update(dict.fromkeys(experiment.measures))
    return sorted(((run, tuple(measures)) for run, measures in needs.values()),
                  key=lambda need: need[0].defence is None)


if __name__ == "__main__":
    sys.exit(main())
