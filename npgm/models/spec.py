"""A model by a text, as a command line names it."""
import inspect
import os
import sys

from npgm import formats, names
from npgm.errors import InputError, told
from npgm.models.arrays import from_arrays
from npgm.models.libraries import from_jax, from_sklearn, from_torch


def load(spec):
    """The model that a text names: the path of a file of arrays (see from_arrays), or
    "package.module:name" of a torch module, a scikit-learn MLPClassifier, an object
    with logits and vjp, a JAX function of x, or a function (or class) without
    arguments that makes one of these.

    Modules are looked for in the current directory, too. Raises InputError, which
    tells in one line whatever the user's own code raised, or DataError.
    """
    if spec.endswith((".npz", *formats.OTHERS)) or os.path.isfile(spec):
        return from_arrays(spec)
    if ":" not in spec:
        raise InputError(f"model {spec!r}: give the path of an .npz, .safetensors "
                         "or .onnx file, or package.module:name")
    if not {"", os.getcwd()} & set(sys.path):
        sys.path.append(os.getcwd())
    return _model_of(names.imported("model", spec), spec)


def _model_of(thing, spec):
    if not isinstance(thing, type) and callable(getattr(thing, "logits", None)) \
            and callable(getattr(thing, "vjp", None)):
        return thing
    if _is_a(thing, "torch.nn", "Module"):
        return from_torch(thing)
    if _is_a(thing, "sklearn.base", "BaseEstimator"):
        return from_sklearn(thing)
    needed = _arguments(thing)
    if needed == 0:
        with told(spec):
            made = thing()
        return _model_of(made, spec)
    if needed == 1 and "jax" in sys.modules:
        return from_jax(thing)
    raise InputError(f"model {spec!r} is a {type(thing).__name__}: give a torch module,"
                     " an MLPClassifier, a JAX function, an object with logits and vjp,"
                     " or a function without arguments that makes one")


def _is_a(thing, module, name):
    """isinstance, of a class nobody can have made one of before its import."""
    return module in sys.modules and isinstance(
        thing, getattr(sys.modules[module], name))


def _arguments(thing):
    """How many arguments a call must give, None if it is not known to be callable."""
    try:
        parameters = inspect.signature(thing).parameters.values()
    except (TypeError, ValueError):
        return None
    return sum(parameter.default is parameter.empty and parameter.kind not in (
        parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD) for parameter in parameters)
