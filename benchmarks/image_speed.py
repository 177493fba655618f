"""speed: training and sampling beside pythae, on the same convolutions and batch. Part of ``images.py``."""

from __future__ import annotations

import statistics
from typing import Any

from image_task import Asked
from speed import Worker, ratios, turns
from task import Task

DATA = ("mnist",)
TRAINED, SAMPLED, ROUNDS = 6000, 2000, 5  # rows of an epoch, images of a draw; rounds that count, after one
TEAM = ("ours-fp32", "ours-bf16", "pythae")


def task(asked: Asked, name: str) -> Task:
    """Everybody takes turns, so there is one line: rows a CPU second of each, and ratios within rounds (medians)."""
    rows, rounds = asked.few(TRAINED, 1280), asked.few(ROUNDS, 2)
    config = {"data": name, "rows": rows, "made": SAMPLED, "rounds": rounds, "batch": 128}
    measured = lambda _, seed: raced(asked, rows, rounds)
    return Task("speed", config, lambda seed: (), {"vaery": measured}, once=frozenset({"vaery"}), data=name)


def raced(asked: Asked, rows: int, rounds: int) -> dict[str, float]:
    """What is counted of a step is told in ``speed_ours.py`` and ``speed_pythae.py``."""
    workers = {n: Worker(n, rows, asked.data, asked.threads, net="conv", epochs=2 * rounds) for n in TEAM}
    found: dict[str, float] = {}
    for command, words in (("train", ("epoch",)), ("sample", ("sample", SAMPLED))):
        seconds: dict[str, list[float]] = {name: [] for name in TEAM}
        for round_ in range(rounds + 1):  # the first warms up
            for name in turns(TEAM, round_):
                answer = workers[name](*words)
                if round_:
                    seconds[name].append(answer["cpu"] / answer["value"])
        found |= {f"{command}_{name}": 1 / statistics.median(each) for name, each in seconds.items()}
        found |= {f"{command}_{kept}_ratio": middle(seconds, kept) for kept in ("fp32", "bf16")}
    for worker in workers.values():
        worker.close()
    return found


def middle(seconds: dict[str, list[float]], kept: str) -> Any:
    return ratios(seconds, "pythae", f"ours-{kept}")["median"]
