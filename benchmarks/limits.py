"""What a diagnosis of the paper's network may take: seconds and memory, in a new
process, with nothing compiled yet and with what the first has compiled."""
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import npgm
from benchmarks import paper

SECONDS, MEGABYTES = 60, 1000   # at most
ASKED = {"1,000 images, everything": (1000, True),
         "10,000 images, without Square and transfer": (10_000, False)}
QUICK = 20                      # times fewer images

WORKER = """
import json, time
start = time.perf_counter()
import npgm
data = npgm.load_dataset()
report = npgm.diagnose(npgm.MLP.load({path!r}), data.x_test[:{count}],
                       data.y_test[:{count}], clip=(0, 1), black_box={black_box})
seconds = round(time.perf_counter() - start, 1)
status = open("/proc/self/status").read()
print(json.dumps({{
    "seconds": seconds,
    "megabytes": round(int(status.split("VmHWM:")[1].split()[0]) / 1024),
    "verdict": report.verdict.line}}))
"""


def run(quick=False):
    rows, missing = {}, {}
    with tempfile.TemporaryDirectory() as made:
        networks = {name: path for name, path in paper.networks().items()
                    if path.exists()}
        if not networks:
            missing["the paper's networks"] = "3,000 updates instead of 100,000"
            networks = {"Adam 0.001, 3,000 updates": trained(Path(made) / "net.npz")}
        for name, path in networks.items():
            for asked, (count, black_box) in ASKED.items():
                count //= QUICK if quick else 1
                row = measured(path, count, black_box)
                rows[f"{asked}, {name}"] = row
                print(f"  {asked}, {name}: {row}", flush=True)
    return {"title": "a diagnosis, seconds and megabytes", "rows": rows,
            "missing": missing}


def trained(path):
    net = npgm.MLP.initialize()
    npgm.train(net, npgm.optimizers.Adam(), npgm.load_dataset(), 3000, evaluate_at=())
    net.save(path)
    return path


def measured(path, count, black_box):
    """A row: the first process finds no compiled code, the second the first's."""
    code = WORKER.format(path=str(path), count=count, black_box=black_box)
    with tempfile.TemporaryDirectory() as cache:
        environment = {**os.environ, "XDG_CACHE_HOME": cache, "NUMBA_CACHE_DIR": ""}
        cold, warm = (json.loads(subprocess.run(
            [sys.executable, "-c", code], env=environment, capture_output=True,
            text=True, check=True).stdout) for _ in range(2))
    return {"cold": cold["seconds"], "warm": warm["seconds"],
            "megabytes": max(cold["megabytes"], warm["megabytes"]),
            "verdict": warm["verdict"], "target": SECONDS,
            "target_megabytes": MEGABYTES}
