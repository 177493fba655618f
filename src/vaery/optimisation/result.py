"""What a search found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from vaery.evaluation.latent.drawing import Drawing


@dataclass(frozen=True)
class Optimised:
    """The best candidates of a search.

    Attributes:
        records: the candidates, the best first, all different, as the type that was fitted. Where the target is a
            column, its cell holds the value.
        values: ``[n]`` what each is worth.
        trace: ``[calls]`` the best value after each call.
        calls: how many candidates the target was called for.
        target: its name.
        direction: ``"max"`` or ``"min"``.
        predicted: the target is a column, so that values are the model's own predictions, and no measurements.
        surrogate: what guessed where to call next.
        refused: how many candidates each condition refused, and how many were ``"drawn"`` in all.
        start: ``[rows]`` what the rows are worth that the search started from; empty without.
        random: ``[calls]`` the best value after each call of a search at random, where it was asked for; else empty.
        note: what a reader should know, in a sentence; mostly empty.
    """

    records: Any
    values: NDArray[np.float64]
    trace: NDArray[np.float64]
    calls: int
    predicted: bool
    start: NDArray[np.float64]
    random: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    target: str = "target"
    direction: str = "max"
    surrogate: str = ""
    refused: Mapping[str, int] = field(default_factory=dict)
    note: str = ""

    @property
    def regret(self) -> float:
        """How much worse the best of a search at random is, with as many calls; negative: better. Nan without one."""
        if not len(self.random) or not len(self.trace):
            return float("nan")
        return float((self.trace[-1] - self.random[-1]) * (1 if self.direction == "max" else -1))

    def to_dict(self) -> dict[str, Any]:
        """All but the records, as plain data."""
        kept = ("target", "direction", "calls", "predicted", "surrogate", "note")
        arrays = ("values", "trace", "start", "random")
        return {name: getattr(self, name) for name in kept} | {
            "refused": dict(self.refused),
            **{name: getattr(self, name).tolist() for name in arrays},
        }

    def picture(self) -> Drawing:
        """The best value by call, and that of the search at random where there is one.

        Raises:
            MissingExtra: matplotlib is not installed.
        """
        from vaery.evaluation.latent.drawing import Drawing
        from vaery.report import style

        figure = style.figure(6.5, 3.6)
        axes = style.plain(figure.add_axes((0.12, 0.16, 0.84, 0.72)), grid="y")
        for name, line, colour in (("search", self.trace, style.BLUE), ("at random", self.random, style.SOFT)):
            if len(line):
                axes.plot(np.arange(1, len(line) + 1), line, color=colour, label=name, linewidth=2)
        axes.set_xlabel("calls", color=style.SOFT, fontsize=style.SMALL)
        axes.legend(frameon=False, fontsize=style.SMALL, labelcolor=style.INK)
        style.title(axes, f"best {self.target} so far")
        return Drawing(figure, self.to_dict())

    def __repr__(self) -> str:
        what = f"{self.target}, by the model's prediction" if self.predicted else self.target
        found = f"{len(self.values)} candidates"
        if len(self.values):
            found += f", the best {self.values[0]:.6g} ({what})"
        words = [f"{found}; {self.calls} calls"]
        if len(self.random):
            words.append(f"at random, the best of as many is {self.random[-1]:.6g}")
        return "; ".join([*words, *([self.note] if self.note else [])])
