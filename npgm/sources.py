"""Which of npgm's files the bits of a run come from: one list, for the cache of
compiled code and for what a result says of its origin."""
import functools
import hashlib
from pathlib import Path

PACKAGE = Path(__file__).parent

# A folder stands for every module in it. What machine code is made of:
COMPILED = ("sources.py", "cache.py", "optimizers", "compiled")
# What a run and its measurements are made of:
RUN = (*COMPILED, "checks.py", "names.py", "idx.py", "pixels.py", "data.py",
       "losses.py", "vanishing.py", "network.py", "checkpoint.py", "training.py",
       "attacks", "defences", "diagnosis/__init__.py", "diagnosis/arithmetic.py",
       "diagnosis/causes.py", "diagnosis/battery.py", "experiments/protocol.py",
       "experiments/measures")


def files(names):
    """The modules named, in a fixed order."""
    paths = (PACKAGE / name for name in names)
    return sorted(file for path in paths
                  for file in (path.rglob("*.py") if path.is_dir() else [path]))


@functools.cache
def digest(names=RUN):
    """SHA-256 over the modules named, as they stood on disk when this process first
    asked."""
    return hashlib.sha256(b"".join(map(Path.read_bytes, files(names)))).hexdigest()


@functools.cache
def owns(function):
    """Whether a function's code is among what the cache is keyed by. All else is its
    user's, wherever it stands: it may change and no digest shows it."""
    return Path(function.__code__.co_filename) in files(COMPILED)
