"""Models broken on purpose, and healthy ones, to calibrate a diagnosis by: MODELS.

Masked means here what one can measure: one step along the gradient as attacked fools
few of the examples that something else fools at the same epsilon (a loss that cannot
round, more steps, examples made on another network). A model may be odd and yet not
masked: its gradient says where to go all the same.
"""
from . import masked, odd, sound
from .entry import Entry

MODELS = (*masked.MODELS, *odd.MODELS, *sound.MODELS)

__all__ = ["MODELS", "Entry"]
