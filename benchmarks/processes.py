"""Two training processes against one: updates a second, and a worker's memory."""
import subprocess
import sys

TARGET = 1.9        # times one process's throughput
MEMORY = 250        # megabytes, at most

# What a worker does: it trains, then takes the measures of table2.
WORKER = """
import sys, time
import npgm
from npgm.experiments.studies.table2 import EXPERIMENT
from npgm.experiments.measures import MEASURES
data = npgm.load_dataset()
net = npgm.MLP.initialize()
adam = npgm.optimizers.Adam()
npgm.train(net, adam, data, steps=100, evaluate_at=())
print("ready", flush=True)
sys.stdin.readline()
start = time.monotonic()
npgm.train(net, adam, data, steps={steps}, evaluate_at=())
print(time.monotonic() - start)
for name in EXPERIMENT.measures:
    MEASURES[name](net, data)
status = open("/proc/self/status").read()
print(int(status.split("VmHWM:")[1].split()[0]) / 1024)
"""


def run(quick=False):
    steps, repeats = (300, 2) if quick else (3000, 5)
    alone, together, memory = [], [], 0
    race(1, 1)                          # it may compile, which takes 100 MB more
    for _ in range(repeats):            # interleaved
        for count, taken in ((1, alone), (2, together)):
            results = race(count, steps)
            taken += [seconds for seconds, _ in results]
            memory = max(memory, *(peak for _, peak in results))
    ratio = 2 * median(alone) / median(together)
    return {"title": "two processes against one, seconds", "rows": {
        "throughput": {"one": round(median(alone), 3),
                       "two": round(median(together), 3),
                       "ratio": round(ratio, 2), "target": TARGET},
        "peak memory of a worker, MB": {"peak": round(memory), "target": MEMORY}}}


def race(count, steps):
    """(seconds, peak memory) of that many workers, started at the same moment."""
    workers = [subprocess.Popen([sys.executable, "-c", WORKER.format(steps=steps)],
                                stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                text=True)
               for _ in range(count)]
    for worker in workers:
        assert worker.stdout.readline() == "ready\n"
    for worker in workers:
        worker.stdin.write("go\n")
        worker.stdin.flush()
    return [tuple(map(float, worker.communicate()[0].split())) for worker in workers]


def median(values):
    return sorted(values)[len(values) // 2]
