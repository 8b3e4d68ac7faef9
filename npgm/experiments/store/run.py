"""A run: a configuration, and the folder it is kept in."""
import functools
import hashlib
import json
from dataclasses import MISSING, asdict, dataclass, fields, replace
from pathlib import Path

from npgm import checkpoint, defences, losses, names, optimizers
from npgm.errors import DataError
from npgm.experiments import protocol

# Fields that came later, and what all runs before had.
LATER = {"defence": None, "loss": "cross_entropy", "own": None}

TRAININGS = {None: "plain", "adversarial_training": "adversarial",
             "distillation": "distilled"}


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
    loss: str = "cross_entropy"
    own: dict | None = None         # {name: digest} of what is a user's own

    def __post_init__(self):
        object.__setattr__(self, "hidden", tuple(self.hidden))      # of JSON, a list

    @classmethod
    def of(cls, optimizer, **settings):
        """The run of an optimizer of npgm.optimizers, or of a user's own."""
        run = cls(optimizers.name_of(optimizer), asdict(optimizer), **settings)
        return replace(run, own=_own(run) or None)

    def parts(self):
        """(optimizer, defence or None) of its training. Raises InputError, or DataError
        if a user's own are no longer what they were when the run was asked for."""
        for name, digest in _own(self).items():
            if digest != (self.own or {}).get(name):
                raise DataError(f"{name} was edited since this run was asked for: give "
                                "the same command again")
        return (optimizers.make(self.optimizer, **self.hyperparameters),
                defences.make(**self.defence) if self.defence else None)

    def __str__(self):
        """ "adam 0.01 seed 2", and between them whatever is not as in the protocol: no
        two runs of a command are called the same."""
        ours = protocol.OPTIMIZERS.get(self.optimizer)
        usual = asdict(ours) if ours else {}
        changed = {name: value for name, value in self.hyperparameters.items()
                   if name != "learning_rate" and value != usual.get(name)}
        changed.update((field.name, getattr(self, field.name)) for field in fields(self)
                       if field.name != "own"
                       and field.default not in (MISSING, getattr(self, field.name)))
        rate = self.hyperparameters.get("learning_rate")
        short = rate is None or float(f"{rate:g}") == rate
        return " ".join([self.optimizer, *([f"{rate:g}" if short else repr(rate)]
                                           if rate is not None else []),
                         *(f"{name}={brief(v)}" for name, v in changed.items()),
                         f"seed {self.seed}"])

    @property
    def training(self):
        """ "plain", or how it was defended."""
        name = self.defence["name"] if self.defence else None
        return TRAININGS.get(name, name)

    def key(self, name):
        """What rows are told apart by: a field or a hyperparameter, by its name; in
        words if it has parts. "optimizer_epsilon" is the optimizer's, where a row has
        an epsilon of its own."""
        value = getattr(self, name, None) if name in KEYS else (
            self.hyperparameters.get(name.removeprefix("optimizer_")))
        return brief(value) if isinstance(value, (dict, tuple, list)) else value

    @property
    def configuration(self):
        """As it is stored. What runs have not always had is part of it only where it
        is not as it was before."""
        settings = asdict(self)
        for name, usual in LATER.items():
            if settings[name] == usual:
                del settings[name]
        return json.loads(json.dumps(settings))

    @functools.cached_property
    def hash(self):
        text = json.dumps(self.configuration, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


KEYS = (*(field.name for field in fields(Run)), "training")


def folder_of(out, run):
    return Path(out) / "runs" / run.hash


def _own(run):
    """{name: digest} of what a run is made of and is not npgm's."""
    kinds = ((run.optimizer, "optimizer", optimizers.OPTIMIZERS),
             (run.loss, "loss", losses.LOSSES),
             ((run.defence or {}).get("name"), "defence", defences.DEFENCES))
    return {name: checkpoint.digest_of(names.find(kind, name, known))
            for name, kind, known in kinds if name and name not in known}


def brief(value):
    """A value in one word: widths, a defence by its name and hyperparameters."""
    if isinstance(value, dict):
        value = tuple(value.values())
    return ",".join(map(str, value)) if isinstance(value, (tuple, list)) else str(value)
