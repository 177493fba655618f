"""Text: sentences and short texts in any language, cut into pieces of bytes that are learned from them."""

from __future__ import annotations

from typing import Any

from vaery.core.errors import QueryError
from vaery.kinds.text.describe import describe
from vaery.kinds.text.field import TextField
from vaery.kinds.text.io import SUFFIXES, looks_like, read, write
from vaery.kinds.text.nets import decoder, encoder, suggest

__all__ = ["SUFFIXES", "TextField", "carry", "decoder", "describe", "encoder", "looks_like", "read", "suggest", "write"]


def carry(field: TextField, width: int) -> Any:
    """Text cannot stand before the latent.

    Raises:
        QueryError: always.
    """
    raise QueryError(f"{field.name}: text cannot be visited before the latent; leave it out of first=")
