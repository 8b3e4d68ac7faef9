"""Defences: what to train on in place of a batch.

A defence has examples(model, x, y) -> (x, y), and is handed to `npgm.train`. One that
needs more than a batch has begin(loss, teach) -> (loss, defence) too, which is called
once, before the first update (as `distillation`; `npgm.training.Teaching` is what it is
handed). A defence that has labels (N, C), a row for each training image, is trained on
those in place of the data's; extra_outputs says how many outputs more than classes a
network needs for it (both as `extended_distillation`). MovingTarget is no such thing:
it is made of networks already trained, and is a model.
"""
from npgm import names
from npgm.defences.adversarial_training import AdversarialTraining
from npgm.defences.distillation import Distillation, Taught
from npgm.defences.extended_distillation import (ExtendedDistillation, Labelled,
                                                 answers, evasion)
from npgm.defences.moving_target import MovingTarget

DEFENCES = {"adversarial_training": AdversarialTraining, "distillation": Distillation,
            "extended_distillation": ExtendedDistillation}

__all__ = ["DEFENCES", "AdversarialTraining", "Distillation", "ExtendedDistillation",
           "Labelled", "MovingTarget", "Taught", "answers", "evasion", "make"]


def make(name, **hyperparameters):
    """A defence by its name, as a run's configuration has it."""
    return names.make("defence", name, DEFENCES, hyperparameters)
