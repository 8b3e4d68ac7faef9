"""Where compiled code is kept for the next process. It is never needed: without it
every process compiles for itself, some seconds long."""
import contextlib
import hashlib
import os
import tempfile
from importlib.metadata import version
from pathlib import Path

from npgm import sources

HARMLESS = ("NUMBA_CACHE_DIR", "NUMBA_NUM_THREADS")     # no matter to what is compiled


def folder():
    """The folder for this state of the sources, made if need be: in
    $NUMBA_CACHE_DIR or the user's cache folder. None if it cannot be written.

    Numba notices a change of the file a kernel stands in, but not of a file whose
    functions it inlines, nor of its own settings. So the folder is named after all.
    """
    settings = sorted(item for item in os.environ.items()
                      if item[0].startswith("NUMBA_") and item[0] not in HARMLESS)
    state = (sources.digest(sources.COMPILED) + version("numba") + version("llvmlite")
             + repr(settings))
    base = (os.environ.get("NUMBA_CACHE_DIR") or os.environ.get("XDG_CACHE_HOME")
            or os.path.expanduser("~/.cache"))
    path = Path(base) / "npgm" / hashlib.sha256(state.encode()).hexdigest()[:16]
    with contextlib.suppress(OSError):
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            return path
    return None


@contextlib.contextmanager
def shared():
    """While it lasts, the processes started share what they compile: in a temporary
    folder, removed at the end, if there is no lasting one."""
    if folder():
        yield
        return
    before = os.environ.get("NUMBA_CACHE_DIR")
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(OSError):      # not even that: each for itself
            os.environ["NUMBA_CACHE_DIR"] = stack.enter_context(
                tempfile.TemporaryDirectory(prefix="npgm-", ignore_cleanup_errors=True))
        try:
            yield
        finally:
            os.environ.pop("NUMBA_CACHE_DIR", None)
            if before is not None:
                os.environ["NUMBA_CACHE_DIR"] = before
