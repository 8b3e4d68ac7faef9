"""python -m benchmarks [NAME ...]: npgm against what a user would pick instead.

Every candidate runs in this process, on one thread, interleaved with the others;
times are medians. Results go to benchmarks/results/NAME.json.
"""
import argparse
import importlib
import os
import sys
from pathlib import Path

THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS",
           "NUMBA_NUM_THREADS")
NAMES = ("update", "phases", "attack")
RESULTS = Path(__file__).parent / "results"


def pin_to_one_core():
    """One thread for every library, before any of them is imported; and one core,
    because JAX heeds no such variable and would quietly use them all."""
    for name in THREADS:
        os.environ[name] = "1"
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


def main():
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME",
                        help="any of: " + ", ".join(NAMES) + " (default: all)")
    parser.add_argument("--quick", action="store_true",
                        help="fewer repeats, for a look; nothing is written")
    options = parser.parse_args()
    if unknown := set(options.names) - set(NAMES):
        parser.error(f"unknown: {', '.join(sorted(unknown))}; choose from "
                     + ", ".join(NAMES))
    pin_to_one_core()
    for name in options.names or NAMES:
        run(name, options.quick)


def run(name, quick):
    from npgm import storage
    from npgm.experiments import provenance
    result = importlib.import_module(f"benchmarks.{name}").run(quick)
    result["machine"] = provenance.machine()
    print(f"\n{result['title']}")
    for peer, reason in result.get("missing", {}).items():
        print(f"  missing: {peer} ({reason})")
    for row, values in result["rows"].items():
        print(f"  {row}: {line(values)}")
    if not quick:
        RESULTS.mkdir(exist_ok=True)
        storage.write_json(RESULTS / f"{name}.json", result)


def line(values):
    times = ", ".join(f"{name} {t['median_ms']:.2f}"
                      for name, t in values.get("times", {}).items())
    others = ", ".join(f"{key} {value}" for key, value in values.items()
                       if isinstance(value, (int, float, str)))
    return "; ".join(filter(None, [times, others]))


if __name__ == "__main__":
    sys.exit(main())
