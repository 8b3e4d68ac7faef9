"""The five behaviours of obfuscated gradients (Athalye, Carlini and Wagner 2018,
section 3.1), which need not all be seen where a gradient is masked."""
import numpy as np

from npgm.attacks import FGSM
from npgm.diagnosis.signs.sign import sign
from npgm.diagnosis.statistics import paired_exact
from npgm.losses import mistakes

SOURCE = "Obfuscated Gradients, Athalye, Carlini and Wagner 2018, section 3.1"

# Chance alone raises such a sign once in a hundred healthy models.
SIGNIFICANT = 0.01
ONE_STEP, MANY_STEPS = ("fgsm",), ("pgd", "apgd")   # with the loss as it is attacked
BLACK_BOX = ("square", "transfer")
DRAWS = 100                         # there 1e5, of which this is what there is time for
SLACK = 0.05                        # of a few pixels, draws try all corners, PGD not
FRACTIONS = (0.25, 0.5, 0.75, 1)    # of epsilon


@sign(SIGNIFICANT, SOURCE, below=True)
def one_step_beats_many(evidence):
    """The p-value of FGSM fooling more examples than PGD and APGD with the same loss,
    by an exact paired test: many steps can do what one can."""
    return _more_often(evidence.fooled_by(*ONE_STEP), "one step",
                       evidence.fooled_by(*MANY_STEPS), "many")


@sign(SIGNIFICANT, SOURCE, below=True)
def black_box_beats_white_box(evidence):
    """The p-value of attacks that see no gradient (Square, transfer) fooling more
    examples than those that do (FGSM, PGD, APGD, the loss as it is attacked), by an
    exact paired test: who knows the gradient knows strictly more."""
    return _more_often(evidence.fooled_by(*BLACK_BOX), "a black box",
                       evidence.fooled_by(*ONE_STEP, *MANY_STEPS), "the gradient")


def _more_often(a, a_name, b, b_name):
    return paired_exact(a, b), (f"{a_name} fools {a.sum()} of {len(a)} examples, "
                                f"{b_name} {b.sum()}")


@sign(1, SOURCE, below=True)
def unbounded_attack_below_all(evidence):
    """The share of examples that PGD with no epsilon makes wrong somewhere on its way:
    all of them, or the gradient does not lead there. 40 steps of a tenth of the range
    of the data, within clip."""
    fooled = evidence.unbounded.fooled
    return fooled.mean(), (f"PGD with no epsilon makes {fooled.sum()} of {len(fooled)} "
                           "examples wrong")


@sign(SLACK, SOURCE)
def random_search_beats_gradient(evidence):
    """The share of examples that one of 100 random points at epsilon makes wrong and
    PGD does not: where drawing finds something, the gradient should. There points
    within epsilon; here with every pixel at epsilon from x, which is more to find."""
    drawn = np.zeros(len(evidence.x), bool)
    for i in range(DRAWS):
        x_adv = evidence.corner("random_search", i)
        drawn |= mistakes(evidence.model.logits(x_adv), evidence.y)
    more = drawn & ~evidence.path.fooled
    return more.mean(), (f"random points make {more.sum()} of {len(more)} examples "
                         "wrong that PGD leaves right")


@sign(SIGNIFICANT, SOURCE, below=True)
def larger_epsilon_smaller_error(evidence):
    """The smallest p-value, times their number, of FGSM fooling fewer examples at one
    of a quarter, half, three quarters of epsilon and epsilon than at the one before, by
    an exact paired test: what is within a smaller epsilon is within a larger."""
    epsilons = [fraction * evidence.epsilon for fraction in FRACTIONS]
    errors = FGSM(clip=evidence.clip).sweep(
        evidence.model, evidence.x, evidence.y, epsilons).success
    pairs = list(zip(errors, errors[1:]))
    p = min(1.0, len(pairs) * min(paired_exact(small, large) for small, large in pairs))
    return p, "FGSM's error is " + ", ".join(
        f"{error.mean():.0%} at {at:g}" for at, error in zip(epsilons, errors))
