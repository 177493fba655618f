"""What the checks of series work in: held-out series as one line of steps, and the way back to what they came in."""

from __future__ import annotations

import dataclasses
import os
import time
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vaery.core.errors import DataError
from vaery.evaluation.bootstrap import PerColumn
from vaery.evaluation.measure import FEW
from vaery.evaluation.setting import generator
from vaery.schema import read

if TYPE_CHECKING:
    from vaery.model import VAE

STEPS = 5  # for each row that is asked for: neighbours are alike, and a step says less than a row
SEGMENTS, SHORTEST = 60, 8  # that the line is cut into, about; steps of one, at least

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]


@dataclass
class Series:
    """Held-out series, and who is to be tried on them.

    Attributes:
        model: of one field, which is series.
        raw: a pandas frame, or a list of ``[T, C]``.
        seed: of all that is random.
        fdr: share of false alarms that is put up with.
        kept: results that more than one part looks at.
    """

    model: VAE
    raw: Any
    seed: int
    fdr: float = 0.05
    kept: dict[str, Any] = dataclasses.field(default_factory=dict)

    @classmethod
    def of(cls, model: VAE, raw: Any, rows: int, seed: int) -> Series:
        """The first ``STEPS * rows`` steps of raw series of any container.

        Raises:
            DataError: there are too few steps.
        """
        field: Any = model.schema_.fields[0]
        raw = _plain(raw)
        opened = field.opened(raw)
        if opened.rows < FEW * SHORTEST:
            raise DataError(f"{opened.rows} step(s) came; at least {FEW * SHORTEST} are needed to tell methods apart")
        return cls(model, _first(raw, opened, STEPS * rows), seed)

    @property
    def field(self) -> Any:
        return self.model.schema_.fields[0]

    @cached_property
    def opened(self) -> Any:
        return self.field.opened(self.raw)

    @cached_property
    def names(self) -> list[str]:
        """The channels that are tried: they hold numbers, and not one alone."""
        return [self.field.channels[c].name for c in self._tried]

    @cached_property
    def _tried(self) -> list[int]:
        numbers = [c for c, channel in enumerate(self.field.channels) if not channel.levels]
        return [c for c in numbers if np.nanstd(self.opened.columns[c]) > 0]

    @cached_property
    def line(self) -> Floats:
        """``[R, C]`` the channels that are tried, by series and time, in standard deviations; NaN: not known."""
        return self.standard(self.raw)

    @cached_property
    def scale(self) -> tuple[Floats, ...]:
        """Mean and standard deviation of each channel."""
        columns = [self.opened.columns[c].astype(np.float64) for c in self._tried]
        return tuple(np.array([float(of(x)) for x in columns]) for of in (np.nanmean, np.nanstd))

    def standard(self, raw: Any) -> Floats:
        """Raw series with the same rows, likewise."""
        columns = self.field.opened(raw).columns
        x = np.stack([columns[c].astype(np.float64) for c in self._tried], 1)[self.opened.order]
        return (x - self.scale[0]) / self.scale[1]

    def raw_units(self, x: Floats, channel: int) -> Floats:
        """``[R]`` one channel of the line in the data's own units."""
        return x[:, channel] * self.scale[1][channel] + self.scale[0][channel]

    def line_at(self, step: int) -> Floats:
        """``[C]`` what the channels hold at a step of the line, in the data's own units."""
        return self.line[step] * self.scale[1] + self.scale[0]

    @cached_property
    def series(self) -> NDArray[np.int64]:
        """``[R]`` which series each step of the line belongs to."""
        return self.opened.series[self.opened.order]

    @cached_property
    def segment(self) -> NDArray[np.int64]:
        """``[R]`` which segment: stretches of one series, of about equal length."""
        length = max(SHORTEST, min(self.field.window, len(self.series) // SEGMENTS))
        first = np.r_[True, np.diff(self.series) != 0]
        at = np.arange(len(self.series))
        inside = at - np.maximum.accumulate(np.where(first, at, 0))
        return np.cumsum(inside % length == 0) - 1

    @property
    def segments(self) -> int:
        return int(self.segment[-1]) + 1

    def by_segment(self, loss: Floats, there: Mask) -> PerColumn:
        """Losses of cells ``[R, C]``, where ``there``, as the mean over channels of each channel's mean."""
        total, count = (np.zeros((self.segments, loss.shape[1])) for _ in range(2))
        np.add.at(total, self.segment, np.where(there, loss, 0.0))
        np.add.at(count, self.segment, there.astype(np.float64))
        return PerColumn(total, count)

    def highest(self, score: Floats) -> Floats:
        """``[R]`` scores of steps → the highest of each segment."""
        found = np.full(self.segments, -np.inf)
        np.maximum.at(found, self.segment, np.nan_to_num(score, nan=-np.inf))
        return found

    def rng(self, name: str) -> np.random.Generator:
        """A generator of one's own for whoever is called that."""
        return generator(self.seed, name)

    # ------------------------------------------------------------------ the model

    def changed(self, where: Mask, to: Floats | None = None) -> Any:
        """The raw series with cells of the line ``[R, C]`` emptied, or set to other values (in standard deviations)."""
        back = np.argsort(self.opened.order)
        rows = where[back]
        new = np.full(rows.shape, np.nan) if to is None else (to * self.scale[1] + self.scale[0])[back]
        if isinstance(self.raw, list):
            flat = np.concatenate([np.asarray(part, dtype=np.float64).reshape(len(part), -1) for part in self.raw])
            for i, c in enumerate(self._tried):
                flat[rows[:, i], c] = new[rows[:, i], i]
            return np.split(flat, np.cumsum([len(part) for part in self.raw])[:-1])
        frame = self.raw.copy()
        for i, name in enumerate(self.names):
            column = next(c for c in frame.columns if str(c) == name)
            frame[column] = frame[column].astype(np.float64).where(~rows[:, i], new[:, i])
        return frame

    def part(self, at: slice) -> Series:
        """Some steps of the line, of one series, in the same units."""
        rows = self.opened.order[at]
        if isinstance(self.raw, list):
            starts = np.cumsum([0, *(len(part) for part in self.raw)])
            one = int(np.searchsorted(starts, rows[0], "right")) - 1
            raw: Any = [self.raw[one][np.sort(rows) - starts[one]]]
        else:
            raw = self.raw.iloc[np.sort(rows)]
        found = dataclasses.replace(self, raw=raw, kept={})
        found.__dict__.update(scale=self.scale, _tried=self._tried)
        return found

    def ask(self, job: str, raw: Any, **options: Any) -> tuple[Any, float]:
        """What the model answers, in raw terms, and in how many seconds."""
        start = time.perf_counter()
        answer = self.model.run(job, raw, seed=self.seed, **options)
        return answer, time.perf_counter() - start

    @cached_property
    def detected(self) -> tuple[Any, float]:
        """What is odd in the series as they are."""
        return self.ask("detect", self.raw, fdr=self.fdr)


def _plain(raw: Any) -> Any:
    """Any container as a pandas frame or a list of arrays."""
    if isinstance(raw, str | os.PathLike):
        raw = read(raw, "series")
    if type(raw).__module__.startswith("polars"):
        raw = raw.to_pandas()
    if type(raw).__module__.startswith("pandas"):
        return raw.to_frame() if raw.ndim == 1 else raw
    if isinstance(raw, list | tuple):
        return [_array(item) for item in raw]
    array = _array(raw)
    return list(array) if array.ndim == 3 else [array]


def _array(item: Any) -> NDArray[Any]:
    array = np.asanyarray(item)
    return np.ma.filled(array.astype(np.float64), np.nan) if np.ma.isMaskedArray(array) else array


def _first(raw: Any, opened: Any, most: int) -> Any:
    """The first steps of the line."""
    if opened.rows <= most:
        return raw
    if not isinstance(raw, list):
        return raw.iloc[np.sort(opened.order[:most])]
    ends = np.cumsum([len(part) for part in raw])
    starts = [0, *ends[:-1].tolist()]
    return [part[: most - start] for part, start in zip(raw, starts, strict=True) if start < most]
