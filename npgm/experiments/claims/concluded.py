"""What the paper reads into its numbers, held against ours."""
import math
from itertools import takewhile

from npgm.experiments.claims.claim import (CONCLUDED, FGS_ERROR, FOOLED, HALF, NO,
                                           OTHERWISE, TOGETHER, YES, after_all,
                                           at_rate, brief, claim, evidence, unless)
from npgm.experiments.protocol import EPSILON, MASKED_RATE, RECOMMENDED_RATE
from npgm.experiments.rows import (frs_excess, gap, learns, mean, rank_correlation,
                                   select)

# Reasons against claim 9.
OVER_RATES = "over Adam's rates both grow together, but "
ACROSS = "it does not follow the gap across optimizers"
WHILE_FALLING = "it arises while the test error falls"


def learning(fig3):
    """The rows after all updates, by rising rate, as far as networks learn."""
    return list(takewhile(learns, after_all(fig3, epsilon=EPSILON)))


@claim(
    CONCLUDED, "the boundary", "gradient masking brings the decision boundary closer "
    "to the training data", ("fig3",),
    unless(NO, "no gradient is masked", {
        "a gradient is masked": lambda n: n.rate is not None})
    + unless(NO, "at {rate:g} the gradient is masked, and the boundary farther away "
             "than at 0.001", {
                 "the boundary is no farther there": lambda n: not n.frs < n.plain_frs})
    + unless(NO, "the two do not go together", {
        "masking and random signs go together": lambda n: n.by_rate <= -TOGETHER}),
    YES, "where the gradient is masked, random signs do more")
def boundary(rows):
    learnt = learning(rows)
    by_rate = rank_correlation([frs_excess(row) for row in learnt],
                               [mean(row, FGS_ERROR) for row in learnt])
    plain = at_rate(rows, RECOMMENDED_RATE, epsilon=EPSILON)
    found = evidence(
        learnt, f"over the {len(learnt)} rates that learn, rank correlation of the FGS "
        f"error with what random signs add to the training error {by_rate:.2f}; not "
        f"masked, at 0.001: FGS error {brief(plain, FGS_ERROR)}, FRS error "
        f"{brief(plain, 'frs_error', 2)} %",
        by_rate=by_rate, plain_frs=mean(plain, "frs_error"), rate=None, frs=math.nan)
    masked = [row for row in learnt if mean(row, FGS_ERROR) < HALF]
    if masked:
        row = min(masked, key=lambda row: mean(row, "frs_error"))
        found.rate, found.frs = row["learning_rate"], mean(row, "frs_error")
        found.measured += (f"; masked, at {found.rate:g}: {brief(row, FGS_ERROR)} and "
                           f"{brief(row, 'frs_error', 2)} %")
    return found


@claim(
    CONCLUDED, "9", "gradient masking is a type of overfitting",
    ("fig1", "fig3", "optimizers"),
    unless(NO, "it does not go with the gap over learning rates", {
        "it goes with the gap over Adam's rates": lambda n: n.by_rate <= -TOGETHER})
    + unless(NO, OVER_RATES + ACROSS, {
        "it goes with the gap across optimizers":
            lambda n: n.by_optimizer <= -TOGETHER}, also=ACROSS)
    + unless(NO, OVER_RATES + WHILE_FALLING, {
        "it arises while the test error rises":
            lambda n: n.late_natural > n.early_natural}, also=WHILE_FALLING)
    + unless(OTHERWISE, "masking and overfitting go together, since both come from "
             "logits driven far apart; but what hides the gradient is rounding, and "
             "goes with it", {
                 "it stays with the residual repaired":
                     lambda n: not n.repaired >= FOOLED},
             also="one rewritten line removes it with the weights unchanged"),
    YES, "masking goes with the gap, repaired or not")
def claim9(fig1, fig3, optimizers):
    learnt = learning(fig3)
    fgs = [mean(row, "fgs_error") for row in optimizers]
    by_rate = rank_correlation([gap(row) for row in learnt],
                               [mean(row, FGS_ERROR) for row in learnt])
    by_optimizer = rank_correlation([gap(row) for row in optimizers], fgs)
    by_lead = rank_correlation([mean(row, "logit_lead") for row in optimizers], fgs)
    masked = at_rate(fig1, MASKED_RATE)
    early, late = (select(fig1, learning_rate=MASKED_RATE, step=step)[0]
                   for step in (1_000, 30_000))
    return evidence(
        [*learnt, *optimizers, masked],
        "rank correlation of the FGS error with the generalization gap "
        f"{by_rate:.2f} over the {len(learnt)} rates at which Adam learns, "
        f"{by_optimizer:.2f} over {len(optimizers)} networks of five optimizers (with "
        f"the logit lead {by_lead:.2f}); at 0.01 from 1,000 to 30,000 updates: FGS "
        f"error {mean(early, 'fgs_error'):.1f} to {mean(late, 'fgs_error'):.1f} %, "
        f"test error {mean(early, 'natural_error'):.2f} to "
        f"{mean(late, 'natural_error'):.2f} %; no residual left at 100,000: "
        f"{brief(masked, 'residual_zero')} % of the test, "
        f"{brief(masked, 'residual_zero_train')} % of the training images",
        by_rate=by_rate, by_optimizer=by_optimizer,
        early_natural=mean(early, "natural_error"),
        late_natural=mean(late, "natural_error"),
        repaired=mean(masked, "fgs_error_repaired"))


CLAIMS = (boundary, claim9)
