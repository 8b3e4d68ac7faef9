"""Where a training was left: a file from which it goes on to the same bits."""
import functools
import hashlib
import inspect
import json
import os
import sys
import time
import warnings
from pathlib import Path

import numpy as np

from npgm import losses, optimizers, pixels, sources, storage
from npgm.data import images_of
from npgm.errors import DataError, InputError, StorageError
from npgm.optimizers.base import kept
from npgm.pixels import Pixels

SECONDS = 30        # between two of them, at most


class Checkpoint:
    """theta, the optimizer's state, t and the losses, in one .npz file; and what the
    bits of the run depend on, so that no other run goes on from it."""

    def __init__(self, path, trainer, history, data, batch_size, seed):
        """path: None for no file. trainer, history: as they are before the run."""
        if not isinstance(path, (str, os.PathLike, type(None))):
            raise InputError(f"checkpoint is {path!r}: give the name of a file")
        self.path = Path(path) if path else None
        if path and not self.path.parent.is_dir():
            raise StorageError(f"cannot write {path}: {self.path.parent} is no folder")
        self.trainer, self.history = trainer, history
        self.identity = identity(trainer, data, batch_size, seed, len(
            history.losses)) if path else None
        self.saved = time.monotonic()

    def arrays(self):
        """name -> array, all of them those in use, to be written or filled."""
        return {"theta": self.trainer.net.theta, "losses": self.history.losses,
                **kept(self.trainer.state)}

    def is_due(self):
        return self.path and time.monotonic() - self.saved > SECONDS

    def save(self):
        """Write the file anew; what stood there stays if that fails (StorageError)."""
        if self.path:
            storage.write_arrays(self.path, t=np.array(self.trainer.t),
                                 identity=np.array(json.dumps(self.identity)),
                                 sources=np.array(sources.digest()), **self.arrays())
            self.saved = time.monotonic()

    def load(self):
        """Go on from the file, if there is one. DataError, and nothing changed, if it
        is damaged or of another run: what differs is named."""
        if not (self.path and self.path.exists()):
            return
        stored, mine = storage.read_arrays(self.path), self.arrays()
        if different := self._difference(stored):
            raise DataError(f"{self.path} is a checkpoint of another run, with "
                            f"{different}: choose another path or move it away")
        if not (set(stored) == {"t", "identity", "sources", *mine} and all(
                stored[name].shape == array.shape and stored[name].dtype == array.dtype
                for name, array in mine.items()) and stored["t"].ndim == 0
                and stored["t"].dtype.kind == "i"
                and 0 <= stored["t"] <= self.history.losses.size):
            raise DataError(f"{self.path} is not a whole checkpoint: choose another "
                            "path or move it away")
        if str(stored["sources"]) != sources.digest():
            warnings.warn(f"npgm was edited since {self.path} was written: what was "
                          "trained before was trained by the old code", stacklevel=4)
        for name, array in mine.items():
            array[...] = stored[name]
        self.trainer.state.t = int(stored["t"])

    def _difference(self, stored):
        """What a stored run has other than this one, in words, or ""."""
        try:
            theirs = json.loads(str(stored["identity"]))
            other = [part for part, value in self.identity.items()
                     if theirs[part] != value]
        except (KeyError, TypeError, ValueError, IndexError):
            return "the format of another version of npgm, or it is no checkpoint"
        if other == ["initial theta"]:
            return "another initial theta (give the network as it was before the run)"
        return ", ".join(f"another {part}" for part in other)


def identity(trainer, data, batch_size, seed, steps):
    """{name: plain value} of all that the bits of a run depend on."""
    optimizer, loss = trainer.optimizer, trainer.loss
    return {"optimizer": [optimizers.name_of(optimizer), _text(type(optimizer)),
                          _text(optimizer.rule)],
            "hyperparameters": _plain(optimizer),
            "loss": [losses.name_of(loss), _text(loss)],
            "defence": [_text(type(trainer.defence)), _plain(trainer.defence)],
            "number of updates": int(steps), "batch_size": int(batch_size),
            "seed": int(seed), "dtype": str(trainer.net.dtype),
            "training set": _digest(images_of(data, "x_train"), data.y_train),
            "initial theta": _digest(trainer.net.theta)}


def digest_of(thing):
    """SHA-256 over the source of a user's own class or function, an optimizer's rule
    included, and of the module it stands in, whose other parts it may call."""
    try:
        module = inspect.getsource(sys.modules[thing.__module__])
    except (OSError, TypeError, KeyError, AttributeError):      # typed at a prompt
        module = ""
    parts = [_text(thing), _text(getattr(thing, "rule", None)), module]
    return _digest(json.dumps(parts).encode())


def _text(thing):
    """What a class, function or value is, as JSON has it. Of a user's own the source
    counts, what a function has closed over, its defaults, a class's bases: it may be
    changed and keep its name. The package's own are called by it."""
    if not (inspect.isfunction(thing) or inspect.isclass(thing)):
        return _value(thing)
    cells = [cell.cell_contents for cell in getattr(thing, "__closure__", None) or ()]
    name = f"{thing.__module__}:{thing.__qualname__}"
    if thing.__module__.partition(".")[0] in ("npgm", "builtins") and not cells:
        return name
    try:
        text = inspect.getsource(thing)
    except (OSError, TypeError):        # typed at a prompt
        parts = vars(thing).values() if inspect.isclass(thing) else [thing]
        text = repr([_compiled(part.__code__) for part in parts
                     if inspect.isfunction(part)])
    others = [*cells, *(getattr(thing, "__defaults__", None) or ()),
              *getattr(thing, "__bases__", ())]
    return [name, _digest(text.encode()), *map(_text, others)]


def _value(thing):
    """A value as JSON has it: an object by its class and what it holds."""
    if thing is None or isinstance(thing, (bool, int, float, str)):
        return thing
    if isinstance(thing, np.generic):
        return thing.item()
    if isinstance(thing, np.ndarray):
        return [str(thing.dtype), list(thing.shape), _digest(thing)]
    if isinstance(thing, (list, tuple)):
        return [_text(part) for part in thing]
    if isinstance(thing, dict):
        return {str(key): _text(value) for key, value in thing.items()}
    if isinstance(thing, functools.partial):
        return _text([thing.func, thing.args, thing.keywords])
    if inspect.ismethod(thing):
        return _text([thing.__func__, thing.__self__])
    return [_text(type(thing)), _text(dict(getattr(thing, "__dict__", {})))]


def _compiled(code):
    """What a code object does, but for where it stands."""
    return (code.co_code, code.co_names, [
        _compiled(constant) if inspect.iscode(constant) else constant
        for constant in code.co_consts])


def _plain(thing):
    """The values that an object holds, as JSON has them."""
    return json.loads(json.dumps(_text(dict(getattr(thing, "__dict__", {})))))


def _digest(*arrays):
    """SHA-256 over the bytes of arrays, Pixels as the floats they stand for."""
    digest = hashlib.sha256()
    for array in arrays:
        for piece in pixels.pieces(array) if isinstance(array, Pixels) else [array]:
            digest.update(np.ascontiguousarray(piece)
                          if isinstance(piece, np.ndarray) else piece)
    return digest.hexdigest()
