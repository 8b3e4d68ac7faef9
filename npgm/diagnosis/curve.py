"""The security curve: error against epsilon."""
from dataclasses import dataclass

import numpy as np

from npgm.attacks import FGSM, PGD, RandomSign

# Of the epsilon that is diagnosed; beyond it only as far as something still holds.
FRACTIONS = (0, 1 / 8, 1 / 4, 1 / 2, 3 / 4, 1)
BEYOND = (1.25, 1.5, 2, 3, 4)
STEPS = 20              # of the PGD that looks for what is nearer, or farther
CALLS = ((len(FRACTIONS) + len(BEYOND)) * (2 * STEPS + 3 + 3) + 3 * 2)  # an example


@dataclass(frozen=True)
class Curve:
    """epsilons (E,); errors {"attacked", "repaired", "random", "strongest": (E,)}, as
    shares: of FGSM as attacked, with the residual repaired, of random signs, and of
    whatever is known to fool at that epsilon or below."""

    epsilons: tuple
    errors: dict


def security_curve(model, x, y, epsilon, clip, seed, outcome, farthest):
    """The Curve of a model at x (N, ...), and outcome.distance shortened by what is
    found. It ends where the strongest reaches everything, or at `farthest`, the range
    of the data; of a random model, where each attack is a draw, at epsilon."""
    epsilons = [fraction * epsilon for fraction in FRACTIONS]
    if not outcome.random:
        for e in epsilons[1:-1]:
            _look(model, x, y, e, clip, seed, outcome)
        for fraction in BEYOND:
            if np.isfinite(outcome.distance).all() or fraction * epsilon > farthest:
                break
            epsilons.append(fraction * epsilon)
            _look(model, x, y, epsilons[-1], clip, seed, outcome)
    success = {name: attack.sweep(model, x, y, epsilons).success
               for name, attack in (("attacked", FGSM(clip=clip)),
                                    ("repaired", FGSM(loss="log_odds", clip=clip)),
                                    ("random", RandomSign(seed=seed, clip=clip)))}
    errors = {name: [float(hit.mean()) for hit in hits]
              for name, hits in success.items()}
    for e, *hits in zip(epsilons, *success.values()):
        outcome.shorten(e, np.logical_or.reduce(hits))
    errors["strongest"] = [_strongest(outcome, e, epsilon, shares)
                           for e, *shares in zip(epsilons, *errors.values())]
    return Curve(tuple(epsilons), {name: tuple(e) for name, e in errors.items()})


def _strongest(outcome, e, epsilon, shares):
    """The largest error known at e. shares: those of the attacks made there."""
    if outcome.random:
        return max([*shares, outcome.strongest.mean() if e == epsilon else 0])
    return float((outcome.distance <= e).mean())


def _look(model, x, y, epsilon, clip, seed, outcome):
    """PGD, with the residual repaired: what does it fool so near?"""
    attack = PGD(epsilon, STEPS, epsilon / 5, "log_odds", clip, seed,
                 until_fooled=True)
    outcome.shorten(epsilon, attack(model, x, y).success)
