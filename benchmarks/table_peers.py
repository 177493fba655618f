"""Peers that work on tables, at their defaults. Runs in the peers' environment; the last line printed is JSON.

python table_peers.py synthesize TVAE|CTGAN train.parquet made.parquet SEED [EPOCHS]
python table_peers.py detect VAE|AutoEncoder arrays.npz scores.npy SEED
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import json
import logging
import os
import sys
import time
import warnings
from typing import Any

import numpy as np

warnings.filterwarnings("ignore")
logging.disable(logging.CRITICAL)


def synthesize(name: str, source: str, target: str, seed: str, epochs: str = "") -> dict[str, Any]:
    """SDV's single-table synthesizer, in the dictionaries of tables that SDV 2 speaks."""
    import pandas as pd
    import sdv.single_table as single
    from sdv.metadata import Metadata

    seeded(int(seed))
    train = pd.read_parquet(source)
    sorts = {c: {"sdtype": "numerical" if pd.api.types.is_numeric_dtype(train[c]) else "categorical"} for c in train}
    metadata = Metadata.load_from_dict({"tables": {"table": {"columns": sorts}}})
    options = {"epochs": int(epochs)} if epochs else {}
    synthesizer = getattr(single, f"{name}Synthesizer")(metadata, **options)
    start, wall = time.process_time(), time.perf_counter()
    synthesizer.fit({"table": train})
    took = {"fit_seconds": time.perf_counter() - wall, "fit_cpu_seconds": time.process_time() - start}
    made = synthesizer.sample(len(train))
    made = made["table"] if isinstance(made, dict) else made
    made[list(train)].to_parquet(target)
    return {**took, "versions": versions("sdv", "ctgan", "torch")}


def detect(name: str, source: str, target: str, seed: str) -> dict[str, Any]:
    """A detector of PyOD: fitted on ``train``, scores of ``test``."""
    seeded(int(seed))
    with np.load(source) as arrays:
        train, test = arrays["train"], arrays["test"]
    if name == "VAE":
        from pyod.models.vae import VAE as Detector
    else:
        from pyod.models.auto_encoder import AutoEncoder as Detector
    model = Detector(random_state=int(seed), verbose=0)
    start, wall = time.process_time(), time.perf_counter()
    model.fit(train)
    took = {"fit_seconds": time.perf_counter() - wall, "fit_cpu_seconds": time.process_time() - start}
    np.save(target, model.decision_function(test))
    return {**took, "versions": versions("pyod", "torch")}


def seeded(seed: int) -> None:
    import torch

    torch.manual_seed(seed)
    np.random.seed(seed)  # noqa: NPY002 - the peers draw from the global stream
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))


def versions(*names: str) -> dict[str, str]:
    return {name: importlib.metadata.version(name) for name in names}


if __name__ == "__main__":
    task = {"synthesize": synthesize, "detect": detect}[sys.argv[1]]
    with contextlib.redirect_stdout(sys.stderr):
        found = task(*sys.argv[2:])
    print(json.dumps(found))
