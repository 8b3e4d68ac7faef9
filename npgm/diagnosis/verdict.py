"""From the numbers of a diagnosis to its verdict: a pure function of them."""
from dataclasses import dataclass

# Below this share of the examples, whether it is their gradients that are spoilt or
# their attacks that gain, a conclusion stands, and the report tells of it all the same:
# at Adam's recommended rate some 2 % have no gradient left, and FGSM fools 98 %.
ENOUGH = 0.1
TOLD = 0.01             # from here on the line names it, masked or not
CHANCE = 0.01           # exact paired test: beyond it the gain may be luck
# Of catastrophic overfitting (Wong, Rice and Kolter 2020): many steps fool so many more
# than one, which fools less than this part of what they do. Measured on nine healthy
# models at epsilons from 0.02 to 0.4 the part is at least 0.75, on an overfitted one
# at most 0.22.
ONE_STEP, PART = 0.3, 1 / 2

REPAIR = ("attack with FGSM(epsilon, loss='log_odds'), PGD and APGD too: the same "
          "gradient, its rounding repaired")
ADVICE = {
    "not_finite": "mend the model where its logits or gradients are NaN or infinite",
    "random": "fix the seed (in PyTorch module.eval()), or attack the mean over it "
              "(EOT, Athalye and others 2018)",
    "coarse_logits": "take the common offset off the logits: z - z.max(axis=1)",
    "probabilities": "give what goes into the model's last softmax, the logits",
    "cut": "attack through it: a vjp that takes the clip or quantizer for the identity "
           "(BPDA, Athalye and others 2018)",
    "silent": "jump over dead regions: FGSM(epsilon, loss='log_odds'), PGD(epsilon, "
              "step_size=epsilon / 2, loss='log_odds', seed=0), Square(epsilon)",
    "rough": "trust no gradient here: Square(epsilon), Transfer(another network)",
    "wrong_vjp": "mend vjp: npgm.check_gradients(model, x, y) tells when it is right",
    "residual_rounded": REPAIR, "label_rounded": REPAIR,
    "one_step": "report PGD(epsilon) and APGD(epsilon), not FGSM, and train against "
                "many steps",
    "gradient_misleads": "report Square(epsilon) and Transfer(another network): they "
                         "find what the gradient does not",
}


@dataclass(frozen=True)
class Findings:
    """What a verdict goes by; shares of the examples unless it says otherwise.

    causes: {cause: share} of the gradients. hidden: of those alone that FGSM as
    attacked leaves standing and, but where the gradient is zero, something else
    fools; lost: the same of silent layers, be it at x or where APGD, repaired,
    came. errors: {attack: error}. rounded: by how much FGSM or PGD, whichever gains
    more, fool more with the residual repaired than as attacked. black: fooled by a
    black box and by no attack along the gradient. one, many: of gradients that are
    alive, those at which one step, or many, repaired or not, make wrong what was
    right. ..._chance: the p-value of the exact paired test. robust_error and
    interval: of the union of all.
    """

    causes: dict
    hidden: dict
    errors: dict
    rounded: float
    rounded_chance: float
    lost: float
    black: float
    black_chance: float
    one: float
    many: float
    many_chance: float
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
    found = {name: findings.causes[name] for name, share in findings.hidden.items()
             if share >= ENOUGH and name not in ("sound", "label_rounded")}
    if findings.causes.get("not_finite", 0) >= ENOUGH:
        found["not_finite"] = findings.causes["not_finite"]
    rounding = findings.rounded >= ENOUGH and findings.rounded_chance < CHANCE
    if rounding and "residual_rounded" not in found:
        name = max(("label_rounded", "residual_rounded"),
                   key=lambda name: findings.causes.get(name, 0))
        found[name] = findings.causes.get(name, 0)
    if findings.lost >= ENOUGH:
        found["silent"] = findings.lost
    if _overfitted_to_one_step(findings):
        found["one_step"] = findings.many - findings.one
    if not found and findings.black >= ENOUGH and findings.black_chance < CHANCE:
        found["gradient_misleads"] = findings.black
    found = dict(sorted(found.items(), key=lambda item: -item[1]))
    advice = tuple(ADVICE[name] for name in found)
    return Verdict(bool(found), found, _line(findings, found), advice)


def _overfitted_to_one_step(findings):
    gain = findings.many - findings.one
    return (gain >= ONE_STEP and findings.many_chance < CHANCE
            and findings.one < PART * findings.many)


def _line(findings, found):
    low, high = findings.interval
    robust = (f"robust error at least {percent(findings.robust_error)} "
              f"({percent(low)} to {percent(high)})")
    if not found:
        some = {name: share for name, share in findings.causes.items()
                if share >= TOLD and name not in ("sound", "label_rounded")}
        return f"not masked: {robust}" + (f"; but {_listed(some)}" if some else "")
    return (f"MASKED: {_listed(found)}; {robust}, FGSM says "
            f"{percent(findings.errors['fgsm'])}")


def _listed(causes):
    return ", ".join(f"{name.replace('_', ' ')} {percent(share)}"
                     for name, share in causes.items())


def percent(share):
    """A share as text."""
    return f"{100 * share:.1f} %"
