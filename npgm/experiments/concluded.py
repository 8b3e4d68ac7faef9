"""What the paper reads into its numbers, and what we add: a judge for each."""
from itertools import takewhile

from npgm.experiments import fig3, protocol
from npgm.experiments.measures import VANISHING
from npgm.experiments.results import (after_all, at_rate, learns, mean,
                                      rank_correlation, select)
from npgm.experiments.verdicts import (BEYOND, CONCLUDED, FAILS, HOLDS, NO, OPEN,
                                       OTHERWISE, YES, brief, claim, known,
                                       repaired_anyway, text)


def learning(rows, **keys):
    """The rows after all updates, by rising rate, as far as networks learn."""
    return list(takewhile(learns, after_all(rows, **keys)))


@claim(CONCLUDED, "the boundary", "gradient masking brings the decision boundary "
       "closer to the training data", "fig3")
def boundary(rows):
    learnt = learning(rows, epsilon=protocol.EPSILON)
    with_masking = rank_correlation([fig3.frs_excess(row) for row in learnt],
                                    [mean(row, fig3.FGS_ERROR) for row in learnt])
    plain = at_rate(learnt, protocol.RECOMMENDED_RATE)
    masked = min((row for row in learnt if mean(row, fig3.FGS_ERROR) < 50),
                 key=lambda row: mean(row, "frs_error"), default=None)
    measured = (f"over the {len(learnt)} rates that learn, rank correlation of the FGS "
                "error with what random signs add to the training error "
                f"{with_masking:.2f}; not masked, at 0.001: FGS error "
                f"{brief(plain, fig3.FGS_ERROR)}, FRS error "
                f"{brief(plain, 'frs_error', 2)} %")
    if masked is None:
        return measured, NO, "no gradient is masked", learnt
    rate = f"{masked['learning_rate']:g}"
    measured += (f"; masked, at {rate}: {brief(masked, fig3.FGS_ERROR)} and "
                 f"{brief(masked, 'frs_error', 2)} %")
    farther = mean(masked, "frs_error") < mean(plain, "frs_error")
    why = (f"at {rate} the gradient is masked, and the boundary farther away than at "
           "0.001" if farther else "the two do not go together" if with_masking > -0.6
           else "where the gradient is masked, random signs do more")
    return measured, NO if farther or with_masking > -0.6 else YES, why, learnt


@claim(CONCLUDED, "9", "gradient masking is a type of overfitting", "fig1", "fig3",
       "optimizers")
def claim9(fig1, fig3_rows, optimizers):
    learnt = learning(fig3_rows, epsilon=protocol.EPSILON)
    by_rate = rank_correlation([fig3.gap(row) for row in learnt],
                               [mean(row, fig3.FGS_ERROR) for row in learnt])
    fgs = [mean(row, "fgs_error") for row in optimizers]
    by_optimizer = rank_correlation([fig3.gap(row) for row in optimizers], fgs)
    by_lead = rank_correlation([mean(row, "logit_lead") for row in optimizers], fgs)
    masked = at_rate(fig1, protocol.MASKED_RATE)
    early, late = (select(fig1, learning_rate=protocol.MASKED_RATE, step=step)[0]
                   for step in (1_000, 30_000))
    measured = (
        "rank correlation of the FGS error with the generalization gap "
        f"{by_rate:.2f} over the {len(learnt)} rates at which Adam learns, "
        f"{by_optimizer:.2f} over {len(optimizers)} networks of five optimizers (with "
        f"the logit lead {by_lead:.2f}); at 0.01 from 1,000 to 30,000 updates: FGS "
        f"error {mean(early, 'fgs_error'):.1f} to {mean(late, 'fgs_error'):.1f} %, "
        f"test error {mean(early, 'natural_error'):.2f} to "
        f"{mean(late, 'natural_error'):.2f} %; no residual left at 100,000: "
        f"{brief(masked, 'residual_zero')} % of the test, "
        f"{brief(masked, 'residual_zero_train')} % of the training images")
    against = [reason for reason, holds in (
        ("it does not go with the gap over learning rates", by_rate <= -0.6),
        ("it does not follow the gap across optimizers", by_optimizer <= -0.6),
        ("it arises while the test error falls",
         mean(late, "natural_error") > mean(early, "natural_error"))) if not holds]
    used = [*learnt, *optimizers, masked]
    if against:
        if repaired_anyway(masked):
            against.append("one rewritten line removes it with the weights unchanged")
        both = "over Adam's rates both grow together, but " if by_rate <= -0.6 else ""
        return measured, NO, both + "; ".join(against), used
    if repaired_anyway(masked):
        return measured, OTHERWISE, (
            "masking and overfitting go together, since both come from logits driven "
            "far apart; but what hides the gradient is rounding, and goes with it"
        ), used
    return measured, YES, "masking goes with the gap, repaired or not", used


