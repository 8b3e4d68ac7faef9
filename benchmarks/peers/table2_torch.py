"""Table II as a PyTorch user would write it: each optimizer in a process of its
own, two at a time, with fused updates; errors are taken once, at the end."""
import argparse
import json
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import npgm
from benchmarks.peers.with_torch import TorchFused
from npgm.experiments.protocol import EPSILON, OPTIMIZERS, TABLE2
from npgm.training import batch_rows


def train(name, steps):
    data = npgm.load_dataset()
    model = TorchFused(npgm.MLP.initialize(), data, OPTIMIZERS[name])
    for t in range(1, steps + 1):
        model.update(batch_rows(len(data.y_train), 125, 0, t))
    return name, model.fgsm_errors((EPSILON,))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--steps", type=int, required=True)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    with ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as executor:
        errors = dict(executor.map(train, TABLE2, [options.steps] * len(TABLE2)))
    (options.out / "table2.json").write_text(json.dumps(errors))


if __name__ == "__main__":
    main()
