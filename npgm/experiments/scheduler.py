"""Many runs on many cores, with one progress bar."""
import concurrent.futures as futures
import contextlib
import multiprocessing
import signal
import sys

from tqdm import tqdm

from npgm.errors import Interrupted, NpgmError
from npgm.experiments import provenance, runs

SHOWN = {"natural_error": "natural", "fgs_error": "FGS"}      # beside the bar


def complete(out, wanted, measures, data_folder=None, jobs=1, executor=None):
    """Bring every wanted run to its end, measured; finished ones cost nothing.

    One process a run, one thread a process. Whatever jobs is, the results are
    the same bits. A run that fails does not stop the others; then the first
    error is raised. Ctrl-C saves every run where it is and raises Interrupted.
    executor: any concurrent.futures.Executor instead of local processes.
    """
    with contextlib.ExitStack() as stack:
        if executor is None:
            provenance.one_thread_each()
            executor = stack.enter_context(futures.ProcessPoolExecutor(
                min(jobs, len(wanted)), multiprocessing.get_context("spawn"),
                runs.prepare_worker))
        stack.enter_context(_termination_as_interrupt())
        bar = stack.enter_context(_Bar(out, wanted))
        # Blocked while workers start, who inherit it: Ctrl-C is this process's.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        tasks = {executor.submit(runs.work, out, run, measures, data_folder): run
                 for run in wanted}
        try:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
            waiting = set(tasks)
            while waiting:
                _, waiting = futures.wait(waiting, timeout=0.5)
                bar.refresh()
        except KeyboardInterrupt:
            for process in multiprocessing.active_children():
                process.terminate()         # asks it to save and stop
            executor.shutdown(cancel_futures=True)
            raise Interrupted("interrupted; give the same command again to go "
                              "on") from None
    _raise_failures(tasks)


def _raise_failures(tasks):
    failures = [(run, task.exception()) for task, run in tasks.items()
                if task.exception()]
    for run, error in failures:
        message = (str(error) if isinstance(error, NpgmError)
                   else f"{type(error).__name__}: {error}")
        print(f"{run.optimizer}, seed {run.seed}, failed: {message}", file=sys.stderr)
    if failures:
        raise NpgmError(f"{len(failures)} of {len(tasks)} runs failed; the others are "
                        "kept: mend what is named above and give the same command "
                        "again")


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
        self.out, self.wanted, self.seen = out, wanted, {}

    def __enter__(self):
        done = sum(self._steps(run) for run in self.wanted)
        terminal = sys.stderr.isatty()
        self.bar = tqdm(total=sum(run.steps for run in self.wanted), initial=done,
                        unit=" updates", unit_scale=True, smoothing=0.05,
                        dynamic_ncols=terminal, mininterval=0.5 if terminal else 30)
        return self

    def __exit__(self, *exception):
        self.refresh()
        self.bar.close()

    def _steps(self, run):
        return min(runs.progress_of(self.out, run)["step"], run.steps)

    def refresh(self):
        steps = 0
        for run in self.wanted:
            progress = runs.progress_of(self.out, run)
            steps += min(progress["step"], run.steps)
            errors = [f"{word} {progress[name]:.1f} %" for name, word in SHOWN.items()
                      if isinstance(progress.get(name), float)]
            if errors and errors != self.seen.get(run.hash):
                self.seen[run.hash] = errors
                self.bar.set_postfix_str(f"{run.optimizer} seed {run.seed}: "
                                         + ", ".join(errors), refresh=False)
        self.bar.update(steps - self.bar.n)
