"""Texts of which only parts are known."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from vaery.core.errors import QueryError
from vaery.core.tokens import FIRST, packed

if TYPE_CHECKING:
    from vaery.kinds.text.field import TextField

MOST = 48  # ways to share out the lengths of gaps that are tried, at most


@dataclass(frozen=True)
class Partly:
    """A text some of whose tokens are not known; a field takes it back as it gave it.

    Attributes:
        tokens: codes, -1 where one is not known.
        text: to read, with … for what is not known.
    """

    tokens: tuple[int, ...]
    text: str

    @classmethod
    def of(cls, field: TextField, codes: Tensor, known: Tensor) -> Partly:
        """From one packed row."""
        tokens = torch.where(known, codes, -1).tolist()
        runs = itertools.groupby((t for t in tokens if t < 0 or t >= FIRST), key=lambda t: t < 0)
        text = "".join("…" if gap else field.cutter.joined(t - FIRST for t in run) for gap, run in runs)
        return cls(tuple(tokens), text.strip())

    def __str__(self) -> str:
        return self.text


def is_open(text: Any) -> bool:
    """Whether this is parts of a text with ``...`` between them."""
    return isinstance(text, list | tuple) and ... in text and all(p is ... or isinstance(p, str) for p in text)


def opened(field: TextField, text: Any) -> list[list[int]]:
    """``("The food", ..., "bad.")`` → the codes of what stands before, between and after the gaps.

    A gap stands for whole words: spaces beside it are of no account.
    """
    runs: list[str] = [""]
    for part in text:
        if part is ...:
            runs.append("")
        else:
            runs[-1] += part
    last = len(runs) - 1
    tidy = [_tidied(run, i > 0, i < last) for i, run in enumerate(runs)]
    return [[FIRST + code for code in field.cutter.encode(run, "" if i else " ")] for i, run in enumerate(tidy)]


def _tidied(run: str, after: bool, before: bool) -> str:
    """A run of text without the spaces beside gaps, and with one before its first word where a gap stands there."""
    run = run.rstrip() if before else run
    if after:
        run = run.lstrip()
    return f" {run}" if after and run[:1].isalnum() else run


def alternatives(field: TextField, asked: Any) -> tuple[Tensor, Tensor]:
    """What ``given=`` says, a row for each length that the gaps may have: ``value [R, L]``, ``known [R, L]``.

    Where only the end is open there is one row. Gaps are as long as texts let them be; of very many ways to share
    that out, some are tried, spread evenly.

    Raises:
        QueryError: what is known is too long by itself.
    """
    runs = opened(field, asked)
    room = field.length - 1 - sum(map(len, runs))
    if room < 0:
        raise QueryError(f"{field.name}: what is given has {-room} pieces too many; at most {field.length - 1} fit")
    place = torch.arange(field.length)
    if len(runs) == 2 and not runs[1]:
        return packed([runs[0]], field.length) * (place < len(runs[0])), (place < len(runs[0]))[None]
    ends_open, inner = not runs[-1], len(runs) - 1 - (not runs[-1])
    most = min(room, max(field.lengths))
    step = max(1, math.ceil(most / max(1, round(MOST ** (1 / inner)) - 1)))
    rows, masks = [], []
    for sizes in itertools.product(range(0, most + 1, step), repeat=inner):
        if sum(sizes) > room:
            continue
        codes, known = list(runs[0]), [True] * len(runs[0])
        for size, run in zip(sizes, runs[1:], strict=False):
            codes += [0] * size + run
            known += [False] * size + [True] * len(run)
        mask = torch.zeros(field.length, dtype=torch.bool)
        mask[: len(known)] = torch.tensor(known, dtype=torch.bool)
        mask[len(known) :] = not ends_open
        rows.append(codes)
        masks.append(mask)
    known = torch.stack(masks)
    return packed(rows, field.length) * known, known
