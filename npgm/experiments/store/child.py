"""A run in a process of its own, for a program that is not ours, a dask worker: with
one thread and plain surroundings, whatever that program was given; it may be stopped at
any time, and what becomes of it harms nobody else.

A request and its answer are a line of JSON each. The end of the pipe that the request
came through, or of whoever wrote it, means save and stop.
"""
import contextlib
import json
import os
import subprocess
import sys
import traceback
from pathlib import Path

from npgm import provenance, sources, storage
from npgm.data import load_dataset
from npgm.errors import Interrupted, NpgmError
from npgm.experiments import measures
from npgm.experiments.measures import attacked
from npgm.experiments.store.process import GRACE, prepare_worker
from npgm.experiments.store.record import bare
from npgm.experiments.store.run import Run
from npgm.experiments.store.worker import work

LOOK = 0.5      # seconds between two looks at whether a run is still wanted


def terms_of(lease, needs, data_folder):
    """What a process must find to do these (run, measures) as one of this machine
    would. lease: a file beside the runs, written here, for as long as they are wanted.
    """
    storage.write_text(lease, lease.name, durable=False)
    own = {json.dumps(run.own): run.configuration for run, _ in needs if run.own}
    measured = {name for _, taken in needs for name in taken}
    return {"lease": str(lease), "sources": sources.digest(), "versions": _versions(),
            "data": data_folder and str(data_folder), "own": list(own.values()),
            "attacks": sorted({what for what in map(_attack, measured) if "@" in what}),
            "checksum": needs[0][0].data_checksum}


def _attack(measure):
    """The text of the attack that a measure is of, or ""."""
    return getattr(measures.named(bare(measure)), "keywords", {}).get("what", "")


def _versions():
    found = provenance.machine()["versions"]
    return {name: found[name] for name in ("npgm", "numpy", "numba")}


def stands(lease):
    """Whether the file is there. It is opened: file systems over a network may remember
    what they know of a name."""
    try:
        return Path(lease).read_text() == Path(lease).name
    except OSError:
        return False


def wrong(terms):
    """What this process does not find, and what to do, in words; or ""."""
    out = Path(terms["lease"]).parent
    if not stands(terms["lease"]):
        return f"does not see {out}: give an --out that every worker has by that name"
    for name, version in _versions().items():
        if version != terms["versions"][name]:
            return (f"has {name} {version}, this command {terms['versions'][name]}: "
                    "install the same")
    if sources.digest() != terms["sources"]:
        return "has another npgm, of the same version: install the same"
    try:
        storage.check_writable(out)
        for configuration in terms["own"]:
            Run(**configuration).parts()
        for what in terms["attacks"]:
            attacked.unedited(what)
        if load_dataset(terms["data"]).checksum != terms["checksum"]:
            return f"has other data in {terms['data'] or 'its npgm'}: give it the same"
    except NpgmError as error:
        return f"cannot do these runs: {error}"
    return ""


def ask(request, wanted=lambda: True):
    """The answer to a request, {"terms": ...} or {"terms", "run", "measures"}, by a new
    process. When wanted() is no longer true it is asked to save and stop.

    Returns a dictionary: "wrong", what it did not find, or ""; "failed", in what way
    the run did; "stopped", before its end; "killed", the exit status of a process that
    did not answer; "processor".
    """
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    provenance.plain_surroundings(environment)
    with subprocess.Popen([sys.executable, "-m", __name__], env=environment, text=True,
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        with contextlib.suppress(OSError):      # it ended before it read
            process.stdin.write(json.dumps(request) + "\n")
            process.stdin.flush()
        while process.poll() is None and wanted():
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(LOOK)
        with contextlib.suppress(OSError):
            process.stdin.close()
        try:
            process.wait(GRACE + 2)
        except subprocess.TimeoutExpired:
            process.kill()
        answer = process.stdout.read()
    if answer:
        return json.loads(answer.splitlines()[-1])
    return {"stopped": True} if not wanted() else {"killed": process.returncode}


def main():
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)       # what a user's own module prints is no answer
    request, answer = json.loads(sys.stdin.readline()), {}
    prepare_worker(_end_of_input)
    try:
        answer = {"processor": provenance.machine()["processor"],
                  "wrong": wrong(request["terms"])}
        if "run" in request and not answer["wrong"]:
            found = request["terms"]
            work(Path(found["lease"]).parent, Run(**request["run"]),
                 request["measures"], found["data"])
    except Interrupted:
        answer["stopped"] = True
    except NpgmError as error:
        answer["failed"] = str(error)
    except Exception as error:
        traceback.print_exc()           # in the worker's log
        answer["failed"] = f"{type(error).__name__}: {error}"
    print(json.dumps(answer), file=answers, flush=True)


def _end_of_input():
    """Returns when whoever wrote the request has ended, or wants no more. It does not
    read sys.stdin: a thread that does keeps Python from ending."""
    while os.read(0, 4096):
        pass


if __name__ == "__main__":
    main()
