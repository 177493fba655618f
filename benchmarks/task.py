"""A task: one setting for each seed, and the methods that are put into it. Shared by ``adult.py`` and ``tables.py``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from common import Clock

SEVERAL = "vaery three members"  # an ensemble, beside the default; once, since it takes three times as long


@dataclass(frozen=True)
class Asked:
    """What the command line said.

    Attributes:
        data: the folder with ``load.py``.
        threads: of every contestant.
        quick: a small grid; its results are never kept.
        steps: of our fits, in a quick run only; otherwise they are vaery's own choice.
    """

    data: Path
    threads: int = 1
    quick: bool = False
    steps: int = 60

    @property
    def ours(self) -> dict[str, Any]:
        """Arguments of every VAE here: its defaults, but for the threads (and the length of a quick run)."""
        return {"threads": self.threads, "device": "cpu", **({"steps": self.steps} if self.quick else {})}


@dataclass(frozen=True)
class Task:
    """One thing that is measured.

    Attributes:
        name: of the task.
        config: everything that decides its numbers, as plain data.
        setting: seed → what the methods work on; made once a seed.
        methods: name → ``(setting, seed) → metrics``.
        once: methods that are too slow for every seed: the first only.
        ours: the methods that are vaery's.
        data: the table it is measured on, where a task is measured on several.
    """

    name: str
    config: Mapping[str, Any]
    setting: Callable[[int], Any]
    methods: Mapping[str, Callable[[Any, int], dict[str, Any]]]
    once: frozenset[str] = frozenset()
    ours: frozenset[str] = field(default_factory=lambda: frozenset({"vaery"}))
    data: str = ""

    def key(self, method: str, seed: int) -> str:
        """The name of a result: ``anomaly/cardio/KNN/0``."""
        return "/".join(part for part in (self.name, self.data, method, str(seed)) if part)


def fit(asked: Asked, rows: Any, seed: int, **options: Any) -> tuple[Any, dict[str, float]]:
    """A default VAE fitted to some rows, and what that took."""
    from vaery import VAE

    with Clock() as clock:
        model = VAE(random_state=seed, **{**asked.ours, **options}).fit(rows, verbose=False)
    return model, {"fit_seconds": clock.wall, "fit_cpu_seconds": clock.cpu}
