"""What has to be beaten, and whether it was. Part of ``write.py``."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from common import Results, spread

PEERS = ("TVAE", "CTGAN", "PyOD VAE", "PyOD AutoEncoder")
OURS = "vaery"


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
    "generate": (
        Metric("c2st", "C2ST, boosted trees (AUC, 0.5 is ideal)", near(0.5)),
        Metric("c2st_linear", "C2ST, linear (AUC, 0.5 is ideal)", near(0.5)),
        Metric("shapes", "column shapes (higher)", high),
        Metric("pairs", "pair trends, strong pairs (higher)", high),
        Metric("all_pairs", "pair trends, all pairs (higher)", high),
        Metric("downstream_auc", "income from synthetic rows (AUC, higher)", high),
        Metric("closer_to_train", "nearer to train than to test", near(0.5), 0.05, "0.45 to 0.55"),
        Metric("copies", "exact copies of training rows", low, 0.001, "at most 0.001"),
    ),
    "impute": (
        Metric("rmse", "RMSE in standard deviations (lower)", low),
        Metric("accuracy", "accuracy of categories (higher)", high),
        Metric("crps", "CRPS in standard deviations (lower)", low),
        Metric("coverage", "coverage of 90 % intervals", near(0.9), 0.05, "0.85 to 0.95"),
    ),
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
RANKING = (Metric("auroc", "AUROC (higher)", high), Metric("auprc", "AUPRC (higher)", high))
NO_RIVALS = {"real rows"}  # shown, but not to be beaten: they are the training rows


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
    """The bars of adult, and of the public tables."""
    found = []
    for task, metrics in METRICS.items():
        values, about = collect(results, task)
        found += [bar("adult", m, values, about) for m in metrics if OURS in values and m.name in values[OURS]]
    values, about = collect(results, "tables")
    by_table = split_tables(values)
    if len(by_table) > 1:
        found += [bar(f"mean of {len(by_table)} ADBench tables", m, averaged(by_table), about) for m in RANKING]
    found += [bar(name, m, of, about) for name, of in by_table.items() for m in RANKING if OURS in of]
    return found


def split_tables(values: Values) -> dict[str, Values]:
    """``"cardio: vaery"`` → table → method."""
    out: dict[str, Values] = {}
    for name, metrics in values.items():
        table, _, method = name.partition(": ")
        out.setdefault(table, {})[method] = metrics
    return out


def averaged(by_table: dict[str, Values]) -> Values:
    """The mean over tables of every method that was run on all; its deviation is that of the mean."""
    everywhere = set.intersection(*(set(of) for of in by_table.values()))
    out: Values = {}
    for method in everywhere:
        for metric in RANKING:
            parts = [of[method][metric.name] for of in by_table.values()]
            sd = math.sqrt(sum(p["sd"] ** 2 for p in parts)) / len(parts)
            mean = sum(p["mean"] for p in parts) / len(parts)
            out.setdefault(method, {})[metric.name] = {"mean": mean, "sd": sd, "n": parts[0]["n"]}
    return out


def bar(data: str, metric: Metric, values: Values, about: Mapping[str, Any]) -> Bar:
    """Ours against the best of the others, or against a number."""
    ours = values[OURS][metric.name]
    others = {
        m: v[metric.name]
        for m, v in values.items()
        if not m.startswith(OURS) and m not in NO_RIVALS and metric.name in v
    }
    ranked = sorted(others, key=lambda m: metric.loss(others[m]["mean"]))
    shown = lambda names: ", ".join(f"{m} {number(others[m])}" for m in names[:2])  # noqa: E731
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
    for name, values in split_tables(collect(results, "tables")[0]).items():
        found.append((name, ["method", "auroc", "auprc", "seeds", "seconds"], rows(values, ["auroc", "auprc"])))
    return found


def rows(values: Values, names: list[str]) -> list[list[str]]:
    order = sorted(values, key=lambda m: (not m.startswith(OURS), m))
    cell = lambda of, name: number(of[name]) if name in of else "–"  # noqa: E731
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
