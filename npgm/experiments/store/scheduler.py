"""Many runs on many cores, with one progress bar."""
import concurrent.futures as futures
import contextlib
import multiprocessing
import signal
import sys
import time
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import resource_tracker

from tqdm import tqdm

from npgm import cache, provenance
from npgm.command import termination_as_interrupt
from npgm.errors import DataError, Interrupted, NpgmError
from npgm.experiments.store import worker
from npgm.experiments.store.cluster import connected
from npgm.experiments.store.process import GRACE, prepare_worker
from npgm.experiments.store.record import Record, progress_of
from npgm.experiments.store.run import folder_of

SHOWN = {"natural_error": "natural", "fgs_error": "FGS"}      # beside the bar
KILLED = ("a worker process was killed (out of memory? then --jobs 1; begun by a "
          "script? then below if __name__ == \"__main__\":); every run is kept as of "
          "its last checkpoint: go on with the same command, without --fresh")


def complete(out, needs, data_folder=None, jobs=1, cluster=None, executor=None,
             check=lambda: None):
    """Bring every run to its end, measured; finished ones cost nothing.

    needs: (run, measures) pairs. One process a run, one thread a process. Whatever
    jobs is, the results are the same bits. A run that fails does not stop the
    others; it is told on stderr at once, and in the end NpgmError is raised. Ctrl-C
    saves every run where it is and raises Interrupted. cluster: the address of
    a dask scheduler whose workers see the same files, instead of local processes.
    executor: any other concurrent.futures.Executor that does; on Ctrl-C it drops what
    it has not begun, and what it has begun it finishes. check: called before any run
    begins, while processes start; what it raises is raised.
    """
    needs = [need for need in needs if not _is_finished(out, *need)]
    if not needs:
        return check()
    with contextlib.ExitStack() as stack:
        if cluster:
            executor = stack.enter_context(connected(
                cluster, out, needs, data_folder))
        # Held back while workers start, who inherit that: Ctrl-C is this process's.
        # Python's tracker of resources lets it through again when it starts.
        resource_tracker.ensure_running()
        stack.enter_context(_interrupts("SIG_BLOCK"))
        others = set(multiprocessing.active_children())
        if executor is None:
            provenance.plain_surroundings()
            stack.enter_context(cache.shared())
            jobs = max(1, min(jobs, len(needs)))
            executor = futures.ProcessPoolExecutor(
                jobs, multiprocessing.get_context("spawn"), prepare_worker)
            stack.push(lambda error, *details: _end(executor, others, error))
            for _ in range(jobs):
                executor.submit(worker.prepare)
        check()
        stack.enter_context(termination_as_interrupt())
        bar = stack.enter_context(_Bar(out, [run for run, _ in needs]))
        try:
            tasks = {executor.submit(worker.work, out, run, measures, data_folder): run
                     for run, measures in needs}
            with _interrupts("SIG_UNBLOCK"):
                failed = _wait(tasks, bar)
        except KeyboardInterrupt:
            for process in set(multiprocessing.active_children()) - others:
                process.terminate()         # asks it to save and stop
            executor.shutdown(wait=False, cancel_futures=True)
            raise Interrupted("interrupted") from None
        except futures.BrokenExecutor as error:
            raise NpgmError(KILLED if isinstance(error, BrokenProcessPool)
                            else str(error)) from None
    if failed:
        raise NpgmError(f"{failed} of {len(tasks)} runs failed, the others are kept: "
                        "mend what is named above, then go on with the same command, "
                        "without --fresh")


def _is_finished(out, run, measures):
    try:
        record = Record.read(folder_of(out, run) / "record.json", run.configuration)
    except DataError:
        return False            # whoever works on it says what is wrong
    return record.status != "training" and not record.missing(measures)


def _wait(tasks, bar):
    """How many of {task: run} failed, once all have ended; each told as it does."""
    waiting, failed = set(tasks), 0
    while waiting:
        done, waiting = futures.wait(waiting, timeout=0.5)
        for task in done:
            error = task.exception()
            if isinstance(error, futures.BrokenExecutor):
                raise error
            if error:
                failed += 1
                message = (str(error) if isinstance(error, NpgmError)
                           else f"{type(error).__name__}: {error}")
                bar.say(f"{tasks[task]}, failed: {message}")
        bar.refresh()
    return failed


def _end(executor, others, error):
    """Every process of the executor gone; if that is for an error, soon: they were
    asked, now they are made to."""
    children = set(multiprocessing.active_children()) - others
    executor.shutdown(wait=not (error and children), cancel_futures=True)
    deadline = time.monotonic() + GRACE + 1
    for process in children:
        process.join(max(0, deadline - time.monotonic()))
        if process.is_alive():
            process.kill()
    executor.shutdown()


@contextlib.contextmanager
def _interrupts(how):
    """SIGINT blocked or unblocked, where the platform can."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(getattr(signal, how), {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class _Bar:
    """Updates done over all runs, time left, and the newest errors."""

    def __init__(self, out, wanted):
        self.out, self.wanted = out, wanted

    def __enter__(self):
        done = sum(self._steps(run) for run in self.wanted)
        terminal = sys.stderr is not None and sys.stderr.isatty()
        self.bar = tqdm(total=sum(run.steps for run in self.wanted), initial=done,
                        unit=" updates", unit_scale=True, smoothing=0.05,
                        dynamic_ncols=terminal, mininterval=0.5 if terminal else 30)
        self.moving = done == self.bar.total
        if not self.moving:
            self.bar.set_postfix_str("compiling")
        return self

    def __exit__(self, *exception):
        self.refresh()
        self.bar.close()

    def say(self, line):
        """A line of its own, above the bar."""
        self.bar.write(line, file=sys.stderr)

    def _steps(self, run):
        return min(progress_of(self.out, run)["step"], run.steps)

    def refresh(self):
        steps, newest = 0, []
        for run in self.wanted:
            progress = progress_of(self.out, run)
            steps += min(progress["step"], run.steps)
            errors = [f"{word} {progress[name]:.1f} %" for name, word in SHOWN.items()
                      if isinstance(progress.get(name), float)]
            if isinstance(progress.get("doing"), str):
                errors = [progress["doing"]]
            if errors and ("doing" in progress or progress["step"] < run.steps):
                newest.append(f"{run}: " + ", ".join(errors))
        if newest or self.moving:
            self.bar.set_postfix_str("; ".join(newest), refresh=False)
        if not self.moving and steps > self.bar.n:      # the time left counts from here
            self.moving, self.bar.initial, self.bar.n = True, steps, steps
            self.bar.unpause()
        self.bar.update(steps - self.bar.n)
