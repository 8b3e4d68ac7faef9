"""FGSM on the 10,000 test images: gradient, perturbation, both error rates."""
import npgm
from benchmarks import peers, timing

TARGET = 1.5


def run(quick=False):
    data = npgm.load_dataset()
    found, missing = peers.available()
    net = npgm.MLP.initialize()
    npgm.train(net, npgm.optimizers.Adam(), data, steps=300 if quick else 3000,
               evaluate_at=())
    candidates = {name: make(net, data, npgm.optimizers.Adam())
                  for name, make in found.items() if make.fgsm_errors}
    errors = {name: c.fgsm_errors(0.25) for name, c in candidates.items()}
    for name, pair in errors.items():
        if abs(pair[0] - errors["npgm"][0]) + abs(pair[1] - errors["npgm"][1]) > 0.2:
            raise AssertionError(f"{name} measures {pair}, npgm {errors['npgm']}")
    repeats = 3 if quick else 15
    one = timing.interleave({name: lambda c=c: c.fgsm_errors(0.25)
                             for name, c in candidates.items()}, repeats)
    rows = {"fgsm": {**timing.compare(one, 1, TARGET), "errors": errors}}
    return {"title": "FGSM on 10,000 images, milliseconds", "rows": rows,
            "missing": missing}
