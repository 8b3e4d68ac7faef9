"""Where a training was left: a file from which it goes on to the same bits."""
import dataclasses
import hashlib
import inspect
import json
import time
from pathlib import Path

import numpy as np

from npgm import losses, optimizers, sources, storage
from npgm.errors import DataError

SECONDS = 30        # between two of them, at most


class Checkpoint:
    """theta, the optimizer's state, t and the losses, in one .npz file; and what the
    bits of the run depend on, so that no other run goes on from it."""

    def __init__(self, path, trainer, history, data, batch_size, seed):
        """path: None for no file. trainer, history: as they are before the run."""
        self.path = Path(path) if path else None
        self.trainer, self.history = trainer, history
        self.identity = identity(trainer, data, batch_size, seed, len(
            history.losses)) if path else None
        self.saved = time.monotonic()

    def arrays(self):
        """name -> array, all of them those in use, to be written or filled."""
        state = {name: value for name, value in vars(self.trainer.state).items()
                 if name != "t"}
        return {"theta": self.trainer.net.theta, "losses": self.history.losses, **state}

    def is_due(self):
        return self.path and time.monotonic() - self.saved > SECONDS

    def save(self):
        """Write the file anew; what stood there stays if that fails (StorageError)."""
        if self.path:
            storage.write_arrays(self.path, t=np.array(self.trainer.t),
                                 identity=np.array(json.dumps(self.identity)),
                                 **self.arrays())
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
        if not (set(stored) == {"t", "identity", *mine} and all(
                stored[name].shape == array.shape and stored[name].dtype == array.dtype
                for name, array in mine.items()) and stored["t"].ndim == 0
                and stored["t"].dtype.kind == "i"
                and 0 <= stored["t"] <= self.history.losses.size):
            raise DataError(f"{self.path} is not a whole checkpoint: choose another "
                            "path or move it away")
        for name, array in mine.items():
            array[...] = stored[name]
        self.trainer.state.t = int(stored["t"])

    def _difference(self, stored):
        """What a stored run has other than this one, in words, or ""."""
        try:
            theirs = json.loads(str(stored["identity"]))
            other = [f"another {part}" for part, value in self.identity.items()
                     if theirs[part] != value]
        except (KeyError, TypeError, ValueError, IndexError):
            return "the format of another version of npgm"
        return ", ".join(other)


def identity(trainer, data, batch_size, seed, steps):
    """{name: plain value} of all that the bits of a run depend on."""
    optimizer, loss = trainer.optimizer, trainer.loss
    return {"optimizer": optimizers.name_of(optimizer),
            "hyperparameters": _plain(optimizer), "rule": _code(optimizer.rule),
            "loss": [losses.name_of(loss), _code(loss)],
            "defence": _plain(trainer.defence),
            "number of updates": int(steps), "batch_size": int(batch_size),
            "seed": int(seed), "dtype": str(trainer.net.dtype),
            "initial theta": _digest(trainer.net.theta),
            "training set": _digest(data.x_train, data.y_train)}


def _code(function):
    """What a function does, as far as it can be told: a user may change it and keep
    its name, or make many of one name. None for the package's own."""
    if not inspect.isfunction(function):
        return repr(function)
    cells = [cell.cell_contents for cell in function.__closure__ or ()]
    if sources.owns(function) and not cells:
        return None
    code = function.__code__
    return [hashlib.sha256(code.co_code).hexdigest()[:16], repr(code.co_consts),
            repr(code.co_names), repr(function.__defaults__), *map(_code, cells)]


def _plain(thing):
    """A dataclass as JSON has it; anything else as its text."""
    if not dataclasses.is_dataclass(thing):
        return None if thing is None else repr(thing)
    return json.loads(json.dumps([type(thing).__name__, dataclasses.asdict(thing)],
                                 default=repr))


def _digest(*arrays):
    """SHA-256 over the bytes of arrays."""
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(np.ascontiguousarray(array) if isinstance(array, np.ndarray)
                      else array)
    return digest.hexdigest()
