"""Tables: columns of numbers, categories, truths and dates, with gaps, as one block of cells."""

from __future__ import annotations

from vaery.kinds.table.describe import describe
from vaery.kinds.table.field import TableField
from vaery.kinds.table.file import by_column
from vaery.kinds.table.io import read, write
from vaery.kinds.table.looks import looks_like
from vaery.kinds.table.nets import carry, decoder, encoder, plain, reader, suggest

__all__ = [
    "TableField",
    "by_column",
    "carry",
    "decoder",
    "describe",
    "encoder",
    "looks_like",
    "plain",
    "read",
    "reader",
    "suggest",
    "write",
]
