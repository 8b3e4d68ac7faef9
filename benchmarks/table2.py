"""The whole table2 command against the same table written in PyTorch, two
processes each."""
import subprocess
import sys
import tempfile
import time

from benchmarks import peers

TARGET = 1.8
STEPS, QUICK_STEPS = 5_000, 500     # the full 100,000 takes PyTorch an hour


def run(quick=False):
    steps = QUICK_STEPS if quick else STEPS
    missing = peers.available()[1]
    commands = {"npgm": ["-m", "npgm.experiments", "table2", "--jobs", "2"]}
    if "torch" not in missing:
        commands["torch"] = ["-m", "benchmarks.peers.table2_torch"]
    seconds = {name: [] for name in commands}
    for _ in range(1 if quick else 3):
        for name, command in commands.items():
            seconds[name].append(timed(command, steps))
    row = {"updates": steps, "seconds": seconds, "target": TARGET}
    for name, taken in seconds.items():
        row[name] = round(sorted(taken)[len(taken) // 2], 1)
    if "torch" in row:
        row["ratio"] = round(row["torch"] / row["npgm"], 2)
    return {"title": f"table2 at {steps:,} updates, seconds", "rows": {"table2": row},
            "missing": {name: why for name, why in missing.items() if name == "torch"}}


def timed(command, steps):
    with tempfile.TemporaryDirectory() as out:
        start = time.monotonic()
        subprocess.run([sys.executable, *command, "--steps", str(steps), "--out", out],
                       check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        return time.monotonic() - start
