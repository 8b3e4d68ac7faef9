"""What a claim is, the words for how it fares, and the judge of all of them."""
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Callable

from npgm.experiments import protocol
from npgm.experiments.measures import outcomes
from npgm.experiments.rows import known, select
from npgm.experiments.rows import text as number

REPORTED, CONCLUDED, BEYOND = ("What the paper reports", "What it concludes",
                               "Beyond the paper")
YES, NO, OTHERWISE = "reproduced", "not reproduced", "reproduced, for another reason"
HOLDS, FAILS, OPEN = "holds", "does not hold", "undecided"      # of what is ours
UNKNOWN = "not measured"

FGS_ERROR = outcomes.FGS_ERROR_PROTOCOL.name        # in rows of another epsilon too

# Thresholds of more than one claim.
HALF = 50           # % of the images: most of them, or not
FOOLED = 90         # % of them: an attack that fools so many is not hindered
CLEARLY = 2         # a factor: what differs by it differs clearly
TOGETHER = 0.6      # rank correlation; ten values reach it by chance 1 time in 27


@dataclass(frozen=True)
class Criterion:
    """name: what is so if holds(evidence). If it is not: verdict and why, or also,
    which is added to the reason of a criterion that fails before it."""

    name: str
    holds: Callable
    verdict: str
    why: str
    also: str = ""


@dataclass(frozen=True)
class Claim:
    """needs: the experiments whose rows measure is called with, one argument each;
    it returns evidence. verdict and why: if all criteria hold. Reasons are filled in
    with the evidence: "within {furthest:.2f} points"."""

    kind: str
    name: str
    statement: str
    needs: tuple
    criteria: tuple
    verdict: str
    why: str
    measure: Callable


def claim(*fields):
    """Make a Claim of the function below it, which measures."""
    return lambda measure: Claim(*fields, measure)


def unless(verdict, why, tests, also=""):
    """A Criterion for each of tests, {name: holds}, all with the same to say."""
    return tuple(Criterion(name, holds, verdict, why, also)
                 for name, holds in tests.items())


def evidence(rows, measured, **numbers):
    """What a claim is judged by: numbers by name, in words, and the rows they are
    from."""
    return SimpleNamespace(rows=rows, measured=measured, **numbers)


def judge(claim, rows):
    """What {experiment: rows} make of a claim: the first criterion that fails
    decides."""
    missing = [name for name in claim.needs if name not in rows]
    if missing:
        return _result(claim, evidence([], ""), UNKNOWN, "; ".join(
            f"python -m npgm.experiments {name} measures it" for name in missing))
    found = claim.measure(*(rows[name] for name in claim.needs))
    failing = [c for c in claim.criteria if not c.holds(found)]
    decisive = failing[0] if failing else claim
    why = "; ".join([decisive.why, *(c.also for c in failing[1:] if c.also)])
    return _result(claim, found, decisive.verdict, why.format(**vars(found)))


def _result(claim, found, verdict, why):
    return {"kind": claim.kind, "claim": claim.name, "statement": claim.statement,
            "measured": found.measured, "verdict": verdict, "why": why,
            "runs": sorted({run for row in found.rows for run in row["runs"]})}


def at_rate(rows, rate, **keys):
    """The row of one learning rate after all updates."""
    row, = select(rows, learning_rate=rate, step=protocol.STEPS, **keys)
    return row


def after_all(rows, **keys):
    """The rows after all updates, by rising learning rate."""
    return sorted(select(rows, step=protocol.STEPS, **keys),
                  key=lambda row: row["learning_rate"])


def text(row, quantity, digits=1):
    """ "97.6 ± 2.5 % (3 seeds)" """
    count = len(known(row, quantity))
    return f"{brief(row, quantity, digits)} % ({count} seed{'s' if count > 1 else ''})"


def brief(row, quantity, digits=1):
    """ "97.6 ± 2.5" """
    return number(row[quantity], digits)


def signed(values):
    """ "+0.4, -1.2" """
    return ", ".join(f"{value:+.1f}" for value in values)
