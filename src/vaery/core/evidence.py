"""Evidence: values, and which of them are known. The only thing that travels between data and model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from vaery.core.region import Region


@dataclass(frozen=True)
class Evidence:
    """What is known of some rows. A batch, a ``given=``, a table with holes and an unlabelled row are all this.

    Attributes:
        rows: B.
        values: field → ``[B, E…]``; unknown cells hold zeros, so that what is hidden cannot leak. A field that is
            not here is unknown in every row.
        known: field → ``[B, M…]`` bool; ``None`` means all known (the cheap case).
        regions: field → conditions that are not exact values.
        blind: field → ``[B]`` bool, rows in which the field is scored, but not shown to the posterior of the levels
            that all fields share; so these learn to tell it from the others.
        spans: ``[B, 2]`` on the CPU: where rows that are windows of longer records begin and end on one line (see
            :class:`~vaery.core.field.Windowed`). ``None``: rows stand for themselves.
    """

    rows: int
    values: Mapping[str, Tensor]
    known: Mapping[str, Tensor | None]
    regions: Mapping[str, Region] = field(default_factory=dict)
    blind: Mapping[str, Tensor] = field(default_factory=dict, kw_only=True)
    spans: Tensor | None = field(default=None, kw_only=True)

    def __contains__(self, name: str) -> bool:
        return name in self.values

    def __getitem__(self, rows: Tensor | slice) -> Evidence:
        """These rows only."""
        values = {k: _take(v, rows) for k, v in self.values.items()}
        known = {k: None if v is None else _take(v, rows) for k, v in self.known.items()}
        some = next(iter(values.values())) if values else torch.empty(self.rows, 0)[rows]
        regions, blind = {k: v[rows] for k, v in self.regions.items()}, {k: v[rows] for k, v in self.blind.items()}
        spans = None if self.spans is None else self.spans[rows.cpu() if isinstance(rows, Tensor) else rows]
        return Evidence(len(some), values, known, regions, blind=blind, spans=spans)

    @property
    def device(self) -> torch.device:
        return next((v.device for v in self.values.values()), torch.device("cpu"))

    def to(self, device: torch.device | str) -> Evidence:
        """The same evidence on another device."""
        device = torch.device(device)
        if all(v.device == device for v in self.values.values()):
            return self
        values = {k: v.to(device) for k, v in self.values.items()}
        known = {k: None if v is None else v.to(device) for k, v in self.known.items()}
        regions = {k: r.to(device) for k, r in self.regions.items()}
        blind = {k: v.to(device) for k, v in self.blind.items()}
        return Evidence(self.rows, values, known, regions, blind=blind, spans=self.spans)

    def double(self) -> Evidence:
        """The same evidence in double precision; bytes stay bytes."""
        return replace(self, values={k: v.double() if v.is_floating_point() else v for k, v in self.values.items()})

    def only(self, *names: str) -> Evidence:
        """The same rows with only these fields known."""
        return replace(
            self,
            values={k: v for k, v in self.values.items() if k in names},
            known={k: v for k, v in self.known.items() if k in names},
            regions={k: v for k, v in self.regions.items() if k in names},
        )

    def without(self, *names: str) -> Evidence:
        """The same rows with these fields unknown."""
        return self.only(*(k for k in {**self.values, **self.regions} if k not in names))

    def hide(self, visible: Mapping[str, Tensor]) -> Evidence:
        """The same rows with only the visible cells known: ``visible`` is field → ``[B, M…]`` bool.

        Hidden cells are set to zero, so that nothing can read them.
        """
        values, known = dict(self.values), dict(self.known)
        for name, shown in visible.items():
            if name not in values:
                continue
            mask = known[name]
            known[name] = mask = shown if mask is None else mask & shown
            values[name] = zeroed(values[name], mask)
        return replace(self, values=values, known=known)

    def present(self, name: str) -> Tensor:
        """``[B]`` bool: the rows in which any cell of the field is known."""
        if name not in self.values:
            return torch.zeros(self.rows, dtype=torch.bool, device=self.device)
        known = self.known[name]
        if known is None:
            return torch.ones(self.rows, dtype=torch.bool, device=self.device)
        return known if known.dim() == 1 else known.flatten(1).any(1)

    def shown(self, name: str) -> Tensor:
        """``[B]`` bool: the rows in which the posterior of the shared levels sees anything of the field."""
        present = self.present(name)
        return present & ~self.blind[name] if name in self.blind else present

    def repeat(self, times: int) -> Evidence:
        """Each row this many times, copies side by side."""
        index = torch.arange(self.rows, device=self.device).repeat_interleave(times)
        return replace(self[index], rows=self.rows * times)


@dataclass(frozen=True)
class Some:
    """Some rows of evidence, by number, without a copy of them: what is taken from here is taken from there."""

    whole: Evidence
    index: Tensor

    @property
    def rows(self) -> int:
        return len(self.index)

    @property
    def device(self) -> torch.device:
        return self.whole.device

    def __getitem__(self, rows: Tensor | slice) -> Evidence:
        return self.whole[self.index[rows]]


def _take(value: Tensor, rows: Tensor | slice) -> Tensor:
    """``value[rows]``; selecting is several times as fast as indexing for bytes."""
    if isinstance(rows, Tensor) and rows.dtype == torch.long:
        return value.index_select(0, rows)
    return value[rows]


def expand_mask(known: Tensor, dims: int) -> Tensor:
    """A mask (or weights, or shares) with trailing axes of size one added, up to ``dims`` axes."""
    return known.view(*known.shape, *([1] * (dims - known.dim())))


def zeroed(value: Tensor, known: Tensor) -> Tensor:
    """``value [B, E…]`` with zeros where it is not ``known [B, M…]``."""
    return value * expand_mask(known, value.dim()).to(value.dtype)


def concatenate(parts: list[Evidence]) -> Evidence:
    """Rows one below the other; all parts must hold the same fields."""
    values = {k: torch.cat([p.values[k] for p in parts]) for k in parts[0].values}
    known: dict[str, Tensor | None] = {}
    for name in values:
        masks = [p.known[name] for p in parts]
        if all(m is None for m in masks):
            known[name] = None
            continue
        shape = next(m.shape[1:] for m in masks if m is not None)
        full = [
            torch.ones(p.rows, *shape, dtype=torch.bool, device=p.device) if m is None else m
            for p, m in zip(parts, masks, strict=True)
        ]
        known[name] = torch.cat(full)
    return Evidence(sum(p.rows for p in parts), values, known)
