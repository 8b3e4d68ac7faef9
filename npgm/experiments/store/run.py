"""A run: a configuration, and the folder it is kept in."""
import functools
import hashlib
import json
from dataclasses import MISSING, asdict, dataclass, fields
from pathlib import Path

from npgm import optimizers
from npgm.experiments import protocol

TRAININGS = {None: "plain", "adversarial_training": "adversarial"}


@dataclass(frozen=True)
class Run:
    """Everything a run's bits depend on, but for the machine."""

    optimizer: str
    hyperparameters: dict
    seed: int
    steps: int
    data_checksum: str
    hidden: tuple = protocol.HIDDEN
    batch_size: int = protocol.BATCH_SIZE
    scheme: str = protocol.SCHEME
    dtype: str = protocol.DTYPE
    defence: dict | None = None     # {"name": ..., its hyperparameters}

    def __post_init__(self):
        object.__setattr__(self, "hidden", tuple(self.hidden))      # of JSON, a list

    @classmethod
    def of(cls, optimizer, **settings):
        """The run of an optimizer of npgm.optimizers, or of a user's own."""
        return cls(optimizers.name_of(optimizer), asdict(optimizer), **settings)

    def __str__(self):
        """ "adam 0.01 seed 2", and between them whatever is not as in the protocol: no
        two runs of a command are called the same."""
        ours = protocol.OPTIMIZERS.get(self.optimizer)
        usual = asdict(ours) if ours else {}
        changed = {name: value for name, value in self.hyperparameters.items()
                   if name != "learning_rate" and value != usual.get(name)}
        changed.update((field.name, getattr(self, field.name)) for field in fields(self)
                       if field.default not in (MISSING, getattr(self, field.name)))
        rate = self.hyperparameters.get("learning_rate")
        short = rate is None or float(f"{rate:g}") == rate
        return " ".join([self.optimizer, *([f"{rate:g}" if short else repr(rate)]
                                           if rate is not None else []),
                         *(f"{name}={_brief(v)}" for name, v in changed.items()),
                         f"seed {self.seed}"])

    @property
    def training(self):
        """ "plain", or how it was defended."""
        name = self.defence["name"] if self.defence else None
        return TRAININGS.get(name, name)

    def key(self, name):
        """What rows are told apart by: a field or a hyperparameter, by its name; in
        words if it has parts."""
        value = self.hyperparameters.get(name, getattr(self, name, None))
        return _brief(value) if isinstance(value, (dict, tuple, list)) else value

    @property
    def configuration(self):
        """As it is stored. A defence is part of it only if there is one."""
        settings = asdict(self)
        if self.defence is None:
            del settings["defence"]
        return json.loads(json.dumps(settings))

    @functools.cached_property
    def hash(self):
        text = json.dumps(self.configuration, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def folder_of(out, run):
    return Path(out) / "runs" / run.hash


def _brief(value):
    """A value in one word: a defence by its name and hyperparameters."""
    if isinstance(value, dict):
        value = tuple(value.values())
    return ",".join(map(str, value)) if isinstance(value, (tuple, list)) else str(value)
