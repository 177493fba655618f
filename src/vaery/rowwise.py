"""Jobs about rows: asked of all rows at once, or slice by slice where each row stands for itself."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from vaery.answer import as_they_came, complete, frame, in_raw
from vaery.constraints.apply import kept
from vaery.core.evidence import Evidence, concatenate
from vaery.core.field import Windowed
from vaery.core.job import Points
from vaery.core.random import Random
from vaery.progress import tracked
from vaery.schema import stack
from vaery.unseen import warn

if TYPE_CHECKING:
    from vaery.model import VAE

SLICE = 2048  # rows at a time
MANY = 500_000  # numbers in windows at a time


@dataclass(frozen=True)
class Question:
    """A job, and how it is asked.

    Attributes:
        model: a fitted one.
        function: the job.
        stream: makes the source of its draws; ``slice=`` numbers those of slices.
        options: of the job.
    """

    model: VAE
    function: Any
    stream: Callable[..., Random]
    options: dict[str, Any]

    def ask(self, *evidence: Any, **slices: int) -> Any:
        return self.function(self.model.joint_, *evidence, rng=self.stream(**slices), **self.options)

    def answer(self, raw: Sequence[Any]) -> Any:
        """What the job says of sets of rows, in the user's own terms."""
        model, spec = self.model, self.function.job
        evidence = [model.schema_.pack(r).to(model.joint_.device) for r in raw]
        if spec.gives != "frame":  # such a job speaks of each row, and says so itself
            for rows in evidence:
                warn(rows, model.calibration_.get("unseen"), besides=self.options.get("target"), stacklevel=4)
        fields = model.schema_.fields
        if spec.rowwise and len(fields) == 1 and isinstance(fields[0], Windowed):
            if evidence[0].rows > (size := max(16, MANY // math.prod(fields[0].event))):
                return self._of_windows(fields[0], raw[0], evidence[0], size)
        elif spec.rowwise and evidence[0].rows > SLICE and not model.schema_.windowed:
            return self._of_slices(raw[0], evidence[0])
        return self._at_once(raw, evidence)

    def _at_once(self, raw: Sequence[Any], evidence: list[Evidence]) -> Any:
        spec, like = self.function.job, raw[0] if raw else None
        result = self.ask(*([evidence[0] if len(evidence) == 1 else tuple(evidence)] if evidence else []))
        self._note_strength([result])
        if spec.gives == "frame":
            return self._columns(result, evidence, like)
        found = in_raw(self.model.schema_, result, like, spec.keep)
        held = getattr(result, "held", None) or (evidence[0] if raw else None)
        return self._kept(found, held) if held else found

    def _of_slices(self, like: Any, evidence: Evidence) -> Any:
        """Each slice is raw data at once: what came is cut as what is known of it is."""
        schema, parts, results = self.model.schema_, [], []
        for i, rows in self._slices(evidence.rows, SLICE):
            results.append(self.ask(evidence[rows], slice=i))
            parts.append(in_raw(schema, results[-1], schema.rows(like, rows), self.function.job.keep))
        self._note_strength(results)
        several = isinstance(results[0], list)  # sets of rows, and not a list of rows
        whole = [stack(list(part)) for part in zip(*parts, strict=True)] if several else stack(parts)
        return self._kept(whole, evidence)

    def _of_windows(self, field: Windowed, like: Any, evidence: Evidence, size: int) -> Any:
        """Windows overlap, so a slice of them is no slice of raw rows: put together packed, draws summed up."""
        slices = self._slices(evidence.rows, size)
        parts = [_packed(field, self.ask(evidence[rows], slice=i)) for i, rows in slices]
        return in_raw(self.model.schema_, _joined(parts), like, self.function.job.keep)

    def _slices(self, rows: int, size: int) -> Iterator[tuple[int, slice]]:
        starts = tracked(range(0, rows, size), self.function.__name__)
        yield from enumerate(slice(start, start + size) for start in starts)

    def _kept(self, found: Any, evidence: Evidence) -> Any:
        return kept(self.model, self.function.job, found, evidence, self.stream(), None, complete(self.options))

    def _columns(self, result: dict[str, Any], evidence: list[Evidence], like: Any) -> Any:
        """One entry for each raw row."""
        schema = self.model.schema_
        if "steps" in result:
            ((name, field),) = schema.windowed.items()
            return frame(field.told(schema.parts(like)[name], result["steps"], self.options.get("reasons", 3)), like)
        as_they_came(schema, result.get("reasons", ()), evidence[0], like)
        return frame(result, like)

    def _note_strength(self, results: list[Any]) -> None:
        """Keep what a job found out about noise in each row."""
        firsts = [result[0] if isinstance(result, list) and result else result for result in results]
        found = [getattr(first, "strength", None) for first in firsts]
        if all(strength is not None for strength in found):
            whole = [strength.cpu().numpy() for strength in found if strength is not None]
            self.model.strength_ = np.concatenate(whole)


def _packed(field: Windowed, result: Any) -> Any:
    if isinstance(result, Points):
        value = field.condense(result.values[field.name].cpu(), result.weight.cpu(), result.how)
        return Evidence(len(value), {field.name: value}, {field.name: None})
    if isinstance(result, list):
        return [_packed(field, item) for item in result]
    if isinstance(result, Mapping):
        return {name: _packed(field, item) for name, item in result.items()}
    return result


def _joined(parts: Sequence[Any]) -> Any:
    """Packed results of slices, one below the other."""
    first = parts[0]
    if isinstance(first, Evidence):
        return concatenate(list(parts))
    if isinstance(first, Tensor):
        return torch.cat(list(parts))
    if isinstance(first, list):
        return [_joined(item) for item in zip(*parts, strict=True)]
    return {name: _joined([part[name] for part in parts]) for name in first}
