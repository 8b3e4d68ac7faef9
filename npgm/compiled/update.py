"""An optimizer's update, compiled: its own rule in one loop over theta."""
import functools
import warnings

import numpy as np

from npgm import sources
from npgm.compiled import jit, twins
from npgm.optimizers.base import Optimizer, arguments, check_gradient, kept

LOOP = """
def {name}(theta, g, {inputs}):
    for k in range(theta.size):
        {outputs} = rule(theta[k], g[k], {numbers})
"""


def compiled_update(optimizer):
    """optimizer.update(theta, dtheta, state), its rule compiled into one loop.

    Bit for bit what `Optimizer.update` computes: a user's rule that Numba cannot
    compile, or not to the same bits, stays in NumPy, and a warning says so. In NumPy
    too if the JIT is off, or an optimizer makes its updates in a way of its own.
    """
    optimizer.check_parts()
    own = any(getattr(type(optimizer), name) is not getattr(Optimizer, name)
              for name in ("update", "compute", "typed_coefficients"))
    if jit.disabled() or own or not twins.may_stand_in(twins.UPDATE):
        return optimizer.update
    update = _looped(optimizer)
    if not sources.owns(optimizer.rule):        # the package's own are tested
        reason = _difference(optimizer, update)
        if reason:
            warnings.warn(f"the rule {optimizer.rule.__name__} runs in NumPy, slower: "
                          f"{reason}", stacklevel=4)
            return optimizer.update
    return update


def _looped(optimizer):
    loop = _loop(optimizer.rule, tuple(optimizer.initial))
    inputs = arguments(optimizer.rule)

    def update(theta, dtheta, state):
        arrays = kept(state)
        check_gradient(theta, dtheta, **arrays)     # the loop knows no bounds
        if not all(array.flags.c_contiguous and array.ndim == 1
                   for array in (theta, dtheta, *arrays.values())):
            return optimizer.update(theta, dtheta, state)
        known = {**vars(state),
                 **optimizer.typed_coefficients(state.t + 1, theta.dtype)}
        loop(theta, dtheta, *(known[name] for name in inputs))
        state.t += 1
    return update


@functools.lru_cache(maxsize=64)
def _loop(rule, initial):
    """rule for one parameter after the other: theta and the arrays named by initial
    are set to what it returns for them, the rest of it is dropped."""
    names, stored = arguments(rule), ("theta", *initial)
    name = "update_" + (rule.__name__ if rule.__name__.isidentifier() else "rule")
    text = LOOP.format(
        name=name, inputs=", ".join(names),
        outputs="".join(f"{q}[k], " if q in stored else "_, " for q in rule.quantities),
        numbers=", ".join(f"{n}[k]" if n in initial else n for n in names))
    place = {"rule": jit.compiled(rule), "__name__": __name__}
    # A cached function has to name a file: this one for the package's own rules.
    owner = __file__ if sources.owns(rule) else rule.__code__.co_filename
    exec(compile(text, owner, "exec"), place)
    return jit.compiled(place[name])


def _difference(optimizer, update):
    """Why the compiled update may not stand in for NumPy's, or None: tried on numbers
    of every size."""
    rng = np.random.default_rng(0)
    for dtype in ("float32", "float64"):
        theta = rng.normal(size=1000).astype(dtype)
        other = theta.copy()
        state, other_state = optimizer.init(theta), optimizer.init(other)
        for t in (0, 1, 2, 999, 99_999):        # a rule may change with time
            state.t = other_state.t = t
            g = (rng.normal(size=1000) * 10.0 ** rng.integers(-12, 4, 1000)
                 ).astype(dtype)
            optimizer.update(other, g, other_state)
            try:
                update(theta, g, state)
            except Exception as error:      # Numba's, or of a library it asks for
                return "Numba cannot compile it: " + _reason(error)
        pairs = [(theta, other), *((getattr(state, name), getattr(other_state, name))
                                   for name in optimizer.initial)]
        if any(a.tobytes() != b.tobytes() for a, b in pairs):
            return ("compiled it rounds otherwise, or its parameters see each other "
                    "(write ONE of npgm.optimizers for a bare 1)")
    return None


def _reason(error):
    """The first line of Numba's message that says something."""
    lines = [line.strip() for line in str(error).splitlines()]
    said = [line for line in lines if line and not line.startswith("Failed in")]
    return said[0] if said else type(error).__name__
