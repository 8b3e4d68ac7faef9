"""What a result came from: versions, machine, threads."""
import hashlib
import os
import platform
from importlib.metadata import version
from pathlib import Path

import npgm

THREAD_VARIABLES = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS",
                    "VECLIB_MAXIMUM_THREADS", "NUMBA_NUM_THREADS")
MATHEMATICS = ("losses", "network", "optimizers", "simd", "kernels",
               "compiled_network", "compiled_update", "training", "attacks/base",
               "attacks/one_step", "attacks/fgsm", "defences/adversarial_training")


def machine():
    return {"versions": {"npgm": npgm.__version__, "python": platform.python_version(),
                         **{name: version(name) for name in ("numpy", "numba")}},
            "sources": sources(),
            "system": f"{platform.system()} {platform.machine()}",
            "processor": _processor(), "cores": os.cpu_count(),
            "threads_per_process": os.environ.get(THREAD_VARIABLES[0])}


def sources():
    """SHA-256 over the modules a run's bits come from."""
    folder = Path(npgm.__file__).parent
    return hashlib.sha256(b"".join((folder / f"{name}.py").read_bytes()
                                   for name in MATHEMATICS)).hexdigest()


def one_thread_each():
    """Make processes started from now on use one thread: a run is one thread,
    and two runs must not fight over the cores."""
    for name in THREAD_VARIABLES:
        os.environ[name] = "1"


def _processor():
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or "unknown"
