"""A compiled twin stands in for the function it was written after, and no other.

Whoever edits an equation in NumPy gets that equation in training and attacks too: the
edited function runs itself, slower, until its kernel is edited as well and the
fingerprint here is renewed (the warning names the new one).
"""
import functools
import hashlib
import importlib
import inspect
import io
import tokenize
import warnings

WRITTEN_AFTER = {
    "optimizers.base.Optimizer.update": "68a1e4799a792971",
    "optimizers.base.Optimizer.compute": "ebb46f34104d3d97",
    "losses.softmax": "3e7cff71c03b6a8d",
    "losses.cross_entropy": "a072148324212404",
    "network.relu": "a96b3c3e062aeaf3",
    "network.forward": "f8df1deaaa4b51e9",
    "network.backward": "79662266c061f9f2",
    "network.backward_to_x": "ad8a749c5b58e302",
    "network.MLP.loss_gradients": "ca95cd022d93cee4",
    "network.MLP.mean_gradient": "6a541a5440911ce4",
    "network.MLP.logits": "9011606c7d8475e0",
    "network.MLP.linearize": "93063ac9b0ab4365",
    "network.MLP.logits_on_line": "ad4f820d5fec1776",
}
NETWORK = tuple(name for name in WRITTEN_AFTER if name.startswith("network"))
UPDATE = tuple(name for name in WRITTEN_AFTER if name.startswith("optimizers"))
CROSS_ENTROPY = tuple(name for name in WRITTEN_AFTER if name.startswith("losses"))


def may_stand_in(names):
    """Whether the functions named still read as when their kernels were written."""
    for name in names:
        found = fingerprint(current(name))
        if found != WRITTEN_AFTER[name]:
            tell(name, found)
            return False
    return True


@functools.cache
def tell(name, found):
    """Warn, once, that a function and its kernel have parted."""
    warnings.warn(f"npgm.{name} was edited, its compiled twin was not: NumPy runs it, "
                  "slower. Make the same change in npgm/compiled, then renew "
                  f"npgm/compiled/twins.py: {found!r}", stacklevel=6)


def current(name):
    """The function of that name, as it is now."""
    module, *path = name.split(".")
    found = importlib.import_module(f"npgm.{module}")
    for part in path:
        found = getattr(found, part)
    return found


@functools.cache
def fingerprint(function):
    """SHA-256, its first 16 digits, of a function's code: without comments, docstring
    and spaces. "unknown" if its source is not to be had."""
    try:
        text = inspect.getsource(function)
    except (OSError, TypeError):
        return "unknown"
    if hasattr(function, "__wrapped__"):        # whose source that is
        return "wrapped"
    kept = [token.string if token.type in WORDS else tokenize.tok_name[token.type]
            for token in tokenize.generate_tokens(io.StringIO(text).readline)
            if token.type in WORDS + LAYOUT]
    return hashlib.sha256(" ".join(kept).encode()).hexdigest()[:16]


WORDS = (tokenize.NAME, tokenize.OP, tokenize.NUMBER)
LAYOUT = (tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT)
