"""impute and anomaly: gaps of series, intervals around what fills them, odd steps. Part of ``series.py``."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import series_others
from common import ROOT, Clock
from image_task import Asked, loaded
from peer_process import run_peer
from series_metrics import auc_pr, buffer_of, vus_pr
from task import Task

from vaery.evaluation.series import simple

SCRIPT = ROOT / "benchmarks" / "series_peers.py"
POINTS, BLOCKS = 0.1, 0.5
SHORTEST, LONGEST = 8, 24  # steps of a block
NOMINAL = 0.9
WIDEST = 125  # buffer of VUS-PR
PARTS = {  # records of a data set that are measured
    "smd": ("machine_1_6", "machine_2_1", "machine_3_2"),
    "smap": ("A-1", "A-7", "B-1", "D-1", "D-7", "E-1", "E-8", "F-1", "G-1", "P-1", "S-1", "T-1"),
}


@dataclass(frozen=True)
class Holes:
    """Standardised series: to learn from, and to fill, with what is hidden of the latter by two patterns."""

    train: np.ndarray
    test: np.ndarray
    hidden: dict[str, np.ndarray]


def impute(asked: Asked, name: str) -> Task:
    """The mean absolute error over hidden cells, each channel in standard deviations of the training part; and how many
    of these cells lie in our intervals of nine tenths."""
    methods = {
        "vaery": lambda s, seed: ours(asked, name, s, seed),
        "linear": lambda s, _: errors(s, linear),
        "LOCF": lambda s, _: errors(s, carried),
        "SAITS": lambda s, seed: peer(asked, "SAITS", s, seed),
        "BRITS": lambda s, seed: peer(asked, "BRITS", s, seed),
    }
    config = {**asked.config, "data": name, "points": POINTS, "blocks": BLOCKS, "lengths": [SHORTEST, LONGEST]}
    return Task("impute", config, lambda seed: holes(asked, name, seed), methods, data=asked.name(name))


def holes(asked: Asked, name: str, seed: int) -> Holes:
    """The first part of a series to learn from, the last to fill. etth1: twelve months, and the last four of twenty;
    smd: the two official parts of machine 1-6; skab: the run without anomalies, four fifths and the rest."""
    train, test = parted(asked, name)
    few = 600 if asked.quick else 6000
    train, test = train[-10 * few :], test[:few]
    mean, sd = np.nanmean(train, 0), np.nanstd(train, 0)
    sd = np.where(sd > 1e-6, sd, 1.0)
    rng = np.random.default_rng(4000 + seed)
    test = (test - mean) / sd
    hidden = {"points": rng.random(test.shape) < POINTS, "blocks": blocks(test.shape, rng)}
    return Holes((train - mean) / sd, test, hidden)


def parted(asked: Asked, name: str) -> tuple[np.ndarray, np.ndarray]:
    if name == "etth1":
        x = loaded(asked.data, "etth1").drop(columns="date").to_numpy(float)
        return x[:8640], x[11520:14400]
    if name == "smd":
        found = record(asked.data, "smd", PARTS["smd"][0])
        return found["train"].astype(float), found["test"].astype(float)
    x = skab(asked)[0]
    cut = len(x) * 4 // 5
    return x[:cut], x[cut:]


def blocks(shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """In each channel by itself, stretches of 8 to 24 steps, until a half is hidden."""
    out = np.zeros(shape, bool)
    for column in out.T:
        while column.mean() < BLOCKS:
            start = int(rng.integers(0, len(column)))
            column[start : start + int(rng.integers(SHORTEST, LONGEST + 1))] = True
    return out


def errors(s: Holes, fill: Any) -> dict[str, Any]:
    found = {}
    for kind, hidden in s.hidden.items():
        filled = fill(np.where(hidden, np.nan, s.test))
        found[f"mae_{kind}"] = float(np.abs(filled - s.test)[hidden].mean())
    return found


def linear(x: np.ndarray) -> np.ndarray:
    """Straight lines between known values; ends are carried on."""
    return simple.straight(x, np.zeros(len(x), int))


def carried(x: np.ndarray) -> np.ndarray:
    """The last known value; before the first one, the first."""
    return simple.carried(x, np.zeros(len(x), int))


def ours(asked: Asked, name: str, s: Holes, seed: int) -> dict[str, Any]:
    """Fitted on the training part, which has no gaps but those that a fit makes by itself; medians, intervals of .9."""
    model, took = asked.fit(f"{name} series", [s.train], seed, kind="series")
    inside = {}

    def fill(x: np.ndarray) -> np.ndarray:
        found = model.impute([x], how="median", interval=NOMINAL)
        gaps, kind = np.isnan(x), "points" if np.isnan(x).mean() < 2 * POINTS else "blocks"
        inside[f"covered_{kind}"] = float(((found["low"][0] <= s.test) & (s.test <= found["high"][0]))[gaps].mean())
        return found["value"][0]

    with Clock() as clock:
        found = errors(s, fill)
    return {**took, **found, **inside, "impute_seconds": clock.wall}


def peer(asked: Asked, method: str, s: Holes, seed: int) -> dict[str, Any]:
    """pypots' own, for as many seconds, on windows of 48 steps of the same training part."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "in.npz", Path(folder) / "out.npz"
        arrays = {kind: np.where(hidden, np.nan, s.test) for kind, hidden in s.hidden.items()}
        np.savez(source, train=s.train, **arrays)  # type: ignore[arg-type]
        took = run_peer(asked.threads, method, source, target, asked.seconds, seed, script=SCRIPT)
        with np.load(target) as filled:
            found = {k: filled[k] for k in s.hidden}
    scores = {f"mae_{k}": float(np.abs(found[k] - s.test)[m].mean()) for k, m in s.hidden.items()}
    return {**took, **scores}


