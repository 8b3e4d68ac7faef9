"""From nothing to the first update: import, a cold cache, a warm one."""
import os
import subprocess
import sys
import tempfile
import time

IMPORT, COLD, WARM = 0.1, 10, 1.2   # seconds, at most


def run(quick=False):
    repeats = 1 if quick else 5
    imports = [importing() for _ in range(3 * repeats)]
    cold, warm = [], []
    for _ in range(1 if quick else 3):
        with tempfile.TemporaryDirectory() as cache:
            cold.append(first_update(cache))
            warm += [first_update(cache) for _ in range(repeats)]
    rows = {"import npgm": (imports, IMPORT),
            "table2 --quick to its first update, cold cache": (cold, COLD),
            "table2 --quick to its first update, warm cache": (warm, WARM)}
    return {"title": "start, seconds", "rows": {
        name: {"median": round(sorted(s)[len(s) // 2], 3), "target": target,
               "values": [round(value, 3) for value in s]}
        for name, (s, target) in rows.items()}}


def importing():
    """Seconds of `import npgm`, in a new interpreter."""
    code = ("import time; start = time.perf_counter(); import npgm; "
            "print(time.perf_counter() - start)")
    return float(subprocess.run([sys.executable, "-c", code], capture_output=True,
                                text=True, check=True).stdout)


def first_update(cache):
    """Seconds from the command to the moment a run tells of its first update."""
    with tempfile.TemporaryDirectory() as out:
        environment = {**os.environ, "XDG_CACHE_HOME": cache, "NUMBA_CACHE_DIR": ""}
        start = time.monotonic()
        command = subprocess.Popen(
            [sys.executable, "-m", "npgm.experiments", "table2", "--quick", "--out",
             out], env=environment, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL)
        try:
            while not told(out):
                if command.poll() is not None:
                    raise RuntimeError("table2 ended before its first update")
                time.sleep(0.01)
            return time.monotonic() - start
        finally:
            command.terminate()
            command.wait()


def told(out):
    runs = os.path.join(out, "runs")
    return os.path.isdir(runs) and any(
        os.path.exists(os.path.join(runs, run, "progress.json"))
        for run in os.listdir(runs))
