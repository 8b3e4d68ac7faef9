"""What a sweep may be given, each key declared once: for the command line, a TOML file
and Python alike.

A value may come as text, "0.9,0.99", or as Python's or TOML's own; one or several.
"""
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Callable

import numpy as np

from npgm import checks, defences, losses, names, optimizers
from npgm.errors import DataError, InputError
from npgm.experiments import protocol
from npgm.experiments.studies import EXPERIMENTS
from npgm.experiments.sweeps import menu
from npgm.network import SCHEMES

NONE = "none"
TAKEN = (*EXPERIMENTS, "sweep", "train", "claims", "report", "lessons")
MOST_SEEDS = 10_000


@dataclass(frozen=True)
class Key:
    """read: one value as given -> as it is kept, plain; default: the values where none
    is given; help: for the command line, with metavar. field: what of a Run it sets."""

    read: Callable
    default: tuple
    help: str
    metavar: str
    field: str = ""


def read(given):
    """{key: a tuple of values}, every key, of {key: what was given}; `set` is
    {hyperparameter: a tuple of values}, `seeds` a number or a tuple of seeds. Raises
    InputError, which names the key."""
    for key in given:
        if key not in ALL:
            raise InputError(f"sweep has no {key!r}: {names.nearest(key, ALL)}it has "
                             + ", ".join(ALL))
    given = {key: value.tolist() if isinstance(value, np.ndarray) else value
             for key, value in given.items()}
    options = {name: _several(name, key.read, given[name])
               if given.get(name) is not None and (
                   key.default or given[name] not in ([], ())) else key.default
               for name, key in KEYS.items()}
    options["set"] = hyperparameters(given.get("set") or {})
    options["seeds"] = seeds(1 if given.get("seeds") is None else given["seeds"])
    options["name"] = _name(given.get("name"))
    return options


def from_toml(path):
    """What a TOML file gives, {key: value}. Raises DataError, InputError."""
    try:
        import tomllib
    except ImportError:         # Python 3.10
        import tomli as tomllib
    try:
        given = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DataError(f"{path} is not TOML: {error}") from None
    try:
        read(given)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    return given


def _several(name, one, given):
    """A tuple of the values given, each read, in order, without those that came."""
    words = [given] if isinstance(given, (str, Mapping)) or not _listed(name, given) \
        else list(given)
    parts = [part for word in words for part in (
        names.split(word) if isinstance(word, str) and name != "hidden" else [word])]
    if not parts:
        raise InputError(f"{name} is empty: give at least one")
    values = []
    for part in parts:
        try:
            value = one(part)
        except InputError as error:
            raise InputError(f"{name}: {error}") from None
        if value not in values:
            values.append(value)
    return tuple(values)


def _listed(name, given):
    """Whether what is given are several values: a list of whole numbers is one
    architecture."""
    if not isinstance(given, (list, tuple)):
        return False
    return name != "hidden" or any(isinstance(part, (list, tuple, str))
                                   for part in given)


def hyperparameters(given):
    """{name: its values} of a mapping, or of ["decay=0.9,0.99", ...]."""
    if not isinstance(given, Mapping):
        words = [given] if isinstance(given, str) else given
        if not (isinstance(words, (list, tuple)) and all(
                isinstance(word, str) and "=" in word for word in words)):
            raise InputError(f"set is {given!r}: give key=value, or key=value,value")
        pairs = [word.partition("=") for word in words]
        given = {key.strip(): value for key, _, value in pairs}
        if len(given) < len(pairs):
            raise InputError("set names a key twice: give key=value,value")
    return {key: _several(f"set {key}", _literal, value)
            for key, value in given.items()}


def seeds(given):
    """How many seeds, from 0, or a tuple of them: of a number, "5", "3-7" or a list."""
    if isinstance(given, (list, tuple)) and given:
        return tuple(dict.fromkeys(checks.seed(seed) for seed in given))
    if isinstance(given, str):
        if span := re.fullmatch(r"(\d{1,9})-(\d{1,9})", given.strip()):
            first, last = map(int, span.groups())
            if last < first:
                raise InputError(f"seeds {given!r}: give the smaller one first")
            return tuple(range(first, first + _few(last - first + 1)))
        given = names.literal(given)
    return _few(checks.count("seeds", _whole(given)))


def _few(count):
    if count > MOST_SEEDS:
        raise InputError(f"seeds are {count:,}: give at most {MOST_SEEDS:,}")
    return count