@claim(BEYOND, "the cause", "at 0.01 the residual p - onehot(y) is rounded to zero in "
       "float32; written as q - onehot(y) the same attack succeeds", "fig1")
def cause(rows):
    masked, plain = at_rate(rows, 0.01), at_rate(rows, 0.001)
    measured = (f"every entry of the residual is 0 for "
                f"{text(masked, 'residual_zero')} of the images: FGS error "
                f"{brief(masked, 'fgs_error')} %, repaired "
                f"{brief(masked, 'fgs_error_repaired')} %; at 0.001 for "
                f"{brief(plain, 'residual_zero')} %: {brief(plain, 'fgs_error')} and "
                f"{brief(plain, 'fgs_error_repaired')} %")
    holds = (mean(masked, "fgs_error") < 50 and repaired_anyway(masked)
             and mean(masked, "residual_zero") > 50)
    return measured, HOLDS if holds else FAILS, (
        "same weights, same epsilon, same loss but for a positive factor" if holds else
        "rounding is not what stops the attack"), [masked, plain]


@claim(BEYOND, "silent layers", "at rates far above 0.01 rounding is not all: hidden "
       "layers go silent, and no rewritten loss brings their gradient back", "fig1")
def silent(rows):
    used = [at_rate(rows, rate) for rate in (0.01, 0.02, 0.03, 0.05, 0.1)]
    measured = "images with a gradient, residual repaired: " + ", ".join(
        f"{brief(row, 'valid_fgs_repaired')} % at {row['learning_rate']:g}"
        for row in used)
    holds = (mean(used[0], "valid_fgs_repaired") > 95
             and mean(used[-1], "valid_fgs_repaired") < 50)
    return measured, HOLDS if holds else FAILS, (
        "the repaired residual is never zero, so what is missing was lost on the way "
        "back through the layers" if holds else "the layers let the gradient through"
    ), used


@claim(BEYOND, "the 90.4", "the paper's FGS error of Adam at 0.001, 90.4 %, comes "
       "from a mean loss over the test set and subnormals flushed to zero, which hide "
       "that many gradients", "reduction")
def the_904(rows):
    row, = select(rows, learning_rate=protocol.RECOMMENDED_RATE)
    paper = protocol.TABLE2["adam"]["fgs_error"]
    fits = [way for way in VANISHING if _within(row, f"fgs_error_{way}", paper)]
    measured = (f"FGS error {text(row, 'fgs_error_plain')}; mean "
                f"{brief(row, 'fgs_error_mean')}, flushed "
                f"{brief(row, 'fgs_error_flushed')}, both "
                f"{brief(row, 'fgs_error_mean_flushed')}, valid then "
                f"{brief(row, 'valid_fgs_mean_flushed')} %")
    if fits == ["mean_flushed"]:
        return measured, HOLDS, "only with both does the paper's number fit", [row]
    if "mean_flushed" in fits:
        return measured, OPEN, (
            "within two standard errors of the paper's number, but so is: "
            + ", ".join(way.replace("_", " and ") for way in fits
                        if way != "mean_flushed") + "; more seeds would tell"), [row]
    return measured, FAILS, "more than two standard errors from the paper's", [row]


def _within(row, quantity, value):
    """Whether value is within two standard errors of the mean over seeds; with one
    seed, within one point."""
    values, std = known(row, quantity), row[quantity]["std"]
    error = 2 * std / len(values) ** 0.5 if std is not None else 1
    return bool(values) and abs(mean(row, quantity) - value) <= error
