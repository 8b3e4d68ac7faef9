"""Whether a model's gradient is masked, by what, and how robust it really is.

Names are imported when first used: what measures a network needs no page.
"""
import importlib

_HOME = {"Arithmetic": "arithmetic", "thresholds": "arithmetic", "CAUSES": "causes",
         "Findings": "verdict", "Verdict": "verdict", "judge": "verdict",
         "Report": "report", "diagnose": "examination"}

__all__ = [*_HOME]


def __getattr__(name):
    if name in _HOME:
        return getattr(importlib.import_module(f"npgm.diagnosis.{_HOME[name]}"), name)
    raise AttributeError(f"module 'npgm.diagnosis' has no attribute {name!r}")
