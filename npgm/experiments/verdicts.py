"""What a claim is, and the words for how it fares."""
from dataclasses import dataclass
from typing import Callable

from npgm.experiments import tables
from npgm.experiments.results import mean

REPORTED, CONCLUDED, BEYOND = ("What the paper reports", "What it concludes",
                               "Beyond the paper")
YES, NO, OTHERWISE = "reproduced", "not reproduced", "reproduced, for another reason"
HOLDS, FAILS, OPEN = "holds", "does not hold", "undecided"      # of what is ours
UNKNOWN = "not measured"


@dataclass(frozen=True)
class Claim:
    """needs: the experiments whose rows judge is called with, one argument each.
    judge(...) -> (measured, verdict, why, the rows that decided)."""

    kind: str
    name: str
    statement: str
    needs: tuple
    judge: Callable


def claim(kind, name, statement, *needs):
    """Make a Claim of the function below it, its judge."""
    return lambda judge: Claim(kind, name, statement, needs, judge)


def text(row, quantity, digits=1):
    """ "97.6 ± 2.5 % (3 seeds)" """
    count = len(known(row, quantity))
    return (f"{tables.percent(row[quantity], digits)} % "
            f"({count} seed{'s' if count > 1 else ''})")


def brief(row, quantity, digits=1):
    """ "97.6 ± 2.5" """
    return tables.percent(row[quantity], digits)


def known(row, quantity):
    """Its values, but for diverged runs'."""
    return [v for v in row[quantity]["values"] if v is not None]


def signed(values):
    return ", ".join(f"{v:+.1f}" for v in values)


def repaired_anyway(row):
    """Whether the repaired attack fools the network all the same."""
    return mean(row, "fgs_error_repaired") >= 90
