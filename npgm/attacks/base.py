"""What every attack takes, does and returns; an attack itself is `run`."""
import dataclasses
import time
from typing import NamedTuple

import numpy as np

from npgm import checks, losses
from npgm.attacks.cost import Counted
from npgm.attacks.hyperparameters import CHECKS, check_target
from npgm.attacks.model import fixed, linearize, view
from npgm.attacks.result import judge, reached
from npgm.errors import InputError
from npgm.pixels import Pixels

BLOCK = 500     # examples of one random stream
BYTES = 16      # a pixel above is no float in [0, 1], standardized neither


class InputGradient(NamedTuple):
    """z (N, C) logits; dz (N, C), dx (N, D): the gradient of each example's own loss
    (N,) to its logits and to its pixels, dx 0 where finite (N,) is False."""

    z: np.ndarray
    dz: np.ndarray
    dx: np.ndarray
    finite: np.ndarray
    loss: np.ndarray

    @property
    def valid(self):
        """(N,): finite, and not exactly zero everywhere."""
        return self.finite & self.dx.any(axis=1)


def input_gradient(model, x, y, loss):
    """The InputGradient of a loss at x: the one place where an attack takes it."""
    z, vjp = linearize(model, x)
    value, dz = losses.evaluate(loss, z, y)
    dx = vjp(dz)
    finite = checks.finite_rows(dx) & checks.finite_rows(z)
    if not finite.all():
        dx[~finite] = 0
    return InputGradient(z, dz, dx, finite, value)


class Aim:
    """What an attack aims at: another class than the labels y (N,), or the target (N,).
    It raises `loss` at `labels`: J(z, y), or minus J(z, target)."""

    def __init__(self, y, target, loss):
        self.y, self.target = y, target
        self.labels = y if target is None else target
        self.loss = loss if target is None else losses.minus(loss)

    def reached(self, z, at=slice(None)):
        """(N,): whether logits z are that, of the examples `at`."""
        return reached(z, self.y[at], None if self.target is None else self.target[at])


class Attack:
    """A frozen dataclass of hyperparameters and a method

        run(model, x, y, rows) -> Attempt

    for a piece of the examples, those of `rows`, a range. Checks, pieces, the status of
    each example and what all cost are done here, and no pixel is left farther from x
    than epsilon, if there is a hyperparameter of that name. A loss may be given by its
    name or as its function; it is kept by its name, and a configuration is JSON and
    back again.

    An attack that can aim at a class has the hyperparameter target, and then `run` the
    parameter target, (N,) classes or None. target: None, any other class than the
    label; a class; "next", the one after the label, 0 after the last; "least_likely",
    of the lowest logit but the label's. Where the label is the target, the example is
    left as it is.
    """

    piece = 500     # examples at a time: their hidden layers stay in the cache

    def __post_init__(self):
        """Check the hyperparameters that attacks share: None fits where it is the
        default. Raises InputError."""
        for field in dataclasses.fields(self):
            value, check = getattr(self, field.name), CHECKS.get(field.name)
            if check and not (value is None and field.default is None):
                object.__setattr__(self, field.name, check(field.name, value))

    def __call__(self, model, x, y, target=None):
        """Attack every example: x (N, D) floats, or of whatever shape (N, ...) the
        model takes, y (N,) labels -> AttackResult. target: (N,) classes to aim at, or
        as the hyperparameter, instead of it.

        The model is handed copies: it may overwrite them. Raises InputError if x, y or
        target do not fit it, or x not the attack.
        """
        def attack(model, x, y, rows, target=None):
            attempt = self.taken(run(model, x, y, rows, **aimed(target)), x,
                                 getattr(self, "epsilon", None))
            if target is not None:
                attempt = attempt.but(target == y, x)
            z = model.logits(x) if attempt.z is None else attempt.z
            return judge(y, z, model.logits(attempt.x_adv), attempt, target)
        start = time.perf_counter()
        model, rows, y = self.prepared(model, x, y)
        model = Counted(model)
        target = self.targets(target, model, rows, y)
        run = self.over(model, rows, y)
        result = self.in_pieces(attack, model, rows, y, target)
        x_adv = result.x_adv.reshape(x.shape).astype(x.dtype, copy=False)
        return dataclasses.replace(
            result, x_adv=x_adv, x=x, target=target, queries=model.calls,
            seconds=time.perf_counter() - start)

    def over(self, model, x, y):
        """What is called as `run` for the pieces of x: of an attack that goes by all
        the examples together, a function that has looked at them."""
        return self.run

    def prepared(self, model, x, y):
        """What `checked` returns, x not to be written to: an attack that writes in
        place would hit the caller's. Raises InputError."""
        model, x, y = checked(model, x, y, getattr(self, "clip", None),
                              getattr(self, "epsilon", np.inf))
        model = fixed(model)
        if not isinstance(x, Pixels):
            x = x.view()
            x.flags.writeable = False
        return model, x, y

    def targets(self, target, model, x, y):
        """(N,) classes that a target, given at the call or else at construction, stands
        for, or None. Raises InputError."""
        if target is None:
            target = getattr(self, "target", None)
        elif not hasattr(self, "target"):
            raise InputError(f"{type(self).__name__} has no target: leave it out")
        if target is None:
            return None
        classes = model.logits(x[:1]).shape[1]
        if not isinstance(target, str) and np.ndim(target):
            return checks.labels(target, len(x), classes, "target")
        target = check_target("target", target)
        if target == "next":
            return (y + 1) % classes
        if target == "least_likely":
            return np.concatenate([lowest(model.logits(x[i:i + self.piece]),
                                          y[i:i + self.piece])
                                   for i in range(0, len(x), self.piece)])
        return checks.labels(np.full(len(x), target), len(x), classes, "target")

    def taken(self, attempt, x, epsilon):
        """What run returned, x_adv as x is: its dtype, finite, within epsilon of it.
        Raises InputError if it is something else."""
        try:
            x_adv = np.ascontiguousarray(attempt.x_adv, x.dtype)
            finite, valid = (np.asarray(part, bool)
                             for part in (attempt.finite, attempt.valid))
            fits = x_adv.shape == x.shape and finite.shape == valid.shape == (len(x),)
        except (AttributeError, TypeError, ValueError):
            fits = False
        if not fits:
            raise InputError(f"{type(self).__name__} must make an Attempt of x_adv "
                             f"{x.shape}, finite and valid {x.shape[:1]}")
        lost = ~checks.finite_rows(x_adv)
        if lost.any():
            x_adv = np.where(lost[:, None], x, x_adv)
        if epsilon is not None:
            x_adv = bounded(x_adv, x, x.dtype.type(epsilon))
        return attempt._replace(x_adv=x_adv, finite=finite & ~lost, valid=valid)

    def in_pieces(self, attack, model, x, y, target=None):
        """attack(model, x, y, rows) -> a dataclass of arrays, for one piece of what is
        prepared after the other, with target=... if there is one; joined along their
        last axis but x_adv's."""
        whole = {}
        for start in range(0, len(x), self.piece):
            rows = range(start, min(start + self.piece, len(x)))
            piece = slice(rows.start, rows.stop)
            still = x[piece]
            still.flags.writeable = False       # of Pixels too
            with np.errstate(all="ignore"):     # the status tells what is not finite
                part = attack(model, still, y[piece], rows, **aimed(target, piece))
            for name, array in vars(part).items():
                if not isinstance(array, np.ndarray):
                    continue
                axis = 0 if name == "x_adv" else -1
                if not start:       # room for all: parts that are kept are cold memory
                    shape = [*array.shape]
                    shape[axis] = len(x)
                    whole[name] = np.empty(shape, array.dtype)
                at = piece if axis == 0 else (..., piece)
                whole[name][at] = array
        return type(part)(**whole)


