"""A model as attacks see it: rows in, checked rows out."""
import warnings

import numpy as np

from npgm.errors import InputError, told

LOOKED_AT = 8       # examples that a model is tried on before an attack
AGREEMENT = 1e-4    # of what the logits of an example differ by
# Logits come out otherwise in another batch, by up to some hundred units of rounding: a
# lead below this is a tie.
ROUNDINGS = 1024


def view(model, x):
    """(the model for examples x (N, ...), how many classes it tells apart): its faster
    twin if that gives the same logits, with a guard around it unless it is an MLP.
    Attacks hand over rows (N, D). Raises InputError."""
    if not (callable(getattr(model, "logits", None))
            and callable(getattr(model, "vjp", None))):
        raise InputError(f"model is a {type(model).__name__}: give an object with "
                         "logits(x) and vjp(x, dz)")
    model, few = faster(model, x), x[:LOOKED_AT]
    if not _is_ours(model):
        guarded = Guarded(model, x.shape[1:])
        return guarded, _looked_at(guarded, few.reshape(len(few), -1))
    return model, model.logits(few).shape[1]


def faster(model, x):
    """A model's faster twin, if it has one that gives the same logits of the first
    examples of x; else the model."""
    if not callable(getattr(model, "compiled", None)):
        return model
    twin, few = model.compiled(), x[:LOOKED_AT]
    ours = _is_ours(twin) and twin is not model
    return model if ours and not _agree(model.logits(few), twin.logits(few)) else twin


def fixed(model):
    """A model as it is seen while its weights stay what they are: an MLP's twin need
    then compute nothing twice."""
    return model.net.compiled(fixed=True) if hasattr(model, "net") else model


def linearize(model, x):
    """Logits z (N, C) of a model, and the function dz -> J(x)^T dz (N, D), which
    holds until the model is called again.

    Uses the model's own linearize, which need not repeat the forward pass, if
    it has one.
    """
    if hasattr(model, "linearize"):
        return model.linearize(x)
    return model.logits(x), lambda dz: model.vjp(x, dz)


def rounding(z):
    """The lead (N,) of a logit that is only rounding."""
    return ROUNDINGS * np.finfo(z.dtype).eps * np.abs(z).max(axis=1)


def _is_ours(model):
    return (hasattr(model, "logits_on_line")
            and type(model).__module__.partition(".")[0] == "npgm")


def _agree(z, other):
    """Whether logits that were summed in another order are the same, but for rounding
    that is small against what they differ by: a common offset leaves few digits."""
    spread = (z.max(axis=1) - z.min(axis=1))[:, None]
    with np.errstate(invalid="ignore"):
        return not (np.abs(z - other) > AGREEMENT * (1 + spread)).any()


class Guarded:
    """Any object with logits(x) and vjp(x, dz), handed what it may overwrite: copies,
    in the shape of the examples. What comes back is checked and copied too; what is
    raised is told as InputError."""

    def __init__(self, model, shape):
        self.model, self.shape = model, shape
        if hasattr(model, "linearize"):
            self.linearize = self._linearize

    def logits(self, x):
        """z (N, C). Raises InputError if the model gives anything else."""
        with told("the model's logits"):
            z = np.array(self.model.logits(self._own(x)))
        return _checked_logits(z, len(x))

    def vjp(self, x, dz):
        """J(x)^T dz (N, D), in the dtype of x."""
        return self._rows(lambda dz: self.model.vjp(self._own(x), dz), x, dz)

    def _linearize(self, x):
        """As the model's."""
        with told("the model's linearize"):
            z, vjp = self.model.linearize(self._own(x))
            z = np.array(z)
        return _checked_logits(z, len(x)), lambda dz: self._rows(vjp, x, dz)

    def _own(self, x):
        return x.reshape(len(x), *self.shape).copy()

    def _rows(self, vjp, x, dz):
        with told("the model's vjp"):
            dx = np.asarray(vjp(dz.copy()))
        if dx.shape not in (x.shape, (len(x), *self.shape)) or dx.dtype.kind != "f":
            raise InputError(f"vjp gives {dx.dtype}{dx.shape}: it must give floats in "
                             f"the shape of x, {(len(x), *self.shape)}")
        return dx.reshape(x.shape).astype(x.dtype)


def _checked_logits(z, count):
    if z.ndim != 2 or len(z) != count or z.dtype.kind != "f":
        raise InputError(f"logits gives {z.dtype}{z.shape} for {count} examples: it "
                         "must give floats (N, C), a row an example")
    if z.shape[1] < 2:
        raise InputError("logits gives one number an example: give at least two logits,"
                         " (0, z) for a sigmoid of z")
    return z


def _looked_at(model, x):
    """How many classes a model tells apart. Warns if two calls differ, or if it gives
    probabilities where logits are expected."""
    z, again = model.logits(x), model.logits(x)
    if not np.array_equal(z, again, equal_nan=True):
        warnings.warn("two calls of logits differ: the model is random, and so is "
                      "whatever an attack finds", stacklevel=5)
    if (z >= 0).all() and (np.abs(z.sum(axis=1) - 1) < 1e-3).all():
        warnings.warn("logits look like probabilities: their gradient vanishes where "
                      "the softmax saturates; give what goes into it", stacklevel=5)
    return z.shape[1]
