"""The six indicators of attack failure (Pintor and others 2022; their indicators.py),
on the path of plain PGD with the loss as it is attacked, cross-entropy."""
import numpy as np

from npgm.diagnosis.signs.evidence import LOSS
from npgm.diagnosis.signs.sign import NotMeasured, sign
from npgm.losses import evaluate

SOURCE = "Indicators of Attack Failure, Pintor and others 2022, indicators.py"

DIRECTIONS, WIDTH = 100, 8 / 255        # as there
LAST, MOVES = 10, 0.05                  # as there
# There a number of an example or of all, without a threshold. Chosen here:
UNSTABLE = 0.5          # ordinary networks on MNIST have 0.004 to 0.43
SHARE = 0.1             # of the examples: a few are left over by any attack that ends
UNTRANSFERRED = 0.5     # if more, the attack says little of this model


@sign(0, SOURCE)
def unavailable_gradients(evidence):
    """The share of examples of which the attacked loss has no gradient at x: exactly
    zero, or not finite. There must be none. As there, where a gradient that raises an
    error counts too: here that ends the diagnosis."""
    lost = ~evidence.path.valid
    return lost.mean(), f"{lost.sum()} of {len(lost)} examples have no usable gradient"


@sign(UNSTABLE, SOURCE)
def unstable_predictions(evidence):
    """The mean relative change of the attacked loss between x and 100 points around it,
    at most 1: each pixel moves uniformly within 8/255 of the range of the data, half of
    that up or down, and no clip holds it. As there, where the range is 1."""
    def loss(z):
        return evaluate(LOSS, z, evidence.y)[0].astype("float64")
    reference = loss(evidence.z)
    scale = np.where(reference == 0, 1, np.abs(reference))
    changes = []
    for i in range(DIRECTIONS):
        moved = evidence.near(WIDTH / 2 * evidence.range, "unstable_predictions", i)
        changes.append(np.abs(loss(evidence.model.logits(moved)) - reference) / scale)
    change = min(np.mean(changes), 1.0)
    return change, f"small noise changes the loss by {change:.1%}"


@sign(SHARE, SOURCE)
def silent_success(evidence):
    """The share of examples, right at x, that are wrong at a step of the path and right
    again at its last: an attack that returns its last point misses them. As there."""
    wrong = evidence.path.wrong
    silent = ~wrong[0] & wrong[1:-1].any(axis=0) & ~wrong[-1]
    return silent.mean(), (f"PGD fools {silent.sum()} of {len(silent)} examples on its "
                           "way and not at its end")


@sign(SHARE, SOURCE)
def incomplete_optimization(evidence):
    """The share of examples of which the best loss so far still moves, in the last 10
    steps of the path, by more than 5 % of the range the loss had. As there."""
    loss = evidence.path.loss.astype("float64")
    loss = loss[:, np.isfinite(loss).all(axis=0)]
    best = np.maximum.accumulate(loss)
    moves = best[-1] - best[-LAST] > MOVES * (loss.max(axis=0) - loss.min(axis=0))
    return moves.mean(), (f"the loss of {moves.sum()} of {len(moves)} examples still "
                          f"moves after {len(loss) - 1} steps")


@sign(UNTRANSFERRED, SOURCE)
def transfer_failure(evidence):
    """Of the examples that some attack fools, the share that the attack transferred
    from another network leaves right: where it is large, that attack says little of
    this model. There the share of x_adv that the two networks see differently."""
    transferred = evidence.fooled_by("transfer")
    fooled = evidence.fooled_by(*evidence.errors)
    if not fooled.any():
        raise NotMeasured("no attack fools any example")
    missed = fooled & ~transferred
    return missed.sum() / fooled.sum(), (
        f"the transferred attack misses {missed.sum()} of the {fooled.sum()} examples "
        "that some attack fools")


@sign(0, SOURCE)
def unconstrained_attack_failure(evidence):
    """The share of examples, right at x, that PGD leaves right on all of its way though
    no epsilon holds it: there must be none. As there, with 40 steps of a tenth of the
    range of the data, within clip."""
    held = evidence.right & ~evidence.unbounded.fooled
    return held.sum() / evidence.right.sum(), (
        f"PGD with no epsilon fails on {held.sum()} of {evidence.right.sum()} examples")
