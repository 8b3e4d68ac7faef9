"""Many runs on many cores, with one progress bar."""
import concurrent.futures as futures
import contextlib
import multiprocessing
import signal
import sys
from concurrent.futures.process import BrokenProcessPool

from tqdm import tqdm

from npgm.errors import Interrupted, NpgmError
from npgm.experiments.store import provenance, worker
from npgm.experiments.store.record import progress_of

SHOWN = {"natural_error": "natural", "fgs_error": "FGS"}      # beside the bar


def complete(out, needs, data_folder=None, jobs=1, executor=None):
    """Bring every run to its end, measured; finished ones cost nothing.

    needs: (run, measures) pairs. One process a run, one thread a process. Whatever
    jobs is, the results are the same bits. A run that fails does not stop the
    others; in the end it is told on stderr and NpgmError is raised. Ctrl-C saves
    every run where it is and raises Interrupted. executor: any
    concurrent.futures.Executor that sees the same files, instead of local
    processes; on Ctrl-C it drops what it has not begun, and what it has begun it
    finishes.
    """
    # Held back while workers start, who inherit that: Ctrl-C is this process's.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    with contextlib.ExitStack() as stack:
        stack.callback(signal.pthread_sigmask, signal.SIG_UNBLOCK, {signal.SIGINT})
        others = set(multiprocessing.active_children())
        if executor is None:
            provenance.one_thread_each()
            executor = stack.enter_context(futures.ProcessPoolExecutor(
                min(jobs, len(needs)), multiprocessing.get_context("spawn"),
                worker.prepare_worker))
        stack.enter_context(_termination_as_interrupt())
        bar = stack.enter_context(_Bar(out, [run for run, _ in needs]))
        tasks = {executor.submit(worker.work, out, run, measures, data_folder): run
                 for run, measures in needs}
        try:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
            waiting = set(tasks)
            while waiting:
                _, waiting = futures.wait(waiting, timeout=0.5)
                bar.refresh()
        except KeyboardInterrupt:
            for process in set(multiprocessing.active_children()) - others:
                process.terminate()         # asks it to save and stop
            executor.shutdown(cancel_futures=True)
            raise Interrupted("interrupted") from None
    _raise_failures(tasks)


def _raise_failures(tasks):
    failures = [(run, task.exception()) for task, run in tasks.items()
                if task.exception()]
    if any(isinstance(error, BrokenProcessPool) for _, error in failures):
        raise NpgmError("a worker process was killed (out of memory? then --jobs 1); "
                        "every run is kept as of its last checkpoint: go on with the "
                        "same command, without --fresh")
    for run, error in failures:
        message = (str(error) if isinstance(error, NpgmError)
                   else f"{type(error).__name__}: {error}")
        print(f"{run}, failed: {message}", file=sys.stderr)
    if failures:
        raise NpgmError(f"{len(failures)} of {len(tasks)} runs failed, the others are "
                        "kept: mend what is named above, then go on with the same "
                        "command, without --fresh")


@contextlib.contextmanager
def _termination_as_interrupt():
    """SIGTERM to this process does what Ctrl-C does."""
    def interrupt(signum, frame):
        raise KeyboardInterrupt
    try:
        before = signal.signal(signal.SIGTERM, interrupt)
    except ValueError:          # not the main thread
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


class _Bar:
    """Updates done over all runs, time left, and the newest errors."""

    def __init__(self, out, wanted):
        self.out, self.wanted = out, wanted

    def __enter__(self):
        done = sum(self._steps(run) for run in self.wanted)
        terminal = sys.stderr.isatty()
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

    def _steps(self, run):
        return min(progress_of(self.out, run)["step"], run.steps)

    def refresh(self):
        steps, newest = 0, []
        for run in self.wanted:
            progress = progress_of(self.out, run)
            steps += min(progress["step"], run.steps)
            errors = [f"{word} {progress[name]:.1f}" for name, word in SHOWN.items()
                      if isinstance(progress.get(name), float)]
            if errors and progress["step"] < run.steps:
                newest.append(f"{run}: " + ", ".join(errors))
        if newest:
            self.bar.set_postfix_str("; ".join(newest) + " %", refresh=False)
        if not self.moving and steps > self.bar.n:      # the time left counts from here
            self.moving, self.bar.initial, self.bar.n = True, steps, steps
            self.bar.unpause()
        self.bar.update(steps - self.bar.n)
