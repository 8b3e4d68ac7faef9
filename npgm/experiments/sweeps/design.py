"""The experiment that options make: the product of all that they vary."""
import functools
import itertools
from dataclasses import fields, replace

from npgm import names
from npgm.errors import InputError
from npgm.experiments.experiment import Experiment, Setting
from npgm.experiments.store.run import Run
from npgm.experiments.sweeps import menu, picture
from npgm.experiments.sweeps.options import KEYS, optimizer

SWEEP, TRAIN = "sweep", "train"
# What else stands in a row; an optimizer's hyperparameter of that name, or of that of
# a field of a Run, is "optimizer_NAME" there.
OF_A_ROW = {"epsilon", "step", "runs", "paper", "diverged_at", *(
    field.name for field in fields(Run))}


def experiment(name, options):
    """The Experiment of sweep or train."""
    return {SWEEP: sweep, TRAIN: train}[name](options, options["name"] or name)


def sweep(options, name=SWEEP):
    """The Experiment of options as `options.read` has them: a row for each setting and
    epsilon. Raises InputError."""
    quantities = dict.fromkeys(
        quantity for word in ("natural", *options["measures"])
        for quantity in menu.quantities(word, options["epsilons"]))
    by_epsilon = any(map(menu.has_epsilon, quantities))
    settings = tuple(_settings(options))
    keys = (*_varied(settings), *(["epsilon"] if by_epsilon else []))
    return Experiment(
        name=name, title=f"Sweep: {name}" if name != SWEEP else "A sweep",
        runs=settings, keys=keys, quantities=tuple(quantities),
        epsilons=lambda keys: options["epsilons"], last_only=True,
        draw=functools.partial(picture.draw, keys=keys, quantities=tuple(quantities)))


def train(options, name=TRAIN):
    """The Experiment of one setting: a row for each point of evaluation. Raises
    InputError if there are several."""
    for key in (*KEYS, *options["set"]):
        values = options["set"].get(key) or options.get(key)
        if len(values) > 1 and key not in ("measures", "epsilons"):
            raise InputError(f"train takes one {key}, not {len(values)}: sweep takes "
                             "several")
    whole = sweep(options, name)
    keys = (*(key for key in whole.keys if key == "epsilon"), "step")
    return replace(whole, title="A training", keys=keys, every_step=True,
                   last_only=False, draw=functools.partial(
                       picture.draw, keys=keys, quantities=whole.quantities))


def _settings(options):
    """Every Setting, those of an optimizer together."""
    of_run = {key.field: options[name] for name, key in KEYS.items()
              if key.field and options[name]}
    defences = of_run.pop("defence")
    seen = []
    for made, defence, *values in itertools.product(
            _optimizers(options), defences, *of_run.values()):
        setting = Setting(made, defence, dict(zip(of_run, values)))
        if setting not in seen:
            seen.append(setting)
    return seen


def _optimizers(options):
    """Every optimizer, with every hyperparameter of `set` that it has, and every
    learning rate. Raises InputError for one that none of them has."""
    bases = [optimizer(text) for text in options["optimizer"]]
    grid = dict(options["set"])
    if options["learning_rates"]:
        if "learning_rate" in grid:
            raise InputError("learning_rate is given twice, by set and by "
                             "learning_rates: leave one out")
        grid["learning_rate"] = options["learning_rates"]
    has = {base: {field.name for field in fields(base)} for base in bases}
    for text in options["optimizer"]:
        for key in names.spec(text)[1]:
            if key in grid:
                raise InputError(f"{key} is given twice, in {text} and by itself: "
                                 "leave one out")
    for key in grid:
        known = sorted(set().union(*has.values()))
        if key not in known:
            raise InputError(f"{' and '.join(options['optimizer'])} has no {key!r}: "
                             f"{names.nearest(key, known)}there is {', '.join(known)}")
    return [replace(base, **dict(zip(own, values)))
            for base in bases for own in [[key for key in grid if key in has[base]]]
            for values in itertools.product(*(grid[key] for key in own))]


def _varied(settings):
    """The keys that tell settings apart: the optimizer and its learning rate always,
    and what differs between those of one optimizer."""
    def several(values):
        return len(set(map(repr, values))) > 1
    of_kind = {}
    for setting in settings:
        of_kind.setdefault(type(setting.optimizer), []).append(setting.optimizer)
    found = dict.fromkeys(
        field.name for kind, made in of_kind.items() for field in fields(kind)
        if field.name == "learning_rate" or several(
            getattr(optimizer, field.name) for optimizer in made))
    return ("optimizer",
            *(f"optimizer_{name}" if name in OF_A_ROW else name for name in found),
            *(name for name in settings[0].changed
              if several(setting.changed[name] for setting in settings)),
            *(["defence"] if several(one.defence for one in settings) else []))
