"""What the commands share: how options are read, and what a command ends with."""
import argparse
import contextlib
import signal
from pathlib import Path

from npgm.errors import InputError, Interrupted, NpgmError
from npgm.streams import say


def status(run, interrupted):
    """Exit status of run(): what it returns, 0 for None; 1 if it could not be done,
    told in a line; 130 if it was interrupted, by Ctrl-C or SIGTERM, which is told with
    what `interrupted` says."""
    try:
        with termination_as_interrupt():
            return run() or 0
    except (Interrupted, KeyboardInterrupt):
        say(f"\ninterrupted; {interrupted}", error=True)
        return 130
    except NpgmError as error:
        say(f"error: {error}", error=True)
        return 1


@contextlib.contextmanager
def termination_as_interrupt():
    """SIGTERM to this process does what Ctrl-C does."""
    def interrupt(signum, frame):
        raise KeyboardInterrupt
    with _handled(signal.SIGTERM, interrupt):
        yield


@contextlib.contextmanager
def interrupts_later():
    """Ctrl-C while it lasts strikes at its end: an import that it cuts short tells it
    as a fault of its own."""
    struck = []
    try:
        with _handled(signal.SIGINT, lambda signum, frame: struck.append(1)):
            yield
    finally:
        if struck:
            raise KeyboardInterrupt


@contextlib.contextmanager
def _handled(signum, handler):
    """A signal handled so while it lasts; in the main thread, where alone it can be."""
    try:
        before = signal.signal(signum, handler)
    except ValueError:
        yield
        return
    try:
        yield
    finally:
        signal.signal(signum, before)


def positive(text):
    """A whole number of at least 1, written 100000, 100,000 or 1e5."""
    try:
        number = float(text.replace(",", ""))
        if number >= 1 and number == int(number):
            return int(number)
    except (ValueError, OverflowError):
        pass
    raise argparse.ArgumentTypeError(f"{text!r}: give a whole number of at least 1")


def that(check):
    """A type of argparse: check(text), which raises ValueError; what an InputError
    says is told."""
    def read(text):
        try:
            return check(text)
        except InputError as error:
            raise argparse.ArgumentTypeError(str(error)) from None
        except ValueError:
            raise argparse.ArgumentTypeError(f"{text!r}: give a number") from None
    return read


def file(text):
    """The path of a file."""
    if not text:
        raise argparse.ArgumentTypeError("give the name of a file")
    return Path(text)


def folder(text):
    """The path of a folder."""
    if not text:
        raise argparse.ArgumentTypeError("give the name of a folder")
    return Path(text)


def data(text):
    """The path of a folder or a file."""
    if not text:
        raise argparse.ArgumentTypeError("give the name of a folder or an .npz file")
    return Path(text)


# How every command is given data, and what it says of them.
DATA = {"metavar": "DATA", "type": data,
        "help": "a folder of four IDX files, or an .npz file of x_train, y_train, "
        "x_test, y_test (default: MNIST)"}
