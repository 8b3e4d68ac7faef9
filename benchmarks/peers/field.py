"""The tools that the field measures robustness with, each as its documentation shows
it, on any model of npgm's: through a torch module that wraps its `logits` and `vjp`, so
that all see the same numbers.

Where a tool leaves a choice, its default stands; but all make 40 steps of PGD, and are
seeded.
"""
import functools
import importlib
import math
import warnings
from typing import Callable, NamedTuple

import numpy as np

from npgm.attacks.model import view
from npgm.errors import InputError

STEPS = 40


class Tool(NamedTuple):
    """library: what it is imported as. attacks: their names. run(module, x, y, epsilon,
    attack) -> (x_adv, wrong (N,) as its user counts it), tensors or arrays."""

    library: str
    attacks: tuple
    run: Callable


def available():
    """({"tool attack": function(model, x, y, epsilon) -> (x_adv, wrong (N,))},
    {tool: why it is missing}). Pixels are kept in [0, 1]."""
    found, missing = {}, {}
    for name, tool in TOOLS.items():
        try:
            importlib.import_module("torch")
            importlib.import_module(tool.library)
        except ImportError as error:
            missing[name] = str(error)
        else:
            found.update({f"{name} {attack}": functools.partial(on_arrays, tool, attack)
                          for attack in tool.attacks})
    return found, missing


def on_arrays(tool, attack, model, x, y, epsilon):
    """An attack of a tool on a model of npgm's, from arrays to arrays."""
    import torch
    torch.set_num_threads(1)
    torch.manual_seed(0)
    np.random.seed(0)
    images = torch.from_numpy(x.reshape(as_images(x.shape)))
    x_adv, wrong = tool.run(wrapped(model, x), images, torch.from_numpy(y), epsilon,
                            attack)
    x_adv, wrong = map(as_array, (x_adv, wrong))
    return x_adv.reshape(x.shape).astype(x.dtype), wrong


def as_array(values):
    return values if isinstance(values, np.ndarray) else values.detach().numpy()


def as_images(shape):
    """Channels first, as these tools want them; rows as images of one channel."""
    if len(shape) == 4:
        return shape
    pixels = math.prod(shape[1:])
    side = math.isqrt(pixels)
    return (shape[0], 1, *((side, side) if side * side == pixels else (1, pixels)))


def wrapped(model, x):
    """A torch module: forward is model.logits, backward model.vjp, for examples like x
    (N, ...), in their dtype: some tools know float32 alone. As npgm's own attacks have
    it, through its compiled twin."""
    import torch
    with warnings.catch_warnings():     # npgm's own, of what it is shown
        warnings.simplefilter("ignore")
        rows_model, _ = view(model, x)

    def rows(images):
        return images.detach().numpy().reshape(len(images), -1).astype(x.dtype)

    class Logits(torch.autograd.Function):
        @staticmethod
        def forward(ctx, images):
            ctx.save_for_backward(images)
            return torch.from_numpy(np.array(rows_model.logits(rows(images))))

        @staticmethod
        def backward(ctx, dz):
            images, = ctx.saved_tensors
            dx = np.array(rows_model.vjp(rows(images), dz.contiguous().numpy()))
            return torch.from_numpy(dx).reshape(images.shape).to(images.dtype)

    class Module(torch.nn.Module):
        def forward(self, images):
            return Logits.apply(images)
    return Module().eval()


def by_foolbox(module, x, y, epsilon, attack):
    import foolbox
    made = {"FGSM": foolbox.attacks.FGSM,
            "PGD": functools.partial(foolbox.attacks.LinfPGD, steps=STEPS)}[attack]()
    model = foolbox.PyTorchModel(module, bounds=(0, 1), device="cpu")
    _, x_adv, wrong = made(model, x, y, epsilons=epsilon)
    return x_adv, wrong


def by_art(module, x, y, epsilon, attack):
    import torch
    from art.attacks.evasion import FastGradientMethod, ProjectedGradientDescent
    from art.estimators.classification import PyTorchClassifier
    x, y = x.numpy(), y.numpy()
    classifier = PyTorchClassifier(
        module, loss=torch.nn.CrossEntropyLoss(), input_shape=x.shape[1:],
        nb_classes=module(torch.from_numpy(x[:1])).shape[1], clip_values=(0, 1),
        device_type="cpu")
    made = (FastGradientMethod(classifier, eps=epsilon) if attack == "FGSM" else
            ProjectedGradientDescent(classifier, eps=epsilon, max_iter=STEPS,
                                     eps_step=min(0.1, epsilon), verbose=False))
    x_adv = made.generate(x, y)
    return x_adv, classifier.predict(x_adv).argmax(axis=1) != y


def by_torchattacks(module, x, y, epsilon, attack):
    import torch
    import torchattacks
    made = {"FGSM": torchattacks.FGSM, "APGD": torchattacks.APGD,
            "PGD": functools.partial(torchattacks.PGD, steps=STEPS)}[attack](
                module, eps=epsilon)
    made.set_device(torch.device("cpu"))    # else it asks the module's parameters
    x_adv = made(x, y)
    return x_adv, module(x_adv).argmax(dim=1) != y


def by_autoattack(module, x, y, epsilon, attack):
    import pyautoattack
    made = pyautoattack.AutoAttack(module, eps=epsilon, seed=0, version=attack)
    try:
        x_adv, y_adv = made.run_standard_evaluation(x, y)
    except IndexError as error:     # after a warning of what follows
        classes = module(x[:1]).shape[1]
        raise InputError(f"not for {classes} classes: its targeted DLR loss has no "
                         "meaning there") from error
    return x_adv, y_adv != y


TOOLS = {"foolbox": Tool("foolbox", ("FGSM", "PGD"), by_foolbox),
         "ART": Tool("art", ("FGSM", "PGD"), by_art),
         "torchattacks": Tool("torchattacks", ("FGSM", "PGD", "APGD"), by_torchattacks),
         "AutoAttack": Tool("pyautoattack", ("standard",), by_autoattack)}
