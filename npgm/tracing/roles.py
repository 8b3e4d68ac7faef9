"""Parameters by the part they play in a run: found in a first pass over the same run,
on a copy of the network, so that a second can follow them from its beginning.

    largest_step      whose largest step |theta_before - theta| is the largest
    first_to_freeze   that moved, and then stopped for good before all others
    silent            the biases of the hidden units that were on, and then off for
                      every batch to come, first of all
"""
import numpy as np

from npgm import checks
from npgm.errors import InputError, NpgmError
from npgm.tracing import select
from npgm.tracing.summaries import activations
from npgm.training import train


def find(role, net, optimizer, data, count=1, **options):
    """The names of count parameters that play a role in npgm.train(net, optimizer,
    data, **options), the first among them first; net is left as it is. Raises
    InputError, and NpgmError where nothing plays it."""
    if role not in ROLES:
        raise InputError(f"role {role!r}: choose one of {', '.join(ROLES)}")
    looker = ROLES[role](net.sizes)
    train(net.copy(), optimizer, data, evaluate_at=(), watch=looker, **options)
    indices = looker.found(checks.count("count", count))
    if not len(indices):
        raise NpgmError(f"no parameter is {role} within these updates: give more")
    return select.of(net.sizes, indices).names


class LargestStep:
    def __init__(self, sizes):
        self.largest = 0

    def begin(self, trainer):
        self.before = trainer.net.theta.copy()

    def __call__(self, trainer):
        np.subtract(self.before, trainer.net.theta, out=self.before)
        self.largest = np.fmax(self.largest, np.abs(self.before))
        np.copyto(self.before, trainer.net.theta)

    def found(self, count):
        return np.argsort(-self.largest, kind="stable")[:count]


class FirstToFreeze:
    def __init__(self, sizes):
        self.t = 0

    def begin(self, trainer):
        self.before = trainer.net.theta.copy()
        self.last = np.zeros(trainer.net.theta.size, np.int64)     # that changed it

    def __call__(self, trainer):
        self.t = trainer.t
        self.last[self.before != trainer.net.theta] = self.t
        np.copyto(self.before, trainer.net.theta)

    def found(self, count):
        return _earliest(self.last, self.t, count)


class Silent:
    def __init__(self, sizes):
        biases = [array for name, array in select.arrays(sizes).items()
                  if name.startswith("b")]
        self.units, self.t = np.concatenate([*biases[:-1], np.empty(0, np.int64)]), 0
        self.last = np.zeros(len(self.units), np.int64)     # update it was on for

    def begin(self, trainer):
        self.before = trainer.net.theta.copy()

    def __call__(self, trainer):
        self.t = trainer.t
        _, *hidden, _ = activations(trainer, self.before)
        on = [(h > 0).any(axis=0) for h in hidden]
        self.last[np.concatenate([*on, np.empty(0, bool)])] = self.t
        np.copyto(self.before, trainer.net.theta)

    def found(self, count):
        return self.units[_earliest(self.last, self.t, count)]


def _earliest(last, t, count):
    """Where last is smallest, of what happened at all and not until the end."""
    ended = np.flatnonzero((0 < last) & (last < t))
    return ended[np.argsort(last[ended], kind="stable")][:count]


ROLES = {"largest_step": LargestStep, "first_to_freeze": FirstToFreeze,
         "silent": Silent}
