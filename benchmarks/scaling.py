"""How `all --seeds 10` scales with the runs made at a time.

Measured with one and two processes, on a shorter command; computed for more, from the
seconds that runs have taken (wall_seconds in the records of ./results): each run, in
the scheduler's own order, goes to the worker that is free first. No number of workers
is faster than the longest run.
"""
import heapq
import statistics
from pathlib import Path

from benchmarks.table2 import timed
from npgm import storage, tables
from npgm.data import MNIST_CHECKSUM
from npgm.errors import DataError
from npgm.experiments.__main__ import all_needs
from npgm.experiments.execute import Request
from npgm.experiments.store.record import Record
from npgm.experiments.store.run import Run
from npgm.experiments.studies import EXPERIMENTS

FOLDER = Path("results")
SEEDS = 10
WORKERS = (1, 2, 8, 64)
MEASURED = (1, 2)               # processes
COMMAND, STEPS, QUICK_STEPS, REPEATS = "optimizers", 5_000, 300, 3
INTRODUCTION = """# How `all --seeds {seeds}` scales

{runs} runs of 100,000 updates. Computed: from what runs have taken, {one_by_one_hours}
hours one after the other, each in the scheduler's order given to the worker that is
free first; drawing figures and moving files are left out. Of {known} runs the time is
measured, of {same_settings} it is the median of the same settings with other seeds, of
{alike} that of all runs with, or without, a defence as theirs. The longest run takes
{longest_minutes:.0f} minutes, and no number of workers is faster. Measured:
`{measured_command}`, {measured_runs} runs of {measured_steps:,} updates, the whole
command, median of {measured_repeats}. {processor}, {cores} cores.
"""


def run(quick=False):
    steps = QUICK_STEPS if quick else STEPS
    runs = [run for run, _ in all_needs(Request(seeds=SEEDS), MNIST_CHECKSUM)]
    seconds, told = run_seconds(FOLDER, runs)
    commands = {jobs: ["-m", "npgm.experiments", COMMAND, "--jobs", str(jobs)]
                for jobs in MEASURED}
    taken = {jobs: [] for jobs in MEASURED}
    for _ in range(1 if quick else REPEATS):        # interleaved
        for jobs, command in commands.items():
            taken[jobs].append(timed(command, steps))
    rows = {}
    for workers in WORKERS:
        computed = makespan(seconds, workers)
        row = {"hours": round(computed / 3600, 3),
               "times_one": round(sum(seconds) / computed, 2)}
        if workers in taken:
            one, some = (statistics.median(taken[jobs]) for jobs in (1, workers))
            row.update(measured_seconds=round(some, 1),
                       measured_times_one=round(one / some, 2))
        rows[str(workers)] = row
    return {"title": f"all --seeds {SEEDS}, by runs at a time", "rows": rows,
            "seeds": SEEDS, "runs": len(seconds), "found": told,
            "one_by_one_hours": round(sum(seconds) / 3600, 2),
            "longest_minutes": round(max(seconds) / 60, 1),
            "measured": {"command": f"{COMMAND} --steps {steps}", "steps": steps,
                         "runs": len(EXPERIMENTS[COMMAND].runs),
                         "repeats": len(taken[1]),
                         "seconds": {str(jobs): s for jobs, s in taken.items()}}}


def run_seconds(folder, runs):
    """The seconds that each of these runs took or would take, and of how many that was
    found how. Raises DataError if no run in the folder has been finished."""
    records = {path.parent.name: finished(path)
               for path in sorted(Path(folder).glob("runs/*/record.json"))}
    known = {name: (record.configuration, record.wall_seconds)
             for name, record in records.items()
             if record and record.configuration["steps"] == runs[0].steps}
    if not known:
        raise DataError(f"{folder} has no finished run of {runs[0].steps:,} updates: "
                        "python -m npgm.experiments all makes some")
    found, told = [], dict.fromkeys(("known", "same_settings", "alike"), 0)
    for run in runs:
        like = {"known": [], "same_settings": [], "alike": [], "any": []}
        for name, (other, taken) in known.items():
            like["known"] += [taken] * (name == run.hash)
            like["same_settings"] += [taken] * (
                settings(other) == settings(run.configuration))
            like["alike"] += [taken] * (other.get("defence") == run.defence)
            like["any"] += [taken]
        way = next(way for way, seconds in like.items() if seconds)
        told["alike" if way == "any" else way] += 1
        found.append(statistics.median(like[way]))
    return found, told


def finished(path):
    """The record of a run that has ended, or None."""
    configuration = storage.read_json(path)["configuration"]
    record = Record.read(path, Run(**configuration).configuration)
    return None if record.status == "training" else record


def settings(configuration):
    """What a run is but for its seed."""
    return {name: value for name, value in configuration.items() if name != "seed"}


def makespan(seconds, workers):
    """Seconds until the last of the runs has ended, each, in this order, given to the
    worker that is free first."""
    free = [0.0] * workers
    for taken in seconds:
        heapq.heapreplace(free, free[0] + taken)
    return max(free)


def write(folder):
    """folder/scaling.md, from scaling.json; its path, or None if there is none."""
    path = folder / "scaling.json"
    if not path.exists():
        return None
    result = storage.read_json(path)
    introduction = INTRODUCTION.format(**result, **result["found"], **{
        f"measured_{name}": value for name, value in result["measured"].items()},
        processor=result["machine"]["processor"], cores=result["machine"]["cores"])
    columns = [("runs at a time", lambda row: row["name"]),
               ("`all`, computed", lambda row: tables.duration(3600 * row["hours"])),
               ("times one", lambda row: f"{row['times_one']:g}"),
               ("shorter command, measured", lambda row: tables.duration(
                   row["measured_seconds"]) if "measured_seconds" in row else ""),
               ("times one, measured", lambda row: str(
                   row.get("measured_times_one", "")))]
    rows = [{"name": name, **row} for name, row in result["rows"].items()]
    storage.write_text(path.with_suffix(".md"), introduction + "\n"
                       + tables.markdown(columns, rows))
    return path.with_suffix(".md")
