"""How npgm compiles: Numba's settings and its cache, in one place."""
import contextlib
import functools
import hashlib
import os
import tempfile
from pathlib import Path
from types import FunctionType

import numba

from npgm import sources


def compiled(function=None, *, contract=False):
    """Decorator: function, compiled on first call for the types it is called with.

    contract allows a * b + c in one rounding (fused multiply-add). Every other
    fast-math flag stays off; subnormals are kept; x / 0 is inf, as in NumPy. Kept on
    disk for the next process if the package owns the function; a user's own may
    change without any file of ours changing, so it is compiled anew.
    """
    if function is None:
        return functools.partial(compiled, contract=contract)
    with _cache_folder():
        return numba.njit(function, cache=sources.owns(function), error_model="numpy",
                          fastmath={"contract"} if contract else False)


def specialized(template, name, *, contract=False, **meanings):
    """template compiled with some of its global names given a meaning.

    Numba caches by qualified name, so each specialization needs its own.
    """
    function = FunctionType(template.__code__, {**template.__globals__, **meanings},
                            name, template.__defaults__)
    function.__qualname__ = name
    function.__doc__ = template.__doc__
    function.__module__ = template.__module__
    return compiled(function, contract=contract)


def disabled():
    """Whether Numba's JIT is off (NUMBA_DISABLE_JIT=1): kernels are then interpreted,
    number by number."""
    return bool(numba.config.DISABLE_JIT)


@contextlib.contextmanager
def _cache_folder():
    before = numba.config.CACHE_DIR
    numba.config.CACHE_DIR = str(_folder(before))
    try:
        yield
    finally:
        numba.config.CACHE_DIR = before


@functools.cache
def _folder(chosen):
    """The folder for this state of the sources: in chosen ($NUMBA_CACHE_DIR), in
    the user's cache folder, or if that cannot be written in a temporary one.

    Numba notices a change of the file a kernel stands in, but not of a file whose
    functions it inlines. So the folder is named after the contents of all.
    """
    state = sources.digest(sources.COMPILED) + numba.__version__
    version = hashlib.sha256(state.encode()).hexdigest()[:16]
    base = Path(chosen or os.environ.get("XDG_CACHE_HOME")
                or os.path.expanduser("~/.cache"))
    folder = base / "npgm" / version
    with contextlib.suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
        if os.access(folder, os.W_OK):
            return folder
    return Path(tempfile.mkdtemp(prefix="npgm-"))
