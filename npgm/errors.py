"""What npgm raises when it is the caller who has to change something."""
import contextlib


class NpgmError(Exception):
    """Base of npgm's own errors: one line, what is wrong and what to do."""


class InputError(NpgmError, ValueError):
    """An argument cannot be used as it is: its shape, dtype, range or name."""


class DataError(NpgmError, ValueError):
    """A file is missing, damaged, or not what its name says it is."""


class OtherSettings(DataError):
    """Results are whole, but of other settings than what was asked for needs."""


class StorageError(NpgmError, OSError):
    """A file could not be written; what stood there before still stands."""


class DivergedWarning(RuntimeWarning):
    """A training ended early: its loss or its weights are no longer finite."""


class Interrupted(NpgmError):
    """Work was asked to stop and saved where it was."""


@contextlib.contextmanager
def told(what):
    """What other people's code raises within, as an InputError: "what raised ..."."""
    try:
        yield
    except NpgmError:
        raise
    except (Exception, SystemExit) as error:
        raise InputError(f"{what} raised {type(error).__name__}: {reason(error)}"
                         ) from error


def reason(error):
    """What an error says, in one short line; its type if it says nothing."""
    return " ".join(str(error).split())[:200] or type(error).__name__
