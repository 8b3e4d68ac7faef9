"""Transfer: examples made on one model, tried on another (Szegedy et al. 2014; Papernot
et al. 2017: a black-box attack by way of a substitute)."""
import math
from dataclasses import dataclass

import numpy as np

from npgm import checks, names
from npgm.attacks.base import Attack, checked, inner
from npgm.attacks.fgsm import FGSM
from npgm.attacks.model import view
from npgm.attacks.result import reached
from npgm.errors import InputError
from npgm.network import MLP


class ByAttack(Attack):
    """One that leaves it to its hyperparameter `attack` to make x_adv, on another
    model: epsilon, clip and target are that attack's."""

    def __post_init__(self):
        super().__post_init__()
        inner(self.attack, "npgm.attacks.PGD(0.25)")

    @property
    def epsilon(self):
        return self.attack.epsilon

    @property
    def clip(self):
        return self.attack.clip

    @property
    def target(self):
        return self.attack.target       # AttributeError: it has none

    @property
    def piece(self):
        return self.attack.piece


@dataclass(frozen=True)
class Transfer(ByAttack):
    """x_adv as `attack` makes it on `source`, a model that tells the same classes
    apart; whether it fools is judged on the model at the call, which is asked for
    logits alone.

    source: any object with logits and vjp, or "package.module:name" of one. It is given
    examples in the shape in which the model at the call takes them, an MLP rows; or in
    `shape`, of one example; and in its own dtype, if it says which. epsilon, clip and
    target are the attack's. valid and lost_at tell of the gradient of the source.
    """

    source: object
    attack: Attack = FGSM(loss="log_odds")
    shape: tuple | None = None

    def __post_init__(self):
        super().__post_init__()
        source = _found(self.source)
        if isinstance(source, type) or not hasattr(source, "logits"):
            raise InputError(f"source is {self.source!r}: give a model, an object with "
                             "logits(x) and vjp(x, dz)")

    def run(self, model, x, y, rows, **aim):
        source = _found(self.source)
        shape = self.shape or (
            x.shape[1:] if isinstance(source, MLP)
            else getattr(model, "shape", x.shape[1:]))
        if math.prod(shape) != x.shape[1]:
            raise InputError(f"shape is {shape}: examples of {x.shape[1]} numbers have "
                             "another")
        x = in_dtype_of(source, x)
        source, classes = view(source, x.reshape(-1, *shape))
        y = checks.labels(y, len(x), classes)
        return self.attack.run(source, x, y, rows, **aim)._replace(z=None)


def transfer_matrix(attack, models, x, y):
    """(K, K): the share of the examples x (N, ...), labels y (N,), that the attack
    makes on the row's model and the column's gets wrong, or takes for what the attack
    aims at; on the diagonal, the attack's own success.

    models: objects with logits and vjp that take examples as x is; an MLP rows. Each is
    given its own dtype, if it says which.
    """
    errors = np.empty((len(models), len(models)))
    for row, source in zip(errors, models):
        result = attack(source, _suited(source, x), y)
        x_adv = result.x_adv.reshape(x.shape)
        row[:] = [error_rate(model, x_adv, y, result.target) for model in models]
    return errors


def error_rate(model, x, y, target=None):
    """The share of examples x (N, ...) that a model gets wrong, or takes for the target
    (N,). x and y as transfer_matrix has them."""
    x = _suited(model, x)
    model, rows, y = checked(model, x, y)
    z = np.concatenate([model.logits(rows[i:i + Attack.piece])
                        for i in range(0, len(x), Attack.piece)])
    return float(reached(z, y, target).mean())


def _suited(model, x):
    return in_dtype_of(model, x.reshape(len(x), -1) if isinstance(model, MLP) else x)


def in_dtype_of(model, x):
    """x in the dtype of a model, if it says which."""
    return x.astype(getattr(model, "dtype", None) or x.dtype, copy=False)


def _found(source):
    """The model itself; what is no name of one stands for itself."""
    named = isinstance(source, str) and ":" in source
    return names.find("source", source, {}) if named else source
