"""The bars of speed and size: a result's line → rows of the table. Part of ``write.py``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

MNIST = "MNIST, 784-400-20, batch 128, 1 thread"


def row(
    data: str, metric: str, bar: str, ours: str, passed: bool, peers: str = "", baselines: str = ""
) -> dict[str, str]:
    said = {"data": data, "metric": metric, "bar": bar, "ours": f"**{ours}**", "peers": peers, "baselines": baselines}
    return {**said, "verdict": "won" if passed else "lost"}


def times(ratio: Mapping[str, float]) -> str:
    """``1.83 × (1.79 to 1.90)``: median and range over rounds."""
    return f"{ratio['median']:.2f} × ({ratio['low']:.2f} to {ratio['high']:.2f})"


def train(line: Mapping[str, Any]) -> list[dict[str, str]]:
    ratio, speed, bound = line["ratios"], line["rows_per_second"], line["bound"]
    rate = lambda name: f"{speed[name]:,.0f} rows/s, ELBO {bound[name]:.2f}"
    found = []
    for name, least in (("fp32", 1.7), ("bf16", 2.4)):
        against = ratio[f"{name} / pythae"]
        passed = against["median"] >= least and bound[f"ours-{name}"] >= bound["pythae"] - 0.5
        metric = f"training, {name}, against pythae, at no worse ELBO after {line['epochs']} epochs (within 0.5 nats)"
        ours = f"{times(against)}, {rate(f'ours-{name}')}"
        found.append(row(MNIST, metric, f"≥ {least} ×", ours, passed, f"pythae {rate('pythae')}"))
    for name in ("fp32", "bf16"):
        over = ratio[f"tuned {name} / {name}"]
        metric = f"training, {name}, time over that of the hand-tuned loop"
        tuned = f"tuned loop {rate(f'tuned-{name}')}"
        found.append(row(MNIST, metric, "≤ 1.15 ×", times(over), over["median"] <= 1.15, baselines=tuned))
    return found


def bound(line: Mapping[str, Any]) -> list[dict[str, str]]:
    """The plan that counts is named in the configuration, before it is run; the others show how much hangs on it."""
    peer, counts = line["peer_seconds"], line["config"]["counts"]
    said = lambda s: "not reached" if s is None else f"{s:.0f} s = 1/{peer / s:.1f}"
    passed = line["seconds"][counts] is not None and line["seconds"][counts] <= peer / 4
    rest = "; ".join(f"{name}: {said(s)}" for name, s in line["seconds"].items() if name != counts)
    goal = f"pythae's held-out ELBO after {len(line['peer'])} epochs ({line['goal']:.2f} nats)"
    metric = f"CPU seconds to {goal}, fitting a prior at the end included"
    ours = f"{said(line['seconds'][counts])} ({counts})"
    return [row(MNIST, metric, "≤ 1/4", ours, passed, f"pythae {peer:.0f} s", f"other plans of ours: {rest}")]


def score(line: Mapping[str, Any]) -> list[dict[str, str]]:
    speed, ratio = line["rows_per_second"], line["ratios"]["fp32 / pythae"]
    ours, peer = f"{times(ratio)}, {speed['ours-fp32']:,.0f} rows/s", f"pythae get_nll {speed['pythae']:,.0f} rows/s"
    metric = "importance-weighted log-likelihood, 100 draws, fp32"
    return [row(MNIST, metric, "≥ 2.5 ×", ours, ratio["median"] >= 2.5, peer)]


def memory(line: Mapping[str, Any]) -> list[dict[str, str]]:
    ours = f"{line['peak']:.0f} MB = import {line['import']:.0f} + data {line['data']:.0f} + {line['over']:.0f}"
    data, metric = f"MNIST, {line['config']['rows']:,} images as bytes", "peak memory of a whole fit"
    passed = line["over"] <= 200
    return [row(data, metric, "≤ import + data + 200 MB", ours, passed, f"pythae {line['pythae']:.0f} MB (floats)")]


def imports(line: Mapping[str, Any]) -> list[dict[str, str]]:
    cpu = {name: seconds - line["cpu_seconds"]["nothing"] for name, seconds in line["cpu_seconds"].items()}
    light, most = line["heavy_modules"] == "[]", cpu["torch"] + 0.15
    brings = "none of torch, numpy, pandas" if light else line["heavy_modules"]
    torch, wait = f"torch {cpu['torch']:.2f} s", line["help_wall_seconds"]
    first = f"{cpu['vaery.VAE']:.2f} s = torch {cpu['vaery.VAE'] - cpu['torch']:+.2f}"
    own, passed = f"{cpu['vaery']:.3f} s, loads {brings}", light and cpu["vaery"] <= most
    return [
        row("–", "`import vaery`, CPU s", "≤ torch + 0.15, no torch", own, passed, torch),
        row("–", "`from vaery import VAE`, CPU s", "≤ torch + 0.15", first, cpu["vaery.VAE"] <= most, torch),
        row("–", "`vaery --help`, wall s", "≤ 0.4", f"{wait:.2f} s", wait <= 0.4),
    ]


def table(line: Mapping[str, Any]) -> list[dict[str, str]]:
    sizes = {int(rows): found for rows, found in line["sizes"].items()}
    small, large = min(sizes), max(sizes)
    data = f"Parquet, {large:,} × 20, nulls, mixed"
    step = {rows: found["seconds_per_row_step"] for rows, found in sizes.items()}
    flat = step[large] / step[small]
    peak = sizes[large]["peak"] / 1000
    each = ", ".join(f"{rows:,}: {1e6 * s:.1f} µs" for rows, s in sorted(step.items()))
    pack = ", ".join(f"{rows:,}: {1e6 * f['pack_seconds_per_row']:.2f} µs" for rows, f in sorted(sizes.items()))
    whole = f"fit {sizes[large]['fit_wall']:.0f} s wall for {line['config']['steps']} steps; packing a row {pack}"
    metric = f"CPU seconds a row and step, {large:,} rows over {small:,}"
    return [
        row(data, "peak memory of a whole fit", "< 3 GB", f"{peak:.2f} GB", peak < 3, baselines=whole),
        row(data, metric, "≤ 1.15 ×", f"{flat:.2f} × ({each})", flat <= 1.15),
    ]


PARTS = {"train": train, "bound": bound, "score": score, "memory": memory, "imports": imports, "table": table}
