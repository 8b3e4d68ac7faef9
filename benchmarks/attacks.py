"""The attacks against those of ART and foolbox: the same weights, examples, steps and
bounds, as one call each; beside the times, what each reached and how near.

Where a peer defines an attack otherwise, tests/test_other_libraries.py says how.
"""
import functools
import importlib
import warnings
from typing import NamedTuple

import numpy as np

import npgm
from benchmarks import timing
from npgm.attacks import (APGD, FGSM, JSMA, PGD, CarliniWagner, DeepFool, Square)
from npgm.losses import mistakes

TARGET = 1          # times the fastest other
EPSILON = 0.1


class Case(NamedTuple):
    """attack: ours. count: of examples. art, foolbox: their name of it and its
    settings, None if they have none. aim: whether at the next class."""

    attack: object
    count: int
    art: tuple | None
    foolbox: tuple | None = None
    aim: bool = False


def cases(share=1.0):
    """{what: Case}, of a share of the examples."""
    def of(count):
        return max(5, int(share * count))
    pgd = {"eps": EPSILON, "eps_step": 0.01, "max_iter": 40}
    return {
        "FGSM": Case(FGSM(EPSILON, clip=(0, 1)), of(5000),
                     ("FastGradientMethod", {"eps": EPSILON}),
                     ("LinfFastGradientAttack", {"random_start": False})),
        "PGD, 40 steps": Case(PGD(EPSILON, 40, 0.01, clip=(0, 1)), of(1000),
                              ("ProjectedGradientDescent", pgd),
                              ("LinfPGD", {"random_start": False, "steps": 40,
                                           "abs_stepsize": 0.01})),
        "PGD at a target": Case(PGD(EPSILON, 40, 0.01, clip=(0, 1)), of(1000),
                                ("ProjectedGradientDescent", {**pgd, "targeted": True}),
                                aim=True),
        "APGD, 50 steps": Case(APGD(EPSILON, 50, clip=(0, 1)), of(500), (
            "AutoProjectedGradientDescent",
            {"eps": EPSILON, "max_iter": 50, "eps_step": 2 * EPSILON,
             "nb_random_init": 1, "loss_type": "cross_entropy"})),
        "Square, 200 queries": Case(Square(EPSILON, 200, clip=(0, 1)), of(200), (
            "SquareAttack", {"eps": EPSILON, "max_iter": 200})),
        "DeepFool": Case(DeepFool(), of(200), ("DeepFool", {"epsilon": 0.02}),
                         ("L2DeepFoolAttack", {})),
        "Carlini and Wagner, 500 steps": Case(
            CarliniWagner(steps=500, search_steps=6, c=0.01), of(50),
            ("CarliniL2Method", {"max_iter": 20}),
            ("L2CarliniWagnerAttack", {"steps": 500, "binary_search_steps": 6,
                                       "initial_const": 0.01})),
        "JSMA": Case(JSMA(), of(100), ("SaliencyMapMethod",
                                       {"theta": 1, "gamma": 0.145}), aim=True)}


@timing.one_core()
def run(quick=False):
    data, missing = npgm.load_dataset(), {}
    net = npgm.MLP.initialize()
    npgm.train(net, npgm.optimizers.Adam(), data, steps=300 if quick else 3000,
               evaluate_at=())
    right = np.flatnonzero(~mistakes(net.logits(data.x_test), data.y_test))
    x, y = data.x_test[right], data.y_test[right]
    peers = available(net, missing)
    rows = {name: row(case, peers, net, x[:case.count], y[:case.count],
                      2 if quick else 7)
            for name, case in cases(0.1 if quick else 1).items()}
    return {"title": "attacks on one core, milliseconds", "rows": rows,
            "missing": missing}


def row(case, peers, net, x, y, repeats):
    """Times, and of each the share reached and the median distances of those."""
    target = (y + 1) % 10 if case.aim else None
    calls = {"npgm": lambda: case.attack(net, x, y, target=target).x_adv if case.aim
             else case.attack(net, x, y).x_adv}
    for name, make in peers.items():
        if (theirs := getattr(case, name)) is not None:
            calls[name] = functools.partial(make(*theirs, len(x)), x,
                                            y if target is None else target)
    outcomes = {name: outcome(net, x, call(), y, target)
                for name, call in calls.items()}       # what is compiled or imported
    return {**timing.compare(timing.interleave(calls, repeats), 1, TARGET),
            "examples": len(x), "outcomes": outcomes}


def outcome(net, x, x_adv, y, target):
    """Percent reached, and the median l0 and l2 of those."""
    x_adv = np.asarray(x_adv).reshape(x.shape)
    z, r = net.logits(x_adv.astype(x.dtype)), x_adv - x
    reached = mistakes(z, y) if target is None else ~mistakes(z, target)
    return {"reached": round(100 * float(reached.mean()), 2), **{
        name: round(float(np.median(found[reached])), 4) if reached.any() else None
        for name, found in (("l0", (np.abs(r) > 1e-5).sum(axis=1)),
                            ("l2", np.linalg.norm(r, axis=1)))}}


def available(net, missing):
    """{"art": ..., "foolbox": ...} of those that can be imported: functions of an
    attack's name, its settings and how many examples -> function(x, y) -> x_adv."""
    found = {}
    for name, make in (("art", of_art), ("foolbox", of_foolbox)):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                importlib.import_module("torch").set_num_threads(1)
                importlib.import_module(name)
        except ImportError as error:
            missing[name] = str(error)
        else:
            found[name] = functools.partial(make, exported(net))
    return found


def exported(net):
    """The network as a torch module."""
    import torch
    layers = []
    for W, b in net.layers:
        linear = torch.nn.Linear(*W.shape)
        linear.weight.data = torch.tensor(W.T.copy())
        linear.bias.data = torch.tensor(b.copy())
        layers += [linear, torch.nn.ReLU()]
    return torch.nn.Sequential(*layers[:-1]).eval()


def of_art(module, attack, settings, count):
    import torch
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from art.attacks import evasion
        from art.estimators.classification import PyTorchClassifier
    shape = (1, 28, 28)
    model = PyTorchClassifier(torch.nn.Sequential(torch.nn.Flatten(), module),
                              torch.nn.CrossEntropyLoss(), shape, 10,
                              clip_values=(0, 1), device_type="cpu")
    made = getattr(evasion, attack)(model, **settings, **(
        {} if attack == "FastGradientMethod" else {"verbose": False}),
        batch_size=min(count, 500))
    return lambda x, y: made.generate(x.reshape(-1, *shape), y)


def of_foolbox(module, attack, settings, count):
    import foolbox
    import torch
    model = foolbox.PyTorchModel(module, bounds=(0, 1), device="cpu")
    made = getattr(foolbox.attacks, attack)(**settings)
    epsilon = EPSILON if attack.startswith("Linf") else None

    def call(x, y):
        return made(model, torch.tensor(x), torch.tensor(y),
                    epsilons=epsilon)[1].detach().numpy()
    return call
