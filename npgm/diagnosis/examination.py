"""The whole diagnosis of a model: measured, judged, reported."""
import time
import warnings

import numpy as np
from tqdm import tqdm

from npgm import checks
from npgm.attacks.base import checked, input_gradient
from npgm.attacks.cost import CountedTwin
from npgm.attacks.surrogate import train_surrogate
from npgm.diagnosis import battery, causes, curve, signs, verdict
from npgm.diagnosis.arithmetic import arithmetic
from npgm.diagnosis.report import Report, worst_examples
from npgm.diagnosis.statistics import paired_exact, wilson
from npgm.losses import log_odds
from npgm.network import MLP
from npgm.streams import say

# Attacks along the gradient at x itself, and along many; those of a black box.
ALONG_ONE = ("fgsm", "fgsm_repaired")
ALONG_MANY = ("pgd", "pgd_repaired", "apgd", "apgd_repaired")
BLACK_BOX = {"square", "transfer", "random_sign"}


def diagnose(model, x, y, epsilon=0.25, clip="data", seed=0, quick=False,
             black_box=True, progress=False, name=""):
    """Whether a model's gradient is masked, by what, and how robust it is -> Report.

    model: any object with logits(x) -> (N, C) and vjp(x, dz), as npgm.models makes of
    other libraries'. x (N, ...): examples, floats, as the model takes them; y (N,)
    labels. epsilon: the largest change of a pixel, above 0. clip: (low, high), what an
    attacked pixel may be; None for no bounds; "data": (0, 1) if x lies within, else no
    bounds. quick: shorter attacks, for a look. black_box: with Square and transfer,
    which take most of the time. progress: tells the cost on standard error, with a bar
    where that is a terminal. name: what reports call the model. The same seed gives the
    same numbers. Raises InputError if model, x or y do not fit each other.
    """
    epsilon = checks.number("epsilon", epsilon, above=True)
    seed = checks.seed(seed)
    clip = _clip(clip, x)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        # What they would tell is measured, and in the report.
        warnings.simplefilter("ignore")
        first, rows, y = checked(model, x, y, clip, epsilon)
        start, classes = time.monotonic(), first.logits(rows[:1]).shape[1]
        surrogate = train_surrogate(rows, y, classes, seed) if black_box else None
        entries = battery.battery(epsilon, clip, seed, classes,
                                  battery.QUICK if quick else battery.FULL, surrogate)
        planned = planned_calls(entries, len(x))
        if progress:
            say(f"{len(x):,} examples: at most {planned:,} calls of the model, an "
                "example each", error=True)
        with tqdm(total=planned, unit=" calls", unit_scale=True, leave=False,
                  mininterval=0.5, disable=None if progress else True) as bar:
            counted = CountedTwin(model, bar.update)
            measured = _measure(counted, x, y, epsilon, clip, seed, entries)
        wide = _agreement_float64(model, rows, y)
    return Report(
        name=str(name),
        settings={"epsilon": epsilon, "clip": clip, "seed": seed, "quick": bool(quick),
                  "black_box": bool(black_box), "examples": len(x)},
        headings={name: entry.heading for name, entry in entries.items()},
        cost={"planned_calls": planned, "calls": counted.calls,
              "seconds": round(time.monotonic() - start, 1)},
        sign_agreement_float64=wide, **measured)


def _clip(clip, x):
    """What clip stands for."""
    if isinstance(clip, str) and clip == "data":
        inside = isinstance(x, np.ndarray) and x.size and x.dtype.kind == "f" and (
            0 <= x.min() and x.max() <= 1)
        return (0.0, 1.0) if inside else None
    return None if clip is None else checks.clip(clip)


def planned_calls(entries, count):
    """Calls of the model, at most, for that many examples: told before."""
    each = causes.CALLS + curve.CALLS + sum(entry.calls for entry in entries.values())
    return count * each + signs.CALLS * min(count, signs.SUBSET)


