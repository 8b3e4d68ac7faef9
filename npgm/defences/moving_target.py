"""Moving target defence (Sengupta, Chakraborti and Kambhampati 2017: MTDeep, arXiv
1705.07213): a network drawn for each query, as a Bayesian Stackelberg game has it."""
import itertools
import math
from typing import NamedTuple

import numpy as np

from npgm import checks
from npgm.attacks import linearize
from npgm.attacks.transfer import error_rate, transfer_matrix
from npgm.errors import InputError

TIE = 1e-9              # payoffs, at most 1, that differ by less are the same
MOST = 10 ** 6          # vertices looked at: a minute


class Equilibrium(NamedTuple):
    """strategy (K,): how often the leader plays each row. response: the follower's
    column. value: what the leader can expect."""

    strategy: np.ndarray
    response: int
    value: float


def stackelberg(leader, follower):
    """The strong Stackelberg Equilibrium of a game of payoffs (K, J): the leader
    commits itself to a mixed strategy s, the follower knows it and answers with the
    column that is best for it; of columns equally good, the one best for the leader.

    One linear program for each column j (Conitzer and Sandholm 2006):

        max s . leader_j    s . (follower_j - follower_i) >= 0 for each i,
                            s >= 0, sum s = 1

    and the best of them. Each has its maximum at a vertex, where K - 1 of the
    inequalities are equalities: all are tried, which for few rows is the shortest way.
    Raises InputError if they are too many.
    """
    K, J = leader.shape
    if J * math.comb(K + J - 1, K - 1) > MOST:
        raise InputError(f"a game of {K} x {J} has too many vertices: give fewer "
                         "networks or attacks")
    best = Equilibrium(None, None, -np.inf)
    for j in range(J):
        A = np.concatenate([np.eye(K), np.delete(follower[:, [j]] - follower, j, 1).T])
        for tight in itertools.combinations(A, K - 1):
            try:
                s = np.linalg.solve([np.ones(K), *tight], np.eye(K)[0])
            except np.linalg.LinAlgError:       # no vertex
                continue
            if (A @ s >= -TIE).all() and s @ leader[:, j] > best.value + TIE:
                best = Equilibrium(s.clip(0) / s.clip(0).sum(), j,
                                   float(s @ leader[:, j]))
    return best


class MovingTarget:
    """K networks, of which one, drawn anew for each example of each call, answers.

    The defender commits itself to a mixed strategy s over the networks. With
    probability 1 - alpha who asks is a legitimate user, of whose images network k gets
    the share accuracy_k right; with alpha an attacker, who knows s and chooses the
    attack j that fools most, the share success_kj of network k:

        max over s    (1 - alpha) sum_k s_k accuracy_k
                      + alpha sum_k s_k (1 - success_kj),
        j = argmax over j of sum_k s_k success_kj

    networks: objects with logits and vjp, which tell the same classes apart. accuracy
    (K,), success (K, J): shares; `against` measures them. alpha: in [0, 1], the share
    of queries that are attacks. seed: of the draws. Afterwards: strategy (K,); value,
    the share of queries answered rightly at that strategy; response, the attack j.

    To an attack this is a random model, and it is told so: a gradient comes from one
    draw (linearize; vjp has that of the newest logits), what it made is judged by
    another, so that what counts is transfer between the networks. `diagnose` calls such
    gradients random, or rough where the differences it takes jump. One draw follows
    upon the other, so the same calls after `restart` have the same; `expected_error`
    draws nothing.
    """

    def __init__(self, networks, accuracy, success, alpha=0.5, seed=0):
        """Raises InputError."""
        self.networks, self.seed = tuple(networks), checks.seed(seed)
        if not self.networks or not all(hasattr(net, "logits") and hasattr(net, "vjp")
                                        for net in self.networks):
            raise InputError(f"networks is {self.networks!r}: give objects with "
                             "logits(x) and vjp(x, dz)")
        self.alpha = checks.number("alpha", alpha)
        if self.alpha > 1:
            raise InputError(f"alpha is {alpha!r}: give a share from 0 to 1")
        self.accuracy = _shares("accuracy", accuracy, (len(self.networks),))
        self.success = _shares("success", success, (len(self.networks), -1))
        held = (1 - self.alpha) * self.accuracy[:, None] + self.alpha * (
            1 - self.success)
        self.strategy, self.response, self.value = stackelberg(held, self.success)
        self._models = [net.compiled() if hasattr(net, "compiled") else net
                        for net in self.networks]
        self.restart()

    @classmethod
    def against(cls, attacks, networks, x, y, alpha=0.5, seed=0):
        """That of the game on examples x and labels y, in which the attacker has each
        of the attacks made on each of the networks: column a K + k is attack a on
        network k."""
        networks = tuple(networks)
        accuracy = [1 - error_rate(net, x, y) for net in networks]
        success = [transfer_matrix(attack, networks, x, y).T for attack in attacks]
        return cls(networks, accuracy, np.concatenate(success, axis=1), alpha, seed)

    def restart(self):
        """Let the draws begin again."""
        self._rng, self._drawn = np.random.default_rng(self.seed), np.zeros(0, int)

    def logits(self, x):
        """z (N, C), each row by a network drawn for it."""
        return self.linearize(x)[0]

    def vjp(self, x, dz):
        """J(x)^T dz, of the draw of the newest logits if they were of as many examples;
        else of a new one."""
        if len(self._drawn) != len(x):
            self._draw(len(x))
        return self._linearized(x)[1](dz)

    def linearize(self, x):
        """logits(x), and the function dz -> J(x)^T dz of the same draw."""
        self._draw(len(x))
        return self._linearized(x)

    def expected_error(self, x, y):
        """The share of wrong answers to be expected on examples x, over all draws."""
        return float(self.strategy @ [error_rate(net, x, y) for net in self.networks])

    def _draw(self, count):
        self._drawn = self._rng.choice(len(self.networks), count, p=self.strategy)

    def _linearized(self, x):
        parts = {k: self._drawn == k for k in np.unique(self._drawn)}
        found = {k: linearize(self._models[k], x[rows]) for k, rows in parts.items()}

        def joined(pieces):
            return _joined(parts, pieces, len(x))
        return (joined({k: z for k, (z, _) in found.items()}),
                lambda dz: joined({k: vjp(dz[parts[k]]) for k, (_, vjp) in
                                   found.items()}))


def _joined(parts, pieces, count):
    """Each piece's rows where they belong."""
    first = next(iter(pieces.values()))
    whole = np.empty((count, *first.shape[1:]), first.dtype)
    for k, rows in parts.items():
        whole[rows] = pieces[k]
    return whole


def _shares(name, value, shape):
    value = np.asarray(value, float)
    fits = value.ndim == len(shape) and value.size and all(
        want in (-1, have) for want, have in zip(shape, value.shape))
    if not fits or not ((value >= 0) & (value <= 1)).all():
        raise InputError(f"{name} must be shares in [0, 1] of shape "
                         f"{str(shape).replace('-1', 'J')}: a row for each network")
    return value
