"""What the tasks about images share: what was asked, the images, our fits, and the way to the peers' environment."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from common import ROOT, Clock, data
from peer_process import run_peer

PEER_SCRIPT = ROOT / "benchmarks" / "image_peers.py"
QUICK = {"train": 2000, "test": 200}  # images of a quick run


@dataclass(frozen=True)
class Asked:
    """What the command line said.

    Attributes:
        data: the folder with ``load.py``.
        minutes: of training, for ours and for each peer, by the wall clock.
        threads: of every contestant.
        quick: few images and small numbers; its results are never kept.
        steps: our fits take just so many steps instead, which gives the same bytes on every run of the same machine;
            a fit of minutes takes as many as the machine manages. 0: minutes.
        device: of our fits and pythae's.
        rows: test images that get the most draws of a density; 0: all.
        models: fits of this run that several tasks ask about.
    """

    data: Path
    minutes: float = 10.0
    threads: int = 1
    quick: bool = False
    steps: int = 0
    device: str = "cpu"
    rows: int = 0
    models: dict[Any, Any] = field(default_factory=dict, compare=False, repr=False)

    @property
    def seconds(self) -> float:
        return 60 * self.minutes

    @property
    def config(self) -> dict[str, Any]:
        """What decides the numbers of every task here."""
        return {"minutes": self.minutes, "steps": self.steps, "device": self.device}

    def name(self, dataset: str) -> str:
        """``mnist 10 min``: the column of a result; the effort is part of it, so that 10 and 60 minutes both stay."""
        time = f"{self.minutes:g} min" if self.minutes >= 1 else f"{self.seconds:g} s"
        effort = f"{self.steps} steps" if self.steps else time
        return f"{dataset} {effort}" + ("" if self.device == "cpu" else f" {self.device}")

    def few(self, many: int, quick: int) -> int:
        return quick if self.quick else many

    def fit(self, what: str, raw: Any, seed: int, share: float = 1.0, **options: Any) -> tuple[Any, dict[str, float]]:
        """A default VAE fitted to some images, and what that took; made once a run.

        Args:
            what: names the images, for the next who asks.
            share: of the time.
            options: of VAE.
        """
        from vaery import VAE

        key = what, seed, share, self.minutes, self.steps, repr(sorted(options.items()))
        if key not in self.models:
            length = {"steps": max(20, round(share * self.steps))} if self.steps else {}
            common = {"random_state": seed, "threads": self.threads, "device": self.device}
            with Clock() as clock:
                model = VAE(**{**common, **length, **options})
                model.fit(raw, budget=None if self.steps else share * self.seconds, verbose=False)
            took = {"fit_seconds": clock.wall, "fit_cpu_seconds": clock.cpu, "steps": model.history_[-1]["step"]}
            self.models[key] = model, took
        return self.models[key]

    def peer(self, task: str, options: Mapping[str, Any], **arrays: np.ndarray) -> tuple[dict, dict[str, np.ndarray]]:
        """A task of ``image_peers.py``: arrays and options go in, numbers and arrays come out."""
        with tempfile.TemporaryDirectory() as folder:
            source, target = Path(folder) / "in.npz", Path(folder) / "out.npz"
            np.savez(source, **arrays)  # type: ignore[arg-type]
            told = json.dumps({"seconds": self.seconds, "device": self.device, **options})
            answer = run_peer(self.threads, task, source, target, told, script=PEER_SCRIPT)
            if not target.exists():
                return answer, {}
            with np.load(target, allow_pickle=False) as found:
                return answer, {name: found[name] for name in found.files}


@dataclass(frozen=True)
class Images:
    """``x_train`` and ``x_test``, uint8; their labels, where there are any; what pythae chooses its best epoch by."""

    train: np.ndarray
    test: np.ndarray
    train_labels: np.ndarray
    test_labels: np.ndarray
    valid: np.ndarray


@cache
def loaded(folder: Path, name: str) -> dict[str, np.ndarray]:
    return getattr(data(folder), name)()


def images(asked: Asked, name: str) -> Images:
    """A data set in its official parts.

    Where there is no part to choose by, it is the last sixth of the training images: pythae trains on the others and
    looks at these; ours gets all of them and splits off its own. Test rows decide nothing.
    """
    found = loaded(asked.data, name)
    train, test = found["x_train"], found["x_test"]
    labels, test_labels = (found.get(f"y_{part}", np.zeros(len(found[f"x_{part}"]), int)) for part in ("train", "test"))
    valid = found.get("x_valid", train[len(train) * 5 // 6 :])
    if asked.quick:
        few = np.linspace(0, len(test) - 1, QUICK["test"]).astype(int)  # test rows may be sorted by class
        size = QUICK["train"]
        train, labels, test, test_labels, valid = train[:size], labels[:size], test[few], test_labels[few], valid[:200]
    return Images(train, test, labels, test_labels, valid)


def for_choosing(x: Images) -> np.ndarray:
    """The training images of those who look at ``valid``: without it, where it is a part of them."""
    cut = len(x.train) * 5 // 6
    inside = len(x.valid) == len(x.train) - cut and np.array_equal(x.train[cut:], x.valid)
    return x.train[:cut] if inside else x.train


def subset(count: int, of: int, seed: int) -> np.ndarray:
    """``count`` rows of so many, drawn by the seed, in their order; all, if there are no more."""
    return np.sort(np.random.default_rng(2000 + seed).permutation(of)[:count])
