"""From the numbers of a diagnosis to its verdict: a pure function of them."""
from dataclasses import dataclass

# Below this share of the examples, whether it is their gradients that are spoilt or
# their attacks that gain, a conclusion stands, and the report tells of it all the same:
# at Adam's recommended rate some 2 % have no gradient left, and FGSM fools 98 %.
ENOUGH = 0.1
FEWEST = 7              # examples: as the exact test has it, fewer may be chance
CHANCE = 0.01           # exact paired test: beyond it a gain may be luck
# Of a masked model this much more is named, from which share on.
BESIDE = 0.03
TOLD = 0.01             # the line of one that is not names causes from here on
# An attack that finds less than this part of what others find is hindered: of ordinary
# networks one step finds most of it.
PART = 1 / 2
# Of catastrophic overfitting (Wong, Rice and Kolter 2020): many steps fool so many more
# than one, at epsilon, and one finds less than PART of it at half of epsilon too:
# beyond the epsilon a network was trained for, many may well find more.
ONE_STEP = 0.3

REPAIR = ("attack with FGSM(epsilon, loss='log_odds'), PGD and APGD too: the same "
          "gradient, its rounding repaired")
ADVICE = {
    "not_finite": "mend the model where its logits or gradients are NaN or infinite",
    "random": "fix the seed (in PyTorch module.eval()), or attack the mean over it "
              "(EOT, Athalye and others 2018)",
    "coarse_logits": "leave the common offset out within the model, before its logits "
                     "are rounded",
    "probabilities": "give what goes into the model's last softmax, the logits",
    "cut": "is there a no_grad or detach on the way? A clip or quantizer is attacked "
           "through: a vjp that takes it for the identity (BPDA, Athalye and others "
           "2018)",
    "silent": "jump over dead regions: FGSM(epsilon, loss='log_odds'), PGD(epsilon, "
              "step_size=epsilon / 2, loss='log_odds', seed=0), Square(epsilon)",
    "rough": "trust no gradient here: Square(epsilon), Transfer(another network)",
    "wrong_vjp": "mend vjp: npgm.check_gradients(model, x, y) tells when it is right",
    "residual_rounded": REPAIR, "label_rounded": REPAIR,
    "one_step": "report PGD(epsilon) and APGD(epsilon), not FGSM; trained against one "
                "step, it has learnt that step: train against many",
    "gradient_misleads": "report Square(epsilon) and Transfer(another network): they "
                         "find what the gradient does not",
}


@dataclass(frozen=True)
class Findings:
    """What a verdict goes by; shares of the examples unless it says otherwise.

    count: N. causes: {cause: share} of the gradients. hidden: of those alone whose
    gradient hides what is there: FGSM as attacked leaves them standing and leads
    nowhere, or finds less than PART of what something else does. lost: examples hidden
    by silent layers on the way of PGD, repaired. errors: {attack: error}. rounded: by
    how much FGSM or PGD, whichever gains more, fool more with the residual repaired
    than as attacked. black: fooled by a black box and by no attack along the gradient.
    one, many: of gradients that are alive, those at which one step, or many, repaired
    or not, make wrong what was right; ..._half: at half of epsilon, of all, by the
    security curve. ..._chance: the p-value of the exact paired test. robust_error and
    interval: of the union of all; of a random model, of the attack that finds most.
    """

    count: int
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
    one_half: float
    many_half: float
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
    """The Verdict of Findings."""
    hidden = {name: share for name, share in findings.hidden.items()
              if name not in ("sound", "label_rounded")}
    hidden["silent"] = hidden.get("silent", 0) + findings.lost
    found = {name for name, share in hidden.items() if _enough(findings, share)}
    if _enough(findings, findings.causes.get("not_finite", 0)):
        found.add("not_finite")
    rounded = {name: findings.causes.get(name, 0) for name in (
        "label_rounded", "residual_rounded")}
    if (_enough(findings, findings.rounded) and findings.rounded_chance < CHANCE
            and "residual_rounded" not in found and max(rounded.values()) >= BESIDE):
        found.add(max(rounded, key=rounded.get))
    if found:
        found |= {name for name, share in hidden.items() if share >= BESIDE}
    shares = {name: findings.causes.get(name, 0) for name in found}
    if "silent" in found:
        shares["silent"] += findings.lost
    if _overfitted_to_one_step(findings):
        shares["one_step"] = findings.many - findings.one
    if not shares and (_enough(findings, findings.black)
                       and findings.black_chance < CHANCE):
        spoilt = {name: share for name, share in findings.causes.items()
                  if share >= ENOUGH and name not in ("sound", "label_rounded")}
        shares = spoilt or {"gradient_misleads": findings.black}
    shares = dict(sorted(shares.items(), key=lambda item: (-item[1], item[0])))
    advice = tuple(ADVICE[name] for name in shares)
    return Verdict(bool(shares), shares, _line(findings, shares), advice)


def _enough(findings, share):
    return share >= ENOUGH and round(share * findings.count) >= FEWEST


def _overfitted_to_one_step(findings):
    return (findings.many - findings.one >= ONE_STEP
            and findings.many_chance < CHANCE
            and findings.one < PART * findings.many
            and findings.many_half >= ENOUGH
            and findings.one_half < PART * findings.many_half)


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
