"""Optimizers, losses, attacks by name: one of ours, or a user's own by where it is."""
import ast
import dataclasses
import difflib
import importlib
import re

from npgm.errors import InputError, told

COMMA = re.compile(r",(?![^\[(]*[\])])")         # not within brackets


def find(kind, name, known):
    """What `name` stands for: known[name], or for "package.module:Name" that of a
    module that can be imported. InputError names the nearest one known."""
    if isinstance(name, str) and name in known:
        return known[name]
    if ":" not in str(name):
        raise InputError(f"{kind} {name!r}: {nearest(name, known)}choose one of "
                         f"{', '.join(known)}, or package.module:Name")
    return imported(kind, str(name))


def imported(kind, name):
    """What "package.module:Name" stands for. InputError tells what the import raised,
    or names the nearest that the module has."""
    module, _, path = name.partition(":")
    unknown = f"{kind} {name!r} is not to be found"
    with told(f"{unknown}: importing {module!r}"):
        found = importlib.import_module(module)
    for part in path.split("."):
        if not hasattr(found, part):
            raise InputError(f"{unknown}: {nearest(part, dir(found))}{module} has no "
                             f"{part!r}")
        found = getattr(found, part)
    return found


def make(kind, name, known, hyperparameters):
    """What `name` stands for, a dataclass, with these hyperparameters. InputError."""
    cls = find(kind, name, known)
    if not dataclasses.is_dataclass(cls):
        raise InputError(f"{kind} {name!r} is no dataclass of hyperparameters")
    fields = [field.name for field in dataclasses.fields(cls)]
    for given in hyperparameters:
        if given not in fields:
            raise InputError(f"{kind} {name} has no {given!r}: "
                             f"{nearest(given, fields)}it has {', '.join(fields)}")
    missing = [field.name for field in dataclasses.fields(cls)
               if field.name not in hyperparameters and field.init
               and field.default is field.default_factory is dataclasses.MISSING]
    if missing:
        raise InputError(f"{kind} {name} needs {', '.join(missing)}: give "
                         f"{name}:{missing[0]}=...")
    return cls(**hyperparameters)


def split(text):
    """The parts of "sgd,adam:beta1=0.5,beta2=0.9,rmsprop": at commas, but not within
    brackets, and hyperparameters stay with the name before them."""
    parts = []
    for part in COMMA.split(text):
        if parts and "=" in part and ":" not in part.partition("=")[0]:
            parts[-1] += f",{part}"
        else:
            parts.append(part.strip())
    return parts


def spec(text):
    """(name, {hyperparameter: value}) of "name:key=value,key=value"; the name may be
    package.module:Name. Raises InputError."""
    head, equals, _ = text.partition("=")
    name, given = (head.rpartition(":")[0], text[head.rfind(":") + 1:]) if equals else (
        text, "")
    if not name.strip(" :") or (equals and ":" not in head):
        raise InputError(f"{text!r}: give a name, or name:key=value,key=value")
    pairs = [pair.partition("=") for pair in COMMA.split(given)] if given else []
    return name.strip(), {key.strip(): literal(value) for key, _, value in pairs}


def literal(text):
    """A number, a bool, None or a tuple as Python writes it; any other text itself."""
    text = text.strip()
    words = {"true": True, "false": False, "none": None}
    if text.lower() in words:
        return words[text.lower()]
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return text
    return tuple(value) if isinstance(value, list) else value


def spec_text(name, hyperparameters):
    """The text that `spec` reads as these."""
    pairs = ",".join(f"{key}={list(value) if isinstance(value, tuple) else value}"
                     .replace(" ", "") for key, value in hyperparameters.items())
    return f"{name}:{pairs}" if pairs else name


def nearest(name, known):
    """ "is it 'adam'? ", of what is known the most like name, or "" if nothing is."""
    near = difflib.get_close_matches(str(name), known, 1, 0.5)
    return f"is it {near[0]!r}? " if near else ""


def name_of(thing, known):
    """The name that `find` finds a class or function by."""
    for name, ours in known.items():
        if ours is thing:
            return name
    kind = thing if hasattr(thing, "__qualname__") else type(thing)
    return f"{kind.__module__}:{kind.__qualname__}"
