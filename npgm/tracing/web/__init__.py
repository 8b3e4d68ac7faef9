"""Traces as one self-contained page, to be explored step by step."""
from npgm.tracing.web.assembly import document

__all__ = ["document"]
