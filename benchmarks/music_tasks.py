"""nll and wrong: how likely test pieces are, and which of their notes were moved. Part of ``music.py``."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from common import Clock
from image_nll import scored
from image_task import Asked, loaded
from music_rnn_nade import RnnNade
from sklearn.metrics import roc_auc_score
from task import Task

DRAWS, QUICK_DRAWS = (1, 10, 100), (1, 5)
BAR = 4  # time steps: a quarter note each
FURTHEST = 6  # semitones that a note is moved by, at most
NAMES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
LOWEST = 21  # pitch of the first column

Rolls = list[np.ndarray]


def nll(asked: Asked, name: str) -> Task:
    """The importance-weighted bound, nats a time step over all test steps; the largest number of draws counts."""
    methods = {
        "vaery": lambda s, seed: likelihood(asked, name, s, seed),
        "RNN-NADE": lambda s, seed: nade(asked, s, seed),
    }
    draws = list(QUICK_DRAWS if asked.quick else DRAWS)
    return Task("nll", {**asked.config, "data": name, "draws": draws}, lambda _: parts(asked, name), methods,
                data=asked.name(name))  # fmt: skip


def wrong(asked: Asked, name: str) -> Task:
    """One sounding cell of each bar is moved to another pitch; AUROC of finding these among all sounding cells."""
    methods = {"vaery": lambda s, seed: ours(asked, name, s, seed), "pitch histogram": lambda s, _: histogram(s)}
    return Task("wrong", {**asked.config, "data": name, "bar": BAR, "furthest": FURTHEST},
                lambda seed: Moved.of(parts(asked, name), seed), methods, data=asked.name(name))  # fmt: skip


def parts(asked: Asked, name: str) -> dict[str, Rolls]:
    """Training, validation and test pieces as they are; the validation pieces are only looked at by who needs them."""
    found: Any = loaded(asked.data, name)
    return {part: list(found[part])[: 20 if asked.quick else None] for part in ("train", "valid", "test")}


def likelihood(asked: Asked, name: str, s: dict[str, Rolls], seed: int) -> dict[str, Any]:
    """Ours, fitted on the training pieces alone: what it holds out comes from these. That a piece ends where it ends is
    scored, too."""
    model, took = asked.fit(name, s["train"], seed)
    draws, steps = QUICK_DRAWS if asked.quick else DRAWS, sum(map(len, s["test"]))
    with Clock() as clock:
        found = {f"nll_{k}": -float(scored(model, s["test"], k).sum()) / steps for k in draws}
    parameters = sum(p.numel() for p in model.joint_.parameters())
    last = model.history_[-1]
    return {**took, **found, "nll": found[f"nll_{max(draws)}"], "kl": last["kl"], "parameters": parameters,
            "score_seconds": clock.wall}  # fmt: skip


def nade(asked: Asked, s: dict[str, Rolls], seed: int) -> dict[str, Any]:
    """Fitted for as long, on the same pieces; the validation pieces choose when it was best."""
    with Clock() as clock:
        model = RnnNade(seed)
        steps = model.fit(s["train"], s["valid"], asked.seconds)
    found = -float(sum(model.score(s["test"]))) / sum(map(len, s["test"]))
    return {"nll": found, "parameters": sum(p.numel() for p in model.parameters()), "steps": steps,
            "fit_seconds": clock.wall}  # fmt: skip


@dataclass(frozen=True)
class Moved:
    """Test pieces with wrong notes, and for each sounding cell whether it is one."""

    train: Rolls
    test: Rolls
    cells: list[list[tuple[int, int]]]
    truth: list[np.ndarray]

    @classmethod
    def of(cls, found: dict[str, Rolls], seed: int) -> Moved:
        rng = np.random.default_rng(3000 + seed)
        made = [moved(roll, rng) for roll in found["test"]]
        cells = [list(map(tuple, np.argwhere(roll).tolist())) for roll, _ in made]
        truth = [np.array([cell in new for cell in here]) for here, (_, new) in zip(cells, made, strict=True)]
        return cls(found["train"], [roll for roll, _ in made], cells, truth)

    def auroc(self, score: Sequence[Sequence[float]]) -> float:
        return float(roc_auc_score(np.concatenate(self.truth), np.concatenate([np.asarray(row) for row in score])))


def moved(roll: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, set[tuple[int, int]]]:
    """A piece with one note of each whole bar on another pitch, where it was silent, and where these are."""
    roll, new = roll.copy(), set()
    for start in range(0, len(roll) - BAR + 1, BAR):
        there = np.argwhere(roll[start : start + BAR])
        if not len(there):
            continue
        step, pitch = (int(i) for i in there[rng.integers(len(there))])
        free = [p for p in range(pitch - FURTHEST, pitch + FURTHEST + 1) if 0 <= p < 88 and not roll[start + step, p]]
        to = int(rng.choice(free))
        roll[start + step, pitch], roll[start + step, to] = 0, 1
        new.add((start + step, to))
    return roll, new


def ours(asked: Asked, name: str, s: Moved, seed: int) -> dict[str, Any]:
    """Notes by the bits that ``detect`` gives for each, given all others."""
    model, took = asked.fit(name, s.train, seed)
    with Clock() as clock:
        most = max(map(len, s.cells))
        reasons = model.detect(s.test, reasons=most)["reasons"]
    score = []
    for cells, row in zip(s.cells, reasons, strict=True):
        bits = {place(reason["cell"]): reason["beyond"] for reason in row if "beyond" in reason}
        score.append([bits[cell] for cell in cells])
    return {**took, "auroc": s.auroc(score), "notes": sum(map(len, s.cells)), "detect_seconds": clock.wall}


def place(said: str) -> tuple[int, int]:
    """``"C4 at step 3"`` → (3, column)."""
    found = re.fullmatch(r"([A-G]#?)(-?\d+) at step (\d+)", said)
    assert found is not None, said
    return int(found[3]), NAMES.index(found[1]) + 12 * (int(found[2]) + 1) - LOWEST


def histogram(s: Moved) -> dict[str, Any]:
    """Notes by how rare their pitch is in the training pieces."""
    counts = 1 + sum(roll.sum(0, dtype=np.int64) for roll in s.train)
    return {"auroc": s.auroc([[-np.log(counts[pitch]) for _, pitch in cells] for cells in s.cells])}
