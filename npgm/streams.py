"""Standard streams as they come: missing, narrow or full. What is said is not what is
done: none of that changes a result or an exit status."""
import codecs
import contextlib
import io
import os
import sys
import warnings

PLAIN = {"±": "+-", "–": "-", "’": "'", "…": "..."}


def _plainly(error):
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = error.object[error.start:error.end]
    return "".join(PLAIN.get(c, "?") for c in text), error.end


def prepare():
    """Make the standard streams safe: one that is missing or full, or the reader of
    which has left, swallows what it is given; one that knows few characters gets plain
    ones. Warnings are told as notes."""
    codecs.register_error("npgm", _plainly)
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="npgm")
            setattr(sys, name, _Safe(stream))
    warnings.showwarning = _note


def _note(message, category, filename, lineno, file=None, line=None):
    """A warning in one line: where it arose is of no use to who gave a command."""
    print(f"note: {message}", file=file or sys.stderr, flush=True)


class _Safe:
    """A stream that never raises OSError for what is said to it."""

    def __init__(self, stream):
        self.stream = stream

    def __getattr__(self, name):
        return getattr(self.stream, name)

    def write(self, text):
        with contextlib.suppress(OSError):
            return self.stream.write(text)

    def flush(self):
        try:
            self.stream.flush()
        except OSError:         # what is left in it would fail again at the very end
            self.stream = open(os.devnull, "w", encoding="utf-8")


def say(text="", error=False):
    """Print text at once: to standard output or error."""
    print(text, file=sys.stderr if error else sys.stdout, flush=True)
