"""FGSM on the 10,000 test images: gradient, perturbation and error rates, at one
epsilon and at six, of a network of 3,000 updates and of one with a masked gradient."""
import numpy as np

import npgm
from benchmarks import paper, peers, timing
from npgm.experiments.protocol import MASKED_RATE, STEPS

TARGET = 1.15           # times the fastest other
MASKED_TARGET = 1.8     # of the network that is masked, and at six epsilons
SWEEP_TARGET = 2.2      # at most: six epsilons against one
EPSILONS = (0.05, 0.1, 0.15, 0.2, 0.25, 0.3)
UPDATES = 3000
APART = 0.3             # points of error: each library rounds residuals its own way


@timing.one_core()
def run(quick=False):
    data = npgm.load_dataset()
    found, missing = peers.available()
    masked, updates = masked_network(data)
    if updates < STEPS:
        missing["the paper's network"] = f"{updates:,} updates instead of {STEPS:,}"
    fresh = trained(npgm.optimizers.Adam(), data, UPDATES // 10 if quick else UPDATES)
    repeats, rows = 3 if quick else 15, {}
    for name, net in (("", fresh), (f", Adam {MASKED_RATE:g}", masked)):
        candidates = {peer: make(net, data, npgm.optimizers.Adam())
                      for peer, make in found.items() if make.fgsm_errors}
        rows[f"one epsilon{name}"] = one = measure(
            candidates, (0.25,), repeats, MASKED_TARGET if name else TARGET)
        rows[f"six epsilons{name}"] = six = measure(
            candidates, EPSILONS, repeats, MASKED_TARGET)
        for peer, times in one["times"].items():
            of_six = six["times"][peer]
            of_six["times_one"] = round(of_six["median_ms"] / times["median_ms"], 2)
        six.update(target_times_one=SWEEP_TARGET,
                   npgm_times_one=six["times"]["npgm"]["times_one"])
    rows[f"one epsilon, Adam {MASKED_RATE:g}"]["updates"] = updates
    return {"title": "FGSM on 10,000 images, milliseconds", "rows": rows,
            "missing": missing}


def trained(optimizer, data, updates):
    net = npgm.MLP.initialize()
    npgm.train(net, optimizer, data, steps=updates, evaluate_at=())
    return net


def masked_network(data):
    """The paper's network, and its updates; a less trained one where that is not."""
    path = paper.networks()[f"Adam {MASKED_RATE:g}, {STEPS:,} updates"]
    if path.exists():
        return npgm.MLP.load(path), STEPS
    return trained(npgm.optimizers.Adam(MASKED_RATE), data, UPDATES), UPDATES


def measure(candidates, epsilons, repeats, target):
    """A row: seconds of each candidate, and its errors, which must agree."""
    errors = {name: tuple(map(float, c.fgsm_errors(epsilons)))
              for name, c in candidates.items()}
    for name, found in errors.items():
        if np.abs(np.subtract(found, errors["npgm"])).max() > APART:
            raise AssertionError(f"{name} measures {found}, npgm {errors['npgm']}")
    seconds = timing.interleave({name: lambda c=c: c.fgsm_errors(epsilons)
                                 for name, c in candidates.items()}, repeats)
    return {**timing.compare(seconds, 1, target), "errors": errors}
