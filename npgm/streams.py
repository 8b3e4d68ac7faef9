"""Standard streams as they come: missing, narrow or full. What is said is not what is
done: none of that changes a result or an exit status."""
import codecs
import os
import sys

PLAIN = {"±": "+-", "–": "-", "’": "'", "…": "..."}


def _plainly(error):
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = error.object[error.start:error.end]
    return "".join(PLAIN.get(c, "?") for c in text), error.end


def prepare():
    """Make print safe: a stream that is missing swallows what it is given, one that
    knows few characters gets plain ones."""
    codecs.register_error("npgm", _plainly)
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="npgm")


def say(text="", error=False):
    """Print text at once, as far as it goes: to standard output or error."""
    name = "stderr" if error else "stdout"
    try:
        print(text, file=getattr(sys, name), flush=True)
    except OSError:         # full, or its reader has left: nobody reads on
        setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))