def _measure(model, x, y, epsilon, clip, seed, entries):
    """The measured parts of a Report, by their names."""
    rows_model, rows, _ = checked(model, x, y, clip, epsilon)
    low, high = clip or (float(x.min()), float(x.max()))
    scale = (high - low) or 1.0
    found = causes.gradients(rows_model, rows, y, scale, seed)
    random = bool(np.mean(found.cause == "random") >= verdict.ENOUGH)
    *_, outcome = battery.attack_all(entries, model, x, y, epsilon, clip, found.z,
                                     random)
    security = curve.security_curve(model, x, y, epsilon, clip, seed, outcome, scale)
    looked_for = signs.warning_signs(model, x, y, epsilon, clip, seed, outcome.success)
    findings = _findings(found.cause, outcome, security, epsilon)
    return {"arithmetic": arithmetic(found.z, y), "cause": found.cause,
            "steps": causes.steps_of(x, found.z, scale),
            "sign_agreement": _mean(found.agreement), "success": outcome.success,
            "curve": security, "signs": looked_for, "findings": findings,
            "verdict": verdict.judge(findings),
            "worst": worst_examples(model, x, y, outcome, found.z)}


def _findings(cause, outcome, security, epsilon):
    success, everything = outcome.success, np.ones(len(cause), bool)
    natural, alive = success["natural"], np.isin(cause, causes.ALIVE)
    pairs = [(success[f"{name}_repaired"], success[name]) for name in ("fgsm", "pgd")]
    repaired, attacked = max(pairs, key=lambda pair: _more(*pair))
    black, white = (_any(success, names) for names in (
        BLACK_BOX, success.keys() - BLACK_BOX))
    one, many = (_any(success, names) & alive & ~natural
                 for names in (ALONG_ONE, ALONG_MANY))
    half = security.epsilons.index(epsilon / 2)
    robust = (outcome.strongest if outcome.random else outcome.distance <= epsilon)
    return verdict.Findings(
        count=len(cause), causes=_shares(cause, everything),
        hidden=_hidden(cause, outcome), lost=_mean(outcome.parts["silent"] & alive),
        errors={name: _mean(hit) for name, hit in success.items()},
        rounded=_more(repaired, attacked),
        rounded_chance=paired_exact(repaired, attacked),
        black=_mean(black & ~white), black_chance=paired_exact(black, white),
        one=_mean(one), many=_mean(many), many_chance=paired_exact(many, one),
        one_half=max(security.errors[name][half] for name in ("attacked", "repaired"))
        - _mean(natural), many_half=security.errors["strongest"][half] - _mean(natural),
        robust_error=_mean(robust), interval=wilson(int(robust.sum()), len(robust)))


def _hidden(cause, outcome):
    """{cause: share} as Findings.hidden has it."""
    right = ~outcome.success["natural"]
    standing, fooled = ~outcome.success["fgsm"] & right, outcome.strongest & right
    nowhere, shares = outcome.leads_nowhere(cause), {}
    for name in causes.CAUSES:
        here = cause == name
        hides = here & standing & nowhere
        if (here & right & ~standing).sum() < verdict.PART * (here & fooled).sum():
            hides |= here & standing & fooled
        shares[name] = _mean(hides)
    return {name: share for name, share in shares.items() if share}


def _shares(cause, among):
    """{cause: share of all examples}, of those among which it is, in the order of
    CAUSES."""
    return {name: share for name in causes.CAUSES
            if (share := _mean((cause == name) & among))}


def _any(success, names):
    """(N,): fooled by one of those attacks, as far as they were made."""
    return np.logical_or.reduce([success[name] for name in names if name in success])


def _more(a, b):
    return _mean(a) - _mean(b)


def _mean(values):
    """The mean of what is a number; nan if nothing is."""
    values = np.asarray(values, float)
    known = values[~np.isnan(values)]
    return float(known.mean()) if known.size else float("nan")


def _agreement_float64(model, x, y):
    """As sign_agreement, of float32's gradient as attacked against that of the whole
    network in float64; None of a model that is not an MLP of float32."""
    if not (isinstance(model, MLP) and model.dtype == np.float32):
        return None
    wide = MLP(model.sizes, model.theta.astype("float64")).compiled()
    return _mean(np.concatenate([causes.sign_agreement(
        input_gradient(model, x[s:s + 500], y[s:s + 500], "cross_entropy").dx,
        input_gradient(wide, x[s:s + 500].astype("float64"), y[s:s + 500], log_odds).dx)
        for s in range(0, len(x), 500)]))
