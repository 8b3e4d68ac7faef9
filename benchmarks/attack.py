"""FGSM on the 10,000 test images: gradient, perturbation and error rates, at one
epsilon and at six."""
import numpy as np

import npgm
from benchmarks import peers, timing

TARGET = 1.5            # times PyTorch
SWEEP_TARGET = 2.2      # at most: six epsilons against one
EPSILONS = (0.05, 0.1, 0.15, 0.2, 0.25, 0.3)


@timing.one_core()
def run(quick=False):
    data = npgm.load_dataset()
    found, missing = peers.available()
    net = npgm.MLP.initialize()
    npgm.train(net, npgm.optimizers.Adam(), data, steps=300 if quick else 3000,
               evaluate_at=())
    candidates = {name: make(net, data, npgm.optimizers.Adam())
                  for name, make in found.items() if make.fgsm_errors}
    repeats = 3 if quick else 15
    one, errors = measure(candidates, (0.25,), repeats)
    six, _ = measure(candidates, EPSILONS, repeats)
    rows = {"one epsilon": {**timing.compare(one, 1, TARGET), "errors": errors},
            "six epsilons": timing.compare(six, 1)}
    for name, row in rows["one epsilon"]["times"].items():
        of_six = rows["six epsilons"]["times"][name]
        of_six["times_one"] = round(of_six["median_ms"] / row["median_ms"], 2)
    if "torch" in candidates:
        torch = min(t["median_ms"] for name, t in rows["one epsilon"]["times"].items()
                    if name.startswith("torch"))
        rows["one epsilon"]["ratio_to_torch"] = round(
            torch / rows["one epsilon"]["times"]["npgm"]["median_ms"], 2)
    rows["six epsilons"].update(
        target_times_one=SWEEP_TARGET,
        npgm_times_one=rows["six epsilons"]["times"]["npgm"]["times_one"])
    return {"title": "FGSM on 10,000 images, milliseconds", "rows": rows,
            "missing": missing}


def measure(candidates, epsilons, repeats):
    """Seconds of each candidate, and its errors, which must agree."""
    errors = {name: tuple(map(float, c.fgsm_errors(epsilons)))
              for name, c in candidates.items()}
    for name, found in errors.items():
        if np.abs(np.subtract(found, errors["npgm"])).max() > 0.15:
            raise AssertionError(f"{name} measures {found}, npgm {errors['npgm']}")
    return timing.interleave({name: lambda c=c: c.fgsm_errors(epsilons)
                              for name, c in candidates.items()}, repeats), errors
