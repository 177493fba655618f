"""Token sequences as packed values: ``E = M = (L,)``, whole numbers.

Code 0 is nothing (padding after the end), 1 the end, symbols start at 2. A complete sequence of n symbols is n codes,
one end, then zeros; n is at most L - 1.

>>> packed([[5, 6], []], 4).tolist()
[[5, 6, 1, 0], [1, 0, 0, 0]]
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from vaery.core.random import Random

PAD, END, FIRST = 0, 1, 2


def packed(sequences: Sequence[Sequence[int]], length: int, dtype: torch.dtype = torch.int32) -> Tensor:
    """Sequences of symbols (codes from :data:`FIRST` on), each at most ``length - 1`` of them → ``[B, length]``."""
    value = torch.zeros(len(sequences), length, dtype=dtype)
    for row, codes in enumerate(sequences):
        value[row, : len(codes) + 1] = torch.tensor([*codes, END], dtype=dtype)
    return value


def symbols(row: Tensor) -> list[int]:
    """The codes of one packed sequence ``[L]``, without its end."""
    codes = row.tolist()
    return codes[: codes.index(END)] if END in codes else [code for code in codes if code >= FIRST]


def telling(value: Tensor, known: Tensor | None) -> Tensor:
    """Which known cells ``[…, L]`` say anything: all but what comes after one that is known to be the end, or
    beyond it."""
    known = torch.ones_like(value, dtype=torch.bool) if known is None else known
    over = (known & (value <= END)).cumsum(-1) > 0
    return known & ~torch.nn.functional.pad(over[..., :-1], (1, 0))


def reach(cells: Tensor) -> Tensor:
    """``cells […, L]`` bool → how far they go: one more than the place of the last true one, 0 if none is."""
    place = torch.arange(1, cells.shape[-1] + 1, device=cells.device)
    return (cells * place).amax(-1)


def first_of(cells: Tensor) -> Tensor:
    """``[N, L]`` bool → the place of the first true one; L where none is."""
    length = cells.shape[-1]
    place = torch.arange(length, device=cells.device)
    return torch.where(cells, place, length).amin(-1)


def gaps(ends: Tensor, length: int, rng: Random) -> Tensor:
    """``[N, length]`` bool: what to hide of rows that go so far, to learn to fill it: a span, a beginning, or random
    tokens."""
    rows = len(ends)
    place, ends = torch.arange(length, device=ends.device), ends[:, None]
    sort, share = rng.uniform((rows, 1)).to(ends.device), rng.uniform((rows, 1)).to(ends.device)
    low, high = (rng.uniform((rows, 2)).to(ends.device) * ends).sort(-1).values.split(1, -1)
    low = torch.where(sort < 0.2, 0.0, low)
    some = rng.uniform((rows, length)).to(ends.device) < share
    return torch.where(sort < 0.6, (place >= low - 0.5) & (place <= high), some)
