"""Damaged files of every kind that npgm reads: only its own errors, in one line, and no
more memory than a file's size allows.

python tests/fuzz.py [COUNT [SEED]] prints how many inputs of each kind were tried.
"""
import copy
import gzip
import io
import json
import random
import sys
import tempfile
import tracemalloc
from pathlib import Path
from types import SimpleNamespace

import numpy as np

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(Path(__file__).parent)]

from conftest import idx_bytes  # noqa: E402
from npgm import data, storage  # noqa: E402
from npgm.checkpoint import Checkpoint  # noqa: E402
from npgm.errors import NpgmError  # noqa: E402
from npgm.experiments.output import results  # noqa: E402
from npgm.experiments.store.record import Record  # noqa: E402
from npgm.experiments.studies import EXPERIMENTS  # noqa: E402
from npgm.network import MLP  # noqa: E402
from npgm.optimizers import Adam  # noqa: E402
from npgm.training import History, Trainer  # noqa: E402

NET = MLP.initialize((6, 5, 3))
EXAMPLES = SimpleNamespace(x_train=np.zeros((4, 6), np.float32),
                           y_train=np.zeros(4, np.int64))
CONFIGURATION = {"optimizer": "sgd", "steps": 3, "seed": 0}


def checkpoint(path):
    trainer = Trainer(MLP.initialize((6, 5, 3)), Adam())
    return Checkpoint(path, trainer, History(np.zeros(3, np.float32), trainer.state),
                      EXAMPLES, 2, 0)


def saved(write):
    """The bytes that write(path) leaves."""
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder) / "file")
        return (Path(folder) / "file").read_bytes()


def as_json(value):
    return json.dumps(value).encode()


def npz(**arrays):
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)
    return file.getvalue()


IDX = idx_bytes(np.arange(96, dtype=np.uint8).reshape(6, 4, 4))
RECORD = {**vars(Record(CONFIGURATION, "done")), "evaluations": {
    "1": {"natural": {"natural_error": 3.0}}, "3": {"natural": {"natural_error": 2.0}}}}
RESULT = json.loads((ROOT / "figures" / "data" / "table2.json").read_text())

# kind: (a good file, what reads it)
KINDS = {
    "idx": (IDX, lambda path: data.read_idx(path, 3)),
    "idx.gz": (gzip.compress(IDX, mtime=0), lambda path: data.read_idx(path, 3)),
    "data": (npz(x_train=np.zeros((3, 2, 2), np.uint8), y_train=np.arange(3) % 2,
                 x_test=np.zeros((2, 2, 2), np.uint8), y_test=np.arange(2)),
             lambda path: data._of_archive(path, "float32")),
    "network": (saved(NET.save), MLP.load),
    "npz": (npz(W1=np.zeros((6, 3), np.float32), b1=np.zeros(3, np.float32)), MLP.load),
    "checkpoint": (saved(lambda path: checkpoint(path).save()),
                   lambda path: checkpoint(path).load()),
    "json": (as_json({"a": [1, 2.5, None, {"b": "c"}]}), storage.read_json),
    "record": (as_json(RECORD), lambda path: Record.read(path, CONFIGURATION)),
    "result": (as_json(RESULT), lambda path: results.read(EXPERIMENTS["table2"], path)),
}


def mutate(content, rng):
    """content with one to three faults: cut, flipped, zeroed, repeated, moved."""
    content = bytearray(content)
    for _ in range(rng.choice((1, 1, 2, 3))):
        at, length = rng.randrange(len(content) + 1), rng.choice((1, 2, 4, 8, 64))
        part = content[at:at + length]
        fault = rng.randrange(8)
        if fault == 0:
            del content[at:]
        elif fault == 1 and part:
            content[at] ^= 1 << rng.randrange(8)
        elif fault == 2:
            content[at:at + length] = bytes(len(part))
        elif fault == 3:
            content[at:at] = part * rng.choice((1, 100))
        elif fault == 4:
            del content[at:at + length]
        elif fault == 5:
            content[at:at + length] = rng.randbytes(length)
        elif fault == 6:
            content[at:at + length] = b"\xff" * length
        else:
            content[at:at] = rng.choice((b"[" * 2000, b"9" * 400, b"null", b"\n"))
        if not content:
            break
    return bytes(content)


ODD = (None, 5, -1, 1e400, "", "x\ny", [], {}, [[]], True, {"mean": "a"}, 10 ** 30)


def mutate_json(value, rng):
    """The value with something within it replaced, removed or repeated."""
    value = copy.deepcopy(value)
    parent = value
    while True:
        keys = (list(parent) if isinstance(parent, dict) else range(len(parent)))
        if not keys:
            return value
        key = rng.choice(keys)
        if isinstance(parent[key], (dict, list)) and parent[key] and rng.random() < 0.7:
            parent = parent[key]
            continue
        if rng.random() < 0.3:
            del parent[key]
        else:
            parent[key] = rng.choice(ODD)
        return value


def try_one(kind, content, path):
    """Read it; what is wrong with how that went, or ""."""
    path.write_bytes(content)
    try:
        KINDS[kind][1](path)
    except NpgmError as error:
        return "more than a line" if "\n" in str(error) else ""
    except BaseException as error:
        return f"{type(error).__name__}: {error}"
    return ""


def main(count=1000, seed=0, watch_memory=True):
    """[(kind, fault, content), ...] of count mutations, shared among the kinds."""
    rng, wrong, tried = random.Random(seed), [], dict.fromkeys(KINDS, 0)
    if watch_memory:
        tracemalloc.start()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "file"
        for number in range(count):
            kind = list(KINDS)[number % len(KINDS)]
            good = KINDS[kind][0]
            if kind in ("json", "record", "result") and rng.random() < 0.6:
                content = as_json(mutate_json(json.loads(good), rng))
            else:
                content = mutate(good, rng)
            if watch_memory:
                tracemalloc.reset_peak()
            fault = try_one(kind, content, path)
            if watch_memory:
                used = tracemalloc.get_traced_memory()[1]
                if used > 10 * len(content) + 50e6 and not fault:
                    fault = f"{used / 1e6:.0f} MB of memory"
            tried[kind] += 1
            if fault:
                wrong.append((kind, fault, content))
    tracemalloc.stop()
    return wrong, tried


if __name__ == "__main__":
    wrong, tried = main(*map(int, sys.argv[1:3]), watch_memory=False)
    for kind, fault, content in wrong[:20]:
        print(kind, fault[:200], content[:60])
    print(f"tried {tried}: {len(wrong)} wrong")
    sys.exit(bool(wrong))
