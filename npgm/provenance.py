"""What a result came from: versions, machine, threads."""
import os
import platform
from importlib.metadata import version
from pathlib import Path

import npgm
from npgm import sources

THREAD_VARIABLES = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS",
                    "VECLIB_MAXIMUM_THREADS", "NUMBA_NUM_THREADS")
KEPT = ("NUMBA_CACHE_DIR", "NUMBA_DISABLE_JIT")


def machine(before=None):
    """The state of things now; before: that of an earlier part of the same run, whose
    sources are kept where they were others."""
    earlier = set((before or {}).get("earlier_sources", []))
    earlier |= {before["sources"]} if before and "sources" in before else set()
    earlier -= {sources.digest()}
    return {**({"earlier_sources": sorted(earlier)} if earlier else {}),
            "versions": {"npgm": npgm.__version__, "python": platform.python_version(),
                         **{name: version(name) for name in ("numpy", "numba")}},
            "sources": sources.digest(),
            "system": f"{platform.system()} {platform.machine()}",
            "processor": _processor(), "cores": os.cpu_count(),
            "threads_per_process": os.environ.get(THREAD_VARIABLES[0])}


def plain_surroundings(environment=os.environ):
    """Make processes started with this environment use one thread, since a run is one
    and two must not fight over the cores; and none of Numba's settings that change bits
    or speed, whatever this process was given."""
    for name in list(environment):
        if name.startswith("NUMBA_") and name not in KEPT:
            del environment[name]
    for name in THREAD_VARIABLES:
        environment[name] = "1"


def _processor():
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or "unknown"
