"""The paper's experiments, and one's own: `python -m npgm.experiments NAME`, or from
Python npgm.experiments.run and load."""
import importlib

_HOME = {"run": "npgm.experiments.notebook", "load": "npgm.experiments.notebook"}


def __getattr__(name):
    if name in _HOME:
        return getattr(importlib.import_module(_HOME[name]), name)
    raise AttributeError(f"module 'npgm.experiments' has no attribute {name!r}")


def __dir__():
    return sorted([*globals(), *_HOME])
