"""Text: sentences and short texts in any language, cut into pieces of bytes that are learned from them."""

from __future__ import annotations

from vaery.kinds.text.describe import describe
from vaery.kinds.text.field import TextField
from vaery.kinds.text.io import SUFFIXES, looks_like, picks, read, write
from vaery.kinds.text.nets import decoder, encoder, suggest

__all__ = ["SUFFIXES", "TextField", "decoder", "describe", "encoder", "looks_like", "picks", "read", "suggest", "write"]
