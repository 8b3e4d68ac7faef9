"""Defences: what to train on in place of a batch.

A defence has examples(model, x, y) -> (x, y), and is handed to `npgm.train`.
"""
from npgm import names
from npgm.defences.adversarial_training import AdversarialTraining

DEFENCES = {"adversarial_training": AdversarialTraining}

__all__ = ["DEFENCES", "AdversarialTraining", "make"]


def make(name, **hyperparameters):
    """A defence by its name, as a run's configuration has it."""
    return names.make("defence", name, DEFENCES, hyperparameters)