# ------------------------------------------------------------------ anomalies


@dataclass(frozen=True)
class Labelled:
    """One series to learn from and some to be judged, with their labels."""

    name: str
    train: np.ndarray
    tests: list[tuple[np.ndarray, np.ndarray]]


def anomaly(asked: Asked, name: str) -> Task:
    """AUC-PR and VUS-PR of a score for each step, the mean over the records of a data set. No point adjustment."""
    methods = {
        "vaery": partial(detected, asked, name),
        "PCA window": lambda s, seed: judged(asked, s, series_others.pca, seed),
        "IForest window": lambda s, seed: judged(asked, s, series_others.forest, seed),
        "LSTM-AE": lambda s, seed: judged(asked, s, series_others.lstm_ae, seed),
        "OmniAnomaly-like VAE": lambda s, seed: judged(asked, s, series_others.recurrent_vae, seed),
    }
    config = {**asked.config, "data": name, "widest": WIDEST}
    return Task("anomaly", config, lambda _: labelled(asked, name), methods, data=asked.name(name))


def labelled(asked: Asked, name: str) -> list[Labelled]:
    """smd, smap: the official parts. skab: the run without anomalies, and all others. nab: series with anomalies, each
    fitted as it is, without labels, and judged."""
    if name == "skab":
        free, runs = skab(asked)
        found = [Labelled("skab", free, runs)]
    elif name == "nab":
        table = loaded(asked.data, "nab")
        found = []
        for series, rows in table.groupby("series", sort=False):
            x, label = rows["value"].to_numpy(float)[:, None], rows["anomaly_window"].to_numpy()
            if label.any() and len(x) < 10_000:
                found.append(Labelled(str(series), x, [(x, label)]))
        found = found[:: max(1, len(found) // 8)]  # eight or nine of them, by their order
    else:
        parts = ((part, record(asked.data, name, part)) for part in PARTS[name])
        found = [Labelled(p, z["train"].astype(float), [(z["test"].astype(float), z["test_label"])]) for p, z in parts]
    if not asked.quick:
        return found
    few = lambda x, y: (x[(at := max(0, int(y.argmax()) - 500)) : at + 2000], y[at : at + 2000])
    return [Labelled(f.name, f.train[-1500:], [few(x, y) for x, y in f.tests][:2]) for f in found[:1]]


@cache
def record(folder: Path, name: str, part: str) -> dict[str, np.ndarray]:
    from common import data

    return getattr(data(folder), name)(part)


def skab(asked: Asked) -> tuple[np.ndarray, list[tuple[np.ndarray, np.ndarray]]]:
    """The run without anomalies, and all others with their labels."""
    table = loaded(asked.data, "skab")
    sensors = [c for c in table.columns if c not in ("run", "time", "datetime", "anomaly", "changepoint")]
    free = table["run"].str.startswith("anomaly-free")
    runs = [
        (rows[sensors].to_numpy(float), rows["anomaly"].to_numpy())
        for _, rows in table[~free].groupby("run", sort=False)
    ]
    return table[free][sensors].to_numpy(float), runs


def rated(found: list[tuple[np.ndarray, np.ndarray, np.ndarray]]) -> tuple[float, float]:
    """(AUC-PR, VUS-PR), means over (series, label, score) with any anomaly."""
    pairs = [
        (auc_pr(score, label), vus_pr(score, label, min(WIDEST, buffer_of(x[:, 0]))))
        for x, label, score in found
        if label.any()
    ]
    auc, vus = np.mean(pairs, 0) if pairs else (float("nan"), float("nan"))
    return float(auc), float(vus)


def over_records(s: list[Labelled], score: Any) -> dict[str, Any]:
    each = {}
    with Clock() as clock:
        for part in s:
            each[part.name] = rated(
                [(x, label, found) for (x, label), found in zip(part.tests, score(part), strict=True)]
            )
    auc, vus = (float(np.nanmean([pair[i] for pair in each.values()])) for i in (0, 1))
    return {"auc_pr": auc, "vus_pr": vus, "records": len(each), "seconds": clock.wall}


def detected(asked: Asked, name: str, s: list[Labelled], seed: int) -> dict[str, Any]:
    """Ours: the oddness of each step, one fit for each record; the minutes are those of all fits together."""
    steps = []

    def score(part: Labelled) -> list[np.ndarray]:
        model, took = asked.fit(f"{name} {part.name}", [part.train], seed, share=1 / len(s), kind="series")
        steps.append(took["steps"])
        return [np.asarray(model.detect([x], reasons=0)["oddness"]) for x, _ in part.tests]

    return {**over_records(s, score), "steps": float(np.mean(steps))}


def judged(asked: Asked, s: list[Labelled], method: Any, seed: int) -> dict[str, Any]:
    """Another method, as long for each record where it is one that trains."""
    seconds = asked.seconds / len(s)
    return over_records(s, lambda part: method(part.train, [x for x, _ in part.tests], seconds, seed))
