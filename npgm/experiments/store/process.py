"""What a process that works on runs minds: being asked to stop, its parent's death,
and that no other works on the same run."""
import contextlib
import multiprocessing
import os
import signal
import threading
import time
import warnings

import filelock

from npgm import streams
from npgm.errors import DataError, Interrupted, StorageError

GRACE = 3       # seconds from being asked to stop to the end, whatever is being done
_asked = threading.Event()
busy = threading.Lock()         # held while this process works on a run


def stop_if_asked():
    """Raise Interrupted if this process was asked to stop: where work may be left."""
    if _asked.is_set():
        raise Interrupted("stopped")


def prepare_worker(ended=None):
    """In a worker: Ctrl-C is the parent's to handle; SIGTERM means save and stop, and
    so does the end of the parent, who may have been killed. ended: a function that
    returns when it has ended, if multiprocessing does not know it."""
    streams.prepare()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda signum, frame: _stop())
    parent = multiprocessing.parent_process()
    if ended or parent:
        threading.Thread(target=_end_after, args=(ended or parent.join,),
                         daemon=True).start()


def is_starting():
    """Whether this is a new process of Python's multiprocessing that still reads the
    script which started it: it may not start others."""
    return getattr(multiprocessing.current_process(), "_inheriting", False)


def _stop():
    """Ask this process to stop where it may; a while later it ends where it is, in a
    measurement perhaps, or in the compiler. Files are replaced whole, so nothing is
    lost but that."""
    if not _asked.is_set():
        _asked.set()
        end = threading.Timer(GRACE, os._exit, (1,))
        end.daemon = True
        end.start()


def _end_after(ended):
    ended()
    _stop()
    with busy:
        os._exit(1)


@contextlib.contextmanager
def lock(folder, patience=float("inf")):
    """Hold a run's folder for this process, made if need be; wait for another who
    holds it, DataError after `patience` seconds. Where the file system knows no locks
    a warning says so."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with contextlib.closing(_Held(folder / "lock", patience)):
            yield
    except OSError as error:
        if isinstance(error, StorageError):
            raise
        raise StorageError(f"cannot write {folder}: {error.strerror or error}: choose "
                           "another --out") from error


class _Held:
    """A lock on a file, from construction to close."""

    def __init__(self, path, patience):
        self.lock, deadline = filelock.FileLock(path), time.monotonic() + patience
        while True:
            try:
                self.lock.acquire(timeout=0.2)
                return
            except filelock.Timeout:
                stop_if_asked()
                if time.monotonic() > deadline:
                    raise DataError(f"{path.parent} is being worked on by another "
                                    "process: wait for it or choose another --out"
                                    ) from None
            except (OSError, NotImplementedError) as error:
                if not path.parent.is_dir() or not os.access(path.parent, os.W_OK):
                    raise
                warnings.warn(f"{path.parent} cannot be locked ({error}): give only "
                              "one command at a time", stacklevel=2)
                return

    def close(self):
        self.lock.release()
