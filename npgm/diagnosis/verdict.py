"""From the numbers of a diagnosis to its verdict: a pure function of them."""
from dataclasses import dataclass

from npgm.diagnosis.signs.alignment import ALIGNED

# Below this share of the examples a cause changes no conclusion: of Adam's network at
# its recommended rate 1.5 % have no gradient left, and FGSM fools 97.6 %.
SHARE = 0.05
# Points of error. Two attacks that do the same in exact arithmetic differ by less, as do
# a good white-box attack and a black box; AutoAttack warns from 0.002 on.
GAIN = 0.05
CHANCE = 0.01           # exact paired test: beyond it the gain may be luck
# Of catastrophic overfitting (Wong, Rice and Kolter 2020): many steps fool so many more
# than one, and ...
ONE_STEP = 0.3
# ... the gradient turns within the ball, as Andriushchenko and Flammarion (2020) found;
# or the error falls as epsilon grows.
FALL = 0.1

ADVICE = {
    "not_finite": "mend the model: x where model.logits(x) is NaN or infinite come first",
    "random": "average over the randomness (Athalye and others 2018), or fix the seed: "
              "module.eval() in PyTorch",
    "coarse_logits": "take the common offset off the logits: z - z.max(axis=1)",
    "probabilities": "give what goes into the model's last softmax, the logits",
    "cut": "attack through it: a vjp that takes the clip or quantizer as the identity "
           "(BPDA, Athalye and others 2018)",
    "silent": "larger steps jump over dead regions: FGSM(epsilon, loss='log_odds'), "
              "PGD(epsilon, step_size=epsilon / 2, seed=0), or Square(epsilon)",
    "rough": "do not trust gradients here: Square(epsilon), Transfer(network)",
    "wrong_vjp": "mend vjp: npgm.check_gradients(model, x, y) names the error",
    "residual_rounded": "attack with FGSM(epsilon, loss='log_odds'), PGD and APGD too: "
                        "the same gradient, its rounding repaired",
    "label_rounded": "attack with FGSM(epsilon, loss='log_odds'), PGD and APGD too: "
                     "the same gradient, its rounding repaired",
    "one_step": "do not report FGSM: PGD(epsilon), APGD(epsilon); train against many "
                "steps",
    "gradient_misleads": "report Square(epsilon) and Transfer(network): a black box finds "
                         "what the gradient does not",
}


@dataclass(frozen=True)
class Findings:
    """What a verdict goes by; shares of the examples unless it says otherwise.

    causes: {cause: share} of the gradients. errors: {attack: error}. rounded: fooled by
    FGSM or PGD, whichever is more, with the residual repaired and not as attacked, minus
    the reverse. lost: the repaired PGD, or APGD, came where the gradient is exactly
    zero. black: fooled by a black box and by no attack that goes by the gradient. many:
    fooled by the attacks of many steps, and not by one, minus the reverse. Each with its
    chance (the p-value of the exact paired test). alignment: GradAlign's cosine, or None.
    fall: how far FGSM's error at epsilon lies below that at a smaller one. robust_error,
    interval: of the union of all.
    """

    causes: dict
    errors: dict
    rounded: float
    rounded_chance: float
    lost: float
    black: float
    black_chance: float
    many: float
    many_chance: float
    alignment: float | None
    fall: float
    robust_error: float
    interval: tuple


@dataclass(frozen=True)
class Verdict:
    """masked: whether the gradient hides what is there. causes: {cause: share}, of what
    masks it, the largest first. line: it in one line. advice: what to do, one for
    each cause."""

    masked: bool
    causes: dict
    line: str
    advice: tuple


def judge(findings):
    """The Verdict of an Findings."""
    found = {name: share for name, share in findings.causes.items()
             if share >= SHARE and name not in ("sound", "label_rounded")}
    rounding = findings.rounded >= GAIN and findings.rounded_chance < CHANCE
    if rounding and "residual_rounded" not in found:
        name = max(("label_rounded", "residual_rounded"),
                   key=lambda name: findings.causes.get(name, 0))
        found[name] = findings.causes.get(name, 0)
    if findings.lost >= SHARE:
        found["silent"] = max(found.get("silent", 0), findings.lost)
    if _overfitted_to_one_step(findings):
        found["one_step"] = findings.many
    if not found and findings.black >= GAIN and findings.black_chance < CHANCE:
        found["gradient_misleads"] = findings.black
    found = dict(sorted(found.items(), key=lambda item: -item[1]))
    advice = tuple(dict.fromkeys(ADVICE[name] for name in found))
    return Verdict(bool(found), found, _line(findings, found), advice)


def _overfitted_to_one_step(findings):
    bent = findings.alignment is not None and findings.alignment < ALIGNED
    return (findings.many >= ONE_STEP and findings.many_chance < CHANCE
            and (bent or findings.fall >= FALL))


def _line(findings, found):
    low, high = findings.interval
    robust = (f"robust error at least {percent(findings.robust_error)} "
              f"({percent(low)} to {percent(high)})")
    if not found:
        return f"not masked: {robust}"
    causes = ", ".join(f"{name.replace('_', ' ')} {percent(share)}"
                       for name, share in found.items())
    return f"MASKED: {causes}; {robust}, FGSM says {percent(findings.errors['fgsm'])}"


def percent(share):
    """A share as text."""
    return f"{100 * share:.1f} %"
