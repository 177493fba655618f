"""The contract of kinds: ours keep it, broken ones are told how."""

from __future__ import annotations

import types
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import pandas as pd
import pytest
from torch import nn

from vaery.core.check import check_kind
from vaery.core.members import member
from vaery.kinds.table.field import TableField


def table() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "x": rng.normal(size=60),
            "k": rng.choice(["a", "b", "c"], 60),
            "n": rng.poisson(3, 60),
            "day": pd.Timestamp("2026-01-01") + pd.to_timedelta(rng.integers(0, 300, 60), "D"),
            "limit": 1000 * rng.integers(1, 40, 60),
        }
    )
    return frame.mask(rng.random(frame.shape) < 0.1)


def pictures(dtype: str = "uint8") -> np.ndarray:
    x = np.random.default_rng(0).integers(0, 256, (20, 8, 8))
    return x.astype(np.uint8) if dtype == "uint8" else (x / 255).astype(np.float32)


@pytest.mark.parametrize(
    ("kind", "raw"), [("table", table()), ("image", pictures()), ("image", pictures("float")),
                      ("image", (pictures() > 127).astype(np.uint8))]
)  # fmt: skip
def test_ours_keep_the_contract(kind: str, raw: Any) -> None:
    check_kind(member("kinds", kind), raw)


def broken(**instead: Any) -> Any:
    """The table kind with some functions replaced."""
    kind = member("kinds", "table")
    return types.SimpleNamespace(
        **{name: getattr(kind, name) for name in kind.__all__ if name != "TableField"} | instead
    )


@dataclass(frozen=True)
class Filler(TableField):
    """A table that forgets its gaps."""

    def pack(self, raw: Any) -> Any:
        return super().pack(raw)[0] + 1, super().pack(raw)[1]


def filler(raw: Any) -> Filler:
    field = member("kinds", "table").describe(raw)
    return Filler(**{f.name: getattr(field, f.name) for f in fields(field)})


class Leaky(nn.Module):
    """An encoder that reads what it must not see."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, value: Any, known: Any) -> Any:
        return self.inner(value, known) + value.flatten(1).sum(1, keepdim=True)


@pytest.mark.parametrize(
    ("kind", "says"),
    [
        (broken(decoder=None), "decoder"),
        (broken(looks_like=lambda raw: False), "looks_like"),
        (broken(describe=lambda raw: "a table"), "Field"),
        (broken(suggest=lambda field, rows: {"latent": 2}), "width"),
        (broken(encoder=lambda *a: Leaky(member("kinds", "table").encoder(*a))), "no influence"),
        (broken(describe=filler), "zeros"),
    ],
)
def test_who_breaks_it_is_told(kind: Any, says: str) -> None:
    with pytest.raises(AssertionError, match=says):
        check_kind(kind, table())
