"""Targets: what is to be raised, by a function of raw records or as a column of the model. Every call is counted."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vaery.core.errors import DataError, QueryError
from vaery.core.job import Points
from vaery.core.random import Random
from vaery.inference import conditionals
from vaery.jobs.score import score
from vaery.optimisation.pool import Pool, take

if TYPE_CHECKING:
    from vaery.model import VAE

LATENTS = 16  # weighted draws of the latent that a prediction is the mean over
ORDINARY = 0.05  # the share of the model's own draws that may be less probable than a candidate
DRAWS = 2  # latents that this is judged by: it is asked of every candidate


class Called:
    """A function of raw records as one of pools, its calls counted.

    Attributes:
        calls: how many records it was called for.
    """

    def __init__(self, function: Callable[[Any], Any], sign: float) -> None:
        self.function, self.sign, self.calls = function, sign, 0

    def __call__(self, pool: Pool) -> Tensor:
        """``[P]`` to be raised.

        Raises:
            DataError: the function failed, or gave something else than one finite number for each; names the candidate.
        """
        self.calls += len(pool)
        try:
            values = numbers(self.function(pool.raw), len(pool), "target", "number")
        except QueryError:
            raise
        except Exception as error:
            raise DataError(
                f"target= failed for {self._failed(pool)}: {type(error).__name__}: {error}; make it give a low number "
                "for what it cannot judge, or refuse such candidates with feasible="
            ) from error
        if not np.isfinite(values).all():
            at = int((~np.isfinite(values)).argmax())
            raise DataError(
                f"target= gave {values[at]} for {shown(pool, at)}, where a finite number was expected; make it give a "
                "low number for what it cannot judge, or refuse such candidates with feasible="
            )
        return self.sign * torch.as_tensor(values)

    def _failed(self, pool: Pool) -> str:
        """The first candidate that it fails for by itself."""
        for i in range(len(pool)):
            try:
                self.function(take(pool.raw, np.array([i])))
            except Exception:
                return shown(pool, i)
        return f"{len(pool)} candidates at once, though for none of them alone, first {shown(pool, 0)}"


class Predicted:
    """A column as a function of pools: its expected value under the model, given all else in the row."""

    def __init__(self, model: VAE, name: str, cell: int, sign: float) -> None:
        self.model, self.name, self.sign, self.calls = model, name, sign, 0
        self.column = str((model.joint_.fields[name].cell_names or ())[cell])
        if name not in model.schema_.tables or not self._is_number():
            raise QueryError(
                f"target={self.column!r} holds no numbers that could be raised; give a function instead: "
                f"target=lambda rows: model.predict_proba(rows, target={self.column!r})[:, -1] raises the probability "
                "of its last level"
            )

    def __call__(self, pool: Pool) -> Tensor:
        """``[P]`` to be raised."""
        self.calls += len(pool)
        points = self.points(pool)
        value = points.values[self.name]
        own = self._decoded(value.flatten(0, 1)).reshape(value.shape[:2])
        weight = points.weight.double().cpu().numpy()
        return self.sign * torch.as_tensor((weight * own).sum(0) / weight.sum(0))

    def points(self, pool: Pool) -> Points:
        """What the target may be in each candidate."""
        rng = Random(0, self.model.joint_.device, share_rows=True)
        return conditionals(self.model.joint_, pool.rows, rng=rng, draws=LATENTS, only=[self.name])

    def filled(self, pool: Pool) -> Any:
        """The candidates with the expected value in the target's own cell."""
        points, schema = self.points(pool), self.model.schema_
        values = {name: value[None].cpu() for name, value in pool.rows.values.items() if name != self.name}
        values[self.name] = points.values[self.name].cpu()
        parts, like = {}, schema.parts(pool.raw)
        for name, value in values.items():
            weight = points.weight.cpu() if name == self.name else torch.ones(value.shape[:2])
            parts[name] = schema[name].summarise(value, weight, "mean", like=like[name], keep=True)
        return schema.whole(parts, pool.raw)

    def _decoded(self, value: Tensor) -> NDArray[np.float64]:
        found: Any = self.model.schema_.tables[self.name].decoded(value)[self.column]
        return np.array([float(x) for x in (found.to_pylist() if hasattr(found, "to_pylist") else found)])

    def _is_number(self) -> bool:
        field: Any = self.model.schema_.tables[self.name]
        found: Any = field.decoded(torch.zeros(1, *field.event))[self.column]
        first = (found.to_pylist() if hasattr(found, "to_pylist") else list(found))[0]
        return isinstance(first, bool | int | float | Decimal | np.number | np.bool_)


class Ordinary:
    """A check: whether the model finds a candidate as probable as most of its own draws under the same conditions.

    A prediction is only good near what the model has seen, and a search for a high one would otherwise run off to where
    it errs.
    """

    def __init__(self, model: VAE, draws: Pool) -> None:
        self.model = model
        self.floor = float(np.quantile(self._scores(draws), ORDINARY)) if len(draws) else -np.inf

    def __call__(self, pool: Pool) -> NDArray[np.bool_]:
        return self._scores(pool) >= self.floor

    def _scores(self, pool: Pool) -> NDArray[np.float64]:
        joint = self.model.joint_
        return score(joint, pool.rows, rng=Random(0, joint.device, share_rows=True), draws=DRAWS).double().cpu().numpy()


def numbers(found: Any, n: int, what: str, each: str) -> NDArray[np.float64]:
    """What a function gave, as one number for each of ``n`` candidates.

    Raises:
        QueryError: it is something else.
    """
    array = np.asarray(found.detach().cpu() if isinstance(found, Tensor) else found)
    if array.shape not in ((n,), (n, 1)):
        raise QueryError(
            f"{what}= is called with {n} candidates at once and gives one {each} for each, [{n}]; it gave "
            f"{list(array.shape)}"
        )
    return array.reshape(n).astype(np.float64)


def shown(pool: Pool, at: int) -> str:
    """A candidate in words, in a line."""
    one = take(pool.raw, np.array([at]))
    one = {name: part[0] if isinstance(part, list) else part for name, part in one.items()} if isinstance(
        one, dict) else one  # fmt: skip
    if hasattr(one, "to_dict") and hasattr(one, "iloc"):
        one = one.iloc[0].to_dict()
    elif hasattr(one, "to_dicts"):
        one = one.to_dicts()[0]
    elif hasattr(one, "to_pylist"):
        one = one.to_pylist()[0]
    elif isinstance(one, list | np.ndarray):
        one = one[0]
    text = " ".join(str(one).split())
    return text if len(text) <= 300 else f"{text[:297]}..."
