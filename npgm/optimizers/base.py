"""What an optimizer is made of.

A rule is the update of one parameter, plain arithmetic: theta, its gradient g, the
arrays the optimizer keeps and its coefficients in; out comes every quantity that it
computes, by the names it declares. An optimizer is a frozen dataclass of
hyperparameters with three parts:

    initial       the arrays it keeps, each shaped like theta, and what they
                  start at
    rule          the update; it takes by name what it needs of the other two
    coefficients  the numbers of update t, the same for every parameter

`Optimizer.update` calls a rule on whole NumPy arrays; training compiles the very
same function for one parameter at a time. No operation is reordered, so both give
the same bits. A new optimizer, a user's own too, is such a class and such a rule.

g is the gradient of the mean loss of the batch; t counts updates from 1.
"""
import dataclasses
import functools
import inspect
import numbers
from types import SimpleNamespace

import numpy as np

from npgm import checks
from npgm.errors import InputError

# Typed, because a compiled `1 - beta1` would take a bare 1 for a 64-bit
# integer and leave float32. In float64 arithmetic it is an ordinary 1.
ONE = np.float32(1)


# What names mean something else in a rule or in a checkpoint.
RESERVED = {"t", "theta", "g", "losses", "identity", "sources"}


def quantities(*names):
    """Name what a rule returns, in order: theta and each array it keeps are among
    them; any other is there to be seen."""
    def name(rule):
        rule.quantities = names
        return rule
    return name


class Optimizer:
    """What all optimizers share; see the module's docstring for the parts."""

    initial = {}
    rule = None

    def coefficients(self, t):
        """{name: number} of update t, float64."""
        return {}

    def init(self, theta):
        """State before the first update: t = 0 and the arrays of `initial`, each
        of theta's shape and dtype. Raises InputError."""
        if not isinstance(theta, np.ndarray) or theta.dtype.kind != "f":
            raise InputError(f"theta is a {type(theta).__name__}: give an array of "
                             "floats, for example net.theta")
        self.check_parts()
        self._check_rounding(theta.dtype)
        arrays = {name: np.full_like(theta, value)
                  for name, value in self.initial.items()}
        return SimpleNamespace(t=0, **arrays)

    def update(self, theta, dtheta, state):
        """One update, in place: theta and state become those after it.

        theta, dtheta: arrays of one shape and floating dtype, dtheta the gradient of
        the mean loss; state: from init. Raises InputError.
        """
        check_gradient(theta, dtheta, **kept(state))
        new = self.compute(theta, dtheta, state)
        theta[...] = new["theta"]
        for name in self.initial:
            getattr(state, name)[...] = new[name]
        state.t += 1

    def compute(self, theta, dtheta, state):
        """{name: array} of every quantity of the next update, which is not made."""
        known = {**vars(state), **self.typed_coefficients(state.t + 1, theta.dtype)}
        inputs, names = arguments(self.rule), self.rule.quantities
        with np.errstate(all="ignore"):  # a diverging run is a result, not noise
            try:
                values = self.rule(theta, dtheta, *(known[name] for name in inputs))
            except Exception as error:
                raise InputError(f"{type(self).__name__}: its rule fails on arrays, "
                                 f"{type(error).__name__}: {error}") from error
        if not isinstance(values, tuple) or len(values) != len(names):
            raise InputError(f"{type(self).__name__}: its rule must return a tuple, a "
                             f"value for each of {', '.join(names)}")
        # What is still the array given would change with it once the update is made.
        given = (theta, *(getattr(state, name) for name in self.initial))
        return {name: value.copy() if any(np.may_share_memory(value, array)
                                          for array in given) else value
                for name, value in zip(names, values)}

    def compiled(self):
        """The function `update`, its rule compiled into one loop over theta: the same
        bits. `update` itself where Numba's JIT is off or cannot keep them."""
        from npgm.compiled import compiled_update       # which loads Numba
        return compiled_update(self)

    def typed_coefficients(self, t, dtype):
        """coefficients(t), each rounded once, to the dtype of theta."""
        return {name: dtype.type(c) for name, c in self.coefficients(t).items()}

    def check_parts(self):
        """InputError, in one line, unless rule, initial and coefficients fit."""
        kind, given = type(self).__name__, getattr(self.rule, "quantities", ())
        for part, values in (("initial", self.initial),
                             ("coefficients", self.coefficients(1))):
            if not isinstance(values, dict) or not all(
                    isinstance(value, numbers.Real) for value in values.values()):
                raise InputError(f"{kind}'s {part} are {values!r}: give "
                                 "{name: number}")
        if missing := {"theta", *self.initial} - set(given):
            raise InputError(
                f"{kind}: its rule must return {', '.join(sorted(missing))}: name all "
                "that it returns, for example @quantities('theta', 'm', 'step')")
        if not inspect.isfunction(self.rule):
            raise InputError(f"{kind}: its rule is a {type(self.rule).__name__}: give "
                             "a function, rule = staticmethod(...)")
        if taken := set(self.initial) & RESERVED:
            raise InputError(f"{kind}.initial: {taken.pop()!r} has a meaning already: "
                             "choose another name")
        if idle := set(self.initial) - set(arguments(self.rule)):
            raise InputError(f"{kind}: its rule does not take {', '.join(sorted(idle))}"
                             ", which is in initial: let it, or leave it out")
        unknown = set(arguments(self.rule)) - {*self.initial, *self.coefficients(1)}
        if unknown:
            raise InputError(f"{kind}: its rule wants {', '.join(sorted(unknown))}: "
                             "give it in initial or coefficients")

    def _require(self, **ranges):
        """Check hyperparameters, and keep them as floats: each name's value must lie in
        [low, high)."""
        for name, (low, high) in ranges.items():
            value = checks.number(f"{type(self).__name__}'s {name}",
                                  getattr(self, name), low, high)
            object.__setattr__(self, name, value)

    def _check_rounding(self, dtype):
        """InputError if a hyperparameter means something else in the dtype of theta."""
        for field in dataclasses.fields(self) if dataclasses.is_dataclass(self) else ():
            value = getattr(self, field.name)
            if isinstance(value, float):
                with np.errstate(over="ignore"):
                    rounded = dtype.type(value)
                if (not np.isfinite(rounded) or (rounded == 0) != (value == 0)
                        or (rounded >= 1) != (value >= 1)):
                    raise InputError(
                        f"{type(self).__name__}({field.name}={value!r}) is {rounded:g} "
                        f"in {dtype}, the dtype of theta: give a number that is not")


def kept(state):
    """{name: array} that a state keeps."""
    return {name: array for name, array in vars(state).items() if name != "t"}


@functools.cache
def arguments(rule):
    """What a rule takes after theta and g, by name."""
    return tuple(inspect.signature(rule).parameters)[2:]


def check_gradient(theta, dtheta, **arrays):
    """InputError unless dtheta, and the arrays kept, have theta's shape and dtype."""
    for name, array in {"dtheta": dtheta, **arrays}.items():
        if array.shape != theta.shape or array.dtype != theta.dtype:
            raise InputError(
                f"{name} is {array.dtype}{array.shape} but theta is {theta.dtype}"
                f"{theta.shape}: pass the gradient and the state of this theta")
