"""The field of series: what is known of their channels and their clock, and the way to windows and back."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from vaery.core.errors import DataError, QueryError
from vaery.core.field import Windowed
from vaery.core.query import Between, OneOf
from vaery.core.random import Random
from vaery.kinds.series.channel import Channel, plain
from vaery.kinds.series.clock import Clock
from vaery.kinds.series.close import as_it_came, new_rows
from vaery.kinds.series.draws import commonest, summed
from vaery.kinds.series.hide import visible
from vaery.kinds.series.raw import Raw, Roles, open_raw, places
from vaery.kinds.series.windows import Cut, cut, lay, stitch
from vaery.nets.bridge import bridge

GAP = "time gap"  # what the channel of uneven steps is called


@dataclass(frozen=True)
class SeriesField(Windowed):
    """Windows of series: ``E = M = (T, C)``, numbers standardised by channel, codes of levels as they are.

    Attributes:
        channels: of the data.
        window, hop: T, and how far the next window of a series is from one. Each row belongs to the window in whose
            middle it is.
        container: what the data came in.
        clock: of the rows.
        id: the column that tells series apart; ``""``: there is none.
    """

    kind: ClassVar[str] = "series"
    channels: tuple[Channel, ...]
    window: int
    hop: int
    container: str
    clock: Clock
    id: str

    @property
    def names(self) -> tuple[str, ...]:
        """What each packed channel is called; the last one is ``"time gap"`` where steps are uneven."""
        return tuple(c.name for c in self.channels) + (() if self.clock.even else (GAP,))

    @property
    def levels(self) -> tuple[int, ...]:
        """How many levels each packed channel has; 0: it holds numbers."""
        return tuple(len(c.levels) for c in self.channels) + (() if self.clock.even else (0,))

    @property
    def event(self) -> tuple[int, ...]:
        return self.window, len(self.names)

    @property
    def mask(self) -> tuple[int, ...]:
        return self.event

    # ------------------------------------------------------------------ raw → packed

    def pack(self, raw: Any) -> tuple[Tensor, Tensor | None]:
        """Series of any length, as windows that overlap."""
        opened = self.opened(raw)
        found = self.cut(opened)
        values, known = self._flat(opened)
        inside = (found.index >= 0)[..., None] & lay(known, found.index)
        value = torch.from_numpy(np.where(inside, lay(values, found.index), 0).astype(np.float32))
        if not self.clock.even:
            value[:, 0, -1] = 0  # what came before a window is no part of it
        return value, None if bool(inside.all()) else torch.from_numpy(inside)

    def spans(self, raw: Any) -> Tensor:
        return torch.from_numpy(self.cut(self.opened(raw)).span)

    def opened(self, raw: Any) -> Raw:
        """Raw series as flat columns, in the order of the fit.

        Raises:
            DataError: a channel is missing, or series of arrays have other channels than those of the fit.
        """
        opened = open_raw(raw, Roles(self.clock.column, self.id))
        wanted = tuple(c.name for c in self.channels)
        if opened.names == wanted:
            return opened
        missing = [name for name in wanted if name not in opened.names]
        if missing or opened.container in ("array", "list"):
            raise DataError(
                f"{self.name}: the channels {', '.join(wanted)} were expected, as fitted; there is: "
                f"{', '.join(opened.names)}"
            )
        at = [opened.names.index(name) for name in wanted]
        columns, dtypes = tuple(opened.columns[i] for i in at), tuple(opened.dtypes[i] for i in at)
        return Raw(
            opened.container, wanted, columns, dtypes, opened.series, opened.labels, opened.time, opened.roles,
            opened.stamp, opened.zone,
        )  # fmt: skip

    def cut(self, opened: Raw) -> Cut:
        """The windows of some series."""
        return cut(opened.order, opened.series, self.window, self.hop)

    def _flat(self, opened: Raw) -> tuple[np.ndarray, np.ndarray]:
        """``[R, C]`` packed values and whether they are known."""
        pairs = [channel.packed(v) for channel, v in zip(self.channels, opened.columns, strict=True)]
        if not self.clock.even:
            pairs.append((self.clock.channel(opened), np.ones(opened.rows, bool)))
        return np.stack([v for v, _ in pairs], 1), np.stack([k for _, k in pairs], 1)

    # ------------------------------------------------------------------ packed → raw

    def unpack(
        self,
        value: Tensor,
        known: Tensor | None = None,
        like: Any = None,
        keep: bool = False,
        given: Mapping[str, Any] | None = None,
    ) -> Any:
        """Whole series again where they are those of ``like``: each cell from the window that answers for it. Else each
        window is a series of its own, that ends with the last step of which anything is known."""
        values = value.detach().cpu().numpy()
        mask = np.ones(values.shape, bool) if known is None else known.cpu().numpy()
        opened = None if like is None else self.opened(like)
        found = None if opened is None else self.cut(opened)
        if opened is None or found is None or len(found.index) != len(values):
            return self._new(values, mask)
        seen = self._flat(opened)[1]
        columns = self._raw(stitch(values, found, seen), stitch(mask, found, seen))
        kept = [seen[:, c] if keep else None for c in range(len(self.channels))]
        return as_it_came(like, opened, columns, kept)

    def _raw(self, values: np.ndarray, known: np.ndarray) -> list[np.ndarray]:
        return [channel.raw(values[:, c], known[:, c]) for c, channel in enumerate(self.channels)]

    def _new(self, values: np.ndarray, mask: np.ndarray) -> Any:
        """Windows that belong to no rows, as series."""
        reach = _reach(torch.from_numpy(mask)).numpy()
        lengths = [self.window if self.container == "array" else max(1, int(n)) for n in reach]
        inside = np.arange(self.window) < np.array(lengths, np.int64)[:, None]
        columns = self._raw(values[inside], mask[inside])
        clock = None
        if self.clock.column:
            times = self.clock.times(None if self.clock.even else values[inside][:, -1], lengths)
            clock = (self.clock.column, self.clock.stamp, self.clock.zone, times)
        names, dtypes = [c.name for c in self.channels], [c.dtype for c in self.channels]
        return new_rows(self.container, names, dtypes, columns, lengths, clock, self.id or "series")

    def condense(self, value: Tensor, weight: Tensor, how: str | float) -> Tensor:
        """Draws ``[Q, B, T, C]`` with their weights ``[Q, B]`` → one packed window a row."""
        out = value.new_zeros(value.shape[1:])
        numbers = [c for c, n in enumerate(self.levels) if n == 0]
        out[..., numbers] = summed(value[..., numbers], weight, how)
        for c in (c for c, n in enumerate(self.levels) if n):
            out[..., c] = commonest(value[..., c], weight, self.levels[c])
        return out

    @property
    def gauged(self) -> bool:
        return True

    def remote(self, known: Tensor) -> Tensor:
        """By the steps to the nearest known cell of the channel: one, up to 3, up to 7, up to 15, and more; and whether
        any is known on the other side (a gap) or none (what is to come)."""
        steps = torch.arange(self.window, device=known.device, dtype=torch.float32).expand(len(known), -1)
        found = bridge(torch.zeros(known.shape, device=known.device), known, steps)
        numbers = torch.tensor([n == 0 for n in self.levels], device=known.device)
        return torch.where(numbers, found.remote, -1)

    def told(self, like: Any, found: Mapping[str, Any], reasons: int) -> dict[str, Any]:
        """One row for each raw row: its series and time (arrays: step), then what was found, and the oddest channels
        with what they hold and what was expected there."""
        opened = self.opened(like)
        rows = np.argsort(opened.order)  # the place of each raw row on the line
        columns = {k: v.cpu().numpy()[rows] for k, v in found.items()}
        cells, rank, expected = (columns.pop(name) for name in ("cells", "rank", "expected"))
        columns["outlier"] = columns["outlier"].astype(bool)
        here = places(opened)
        values, known = self._flat(opened)
        held = [*self._raw(values, known), *([values[:, -1]] if not self.clock.even else [])]
        usual = [*self._raw(expected, np.isfinite(expected)), *([expected[:, -1]] if not self.clock.even else [])]
        top = np.argsort(-np.where(known, rank, -np.inf), axis=1)[:, :reasons]
        why = [
            [
                {
                    "cell": self.names[c],
                    "bits": float(cells[i, c]),
                    "value": plain(held[c][i]),
                    "expected": plain(usual[c][i]),
                }
                for c in top[i]
                if known[i, c]
            ]
            for i in range(len(rows))
        ]
        return {**here, **columns, "reasons": why}

    def summarise(self, value: Tensor, weight: Tensor, how: str | float, like: Any = None, keep: bool = False) -> Any:
        return self.unpack(self.condense(value, weight, how), like=like, keep=keep)

    # ------------------------------------------------------------------ questions

    def given(self, asked: Any) -> tuple[Tensor | None, Tensor | None, Any]:
        """One series, which is a beginning: how it goes on is open, and what is empty in it.

        Raises:
            QueryError: a range or a set was asked for, more than one series, or one longer than a window.
        """
        if isinstance(asked, Between | OneOf):
            raise QueryError(f"{self.name} can be given as a series (empty where it is open), not as {asked!r}")
        value, known = self.pack(asked)
        if len(value) != 1:
            raise QueryError(
                f"{self.name} can be given one series of up to {self.window} steps; {len(value)} windows came. Give "
                "its last steps, or append empty rows to the whole series and write impute()"
            )
        return value, torch.ones_like(value, dtype=torch.bool) if known is None else known, None

    def log_jacobian(self, value: Tensor) -> Tensor | None:
        by_channel = [0.0 if c.levels else -math.log(c.scale) for c in self.channels]
        return value.new_tensor(by_channel + [0.0] * (not self.clock.even)).expand(value.shape)

    def hide(self, rows: int, rng: Random) -> Tensor:
        """What to leave visible in training, ``[rows, T, C]``: see :mod:`vaery.kinds.series.hide`. Times are seen."""
        shown = visible(rows, self.window, len(self.names), rng)
        if not self.clock.even:
            shown[..., -1] = True
        return shown

    def certain(self, value: Tensor, known: Tensor) -> Tensor | None:
        """Gaps in time, up to the last step of which anything is known: those that are not known are usual ones."""
        if self.clock.even:
            return None
        sure = torch.zeros_like(known)
        place = torch.arange(self.window, device=known.device)
        sure[..., -1] = place < _reach(known).clamp(min=1)[:, None]
        return sure

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> SeriesField:
        channels = tuple(Channel.from_json(c) for c in data["channels"])
        rest = {k: v for k, v in data.items() if k != "kind"}
        return cls(**{**rest, "channels": channels, "clock": Clock.from_json(data["clock"])})


def _reach(known: Tensor) -> Tensor:
    """``[B]`` up to which step anything is known."""
    place = torch.arange(1, known.shape[1] + 1, device=known.device)
    return (known.any(-1) * place).amax(1) if known.shape[1] else known.new_zeros(len(known), dtype=torch.long)
