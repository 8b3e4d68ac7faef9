"""How npgm compiles: Numba's settings and its cache, in one place."""
import contextlib
import functools
import hashlib
import os
from pathlib import Path
from types import FunctionType

import numba
from numba.core.caching import FunctionCache, IndexDataCacheFile

from npgm import cache, sources


def compiled(function=None, *, contract=False, reassociate=False):
    """Decorator: function, compiled on first call for the types it is called with.

    contract allows a * b + c in one rounding (fused multiply-add), reassociate sums
    in any order, for what is only looked at. Every other fast-math flag stays off;
    subnormals are kept; x / 0 is inf, as in NumPy. Kept on disk for the next process
    if the package owns the function; a user's own may change without any file of ours
    changing, so it is compiled anew.

    Write loops where an array is assigned to a part of another: `A[i] = B[i]` has Numba
    compile the text of an error too, and strings with it, some two seconds long.
    """
    if function is None:
        return functools.partial(compiled, contract=contract, reassociate=reassociate)
    flags = {"contract"} if contract else set()
    if reassociate:
        flags.add("reassoc")
    dispatcher = numba.njit(function, error_model="numpy", fastmath=flags or False,
                            no_cfunc_wrapper=True)      # nobody calls it from C
    if sources.owns(function) and not disabled():
        _keep(dispatcher)
    return dispatcher


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


_folder = functools.cache(cache.folder)


def _keep(dispatcher):
    """Give a compiled function its place in the cache, if there is one."""
    if _folder() is None:
        return
    before = numba.config.CACHE_DIR
    numba.config.CACHE_DIR = str(_folder())
    try:
        with contextlib.suppress(Exception):        # Numba's insides may change
            dispatcher._cache = _Cache(dispatcher.py_func)
    finally:
        numba.config.CACHE_DIR = before


class _Cache(FunctionCache):
    """Numba's cache, in which what cannot be read is missing, and what cannot be
    written is left out: whatever happened to its files, the code is compiled."""

    def __init__(self, function):
        super().__init__(function)
        self._cache_file = _CheckedFiles(self._cache_path, self._impl.filename_base,
                                         self._impl.locator.get_source_stamp())

    def load_overload(self, sig, target_context):
        with contextlib.suppress(Exception):
            return super().load_overload(sig, target_context)

    def save_overload(self, sig, data):
        with contextlib.suppress(Exception):
            super().save_overload(sig, data)


class _CheckedFiles(IndexDataCacheFile):
    """Files of the cache with their checksum beside them: machine code that a crash or
    a full disk has damaged must not run."""

    def _load_index(self):
        return super()._load_index() if _whole(self._index_path) else {}

    def _save_index(self, overloads):
        super()._save_index(overloads)
        _seal(self._index_path)

    def _load_data(self, name):
        if not _whole(self._data_path(name)):
            raise OSError(f"{name} is damaged")
        return super()._load_data(name)

    def _save_data(self, name, data):
        super()._save_data(name, data)
        _seal(self._data_path(name))


def _checksum(path):
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def _seal(path):
    temporary = f"{path}.{os.getpid()}.tmp"
    Path(temporary).write_text(_checksum(path))
    os.replace(temporary, f"{path}.sha256")


def _whole(path):
    try:
        return Path(f"{path}.sha256").read_text() == _checksum(path)
    except (OSError, ValueError):
        return False
