"""What the checks of :mod:`vaery.core.check` say when a contract is broken."""

from __future__ import annotations

from torch import Tensor


def expect(holds: bool, otherwise: str) -> None:
    """Raise an AssertionError that says ``otherwise``, unless it ``holds``."""
    if not holds:
        raise AssertionError(otherwise)


def near(got: Tensor, wanted: Tensor | float, tolerance: Tensor | float, what: str) -> None:
    """Expect every number to be within ``tolerance`` of the one wanted."""
    gap = (got.detach() - wanted).abs()
    expect(bool((gap <= tolerance).all()), f"{what}: off by {float(gap.max()):.3g}")
