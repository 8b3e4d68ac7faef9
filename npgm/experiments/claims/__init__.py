"""The paper's claims and ours: what was measured, and the criteria that decide."""
from npgm.experiments.claims import beyond, concluded, reported
from npgm.experiments.claims.claim import Claim, Criterion, judge

__all__ = ["CLAIMS", "Claim", "Criterion", "judge"]

CLAIMS = [*reported.CLAIMS, *concluded.CLAIMS, *beyond.CLAIMS]
