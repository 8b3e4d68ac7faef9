"""npgm: gradient masking and optimizers, from the arithmetic up.

Names are imported when first used, so that `import npgm` costs next to nothing.
"""
import importlib

__version__ = "0.1.0"

_HOME = {"load_dataset": "npgm.data", "Dataset": "npgm.data", "MLP": "npgm.network",
         "train": "npgm.training", "Trainer": "npgm.training",
         "check_gradients": "npgm.gradient_check", "diagnose": "npgm.diagnosis",
         "trace": "npgm.tracing", "Trace": "npgm.tracing", "NpgmError": "npgm.errors"}
_MODULES = ("attacks", "data", "defences", "diagnosis", "errors", "experiments",
            "losses", "models", "network", "optimizers", "tracing", "training",
            "vanishing")

__all__ = [*_HOME, *_MODULES]


def __getattr__(name):
    if name in _HOME:
        return getattr(importlib.import_module(_HOME[name]), name)
    if name in _MODULES:
        return importlib.import_module(f"npgm.{name}")
    raise AttributeError(f"module 'npgm' has no attribute {name!r}")


def __dir__():
    return sorted([*globals(), *__all__])