def _name(value):
    """What results are called, None for the experiment's own name."""
    if value is not None and not (isinstance(value, str) and re.fullmatch(
            r"[\w.-]{0,99}\w", value) and value not in TAKEN):
        raise InputError(f"name is {value!r}: give up to 100 letters, digits, - or _, "
                         "and the name of no experiment")
    return value


def _literal(value):
    return names.literal(value) if isinstance(value, str) else value


def _number(name, above):
    return lambda value: checks.number(name, _literal(value), above=above)


def _count(name):
    return lambda value: checks.count(name, _whole(_literal(value)))


def _whole(value):
    """1e5 is a whole number too."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _hidden(value):
    widths = [_literal(part) for part in value.split(",")] if isinstance(
        value, str) else value if isinstance(value, (list, tuple)) else [value]
    return tuple(checks.count("hidden", width) for width in widths)


def _one_of(kind, known):
    def read(value):
        if value not in known:
            raise InputError(f"{kind} {value!r}: {names.nearest(value, known)}choose "
                             f"one of {', '.join(known)}")
        return value
    return read


def optimizer(value):
    """An optimizer of a text, with the protocol's hyperparameters where it has some and
    others are not given; or itself."""
    if isinstance(value, optimizers.Optimizer):
        return value
    if not isinstance(value, str):
        raise InputError(f"{value!r}: give a name, as adam or adam:beta1=0.5")
    name, given = names.spec(value)
    return optimizers.make(name, **{**_usual(name), **given})


def _usual(name):
    """The protocol's hyperparameters of an optimizer, {} if it has none."""
    usual = protocol.OPTIMIZERS.get(name)
    return asdict(usual) if usual else {}


def _optimizer(value):
    """The text of an optimizer."""
    made = optimizer(value)
    made.check_parts()
    name = optimizers.name_of(made)
    usual = {**{field.name: field.default for field in fields(made)}, **_usual(name)}
    return names.spec_text(name, {key: given for key, given in asdict(made).items()
                                  if given != usual[key]})


def _defence(value):
    """A defence as a Run has it, of a text, a mapping or None."""
    if value is None or value == NONE:
        return None
    if isinstance(value, Mapping):
        name, given = value.get("name"), {k: v for k, v in value.items() if k != "name"}
    else:
        name, given = names.spec(str(value))
    return {"name": name, **asdict(defences.make(name, **given))}


def _loss(value):
    return losses.name_of(losses.named(value))


KEYS = {
    "optimizer": Key(_optimizer, ("adam",), "sgd, momentum, adagrad, rmsprop, adam, or "
                     "package.module:Name; with hyperparameters of its own as "
                     "adam:beta1=0.5", "NAME"),
    "learning_rates": Key(_number("learning_rate", above=True), (), "of every "
                          "optimizer (default: its own)", "RATE"),
    "hidden": Key(_hidden, (protocol.HIDDEN,), "hidden layers' widths, 300,100; "
                  "several networks with a blank between them", "WIDTHS", "hidden"),
    "batch_size": Key(_count("batch_size"), (protocol.BATCH_SIZE,), "images of an "
                      "update", "N", "batch_size"),
    "loss": Key(_loss, ("cross_entropy",), "to train with: " + ", ".join(losses.LOSSES)
                + ", or package.module:name", "LOSS", "loss"),
    "defence": Key(_defence, (None,), "none, adversarial_training:epsilon=0.2, or "
                   "package.module:Name", "DEFENCE", "defence"),
    "scheme": Key(_one_of("scheme", SCHEMES), (protocol.SCHEME,), "initial weights: "
                  + ", ".join(SCHEMES), "SCHEME", "scheme"),
    "dtype": Key(_one_of("dtype", checks.DTYPES), (protocol.DTYPE,), " or ".join(
        checks.DTYPES), "DTYPE", "dtype"),
    "steps": Key(_count("steps"), (), f"updates a run (default: {protocol.STEPS:,})",
                 "N", "steps"),
    "epsilons": Key(_number("epsilon", above=False), (protocol.EPSILON,), "of the "
                    "attacks", "EPSILON"),
    "measures": Key(menu.checked, ("fgs",), "what is measured beside the natural error:"
                    f" {', '.join(menu.MENU)}, or the error under an attack, as "
                    "pgd:loss=log_odds,steps=20 or package.module:Name", "MEASURE"),
}
ALL = (*KEYS, "set", "seeds", "name")
