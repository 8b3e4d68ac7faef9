"""What a warning sign is, and how one is declared."""
import functools
import math
from dataclasses import dataclass

SIGNS = {}      # name: function, in the order in which they are told


class NotMeasured(Exception):
    """Raised by a sign that cannot be told; the message says why."""


@dataclass(frozen=True)
class Sign:
    """One warning sign as found. raised: whether value is beyond threshold; None, as
    value is, if it could not be told. why: what was found, in a sentence."""

    name: str
    value: float | None
    threshold: float
    raised: bool | None
    why: str

    @property
    def definition(self):
        """The docstring of the function that looks for it."""
        return SIGNS[self.name].__doc__

    @property
    def source(self):
        """Who defined it, and where."""
        return SIGNS[self.name].source


def sign(threshold, source, below=False):
    """Declare the function below it, evidence -> (value, why), as a warning sign:
    raised if value is above threshold, or below it. Its docstring is the definition."""
    def declare(function):
        @functools.wraps(function)
        def look(evidence):
            try:
                value, why = function(evidence)
            except NotMeasured as reason:
                value, why = None, str(reason)
            if value is not None and math.isnan(value):
                value, why = None, "what it goes by is not a number"
            raised = None
            if value is not None:
                value = float(value)
                raised = value < threshold if below else value > threshold
            return Sign(function.__name__, value, threshold, raised, why)
        look.threshold, look.source = threshold, source
        SIGNS[function.__name__] = look
        return look
    return declare
