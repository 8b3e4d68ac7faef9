"""Runs on many machines: handed to the workers of a running dask.distributed scheduler.

They meet in the folder of results alone, which every worker sees by the same name. Each
run is a process of its own there (`child`), so that it does what it would do here.
"""
import asyncio
import concurrent.futures as futures
import contextlib
import functools
import itertools
import logging
import os
import re
import secrets
import sys
import time
from pathlib import Path

from tqdm import tqdm

from npgm import storage
from npgm.errors import InputError, NpgmError, reason
from npgm.experiments.store import child
from npgm.formats import library
from npgm.streams import say

PATIENCE = 10       # seconds for a scheduler to answer
DEATHS = 3          # processes a run may lose before it is given up
HOLD = 10           # seconds that a worker which is not fit keeps a run from the next,
MEETINGS = 300      # and how often a run may meet one
LOST = ("the dask scheduler at {} is gone; every run is kept as of its last "
        "checkpoint: start it again, then go on with the same command, without --fresh")


def address(text):
    """The address of a scheduler. Raises InputError: dask takes many a text for one."""
    if not re.fullmatch(r"(tcp|tls)://[^\s/]+:\d+", text):
        raise InputError(f"{text!r}: give tcp://HOST:PORT, as `dask scheduler` says")
    return text


@contextlib.contextmanager
def connected(address, out, needs, data_folder=None):
    """An executor for `worker.work`, of these (run, measures): the workers of the dask
    scheduler at that address, each looked at before anything begins.

    While it lasts a file stands in the folder of results, the lease; without it what
    still works on a run saves and stops. Raises NpgmError, in one line, if there is no
    scheduler or a worker that could not do the runs.
    """
    distributed = library("distributed")
    out = Path(os.path.abspath(out))
    storage.check_writable(out)
    lease = out / f"lease-{secrets.token_hex(8)}"
    with contextlib.ExitStack() as stack:
        stack.enter_context(_quietly())
        try:
            client = distributed.Client(address, timeout=PATIENCE, set_as_default=False)
        except OSError as error:
            raise NpgmError(f"no dask scheduler answers at {address} ({reason(error)})"
                            ": start one, `dask scheduler`") from None
        stack.callback(client.close, timeout=PATIENCE)
        stack.callback(_end, lease)
        terms = {"hold": HOLD, **child.terms_of(
            lease, needs, data_folder and os.path.abspath(data_folder))}
        executor = Cluster(client, address, terms, _look_at_all(client, address, terms))
        stack.callback(executor.shutdown, wait=False)
        yield executor


def _end(lease):
    with contextlib.suppress(OSError):      # then what has begun ends by itself
        lease.unlink()


@contextlib.contextmanager
def _quietly():
    """Without what dask logs of connections: it is told in one line."""
    loggers = [logging.getLogger(name) for name in logging.root.manager.loggerDict
               if name.startswith("distributed")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels):
            logger.setLevel(level)


def _look_at_all(client, address, terms):
    """The addresses of the workers, all of them fit. Raises NpgmError."""
    threads = client.nthreads()
    if not threads:
        say(f"note: {address} has no worker yet; the runs wait for the first: dask "
            f"worker {address} --nthreads N", error=True)
        return set()
    answers, processors = client.run(look, terms, on_error="return"), set()
    for worker, answer in sorted(answers.items()):
        if isinstance(answer, ImportError):
            answer = {"wrong": f"has no npgm, or another ({reason(answer)}): install "
                      "this one"}
        elif isinstance(answer, BaseException):
            answer = {"wrong": f"cannot be asked: {type(answer).__name__}: "
                      f"{reason(answer)}"}
        if wrong := answer.get("wrong", "did not answer"):
            raise NpgmError(_line(worker, wrong))
        processors.add(answer["processor"])
    if len(processors) > 1:
        say(f"note: the workers' processors differ ({'; '.join(sorted(processors))}): "
            "on another kind a run may end with other bits", error=True)
    say(f"{address}: {len(threads)} worker{'s' * (len(threads) > 1)}, "
        f"{sum(threads.values())} runs at a time", error=True)
    return set(answers)


def _line(worker, wrong):
    return f"dask worker {worker} {wrong}, then start it anew"


async def look(terms):
    """On a worker: whether it is fit, without a run."""
    return await asyncio.to_thread(child.ask, {"terms": terms})


def work(terms, configuration, measures):
    """On a worker: do a run, for as long as it is wanted."""
    from distributed import get_worker
    answer = child.ask({"terms": terms, "run": configuration, "measures": measures},
                       functools.partial(child.stands, terms["lease"]))
    if answer.get("wrong"):
        time.sleep(terms["hold"])       # not to be idle, and given all that waits
    return {**answer, "worker": get_worker().address}


class Cluster(futures.Executor):
    """What `connected` gives. A run whose process or worker is lost goes on elsewhere;
    so does one that met a worker which joined later and is not fit, told once."""

    def __init__(self, client, address, terms, fit):
        """fit: the addresses of workers known to be so."""
        self.executor = client.get_executor(pure=False, retries=DEATHS)
        self.address, self.terms, self.fit = address, terms, fit
        self.unfit, self.number, self.open = set(), itertools.count(), True

    def submit(self, function, out, run, measures, data_folder):
        """function is `worker.work`; out and data_folder are those of `connected`."""
        future = futures.Future()
        self._hand_over(future, run, measures, ())
        return future

    def _hand_over(self, future, run, measures, met):
        """met: the answers that earlier processes of this run left. One that met an
        unfit worker goes to those known to be fit, as long as they are there."""
        fit = {"workers": sorted(self.fit), "allow_other_workers": True} if (
            met and self.fit) else {}
        task = self.executor.submit(
            work, self.terms, run.configuration, measures, **fit,
            key=f"npgm-{Path(self.terms['lease']).name}-{next(self.number)}")
        task.add_done_callback(
            lambda task: self._ended(task, future, run, measures, met))

    def _ended(self, task, future, run, measures, met):
        if not self.open:
            return
        if task.cancelled():
            future.set_exception(futures.BrokenExecutor(LOST.format(self.address)))
        elif error := task.exception():
            future.set_exception(NpgmError(
                f"its dask worker: {type(error).__name__}: {reason(error)}"))
        elif fault := self._fault(task.result(), met):
            future.set_exception(NpgmError(fault))
        elif self._is_done(task.result()):
            future.set_result(None)
        else:
            self._hand_over(future, run, measures, (*met, task.result()))

    def _fault(self, answer, met):
        """Why a run is given up, after this answer; or ""."""
        worker = answer["worker"]
        if answer.get("wrong"):
            line = _line(worker, answer["wrong"])
            self.fit.discard(worker)
            if not self.fit or len(met) == MEETINGS:
                return line
            if worker not in self.unfit:
                tqdm.write(f"note: {line}; its runs go elsewhere", file=sys.stderr)
            self.unfit.add(worker)
        elif "failed" in answer:
            return answer["failed"]
        elif not self._is_done(answer):
            if sum(not one.get("wrong") for one in met) == DEATHS - 1:
                return (f"its process was killed {DEATHS} times, the last time on dask "
                        f"worker {worker}: out of memory?")
        else:
            self.fit.add(worker)
        return ""

    @staticmethod
    def _is_done(answer):
        return not (answer.get("wrong") or "stopped" in answer or "killed" in answer)

    def shutdown(self, wait=True, *, cancel_futures=False):
        """As an executor's; without wait all that has begun is cancelled, too."""
        self.open = wait and not cancel_futures
        self.executor.shutdown(wait=self.open)
