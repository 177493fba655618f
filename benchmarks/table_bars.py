"""Whether the rules of ``table_rules.py`` were kept: a task's lines → rows of BENCHMARKS.md. Part of ``write.py``."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from bars import NO_RIVALS, OURS, PEERS, Bar, Metric, Spread, number, verdict
from common import Results, spread
from table_rules import DETAILS, RULES, Rule

Cells = dict[str, dict[str, dict[str, Spread]]]  # table → method → metric → spread over seeds
FLAT = 1.5  # the most that a row may take on the largest table, over what it takes on the smallest
GIGABYTES = 3.0


def collect(results: Results, task: str, script: str = "tables.py") -> tuple[Cells, dict[str, Any]]:
    """Means and deviations over seeds; and where the numbers came from: ours, or else the others."""
    raw: dict[tuple[str, str, str], list[float]] = {}
    about: dict[str, Any] = {}
    mine = False
    for line in results.lines.values():
        if line["task"] != task:
            continue
        if line["ours"] or not mine:
            about, mine = {**line["about"], "command": f"python benchmarks/{script} --tasks {task}"}, line["ours"]
        for metric, value in {**line["values"], "seconds": line["seconds"]}.items():
            if isinstance(value, int | float) and not math.isnan(value):
                raw.setdefault((line["data"], line["method"], metric), []).append(float(value))
    cells: Cells = {}
    for (table, method, metric), values in raw.items():
        cells.setdefault(table, {}).setdefault(method, {})[metric] = spread(values)
    return cells, about


def averaged(cells: Cells, metric: str, only: str = "") -> tuple[list[str], dict[str, Spread]]:
    """The tables that count, and the mean over them of each method that was run on all of them.

    Where ours was run, the tables are those it was run on. The deviation is that of the mean, from those over seeds.
    """
    has = {t: {m: of[metric] for m, of in methods.items() if metric in of} for t, methods in cells.items()}
    tables = sorted(t for t, of in has.items() if of and t.endswith(only))
    tables = [t for t in tables if OURS in has[t]] or tables
    methods = set.intersection(*(set(has[t]) for t in tables)) if tables else set()
    return tables, {m: mean([has[t][m] for t in tables]) for m in methods}


def mean(parts: Iterable[Spread]) -> Spread:
    parts = list(parts)
    sd = math.sqrt(sum(p["sd"] ** 2 for p in parts)) / len(parts)
    return {"mean": sum(p["mean"] for p in parts) / len(parts), "sd": sd, "n": min(p["n"] for p in parts)}


def quality(results: Results) -> list[Bar]:
    """A row for each rule about which anything was measured."""
    found = []
    for rule in RULES:
        cells, about = collect(results, rule.task)
        tables, means = averaged(cells, rule.metric, rule.only)
        if means:
            found.append(bar(rule, tables, means, best_on(cells, rule, tables) + beside(cells, rule), about))
    return [*found, *growing(results)]


def bar(rule: Rule, tables: list[str], means: Mapping[str, Spread], best: str, about: Mapping[str, Any]) -> Bar:
    shown = {m: v for m, v in means.items() if not m.startswith(OURS)}
    ranked = sorted((m for m in shown if m not in NO_RIVALS), key=lambda m: rule.loss(shown[m]["mean"]))
    said = lambda names: ", ".join(f"{m} {number(shown[m])}" for m in names)
    peers, others = ([m for m in ranked if is_peer(m) is kind][:2] for kind in (True, False))
    if rule.shown in shown and rule.shown not in peers + others:
        (peers if is_peer(rule.shown) else others).append(rule.shown)
    data = tables[0] if len(tables) == 1 else f"mean of {len(tables)} tables"
    ours = f"**{number(means[OURS])}**{best}" if OURS in means else "not run yet"
    return Bar(data, rule.title, rule.bar, ours, said(peers), said(others), decided(rule, means, ranked), about)


def decided(rule: Rule, means: Mapping[str, Spread], ranked: list[str]) -> str:
    """*won*, *lost*, *tie* – or *open*, where something it needs has not been measured."""
    if OURS not in means:
        return "open"
    if rule.passed is None:
        return verdict(Metric(rule.metric, rule.title, rule.loss), dict(means[OURS]), dict(means), ranked)
    try:
        return "won" if rule.passed({m: v["mean"] for m, v in means.items()}) else "lost"
    except KeyError:
        return "open"


def best_on(cells: Cells, rule: Rule, tables: list[str]) -> str:
    """On how many tables nobody is better."""
    if rule.passed is not None or len(tables) < 2:
        return ""
    count = 0
    for table in tables:
        of = {m: rule.loss(v[rule.metric]["mean"]) for m, v in cells[table].items() if rule.metric in v}
        count += OURS in of and of[OURS] <= min(loss for m, loss in of.items() if m not in NO_RIVALS)
    return f", best on {count}"


def beside(cells: Cells, rule: Rule) -> str:
    """The other metric of ours that belongs to it: no false alarms are easily had by naming nothing."""
    means = averaged(cells, rule.beside, rule.only)[1] if rule.beside else {}
    return f", {rule.beside} {number(means[OURS])}" if OURS in means else ""


def is_peer(method: str) -> bool:
    return method in PEERS or method.startswith(("PyOD ", "SDV ", "pythae "))


def growing(results: Results) -> list[Bar]:
    """A table that grows: seconds a row, and memory."""
    cells, about = collect(results, "scale")
    of = {int(size): methods[OURS] for size, methods in cells.items() if OURS in methods}
    if len(of) < 2:
        return []
    sizes = sorted(of)
    row = {n: sum(of[n][f"{part}_seconds_per_row"]["mean"] for part in ("describe", "pack")) for n in sizes}
    step = {n: of[n]["seconds_per_row_step"]["mean"] for n in sizes}
    peak = max(of[n]["peak"]["mean"] for n in sizes) / 1e3
    grows = max(row[sizes[-1]] / row[sizes[0]], step[sizes[-1]] / step[sizes[0]])
    data = f"Parquet, {sizes[0]:,} to {sizes[-1]:,} rows × 20"
    each = lambda times: ", ".join(f"{1e6 * times[n]:.1f}" for n in sizes)
    flat = f"**{grows:.2f} ×** (read and packed {each(row)} µs; a step {each(step)} µs)"
    return [
        Bar(data, "CPU seconds a row, largest over smallest", f"≤ {FLAT} ×", flat, "", "", won(grows <= FLAT), about),
        Bar(data, "peak memory", f"≤ {GIGABYTES:.0f} GB", f"**{peak:.2f} GB**", "", "", won(peak <= GIGABYTES), about),
    ]


def won(passed: bool) -> str:
    return "won" if passed else "lost"


# ---------------------------------------------------------------------- every method


def details(
    results: Results, wanted: Mapping[str, tuple[str, ...]] = DETAILS, script: str = "tables.py"
) -> list[tuple[str, list[str], list[list[str]]]]:
    """Every method on every table, a sheet for each task and metric: title, head, rows."""
    found = []
    for task, metrics in wanted.items():
        cells, _ = collect(results, task, script)
        for metric in (*metrics, "seconds"):
            has = {t: {m: of[metric] for m, of in cells[t].items() if metric in of} for t in sorted(cells)}
            has = {t: of for t, of in has.items() if of}
            if has:
                found.append((f"{task}, {metric}", ["method", *has, "mean", "seeds"], sheet(has)))
    return found


def sheet(has: Mapping[str, Mapping[str, Spread]]) -> list[list[str]]:
    methods = sorted({m for of in has.values() for m in of}, key=lambda m: (not m.startswith(OURS), m))
    rows = []
    for method in methods:
        there = [of[method] for of in has.values() if method in of]
        middle = number({**mean(there), "sd": math.nan}) if len(there) == len(has) else "–"
        cells = [number({**of[method], "sd": math.nan}) if method in of else "–" for of in has.values()]
        rows.append([method, *cells, middle, str(min(p["n"] for p in there))])
    return rows
