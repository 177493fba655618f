"""Peers that work on tables, at their defaults. Runs in the peers' environment.

Each line that comes in is a JSON list: a task and its arguments. Each line that goes out is a JSON dictionary. Tables
travel in files. Importing is never part of the seconds of a fit.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import json
import logging
import os
import sys
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

warnings.filterwarnings("ignore")
logging.disable(logging.CRITICAL)


@contextlib.contextmanager
def clock() -> Iterator[dict[str, float]]:
    """``fit_seconds`` and ``fit_cpu_seconds`` of the block."""
    took: dict[str, float] = {}
    start, wall = time.process_time(), time.perf_counter()
    yield took
    took |= {"fit_seconds": time.perf_counter() - wall, "fit_cpu_seconds": time.process_time() - start}


def seeded(seed: str) -> int:
    """The seed as a number; the global streams, which the peers draw from, are set to it."""
    np.random.seed(int(seed))  # noqa: NPY002 - the peers draw from the global stream
    with contextlib.suppress(ImportError):
        import torch

        torch.manual_seed(int(seed))
        torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    return int(seed)


def versions(*names: str) -> dict[str, str]:
    return {name: importlib.metadata.version(name) for name in names}


# ---------------------------------------------------------------------- whole rows


def synthesizer(name: str, train: Any, **options: Any) -> tuple[Any, dict[str, Any]]:
    """A fitted single-table synthesizer of SDV, in the dictionaries of tables that SDV 2 speaks."""
    import pandas as pd
    import sdv.single_table as single
    from sdv.metadata import Metadata

    sorts = {c: {"sdtype": "numerical" if pd.api.types.is_numeric_dtype(train[c]) else "categorical"} for c in train}
    metadata = Metadata.load_from_dict({"tables": {"table": {"columns": sorts}}})
    model = getattr(single, f"{name}Synthesizer")(metadata, **options)
    with clock() as took:
        model.fit({"table": train})
    return model, {**took, "versions": versions("sdv", "ctgan", "torch")}


def only(made: Any) -> Any:
    """The one table of what SDV gives back."""
    return made["table"] if isinstance(made, dict) else made


def synthesize(name: str, source: str, target: str, seed: str, epochs: str = "") -> dict[str, Any]:
    """As many rows as came in."""
    import pandas as pd

    seeded(seed)
    train = pd.read_parquet(source)
    model, took = synthesizer(name, train, **({"epochs": int(epochs)} if epochs else {}))
    start = time.perf_counter()
    made = only(model.sample(len(train)))
    made[list(train)].to_parquet(target)
    return {**took, "sample_seconds": time.perf_counter() - start}


def given(name: str, source: str, folder: str, seed: str, rows: str, conditions: str, epochs: str = "") -> dict:
    """Rows for each condition (a JSON list of column → value), into ``folder/0.parquet`` …; the seconds of each."""
    import pandas as pd
    from sdv.sampling import Condition

    seeded(seed)
    train = pd.read_parquet(source)
    model, took = synthesizer(name, train, **({"epochs": int(epochs)} if epochs else {}))
    seconds = []
    for i, values in enumerate(json.loads(conditions)):
        start = time.perf_counter()
        try:
            made = only(model.sample_from_conditions([Condition(num_rows=int(rows), column_values=values)]))
        except ValueError:  # it says so if no row was found
            made = train.head(0)
        seconds.append(time.perf_counter() - start)
        made[list(train)].to_parquet(f"{folder}/{i}.parquet")
    return {**took, "seconds_each": seconds}


def smote(source: str, target: str, seed: str, column: str, how: str) -> dict[str, Any]:
    """imbalanced-learn's SMOTE-NC by a column of text: ``"balance"``: the rows and more of the rarer classes;
    ``"replace"``: new rows only, as many of each class as there were."""
    import pandas as pd
    from imblearn.over_sampling import SMOTENC

    train = pd.read_parquet(source)
    y = train[column]
    text = [c for c in train if not pd.api.types.is_numeric_dtype(train[c])]
    strategy: Any = "auto" if how == "balance" else {k: 2 * n for k, n in y.value_counts().items()}
    x = train.drop(columns=column) if how == "balance" else train
    chosen = [c for c in text if c in x]
    maker = SMOTENC(categorical_features=chosen, sampling_strategy=strategy, random_state=seeded(seed))
    floats = {c: float for c in x if c not in chosen}
    with clock() as took:
        made, label = maker.fit_resample(x.astype(floats), y)
    made = made.reset_index(drop=True)
    if how == "balance":
        made[column] = np.asarray(label)
    else:
        made = made.iloc[len(train) :]
    whole = [c for c in train if c in floats and pd.api.types.is_integer_dtype(train[c])]
    made[whole] = made[whole].round().astype("int64")
    made[list(train)].to_parquet(target, index=False)
    return {**took, "versions": versions("imbalanced-learn")}


def rate(name: str, source: str, seed: str, few: str, many: str) -> dict[str, Any]:
    """Seconds of a fit of few and of many epochs."""
    import pandas as pd

    seeded(seed)
    train = pd.read_parquet(source)
    found: dict[str, Any] = {"rows": len(train)}
    for word, epochs in (("few", few), ("many", many)):
        _, took = synthesizer(name, train, epochs=int(epochs))
        found[word] = took
    return found


# ---------------------------------------------------------------------- the door


def tasks() -> dict[str, Callable[..., dict[str, Any]]]:
    from table_peers_cells import detect, fill, shap_reasons

    whole = {"synthesize": synthesize, "given": given, "smote": smote, "rate": rate}
    return {**whole, "detect": detect, "fill": fill, "shap": shap_reasons}


def serve(tasks: Callable[[], dict[str, Callable[..., dict[str, Any]]]]) -> None:
    """Answer until standard input ends."""
    out = os.fdopen(os.dup(1), "w")  # what the peers print goes to stderr
    os.dup2(2, 1)
    known = tasks()
    for line in sys.stdin:
        name, *arguments = json.loads(line)
        try:
            found = known[name](*arguments)
        except Exception:
            found = {"error": traceback.format_exc()[-3000:]}
        print(json.dumps(found), file=out, flush=True)


if __name__ == "__main__":
    sys.modules["table_peers"] = sys.modules["__main__"]
    serve(tasks)
