"""What molecules are asked: samples, reconstruction, properties. Part of ``molecules.py``."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import char_rnn
import numpy as np
import pandas as pd
from common import Clock, data
from image_task import Asked
from molecule_metrics import descriptors, kl_score, read, sound
from task import Task

NAME = "zinc250k"
ROWS = 60_000  # of the 220,010 training molecules; all 30,555 whose properties are known are among them
MADE, COMPARED = 10_000, 10_000
LOW, HIGH, LEAST = 2.0, 3.0, 0.8  # logP from … to …, QED at least


@dataclass(frozen=True)
class Setting:
    """Molecules to fit, with their properties where these are known; others to compare with; JT-VAE's test list."""

    train: pd.DataFrame
    real: list[str]
    test: list[str]


@cache
def setting(folder: Path, quick: bool) -> Setting:
    table = data(folder).zinc250k().rename(columns={"logp": "logP", "qed": "QED"})
    parts = {split: part.sample(frac=1, random_state=0) for split, part in table.groupby("split")}
    train = parts["train"].sort_values("QED", na_position="last", kind="stable")[:ROWS].sample(frac=1, random_state=0)
    few = (300, 100, 20) if quick else (ROWS, COMPARED, 5000)
    test = table[table["split"] == "test"]["smiles"]
    return Setting(train[: few[0]], parts["valid"]["smiles"][: few[1]].tolist(), test[: few[2]].tolist())


def fitted(asked: Asked, s: Setting, seed: int) -> tuple[Any, dict[str, float]]:
    """One model for all tasks: molecules, and beside them logP and QED where they are known."""
    rows = {"molecule": s.train["smiles"].tolist(), "property": s.train[["logP", "QED"]].reset_index(drop=True)}
    model, took = asked.fit("molecules", rows, seed)
    return model, {**took, "parameters": size(model)}


def size(model: Any) -> int:
    return sum(p.numel() for p in model.joint_.parameters())


def distribution(asked: Asked, name: str) -> Task:
    """10,000 samples: valid, unique, novel, and how near their descriptors are to those of held-out molecules."""
    n = asked.few(MADE, 100)
    methods = {
        "vaery": lambda s, seed: ours(asked, s, n, seed),
        "CharRNN": lambda s, seed: characters(asked, s, n, seed),
        "real rows": lambda s, seed: {"kl_score": judged(s, s.train["smiles"][:n].tolist())["kl_score"]},
    }
    return made(asked, name, "distribution", methods, n=n)


def ours(asked: Asked, s: Setting, n: int, seed: int) -> dict[str, Any]:
    model, took = fitted(asked, s, seed)
    start = time.perf_counter()
    new = model.generate(n, seed=seed)["molecule"]
    return {**took, **judged(s, new), "sample_seconds": time.perf_counter() - start}


def characters(asked: Asked, s: Setting, n: int, seed: int) -> dict[str, Any]:
    """As many parameters as ours, as many minutes, the same molecules as they are written in the file."""
    alike = next((model for model, _ in asked.models.values()), None)
    alike = alike or fitted(replace(asked, steps=20), s, seed)[0]
    with Clock() as clock:
        net, steps = char_rnn.fit(s.train["smiles"].tolist(), size(alike), asked.seconds, seed)
    took = {"fit_seconds": clock.wall, "fit_cpu_seconds": clock.cpu, "steps": steps}
    return {**took, "parameters": sum(p.numel() for p in net.parameters()), **judged(s, net.sample(n))}


def judged(s: Setting, new: list[str]) -> dict[str, float]:
    valid = [text for text in read(new) if text is not None]
    known = {text for text in read(s.train["smiles"].tolist()) if text is not None}
    if len(valid) < 10:
        return {**sound(new, known), "kl_score": 0.0}
    return {**sound(new, known), "kl_score": kl_score(descriptors(s.real), descriptors(valid))}


def reconstruction(asked: Asked, name: str) -> Task:
    """JT-VAE's test molecules through the latent (the posterior's mean) and back (the likeliest pieces)."""
    return made(asked, name, "reconstruction", {"vaery": lambda s, seed: back(asked, s, seed)})


def back(asked: Asked, s: Setting, seed: int) -> dict[str, Any]:
    model, took = fitted(asked, s, seed)
    test = fitting(model, s.test)
    again, truth = model.reconstruct({"molecule": test})["molecule"], read(test)
    same = np.array([a == b for a, b in zip(again, truth, strict=True)])
    return {**took, "exact": float(same.sum() / len(s.test)), "beyond": len(s.test) - len(test)}


def fitting(model: Any, test: list[str]) -> list[str]:
    """The molecules that the model can hold; the others (symbols that no training molecule has) count as failed."""
    found = []
    for text in test:
        try:
            model.fields_[0].pack([text])
        except ValueError:
            continue
        found.append(text)
    return found


def given(asked: Asked, name: str) -> Task:
    """Molecules asked for by their properties, judged by RDKit."""
    n = asked.few(1000, 20)
    methods = {
        "vaery": lambda s, seed: asked_for(asked, s, n, seed),
        "real rows": lambda s, seed: {"inside": inside(s.real)},
    }
    return made(asked, name, "given", methods, n=n, logP=[LOW, HIGH], QED=LEAST)


def asked_for(asked: Asked, s: Setting, n: int, seed: int) -> dict[str, Any]:
    """``unchecked``: what the model draws for it by itself, with nothing measured and drawn again."""
    from vaery import between
    from vaery.constraints.rules import Rules
    from vaery.core.errors import QueryError

    model, took = fitted(asked, s, seed)
    wanted = {"logP": between(LOW, HIGH), "QED": between(low=LEAST)}
    start = time.perf_counter()
    try:
        new = model.generate(n, given=wanted, seed=seed)["molecule"]
    except QueryError:  # hardly any draw is inside
        new = []
    seconds = time.perf_counter() - start
    free = inside(model.generate(n, seed=seed)["molecule"])
    model.rules_ = Rules()
    found = {
        "inside": inside(new) if new else 0.0,
        "unchecked": inside(model.generate(n, given=wanted, seed=seed)["molecule"]),
        **(sound(new, set()) if new else {}),
        "rejection": 1 / free if free else float("nan"),  # draws for one that fits, where the others are thrown away
        "sample_seconds": seconds,
    }
    return {**took, **found}


def inside(smiles: list[str]) -> float:
    """The share that RDKit confirms."""
    from vaery.kinds.molecule import properties

    found = properties(smiles)
    return float((found["logP"].between(LOW, HIGH) & (found["QED"] >= LEAST)).mean())


def made(asked: Asked, name: str, what: str, methods: dict[str, Any], **config: Any) -> Task:
    config = {**asked.config, "data": name, "rows": ROWS, **config}
    return Task(what, config, lambda seed: setting(asked.data, asked.quick), methods, data=asked.name(name))
