"""What has to be beaten, and whether it was. Part of ``write.py``."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from common import Results, spread

PEERS = ("TVAE", "CTGAN", "GaussianCopula", "HyperImpute", "PyOD VAE", "PyOD AutoEncoder")
OURS = "vaery"
Spread = dict[str, float]  # mean, sd, n …


@dataclass(frozen=True)
class Bar:
    """One row: what was measured, what was to be beaten, what came out."""

    data: str
    metric: str
    bar: str
    ours: str
    peers: str
    baselines: str
    verdict: str
    about: Mapping[str, Any]


@dataclass(frozen=True)
class Metric:
    """A number of a task.

    Attributes:
        name: as in the results.
        title: as people read it.
        loss: smaller is better.
        limit: the largest loss that passes, where the bar is a number and not the best of the others.
        bar: that bar in words.
    """

    name: str
    title: str
    loss: Callable[[float], float]
    limit: float | None = None
    bar: str = "best of the others"


def near(goal: float) -> Callable[[float], float]:
    return lambda value: abs(value - goal)


def low(value: float) -> float:
    return value


def high(value: float) -> float:
    return -value


METRICS: dict[str, tuple[Metric, ...]] = {
    "detect": (
        Metric("auroc", "planted anomalies, AUROC (higher)", high),
        Metric("auprc", "planted anomalies, AUPRC (higher)", high),
        Metric("false_share", "false alarms among outliers named at fdr=0.05", low, 0.05, "at most 0.05"),
    ),
    "predict": (
        Metric("auc", "income, AUC (higher)", high),
        Metric("accuracy", "income, accuracy (higher)", high),
        Metric("log_loss", "income, log-loss in nats (lower)", low),
    ),
    "bits": (Metric("bits_per_row", "held-out code length, bits a row (lower)", low),),
}
NO_RIVALS = {"real rows", "training rows"}  # shown, but not to be beaten: they are what was to be learned


# ---------------------------------------------------------------------- quality

Values = dict[str, dict[str, dict[str, float]]]  # method → metric → spread


def collect(results: Results, task: str) -> tuple[Values, dict[str, Any]]:
    """Means and deviations over seeds, and where ours came from."""
    raw: dict[str, dict[str, list[float]]] = {}
    about: dict[str, Any] = {}
    for line in results.lines.values():
        if line["task"] != task:
            continue
        about = {**line["about"], "command": f"python benchmarks/adult.py --tasks {task}"} if line["ours"] else about
        for name, value in {**line["values"], "seconds": line["seconds"]}.items():
            if isinstance(value, int | float):
                raw.setdefault(line["method"], {}).setdefault(name, []).append(float(value))
    return {m: {name: spread(v) for name, v in metrics.items()} for m, metrics in raw.items()}, about


def quality(results: Results) -> list[Bar]:
    """The bars of adult."""
    found = []
    for task, metrics in METRICS.items():
        values, about = collect(results, task)
        found += [bar("adult", m, values, about) for m in metrics if OURS in values and m.name in values[OURS]]
    return found


def bar(data: str, metric: Metric, values: Values, about: Mapping[str, Any]) -> Bar:
    """Ours against the best of the others, or against a number."""
    ours = values[OURS][metric.name]
    others = {
        m: v[metric.name]
        for m, v in values.items()
        if not m.startswith(OURS) and m not in NO_RIVALS and metric.name in v
    }
    ranked = sorted(others, key=lambda m: metric.loss(others[m]["mean"]))
    shown = lambda names: ", ".join(f"{m} {number(others[m])}" for m in names[:2])
    return Bar(
        data,
        metric.title,
        metric.bar,
        f"**{number(ours)}**",
        shown([m for m in ranked if m in PEERS]),
        shown([m for m in ranked if m not in PEERS]),
        verdict(metric, ours, others, ranked),
        about,
    )


def verdict(metric: Metric, ours: dict[str, float], others: dict[str, dict[str, float]], ranked: list[str]) -> str:
    loss = metric.loss(ours["mean"])
    if metric.limit is not None:
        return "won" if loss <= metric.limit else "lost"
    if not ranked:
        return "alone"
    best = others[ranked[0]]
    gap = loss - metric.loss(best["mean"])
    noise = max([sd for sd in (ours["sd"], best["sd"]) if not math.isnan(sd)], default=0.0)
    if abs(gap) <= noise:
        return f"tie with {ranked[0]}"
    return "won" if gap < 0 else f"lost to {ranked[0]}"


def number(value: Mapping[str, float]) -> str:
    """``0.561 ± 0.004``; one seed: without a deviation."""
    digits = 3 if abs(value["mean"]) < 10 else 2 if abs(value["mean"]) < 100 else 0
    text = f"{value['mean']:.{digits}f}"
    return text if math.isnan(value["sd"]) else f"{text} ± {value['sd']:.{digits}f}"


def details(results: Results) -> list[tuple[str, list[str], list[list[str]]]]:
    """Every method of every task: title, head, rows."""
    found = []
    for task, metrics in METRICS.items():
        values, _ = collect(results, task)
        names = [m.name for m in metrics if any(m.name in v for v in values.values())]
        names += {"detect": ["named"], "bits": ["mass"]}.get(task, [])
        if values:
            found.append((f"adult, {task}", ["method", *names, "seeds", "seconds"], rows(values, names)))
    return found


def rows(values: Values, names: list[str]) -> list[list[str]]:
    order = sorted(values, key=lambda m: (not m.startswith(OURS), m))
    cell = lambda of, name: number(of[name]) if name in of else "–"
    return [
        [m, *(cell(values[m], n) for n in names), str(values[m]["seconds"]["n"]), f"{values[m]['seconds']['mean']:.0f}"]
        for m in order
    ]


# ---------------------------------------------------------------------- speed


def speed(results: Results) -> list[Bar]:
    """The bars of speed and size, for the parts that were measured."""
    from speed_bars import PARTS

    lines = [(made, results.lines[part]) for part, made in PARTS.items() if part in results.lines]
    return [Bar(**row, about=line["about"]) for made, line in lines for row in made(line)]
