"""A picture, with what it shows as plain data."""

from __future__ import annotations

import io
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vaery.report import style

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Drawing:
    """A picture: a notebook shows it, :meth:`save` writes it.

    Attributes:
        figure: of matplotlib, to change before it is saved.
        about: what it shows, as plain data.
    """

    figure: Figure
    about: Mapping[str, Any]

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write it as PNG: the same picture is the same bytes."""
        return style.save(self.figure, path)

    def _repr_png_(self) -> bytes:
        """What notebooks show."""
        held = io.BytesIO()
        self.figure.savefig(held, format="png", metadata={"Software": None}, facecolor="white")
        return held.getvalue()

    def __repr__(self) -> str:
        width, height = self.figure.get_size_inches()
        return f"<picture of {width:.1f} × {height:.1f} inches; .save('picture.png') writes it>"
