"""python -m benchmarks [NAME ...]: npgm against what a user would pick instead.

Candidates run interleaved, on one thread each; times are medians. Results go to
benchmarks/results/NAME.json, and all of them into one table and one picture beside
them, speed.md and speed.png; `diagnosis`, `pytorch` and `scaling` have tables of
their own.
"""
import argparse
import importlib
import os
import sys
from pathlib import Path

from npgm.errors import NpgmError

THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS",
           "NUMBA_NUM_THREADS")
NAMES = ("update", "kernels", "attack", "attacks", "growth", "phases", "processes",
         "start", "table2", "tracing", "limits", "diagnosis", "pytorch", "scaling")
RESULTS = Path(__file__).parent / "results"


def one_thread():
    """One thread for every library, before any of them is imported."""
    for name in THREADS:
        os.environ[name] = "1"


def main():
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME",
                        help="any of: " + ", ".join(NAMES) + " (default: all)")
    parser.add_argument("--quick", action="store_true",
                        help="fewer repeats, for a look; nothing is written")
    options = parser.parse_args()
    if unknown := set(options.names) - set(NAMES):
        parser.error(f"unknown: {', '.join(sorted(unknown))}; choose from "
                     + ", ".join(NAMES))
    one_thread()
    status = 0
    for name in options.names or NAMES:
        try:
            run(name, options.quick)
        except NpgmError as error:
            print(f"error: {name}: {error}", file=sys.stderr)
            status = 1
    if not options.quick:
        from benchmarks import diagnosis_table, picture, pytorch, scaling, table
        for made in (table.write(RESULTS), picture.draw(RESULTS),
                     diagnosis_table.write(RESULTS), pytorch.write(RESULTS),
                     scaling.write(RESULTS)):
            if made:
                print(f"written: {made}")
    return status


def run(name, quick):
    from npgm import provenance, storage
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
