"""What every attack takes, does and returns; an attack itself is `run`."""
import dataclasses
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from npgm import checks, losses
from npgm.attacks.model import view
from npgm.errors import InputError

BLOCK = 500     # examples of one random stream
BYTES = 16      # a pixel above is no float in [0, 1], standardized neither

# What became of an example, the first that applies from the top.
NOT_FINITE = "not_finite"           # a logit or gradient is NaN or infinite
ALREADY_WRONG = "already_wrong"     # misclassified before the attack
NO_GRADIENT = "no_gradient"         # the gradient is exactly zero everywhere
FOOLED = "fooled"
GRADIENT_LOST = "gradient_lost"     # held, and at a later step it was exactly zero
HELD = "held"


@dataclass(frozen=True)
class AttackResult:
    """One entry an example.

    x_adv: the attacked examples, in the shape and dtype of x, never farther from it
    than epsilon. success (N,): the model is wrong on x_adv, so its mean is the error
    rate under attack. status (N,): the words above. valid (N,): the first gradient
    was finite and not exactly zero. lost_at (N,): the first step, from 0, at which it
    was exactly zero; -1 if there was none.
    """

    x_adv: np.ndarray
    success: np.ndarray
    status: np.ndarray
    valid: np.ndarray
    lost_at: np.ndarray


class Attempt(NamedTuple):
    """What `run` says of its examples. x_adv (N, D). finite, valid (N,): whether what
    the attack went by was finite, and its first gradient not exactly zero everywhere.
    z (N, C): the logits of x, if it came by them. lost_at (N,): as AttackResult's, of
    an attack of many steps."""

    x_adv: np.ndarray
    finite: np.ndarray
    valid: np.ndarray
    z: np.ndarray | None = None
    lost_at: np.ndarray | None = None


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


class Attack:
    """A frozen dataclass of hyperparameters and a method

        run(model, x, y, rows) -> Attempt

    for a piece of the examples, those of `rows`, a range. Checks, pieces and the
    status of each example are done here, and no pixel is left farther from x than
    epsilon, if there is a hyperparameter of that name. A loss may be given by its
    name or as its function; it is kept by its name, and a configuration is JSON and
    back again.
    """

    piece = 500     # examples at a time: their hidden layers stay in the cache

    def __post_init__(self):
        """Check the hyperparameters that attacks share: None fits where it is the
        default. Raises InputError."""
        for field in dataclasses.fields(self):
            value, check = getattr(self, field.name), CHECKS.get(field.name)
            if check and not (value is None and field.default is None):
                object.__setattr__(self, field.name, check(field.name, value))

    def __call__(self, model, x, y):
        """Attack every example: x (N, D) floats, or of whatever shape (N, ...) the
        model takes, y (N,) labels -> AttackResult.

        The model is handed copies: it may overwrite them. Raises InputError if x or y
        do not fit it, or x not the attack.
        """
        def attack(model, x, y, rows):
            attempt = self.taken(self.run(model, x, y, rows), x,
                                 getattr(self, "epsilon", None))
            z = model.logits(x) if attempt.z is None else attempt.z
            return judge(y, z, model.logits(attempt.x_adv), attempt)
        result = self.in_pieces(attack, model, x, y)
        x_adv = result.x_adv.reshape(x.shape).astype(x.dtype, copy=False)
        return dataclasses.replace(result, x_adv=x_adv)

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

    def in_pieces(self, attack, model, x, y):
        """attack(model, x, y, rows) -> a dataclass of arrays, for one piece after the
        other; joined along their last axis but x_adv's."""
        model, x, y = checked(model, x, y, getattr(self, "clip", None),
                              getattr(self, "epsilon", np.inf))
        x = x.view()
        x.flags.writeable = False       # an attack that writes in place would hit x
        whole = {}
        for start in range(0, len(x), self.piece):
            rows = range(start, min(start + self.piece, len(x)))
            piece = slice(rows.start, rows.stop)
            with np.errstate(all="ignore"):     # the status tells what is not finite
                part = attack(model, x[piece], y[piece], rows)
            for name, array in vars(part).items():
                axis = 0 if name == "x_adv" else -1
                if not start:       # room for all: parts that are kept are cold memory
                    shape = [*array.shape]
                    shape[axis] = len(x)
                    whole[name] = np.empty(shape, array.dtype)
                at = piece if axis == 0 else (..., piece)
                whole[name][at] = array
        return type(part)(**whole)


def checked(model, x, y, clip=None, epsilon=np.inf):
    """The model as attacks see it, x (N, ...) as rows (N, D), and y. InputError if they
    do not fit each other, or the clip; or if x are bytes where epsilon is not."""
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
    model, classes = view(model, x)
    return model, x.reshape(len(x), -1), checks.labels(y, len(x), classes)


def judge(y, z, z_adv, attempt):
    """The AttackResult of an attempt, with logits z before and z_adv after."""
    finite = (attempt.finite & np.isfinite(z).all(axis=1)
              & np.isfinite(z_adv).all(axis=1))
    valid = finite & attempt.valid
    lost_at = (np.where(attempt.valid, -1, 0) if attempt.lost_at is None
               else attempt.lost_at)
    success = losses.mistakes(z_adv, y)
    status = np.select(
        [~finite, losses.mistakes(z, y), ~valid, success, lost_at > 0],
        [NOT_FINITE, ALREADY_WRONG, NO_GRADIENT, FOOLED, GRADIENT_LOST], HELD)
    return AttackResult(attempt.x_adv, success, status, valid, lost_at)


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


def linearize(model, x):
    """Logits z (N, C) of a model, and the function dz -> J(x)^T dz (N, D), which
    holds until the model is called again.

    Uses the model's own linearize, which need not repeat the forward pass, if
    it has one.
    """
    if hasattr(model, "linearize"):
        return model.linearize(x)
    return model.logits(x), lambda dz: model.vjp(x, dz)


def draws(seed, rows, draw, *stream):
    """What draw(rng, 500) gives for whole blocks of examples, of those of `rows`, a
    range: the same for an example whatever the piece it is attacked in. stream: whole
    numbers, to draw again and get others."""
    first = rows.start - rows.start % BLOCK
    blocks = [draw(np.random.default_rng([seed, start, *stream]),
                   min(BLOCK, rows.stop - start))
              for start in range(first, rows.stop, BLOCK)]
    return np.concatenate(blocks)[rows.start - first:]


def check_loss(name, loss):
    """A loss by its name if it is to be found by one, else as its function; or
    InputError."""
    function, known = losses.named(loss), losses.name_of(loss)
    try:
        return known if losses.named(known) is function else loss
    except InputError:
        return loss


def check_shape(name, shape):
    """Of one example: whole numbers, as a tuple; or InputError."""
    if not np.iterable(shape) or not (shape := tuple(shape)):
        raise InputError(f"{name} is {shape!r}: give a tuple, for example (28, 28)")
    return tuple(checks.count(name, side) for side in shape)


# Hyperparameters mean the same wherever they occur.
CHECKS = {"epsilon": checks.number, "overshoot": checks.number, "loss": check_loss,
          "clip": lambda name, value: checks.clip(value), "steps": checks.count,
          "queries": checks.count,
          "restarts": lambda name, value: checks.count(name, value, least=0),
          "step_size": lambda name, value: checks.number(name, value, above=True),
          "seed": lambda name, value: checks.seed(value), "shape": check_shape,
          "until_fooled": checks.flag}


def clipped(x, clip):
    """x within clip = (low, high); as it is if clip is None."""
    return x if clip is None else np.clip(x, *clip)
