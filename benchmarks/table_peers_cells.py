"""The rest of ``table_peers.py``: detectors, reasons, and HyperImpute (which has an environment of its own)."""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
from typing import Any

import numpy as np
from table_peers import clock, seeded, versions

DETECTORS = {
    "VAE": "vae",
    "AutoEncoder": "auto_encoder",
    "IForest": "iforest",
    "ECOD": "ecod",
    "COPOD": "copod",
    "HBOS": "hbos",
    "KNN": "knn",
    "LOF": "lof",
    "OCSVM": "ocsvm",
}
SEEDED = {"VAE": {"verbose": 0}, "AutoEncoder": {"verbose": 0}, "IForest": {}}


def detect(name: str, source: str, target: str, seed: str) -> dict[str, Any]:
    """A detector of PyOD: fitted on ``train``, scores of ``test``; without ``test``, of the very rows it was fitted on
    (as PyOD gives them: a neighbour of a row is never the row itself)."""
    state = seeded(seed)
    with np.load(source) as arrays:
        train, test = arrays["train"], arrays.get("test")
    detector = getattr(importlib.import_module(f"pyod.models.{DETECTORS[name]}"), name)
    model = detector(**({"random_state": state, **SEEDED[name]} if name in SEEDED else {}))
    with clock() as took:
        model.fit(train)
    np.save(target, model.decision_scores_ if test is None else model.decision_function(test))
    return {**took, "versions": versions("pyod", "torch")}


def shap_reasons(source: str, target: str, seed: str) -> dict[str, Any]:
    """How much each column adds to a row's oddness by scikit-learn's isolation forest: ``[rows, columns]``, higher is
    odder (SHAP values of the path length, which is short for odd rows, with their sign turned)."""
    import shap
    from sklearn.ensemble import IsolationForest

    with np.load(source) as arrays:
        train, test = arrays["train"], arrays["test"]
    with clock() as took:
        forest = IsolationForest(random_state=seeded(seed)).fit(train)
        values = shap.TreeExplainer(forest).shap_values(test)
    np.save(target, -np.asarray(values))
    return {**took, "versions": versions("shap", "scikit-learn")}


def fill(name: str, source: str, target: str, seed: str) -> dict[str, Any]:
    """An imputer of HyperImpute on codes with NaN where a cell is empty; text columns stay codes (rounded)."""
    import pandas as pd
    from hyperimpute.plugins.imputers import Imputers

    state = seeded(seed)
    with np.load(source) as arrays:
        holed = arrays["holed"]
    frame = pd.DataFrame(holed, columns=[f"c{i}" for i in range(holed.shape[1])])
    with quiet(), clock() as took:
        found = Imputers().get(name, random_state=state).fit_transform(frame)
    np.save(target, np.asarray(found, dtype=float))
    return {**took, "versions": versions("hyperimpute", "pandas", "scikit-learn", "xgboost-cpu", "catboost")}


@contextlib.contextmanager
def quiet() -> Any:
    """Without the reports it prints for every column."""
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stderr(nowhere), contextlib.redirect_stdout(nowhere):
        if "hyperimpute.logger" in sys.modules:
            sys.modules["hyperimpute.logger"].remove()
        yield
