"""The field of music: what is known of its instruments and its grid, and the way to tensors and back."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from vaery.core.errors import DataError, QueryError
from vaery.core.field import Field
from vaery.core.query import Between, OneOf
from vaery.core.random import Random
from vaery.kinds.music.columns import Part, codes_of_piece, part_of_column, piece_of_codes
from vaery.kinds.music.piece import DRUMS, STRUCK, Piece, pitch_name
from vaery.kinds.music.rolls import as_read, codes_of

TRANSPOSED = 6  # semitones that a piece may be moved by in training, at most


@dataclass(frozen=True)
class MusicField(Field):
    """Pieces of different lengths. ``E = M = (T, 1 + columns)``, uint8: cell 0 of a time step says that the piece goes
    on (1) or has ended (0), the others hold the notes: 0 silent, 1 struck (rolls: sounding), 2 held.

    Attributes:
        steps: T, the longest piece that can be held.
        usual: the middle length of the pieces of the fit.
        parts: instruments and their pitches, side by side in the columns.
        states: 2 for rolls, 3 for pieces with notes that begin and go on.
        grid: time steps in a quarter note; 0: rolls, whose steps have no length.
        tempo, meter: of new pieces, the usual ones of the fit.
        dtype: of rolls.
    """

    kind: ClassVar[str] = "music"
    steps: int
    usual: int
    parts: tuple[Part, ...]
    states: int
    grid: int
    tempo: float
    meter: tuple[int, int]
    dtype: str

    @property
    def columns(self) -> int:
        """How many notes there are at one time at most."""
        return sum(part.width for part in self.parts)

    @property
    def event(self) -> tuple[int, ...]:
        return self.steps, 1 + self.columns

    @property
    def mask(self) -> tuple[int, ...]:
        return self.event

    # ------------------------------------------------------------------ raw → packed

    def pack(self, raw: Any) -> tuple[Tensor, Tensor | None]:
        """Pieces or piano rolls, masked where they are not known. A roll as long as ``steps`` that is masked to its end
        has no known end."""
        items = self._items(raw)
        value = torch.zeros(len(items), *self.event, dtype=torch.uint8)
        known = torch.ones(len(items), *self.event, dtype=torch.bool)
        for i, item in enumerate(items):
            codes, seen = self._codes(item, i)
            if len(codes) > self.steps:
                raise DataError(
                    f"{self.name}: piece {i} has {len(codes)} time steps; this model holds {self.steps} at most "
                    f"(half as many again as the longest of the fit): cut it, for instance piece[:{self.steps}]"
                )
            length = len(codes)
            if seen is not None and length == self.steps and not seen[-1].any():
                length = int(np.flatnonzero(seen.any(1)).max(initial=-1)) + 1
                known[i, length:] = False
            value[i, :length, 0] = 1
            value[i, :length, 1:] = torch.from_numpy(codes[:length])
            if seen is not None:
                known[i, :length, 1:] = torch.from_numpy(seen[:length])
        return value, None if bool(known.all()) else known

    def _items(self, raw: Any) -> list[Any]:
        if isinstance(raw, str | os.PathLike):
            return as_read(raw)
        if isinstance(raw, Piece):
            return [raw]
        if isinstance(raw, np.ndarray) and raw.ndim == 2:
            raise DataError(f"{self.name}: one piano roll came where a list of them was expected; write [roll]")
        return as_read(raw)

    def _codes(self, item: Any, i: int) -> tuple[np.ndarray, np.ndarray | None]:
        where = f"{self.name}: piece {i}"
        if isinstance(item, str | os.PathLike):
            (item,) = self._items(item)
        if self.grid and isinstance(item, Piece):
            return codes_of_piece(item.on_grid(self.grid), self.parts, where)
        if self.grid:
            raise DataError(
                f"{where} is a {type(item).__name__}; this model was fitted on MIDI: give a Piece or a path"
            )
        if isinstance(item, Piece):
            raise DataError(
                f"{where} is a Piece; this model was fitted on piano rolls: give arrays [time, {self.columns}]"
            )
        return codes_of(item, self.columns, where)

    # ------------------------------------------------------------------ packed → raw

    def unpack(
        self,
        value: Tensor,
        known: Tensor | None = None,
        like: Any = None,
        keep: bool = False,
        given: Mapping[str, Any] | None = None,
    ) -> Any:
        """A list of rolls, or of pieces with the tempo and meter of those in ``like``; masked where not ``known``.

        On the grid nothing is rounded, so known cells are what they were, with ``keep`` or without.
        """
        codes = value.detach().cpu().numpy().astype(np.uint8)
        seen = None if known is None else known.cpu().numpy()
        originals = [] if like is None or not self.grid else self._items(like)
        originals = originals if len(originals) == len(codes) else [None] * len(codes)  # of ways there are more
        return [self._raw(codes[i], None if seen is None else seen[i], originals[i]) for i in range(len(codes))]

    def _raw(self, codes: np.ndarray, seen: np.ndarray | None, like: Piece | None) -> Any:
        goes_on = codes[:, 0] > 0
        length = int(goes_on.argmin()) if not goes_on.all() else self.steps
        if seen is not None and not seen[:, 0].all():
            length = self.steps
        notes = codes[:length, 1:]
        shown = None if seen is None or bool(seen[:length, 1:].all()) else seen[:length, 1:]
        if self.grid:
            return piece_of_codes(notes, shown, self.parts, self.grid, self.tempo, self.meter, like)
        roll = notes.astype(self.dtype)
        return roll if shown is None else np.ma.MaskedArray(roll, mask=~shown)

    def summarise(self, value: Tensor, weight: Tensor, how: str | float, like: Any = None, keep: bool = False) -> Any:
        """The draw that agrees best with all others: the least expected number of wrong cells (Kumar and Byrne, 2004).

        ``how`` makes no difference: cells one by one, a mean of music is silence, and its quantiles are noise.
        """
        codes = value.long()
        agreed = torch.zeros(codes.shape[:2], dtype=torch.float64, device=value.device)
        for code in range(self.states):
            share = torch.zeros(codes.shape[1:], dtype=weight.dtype, device=value.device)
            for draw, w in zip(codes, weight, strict=True):
                share += (draw == code) * w[:, None, None]
            for i, draw in enumerate(codes):
                agreed[i] += (share * (draw == code)).flatten(1).sum(1)
        best = agreed.argmax(0)
        return self.unpack(value[best, torch.arange(len(best), device=value.device)], like=like, keep=keep)

    # ------------------------------------------------------------------ questions

    def given(self, asked: Any) -> tuple[Tensor | None, Tensor | None, Any]:
        """One piece. Without gaps it is a beginning, and how it goes on and where it ends is open; a masked one has the
        length it has.

        Raises:
            QueryError: a range or a set was asked for, or more than one piece.
        """
        if isinstance(asked, Between | OneOf | Mapping):
            raise QueryError(f"{self.name} can be given as a piece (masked where it is open), not as {asked!r}")
        items = [asked] if isinstance(asked, np.ndarray) and asked.ndim == 2 else self._items(asked)
        if len(items) != 1:
            raise QueryError(f"{self.name} was given {len(items)} pieces; one was expected")
        value, known = self.pack(items)
        if known is None:
            known = (value[..., :1] > 0).expand(value.shape).clone()
        return value, known, None

    def hide(self, rows: int, rng: Random) -> Tensor:
        """What to leave visible in training: ``[rows, T, C]``: random cells, or all but a stretch of time, the rest of
        the piece (and perhaps its end), a range of pitches, or a stretch of such a range."""
        visible = super().hide(rows, rng)
        visible[..., 0] = True
        time = torch.arange(self.steps, device=rng.device)[None, :, None]
        pitch = torch.arange(self.event[1], device=rng.device)[None, None] - 1
        sort, coin = rng.integers(0, 5, (rows, 1, 1)), rng.integers(0, 2, (rows, 1, 1)) > 0
        edges, sides = (rng.uniform((rows, 2, 1, 1)).sort(1).values.unbind(1) for _ in range(2))
        edges, sides = [1.2 * self.usual * e for e in edges], [self.columns * s for s in sides]
        stretch, rest = (time >= edges[0]) & (time < edges[1]), time >= edges[0]
        voice = (pitch >= sides[0]) & (pitch < sides[1])
        notes = pitch >= 0
        hidden = [stretch & notes, rest & (notes | coin), voice & notes, ((stretch & voice) ^ coin) & notes]
        for i, part in enumerate(hidden):
            visible = torch.where(sort == i + 1, ~part, visible)
        return visible

    @property
    def varies(self) -> bool:
        return True

    def vary(self, value: Tensor, known: Tensor | None, rng: Random) -> tuple[Tensor, Tensor | None]:
        """The same pieces in other keys: half of those without gaps are moved by up to six semitones, as far as all
        their notes stay inside."""
        rows = len(value)
        shift = rng.integers(-TRANSPOSED, TRANSPOSED + 1, (rows,)).to(value.device)
        here = (rng.uniform((rows,)) < 0.5).to(value.device)
        if known is not None:
            here &= (known | self.certain(value, known)).flatten(1).all(1)
        low = torch.full((rows,), -TRANSPOSED, device=value.device)
        high, parts = -low, self._pitched(value)
        for notes in parts:  # [B, width] bool, which ever sound
            width = notes.shape[1]
            place = torch.arange(width, device=value.device)
            some = notes.any(1)
            low = torch.where(some, low.maximum(-torch.where(notes, place, width).amin(1)), low)
            high = torch.where(some, high.minimum(width - 1 - torch.where(notes, place, -1).amax(1)), high)
        shift = torch.where(here, shift.minimum(high).maximum(low), 0)
        at = torch.arange(self.event[1], device=value.device).expand(rows, -1).clone()
        start = 1
        for part in self.parts:
            if part.program != DRUMS:
                own = torch.arange(part.width, device=value.device)
                at[:, start : start + part.width] = start + (own - shift[:, None]) % part.width
            start += part.width
        return value.gather(2, at[:, None].expand_as(value)), known

    def _pitched(self, value: Tensor) -> list[Tensor]:
        """For each instrument that is no drum, which of its notes ever sound: ``[B, width]``."""
        ever, start, found = (value > 0).any(1), 1, []
        for part in self.parts:
            if part.program != DRUMS:
                found.append(ever[:, start : start + part.width])
            start += part.width
        return found

    def named_parts(self, value: Tensor, known: Tensor | None = None) -> list[list[tuple[str, list[int]]]]:
        """The notes of each piece, where they begin; of rolls, which do not tell that, each time step of them."""
        struck = (value == STRUCK) & (torch.arange(value.shape[-1], device=value.device) > 0)
        struck = struck if known is None else struck & known
        rows: list[list[tuple[str, list[int]]]] = [[] for _ in value]
        for row, step, column in struck.nonzero().tolist():
            rows[row].append((self.called(step, column), [step * self.event[1] + column]))
        return rows

    def called(self, step: int, column: int) -> str:
        """``"C#5 at step 12"``, or by bar and quarter note, both counted from 1, of pieces."""
        part, pitch = part_of_column(self.parts, column - 1)
        if not self.grid:
            return f"{pitch_name(pitch)} at step {step}"
        beats, note = self.meter
        bar, rest = divmod(step, max(1, round(self.grid * 4 * beats / note)))
        who = "drum " if part.program == DRUMS else ""
        return f"{who}{pitch_name(pitch)} at bar {bar + 1}, quarter {1 + rest / self.grid:g}"

    def agree(self, a: Tensor, b: Tensor) -> Tensor:
        """Time steps that are the same; cells that are silent in both are most of them, and say nothing."""
        return (a == b).all(-1, keepdim=True).expand(a.shape)

    def certain(self, value: Tensor, known: Tensor) -> Tensor:
        """All that comes after the end of a piece."""
        ended = known[..., :1] & (value[..., :1] == 0)
        return (ended.cumsum(1) > 0).expand(known.shape)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> MusicField:
        parts = tuple(Part(**part) for part in data["parts"])
        rest = {k: v for k, v in data.items() if k != "kind"}
        return cls(**{**rest, "parts": parts, "meter": tuple(data["meter"])})
