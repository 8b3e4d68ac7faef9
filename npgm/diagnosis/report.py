"""What a diagnosis says: as numbers, as JSON, as text, as a picture."""
from dataclasses import asdict, dataclass

import numpy as np

from npgm import plots, provenance, storage
from npgm.diagnosis import picture, text, web
from npgm.diagnosis.arithmetic import Arithmetic
from npgm.diagnosis.curve import Curve
from npgm.diagnosis.verdict import Findings, Verdict

PICTURED = 6            # of the worst examples


@dataclass(frozen=True)
class Worst:
    """Examples that every attack along the gradient as attacked left standing, and
    another fooled: x, x_adv (K, ...), labels y (K,), what the model says of each before
    and after, and the distance (K,) of the nearest known. Empty if there are none."""

    x: np.ndarray
    x_adv: np.ndarray
    y: np.ndarray
    before: np.ndarray
    after: np.ndarray
    distance: np.ndarray


@dataclass(frozen=True)
class Report:
    """All that a diagnosis found of N examples; every share and error is of 1.

    name: the model's, or "". settings: what was asked for. arithmetic: see
    Arithmetic. cause (N,): of each example's gradient. steps: of the finite
    differences, in units of x. sign_agreement: of the gradient as attacked with the
    residual's in exact arithmetic, mean over examples; sign_agreement_float64: with the
    whole network's in float64, of an MLP.
    success: {attack: (N,) bool}; headings: {attack: in words}. curve: the security
    curve. signs: warning signs. findings: what the verdict goes by. cost: calls of the
    model, planned and counted, and seconds.
    """

    name: str
    settings: dict
    arithmetic: Arithmetic
    cause: np.ndarray
    steps: tuple
    sign_agreement: float
    sign_agreement_float64: float | None
    success: dict
    headings: dict
    curve: Curve
    signs: tuple
    findings: Findings
    verdict: Verdict
    worst: Worst
    cost: dict

    @property
    def masked(self):
        """Whether the gradient hides what is there."""
        return self.verdict.masked

    @property
    def causes(self):
        """{cause: share} of the examples' gradients, summing to 1."""
        return self.findings.causes

    @property
    def errors(self):
        """{attack: error}, "natural" without any."""
        return self.findings.errors

    @property
    def robust_error(self):
        """The error under whichever attack fools, example by example: the robust error
        is at least this."""
        return self.findings.robust_error

    @property
    def robust_interval(self):
        """(low, high) of robust_error, with 95 % confidence (Wilson), for other
        examples like these."""
        return self.findings.interval

    def json(self):
        """Plain values, all of it but the pictures; NaN and infinity are None."""
        signs = [{"name": sign.name, "raised": sign.raised, "value": sign.value,
                  "threshold": sign.threshold, "why": sign.why, "source": sign.source,
                  "definition": " ".join(sign.definition.split())}
                 for sign in self.signs]
        return storage.plain({
            "model": self.name, "masked": self.masked, "verdict": asdict(self.verdict),
            "robust_error": self.robust_error, "robust_interval": self.robust_interval,
            "settings": self.settings, "arithmetic": asdict(self.arithmetic),
            "causes": self.causes, "steps": self.steps,
            "sign_agreement": self.sign_agreement,
            "sign_agreement_float64": self.sign_agreement_float64,
            "errors": self.errors, "headings": self.headings,
            "curve": asdict(self.curve), "signs": signs,
            "findings": asdict(self.findings), "cost": self.cost,
            "machine": provenance.machine()})

    def __str__(self):
        return "\n".join(text.sections(self))

    def write_json(self, path):
        storage.write_json(path, self.json())

    def write_html(self, path):
        """A self-contained page."""
        storage.write_text(path, web.document(self))

    def write_figure(self, path):
        """A PNG."""
        plots.save(plots.png(picture.draw(self)), path)


def worst_examples(model, x, y, outcome, z):
    """The Worst of an Outcome, those that are fooled nearest first."""
    held = ~np.logical_or.reduce([outcome.success[name] for name in (
        "natural", "fgsm", "pgd", "apgd")])
    there = np.flatnonzero(held & outcome.fooled)
    rows = there[np.argsort(outcome.distance[there], kind="stable")][:PICTURED]
    x_adv = outcome.fooling[rows]
    after = model.logits(x_adv).argmax(axis=1) if rows.size else rows
    return Worst(x[rows], x_adv, y[rows], z[rows].argmax(axis=1), after,
                 outcome.distance[rows])