def inner(attack, example):
    """The attack that another calls the `run` of; InputError, with an example of what
    would do, if it is none or goes by all the examples together."""
    if not isinstance(attack, Attack):
        raise InputError(f"attack is {attack!r}: give an attack, for example {example}")
    if not hasattr(attack, "run"):
        raise InputError(f"attack is a {type(attack).__name__}, which takes all the "
                         "examples together: give one that takes each by itself, for "
                         f"example {example}")
    return attack


def aimed(target, at=slice(None)):
    """How targets (N,) of the examples `at` are handed on: not at all if there are
    none, as an attack need not know of them."""
    return {} if target is None else {"target": target[at]}


def lowest(z, y):
    """(N,): the class of the lowest logit but the label's."""
    others = z.copy()
    others[np.arange(len(y)), y] = np.inf
    return others.argmin(axis=1)


def checked(model, x, y, clip=None, epsilon=np.inf):
    """The model as attacks see it, x (N, ...) as rows (N, D), and y. InputError if they
    do not fit each other, or the clip; or if x are bytes where epsilon is not."""
    if clip is not None or not isinstance(x, Pixels):
        x = _floats(x[:] if isinstance(x, Pixels) else x, clip, epsilon)
    model, classes = view(model, x)
    return model, x.reshape(len(x), -1), checks.labels(y, len(x), classes)


def _floats(x, clip, epsilon):
    if not isinstance(x, np.ndarray) or x.ndim < 2 or not x.size:
        raise InputError(f"x is a {type(x).__name__} of shape {np.shape(x)}: give an "
                         "array (N, D) of at least one example")
    if x.dtype.kind != "f":
        raise InputError(f"x is {x.dtype}: give floats in [0, 1], for example x / 255")
    x = checks.finite(x.astype(x.dtype.newbyteorder("="), copy=False))
    if clip is not None:
        checks.within(x, *clip, "clip must contain the examples")
    elif epsilon <= 1 and max(x.max(), -x.min()) > BYTES:
        checks.within(x, 0, 1, "give x / 255; if such numbers are meant, say so by "
                      "clip=(low, high)")
    return x


def bounded(x_adv, x, epsilon):
    """x_adv, but no pixel farther from x than epsilon; by rounding neither. Changed in
    place, where it can be."""
    moved, still = np.require(x_adv, x.dtype, "CW").reshape(-1), x.reshape(-1)
    distance = moved - still
    far = np.flatnonzero(np.abs(distance, out=distance) > epsilon)
    moved[far] = np.clip(moved[far], still[far] - epsilon, still[far] + epsilon)
    while far.size:
        far = far[np.abs(moved[far] - still[far]) > epsilon]
        moved[far] = np.nextafter(moved[far], still[far])
    return moved.reshape(x.shape)


def draws(seed, rows, draw, *stream):
    """What draw(rng, 500) gives for whole blocks of examples, of those of `rows`, a
    range: the same for an example whatever the piece it is attacked in. stream: whole
    numbers, to draw again and get others."""
    first = rows.start - rows.start % BLOCK
    blocks = [draw(np.random.default_rng([seed, start, *stream]),
                   min(BLOCK, rows.stop - start))
              for start in range(first, rows.stop, BLOCK)]
    return np.concatenate(blocks)[rows.start - first:]


def clipped(x, clip):
    """x within clip = (low, high); as it is if clip is None."""
    return x if clip is None else np.clip(x, *clip)
