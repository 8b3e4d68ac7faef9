"""The attacks held side by side at one epsilon, and what is found by any of them."""
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from npgm.attacks import (APGD, FGSM, PGD, Attack, DeepFool, RandomSign, Square,
                          Transfer)
from npgm.attacks.base import bounded
from npgm.losses import cross_entropy, log_odds, mistakes
from npgm.vanishing import in_float64


class Entry(NamedTuple):
    """heading: what tables call it. attack: an Attack. calls: of the model for an
    example, at most."""

    heading: str
    attack: Attack
    calls: int


# The losses an attack goes by, beside cross-entropy as attacked: the name's end, the
# heading's, the loss.
LOSSES = (("_float64", "residual in float64", in_float64(cross_entropy)),
          ("_repaired", "residual repaired", "log_odds"),
          ("_margin", "logit margin", "margin"), ("_dlr", "DLR", "dlr"),
          ("_mifpe", "MIFPE's scaled logits", "mifpe"))
CLEARLY = 2     # times what random signs do, a step along a gradient must do more
ITERATED = ("_margin", "_repaired")     # those that PGD and APGD go by


@dataclass(frozen=True)
class Effort:
    """How far the attacks of many steps go."""

    pgd_steps: int = 40
    apgd_steps: int = 100
    queries: int = 1000
    deepfool_steps: int = 50


FULL, QUICK = Effort(), Effort(10, 20, 100, 10)


def battery(epsilon, clip, seed, classes, effort, surrogate=None):
    """{name: Entry}. surrogate: a network to make examples on, for transfer; None for
    neither that nor Square. DLR is left out of two classes: it needs a third."""
    losses = [loss for loss in LOSSES if loss[2] != "dlr" or classes > 2]
    entries = {"fgsm": Entry("FGSM as attacked", FGSM(epsilon, clip=clip), 4)}
    for end, heading, loss in losses:
        entries[f"fgsm{end}"] = Entry(f"FGSM, {heading}", FGSM(
            epsilon, loss=loss, clip=clip), 4)
    attacked = [("", "as attacked", "cross_entropy")]
    iterated = [loss for loss in losses if loss[0] in ITERATED]
    steps = effort.pgd_steps
    for end, heading, loss in attacked + iterated:
        entries[f"pgd{end}"] = Entry(f"PGD, {heading}", PGD(
            epsilon, steps, epsilon * max(0.1, 2.5 / steps), loss, clip,
            until_fooled=True),
            2 * steps + 3)
    for end, heading, loss in attacked + iterated:
        entries[f"apgd{end}"] = Entry(f"APGD, {heading}", APGD(
            epsilon, effort.apgd_steps, loss, clip, seed=seed),
            2 * effort.apgd_steps + 3)
    entries["random_sign"] = Entry("random signs", RandomSign(epsilon, seed, clip), 2)
    if surrogate is not None:
        entries["square"] = Entry("Square", Square(
            epsilon, effort.queries, clip=clip, seed=seed), effort.queries + 3)
        entries["transfer"] = Entry("transfer", Transfer(surrogate, FGSM(
            epsilon, loss="log_odds", clip=clip)), 2)
    steps, each = effort.deepfool_steps, 2 * min(classes, 11) + 2
    entries["deepfool"] = Entry("DeepFool, cut to epsilon", DeepFool(
        np.inf, steps, clip=clip), steps * each + 3)
    return entries


@dataclass
class Outcome:
    """Of N examples, {name: ...} of the attacks made. success: (N,), the model is wrong
    on what the attack made, within epsilon and clip. lost: (N,), its gradient was
    exactly zero at some step. rise: (N,), by how much the log odds against the label
    rose, of one step along the gradient and of random signs. still: (N,), FGSM as
    attacked changed no pixel. random: two calls of the
    model differ, so that each attack is a draw. distance (N,): the largest change of a
    pixel of the smallest one known that fools, infinite if none is. fooling (N, ...):
    one that fools, the examples themselves where there is none."""

    success: dict
    lost: dict
    rise: dict
    still: np.ndarray
    random: bool
    distance: np.ndarray
    fooling: np.ndarray

    def shorten(self, distance, success):
        """Examples (N,) bool are fooled at a distance, a number or (N,)."""
        self.distance = np.where(success, np.minimum(self.distance, distance),
                                 self.distance)

    @property
    def fooled(self):
        """(N,): wrong after any attack, or before."""
        return np.logical_or.reduce(list(self.success.values()))

    @property
    def strongest(self):
        """(N,): the same; of a random model, of which so many draws would make any
        example wrong, what the one attack finds that finds most."""
        return max(self.success.values(), key=np.mean) if self.random else self.fooled

    def leads_nowhere(self, cause):
        """(N,): one step along the gradient as attacked goes nowhere, or raises the log
        odds hardly more than random signs do; where logits are random or coarse, causes
        (N,), the log odds cannot tell."""
        hardly = self.rise["fgsm"] <= CLEARLY * np.maximum(self.rise["random_sign"], 0)
        return self.still | (hardly & ~np.isin(cause, ("random", "coarse_logits")))

    @property
    def parts(self):
        """{name: (N,)}: which examples PGD fools as attacked; which only with the
        residual repaired: rounding hid them; which only something else, as the repaired
        gradient died on its way: silent layers hid them; which else; which nothing."""
        attacked, repaired = self.success["pgd"], self.success["pgd_repaired"]
        rest, lost = self.strongest & ~attacked & ~repaired, self.lost["pgd_repaired"]
        return {"as_attacked": attacked, "rounding": repaired & ~attacked,
                "silent": rest & lost, "other": rest & ~lost,
                "held": ~(attacked | repaired | rest)}


def attack_all(entries, model, x, y, epsilon, clip, z, random=False):
    """Make every attack of a battery. x (N, ...): as the model takes it; z (N, C): its
    logits of x; random: whether two calls differ. Yields the Outcome so far, before the
    first and after each."""
    natural = mistakes(z, y)
    outcome = Outcome({"natural": natural}, {}, {}, None, random,
                      np.where(natural, 0, np.inf), x.copy())
    yield outcome
    for name, entry in entries.items():
        result = entry.attack(model, x, y)
        x_adv, success = result.x_adv, result.success
        if isinstance(entry.attack, DeepFool):      # it goes as far as it has to
            outcome.shorten(farthest(x_adv, x), success)
            x_adv = bounded(x_adv, x, x.dtype.type(epsilon))
            success = mistakes(model.logits(x_adv), y)
        outcome.shorten(epsilon, success)
        outcome.lost[name] = result.lost_at >= 0
        if name == "fgsm":
            outcome.still = farthest(x_adv, x) == 0
        if name in ("fgsm", "random_sign"):
            outcome.rise[name] = _log_odds(model.logits(x_adv), y) - _log_odds(z, y)
        new = success & ~outcome.fooled
        outcome.fooling[new] = x_adv[new]
        outcome.success[name] = success
        yield outcome


def _log_odds(z, y):
    return log_odds(z.astype("float64"), y)[0]


def farthest(x_adv, x):
    """(N,): the largest change of a pixel."""
    return np.abs(x_adv - x).reshape(len(x), -1).max(axis=1)
