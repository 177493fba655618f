"""The tumours: a small table, and each job on held-out rows beside simple methods."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from vaery import VAE
from vaery.demo import baselines
from vaery.demo.data import with_gaps
from vaery.demo.settings import SAME, TUMOURS, Effort, call
from vaery.report.comparison import Comparison

if TYPE_CHECKING:
    import pandas as pd

NAME = "breast cancer table"
TARGET = "diagnosis"
FIT = f"""from sklearn.datasets import load_breast_cancer
from vaery import VAE

table = load_breast_cancer(as_frame=True).data
{call(TUMOURS)}
model.fit(table)"""


def fit(rows: pd.DataFrame, effort: Effort) -> tuple[VAE, VAE]:
    """Two models: of all columns of all rows, and of the measurements of benign tumours alone."""
    make = lambda: VAE(**TUMOURS, **SAME, steps=effort.cancer_steps)
    return make().fit(rows, verbose=True), make().fit(benign(rows), verbose=True)


def benign(rows: pd.DataFrame) -> pd.DataFrame:
    """The measurements of the benign tumours."""
    return measured(rows.loc[rows[TARGET] == "benign"]).reset_index(drop=True)


def measured(rows: pd.DataFrame) -> pd.DataFrame:
    """The measurements, without the diagnosis."""
    return rows.drop(columns=TARGET)


def compare(model: VAE, of_benign: VAE, rows: pd.DataFrame, test: pd.DataFrame, effort: Effort) -> list[Comparison]:
    """Each job on held-out tumours, beside simple methods."""
    return [
        fill_gaps(model, rows, test),
        find_malignant(of_benign, rows, test),
        make_tables(model, rows, test, effort),
        diagnose(model, rows, test),
    ]


def standardised(rows: pd.DataFrame, *others: pd.DataFrame) -> list[Any]:
    """Measurements as arrays, in standard deviations from the mean of the first."""
    mean, sd = rows.mean(), rows.std()
    return [((frame[rows.columns] - mean) / sd).to_numpy(dtype=np.float64) for frame in (rows, *others)]


def fill_gaps(model: VAE, rows: pd.DataFrame, test: pd.DataFrame) -> Comparison:
    """Root mean squared error of a fifth of the cells, in standard deviations of their columns."""
    gaps = with_gaps(measured(test), np.random.default_rng(0))
    filled = model.impute(gaps.assign(**{TARGET: None}))
    known, truth, open_, ours = standardised(measured(rows), measured(test), gaps, measured(filled))
    hidden = np.isnan(open_)
    error = lambda made: baselines.rmse(made[hidden], truth[hidden])
    return Comparison(
        NAME, "fill in a fifth of the cells", "error, in standard deviations", "low",
        error(ours),
        (
            ("mean", error(baselines.fill_with_mean(known, open_))),
            ("kNN", error(baselines.fill_from_neighbours(known, open_))),
            ("PCA", error(baselines.fill_linearly(known, open_, components=20))),
        ),
    )  # fmt: skip


def find_malignant(of_benign: VAE, rows: pd.DataFrame, test: pd.DataFrame) -> Comparison:
    """How well malignant tumours rank above benign ones, by a model that knows benign ones alone."""
    from sklearn.metrics import roc_auc_score

    malignant = (test[TARGET] == "malignant").to_numpy()
    area = lambda oddness: float(roc_auc_score(malignant, oddness))
    known, asked = standardised(benign(rows), measured(test))
    return Comparison(
        NAME, "find malignant tumours, knowing only benign ones", "AUROC", "high",
        area(of_benign.detect(measured(test), reasons=0)["oddness"]),
        (
            ("PCA error", area(baselines.linear_error(known, asked, components=10))),
            ("kNN distance", area(baselines.distance_to_neighbours(known, asked))),
        ),
    )  # fmt: skip


def make_tables(model: VAE, rows: pd.DataFrame, test: pd.DataFrame, effort: Effort) -> Comparison:
    """How well boosted trees tell made rows from held-out ones, over several made tables."""
    rng = np.random.default_rng(0)
    real = _numbers(test)
    ours = [baselines.told_apart(real, _numbers(model.generate(len(test), seed=i)), i) for i in range(effort.tables)]
    loose = [
        baselines.told_apart(real, _numbers(baselines.independent_columns(rows, len(test), rng)), i)
        for i in range(effort.tables)
    ]
    return Comparison(
        NAME, "make new rows", "how well boosted trees tell them apart, 0.5 is not at all", "low",
        float(np.mean(ours)),
        (("independent columns", float(np.mean(loose))),),
    )  # fmt: skip


def diagnose(model: VAE, rows: pd.DataFrame, test: pd.DataFrame) -> Comparison:
    """Accuracy of the hidden diagnosis."""
    known, asked = standardised(measured(rows), measured(test))
    guess = model.predict(test.assign(**{TARGET: None}), target=TARGET)
    simple = baselines.logistic_regression(known, rows[TARGET])
    return Comparison(
        NAME, "diagnose", "accuracy", "high",
        float(np.mean(np.asarray(guess) == test[TARGET].to_numpy())),
        (("logistic regression", float(simple.score(asked, test[TARGET]))),),
    )  # fmt: skip


def _numbers(frame: pd.DataFrame) -> Any:
    """All columns as numbers, the diagnosis as 0 and 1."""
    return frame.assign(**{TARGET: (frame[TARGET] == "malignant").astype(float)}).to_numpy(dtype=np.float64)
