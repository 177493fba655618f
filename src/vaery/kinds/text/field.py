"""The field of texts: the way to tokens and back, exactly."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from vaery.core.errors import DataError, QueryError
from vaery.core.field import Field
from vaery.core.query import Between, OneOf
from vaery.core.random import Random
from vaery.core.region import Region
from vaery.core.tokens import END, FIRST, symbols
from vaery.kinds.text.gaps import Partly, alternatives, is_open, opened
from vaery.kinds.text.pieces import Cutter, as_text, cutter


@dataclass(frozen=True)
class TextField(Field):
    """Texts as tokens: ``E = M = (L,)`` (see :mod:`vaery.core.tokens`).

    Attributes:
        cut: ``"bpe"``, ``"words"`` or ``"bytes"``.
        pieces: the vocabulary: strings of bytes, one character (U+0000 to U+00FF) a byte; single bytes first.
        length: L; a text has at most ``L - 1`` pieces.
        lengths: evenly spread quantiles of how many pieces texts have.
        net: ``"recurrent"`` or ``"transformer"``.
    """

    kind: ClassVar[str] = "text"
    cut: str
    pieces: tuple[str, ...]
    length: int
    lengths: tuple[int, ...]
    net: str = "recurrent"

    @property
    def event(self) -> tuple[int, ...]:
        return (self.length,)

    @property
    def mask(self) -> tuple[int, ...]:
        return (self.length,)

    @property
    def codes(self) -> int:
        """How many codes there are, nothing and the end among them."""
        return FIRST + len(self.pieces)

    @property
    def cutter(self) -> Cutter:
        return cutter(self.pieces, self.cut)

    # ------------------------------------------------------------------ raw → packed

    def pack(self, raw: Sequence[Any]) -> tuple[Tensor, Tensor | None]:
        """Texts; ``None`` is unknown, and ``("The food", ...)`` a text of which only the beginning is known."""
        if isinstance(raw, str):
            raise DataError(f"{self.name}: one text came ({raw[:40]!r}); write a list of texts, [{raw[:20]!r}]")
        value, known = np.zeros((len(raw), self.length), np.int32), np.ones((len(raw), self.length), bool)
        for row, text in enumerate(raw):
            if isinstance(text, str):
                codes = self._short(row, [FIRST + code for code in self.cutter.encode(text)])
                value[row, : len(codes) + 1] = [*codes, END]
            else:
                value[row], known[row] = self._partly(row, text)
        value[~known] = 0
        return torch.from_numpy(value), None if known.all() else torch.from_numpy(known)

    def _partly(self, row: int, text: Any) -> tuple[np.ndarray, np.ndarray]:
        """The tokens ``[L]`` of a text that is not known as a whole, and where they are known."""
        place, tokens = np.arange(self.length), np.zeros(self.length, np.int32)
        if text is None:
            return tokens, place < 0
        if isinstance(text, Partly):
            tokens = np.array(text.tokens, np.int32)
            return tokens, tokens >= 0
        if not is_open(text):
            raise DataError(
                f"{self.name}: row {row} holds {text!r}; a text was expected, None where it is not known, or "
                '("The beginning", ...)'
            )
        runs = opened(self, text)
        if len(runs) != 2 or runs[1]:
            raise DataError(
                f"{self.name}: row {row} leaves open how long its gap is; in rows a gap can only be at the end: "
                f'("The beginning", ...). generate(given=...) takes gaps anywhere'
            )
        tokens[: len(runs[0])] = self._short(row, runs[0])
        return tokens, place < len(runs[0])

    def _short(self, row: int, codes: list[int]) -> list[int]:
        if len(codes) >= self.length:
            raise DataError(
                f"{self.name}: row {row} has {len(codes)} pieces, where at most {self.length - 1} fit; shorten it, or "
                "fit the model to longer texts"
            )
        return codes

    # ------------------------------------------------------------------ packed → raw

    def unpack(
        self,
        value: Tensor,
        known: Tensor | None = None,
        like: Any = None,
        keep: bool = False,
        given: Mapping[str, Any] | None = None,
    ) -> list[Any]:
        """Texts; ``None`` where nothing is known, and a :class:`~vaery.kinds.text.gaps.Partly` where not all is."""
        texts: list[Any] = []
        for row, codes in enumerate(value):
            seen = None if known is None or bool(known[row].all()) else known[row]
            if keep and like is not None and isinstance(like[row], str):
                texts.append(like[row])
            elif seen is None:
                texts.append(self.cutter.decode(code - FIRST for code in symbols(codes)))
            elif not bool(seen.any()):
                texts.append(None)
            else:
                texts.append(Partly.of(self, codes, seen))
        return texts

    def summarise(
        self, value: Tensor, weight: Tensor, how: str | float, like: Any = None, keep: bool = False
    ) -> list[Any]:
        """Of the draws ``[Q, B, L]``, the whole text with the most weight, whatever is asked: texts have no mean."""
        best = [_heaviest(value[:, row], weight[:, row]) for row in range(value.shape[1])]
        return self.unpack(torch.stack(best) if best else value[0], like=like, keep=keep)

    def named_parts(self, value: Tensor, known: Tensor | None = None) -> list[list[tuple[str, list[int]]]]:
        """The words of each row, with the places of their tokens."""
        return [self._words(row, None if known is None else known[i]) for i, row in enumerate(value)]

    def _words(self, row: Tensor, known: Tensor | None) -> list[tuple[str, list[int]]]:
        words: list[tuple[str, list[int]]] = []
        for place, code in enumerate(row.tolist()):
            if code < FIRST or (known is not None and not bool(known[place])):
                continue
            piece = self.pieces[code - FIRST]
            near = bool(words) and place == words[-1][1][-1] + 1 and not piece[0].isspace()
            if near and _in_words(piece[0]) == _in_words(words[-1][0][-1]):
                words[-1] = words[-1][0] + piece, [*words[-1][1], place]
            else:
                words.append((piece, [place]))
        return [(as_text(piece).strip() or as_text(piece), places) for piece, places in words]

    # ------------------------------------------------------------------ questions

    def given(self, asked: Any) -> tuple[Tensor | None, Tensor | None, Region | None]:
        """A text, or its parts with ``...`` between them where more may stand: ``("The food", ..., "bad.")``.

        How long a gap is, is left open: there is a row for each length that it may have.

        Raises:
            QueryError: something else was asked for.
        """
        if is_open(asked):
            value, known = alternatives(self, asked)
            return value, known, None
        if isinstance(asked, Between | OneOf | Mapping) or not isinstance(asked, str):
            raise QueryError(
                f"{self.name} can be given as a text, or as its parts with ... between them, "
                f'("The food", ..., "bad."); not as {asked!r}'
            )
        return *self.pack([asked]), None

    def hide(self, rows: int, rng: Random) -> Tensor:
        """What to leave visible in training, ``[rows, L]``: a beginning, an end, all but a span, or random tokens."""
        lengths = torch.tensor(self.lengths, device=rng.device)[rng.integers(0, len(self.lengths), (rows, 1))] + 1
        place, sort = torch.arange(self.length, device=rng.device), rng.integers(0, 4, (rows, 1))
        low, high = (rng.uniform((rows, 2)) * lengths).sort(1).values.split(1, 1)
        some = rng.uniform((rows, self.length)) > rng.uniform((rows, 1))
        span = (place < low) | (place >= high)
        return torch.where(sort == 0, some, torch.where(sort == 1, span, (place < high) ^ (sort == 3)))

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> TextField:
        values: dict[str, Any] = {k: v for k, v in data.items() if k != "kind"}
        values |= {"pieces": tuple(data["pieces"]), "lengths": tuple(data["lengths"])}
        return cls(**values)


def _heaviest(draws: Tensor, weight: Tensor) -> Tensor:
    """Of draws ``[Q, L]`` the one that has, together with its equals, the most weight ``[Q]``."""
    different, which = torch.unique(draws, dim=0, return_inverse=True)
    total = torch.zeros(len(different), dtype=weight.dtype).index_add(0, which, weight)
    best = total.argmax()
    if float(total[best]) <= float(weight.max()) * (1 + 1e-6):
        return draws[weight.argmax()]
    return different[best]


def _in_words(character: str) -> bool:
    """Whether words are made of such bytes."""
    return character.isalnum() or character in "_'" or character > "\x7f"
