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
    of the data."""
    near = [fraction * epsilon for fraction in FRACTIONS]
    for e in near[1:-1]:
        _look(model, x, y, e, clip, seed, outcome)
    far = []
    for fraction in BEYOND:
        if np.isfinite(outcome.distance).all() or fraction * epsilon > farthest:
            break
        far.append(fraction * epsilon)
        _look(model, x, y, far[-1], clip, seed, outcome)
    epsilons = (*near, *far)
    errors = {name: attack.sweep(model, x, y, epsilons).success
              for name, attack in (("attacked", FGSM(clip=clip)),
                                   ("repaired", FGSM(loss="log_odds", clip=clip)),
                                   ("random", RandomSign(seed=seed, clip=clip)))}
    for success in errors.values():
        for e, fooled in zip(epsilons, success):
            outcome.shorten(e, fooled)
    errors["strongest"] = np.array([outcome.distance <= e for e in epsilons])
    return Curve(epsilons, {name: tuple(map(float, success.mean(axis=1)))
                            for name, success in errors.items()})


def _look(model, x, y, epsilon, clip, seed, outcome):
    """PGD, with the residual repaired, on what nothing is known to fool so near."""
    rest = np.flatnonzero(outcome.distance > epsilon)
    if rest.size:
        attack = PGD(epsilon, STEPS, epsilon / 5, "log_odds", clip, seed,
                     until_fooled=True)
        success = np.zeros(len(x), bool)
        success[rest] = attack(model, x[rest], y[rest]).success
        outcome.shorten(epsilon, success)
