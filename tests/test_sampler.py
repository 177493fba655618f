"""The sampler: how many rows of each class, which come first, and whether it helped."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from vaery import VAE
from vaery.core.errors import ChoiceError, DataError, QueryError
from vaery.sklearn import VAESampler, augmentation_gain
from vaery.sklearn.strategy import rows_to_make


def model(steps: int = 60) -> VAE:
    return VAE(width=16, depth=1, latent=2, dropout=0.0, steps=steps, learning_rate=1e-2, batch=64, threads=1)


ABC = np.array(["a"] * 60 + ["b"] * 20 + ["c"] * 10)
STRATEGIES = [
    "auto",
    "minority",
    "not minority",
    "not majority",
    "all",
    {"c": 25},
    {"a": 60, "b": 40},
    lambda y: {"b": 21},
]


@pytest.mark.parametrize(
    ("strategy", "wanted"),
    list(zip(STRATEGIES, [(40, 50), (0, 50), (40, 0), (40, 50), (40, 50), (0, 15), (20, 0), (1, 0)], strict=True)),
)
def test_how_many_rows_are_made(strategy, wanted: tuple[int, int]) -> None:
    made = rows_to_make(ABC, strategy)
    assert (made.get("b", 0), made.get("c", 0)) == wanted
    assert "a" not in made
    assert all(count > 0 for count in made.values())


@pytest.mark.parametrize(("share", "count"), [(1.0, 40), (0.5, 10), (0.41, 4), (1 / 3, 0)])
def test_a_share_is_for_two_classes(share: float, count: int) -> None:
    assert rows_to_make(ABC[:80], share).get("b", 0) == count
    with pytest.raises(QueryError, match="two classes"):
        rows_to_make(ABC, share)


def test_as_imbalanced_learn_counts() -> None:
    utils = pytest.importorskip("imblearn.utils")
    for strategy in STRATEGIES:
        if not callable(strategy):
            theirs = utils.check_sampling_strategy(strategy, ABC, "over-sampling")
            assert rows_to_make(ABC, strategy) == {k: n for k, n in theirs.items() if n > 0}
    for share in (1.0, 0.5, 0.41):
        assert rows_to_make(ABC[:80], share) == dict(utils.check_sampling_strategy(share, ABC[:80], "over-sampling"))


@pytest.mark.parametrize(
    ("strategy", "error", "words"),
    [
        ("most", ChoiceError, "most"),
        ({"d": 9}, ChoiceError, "'d'"),
        ({"b": 5}, QueryError, "20 rows and 5"),
        (0.1, QueryError, "take rows away"),
        (1.5, QueryError, "not a share"),
        (None, ChoiceError, "sampling_strategy=None"),
    ],
)
def test_what_cannot_be_made_is_refused(strategy, error, words: str) -> None:
    with pytest.raises(error, match=words):
        rows_to_make(ABC[:80], strategy)
    with pytest.raises(QueryError, match="more than 1 class"):
        rows_to_make(ABC[:5], "auto")


def shop(rows: int = 150) -> tuple[pd.DataFrame, pd.Series]:
    rng = np.random.default_rng(0)
    y = pd.Series(np.where(np.arange(rows) % 10 == 0, "bought", "left"), name="what", index=range(7, rows + 7))
    frame = pd.DataFrame(
        {
            "pages": rng.poisson(np.where(y == "bought", 30, 5)),
            "from": pd.Categorical(rng.choice(["ad", "link"], rows)),
            "spent": np.where(rng.random(rows) < 0.3, np.nan, rng.gamma(2.0, size=rows)),
        },
        index=y.index,
    )
    return frame, y


def test_your_rows_come_first_and_new_ones_are_of_their_class() -> None:
    frame, y = shop()
    sampler = VAESampler(model(150), random_state=0)
    more, classes = sampler.fit_resample(frame, y)
    pd.testing.assert_frame_equal(more.iloc[:150], frame.reset_index(drop=True))
    pd.testing.assert_series_equal(classes.iloc[:150], y.reset_index(drop=True))
    assert dict(more.dtypes) == dict(frame.dtypes)
    assert dict(classes.value_counts()) == {"left": 135, "bought": 135}
    assert set(classes.iloc[150:]) == {"bought"}
    assert more["pages"].iloc[150:].mean() > 15  # 30 of those who bought, 5 of the others
    assert more["spent"].iloc[150:].isna().any()
    again, _ = sampler.fit_resample(frame, y)
    pd.testing.assert_frame_equal(more, again)


@pytest.mark.parametrize("kind", ["numpy", "polars", "integers"])
def test_types_come_back_as_they_came(kind: str) -> None:
    import polars

    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(60, 2)).astype(np.float32), np.repeat([True, False], [10, 50])
    if kind == "integers":
        x = (10 * x).astype(np.int32)
    raw = polars.DataFrame(x, schema=["target", "b"]) if kind == "polars" else x
    labels = polars.Series("y", y) if kind == "polars" else y
    more, classes = VAESampler(model(5), sampling_strategy={True: 13}).fit_resample(raw, labels)
    assert type(more) is type(raw)
    assert type(classes) is type(labels)
    assert more.shape == (63, 2)
    assert classes.dtype == labels.dtype
    assert int(classes.sum()) == 13
    if kind == "polars":
        assert more.schema == raw.schema
    else:
        assert more.dtype == raw.dtype
        np.testing.assert_array_equal(more[:60], raw)


def test_nothing_to_make_changes_nothing() -> None:
    x, y = np.arange(40.0).reshape(20, 2), np.repeat([0, 1], 10)
    more, classes = VAESampler(model(3)).fit_resample(x, y)
    np.testing.assert_array_equal(more, x)
    np.testing.assert_array_equal(classes, y)


def test_rows_without_a_class_are_refused() -> None:
    with pytest.raises(DataError, match="every row needs a class"):
        VAESampler(model(3)).fit_resample(np.zeros((4, 2)), np.array(["a", None, "b", "b"], dtype=object))


def test_in_a_pipeline_of_imbalanced_learn() -> None:
    pipeline = pytest.importorskip("imblearn.pipeline")
    frame, y = shop()
    x = frame[["pages"]].to_numpy(dtype=float)
    steps = pipeline.make_pipeline(VAESampler(model(20), random_state=0), LogisticRegression())
    steps.fit(x, y)
    assert steps.predict(x).shape == (150,)  # resampled in fit alone
    assert steps[0].sampling_strategy_ == {"bought": 120}


class Copies:
    """Rare rows once more: a sampler that changes nothing but the weights."""

    def __init__(self, times: int = 1) -> None:
        self.times = times

    def get_params(self, deep: bool = True) -> dict:
        return {"times": self.times}

    def fit_resample(self, X, y):
        rare = np.flatnonzero(y == 1)
        chosen = np.concatenate([np.arange(len(y)), *[rare] * self.times])
        return X[chosen], y[chosen]


class Noise(Copies):
    """Rows whose classes were turned round."""

    def fit_resample(self, X, y):
        return np.concatenate([X] * 3), np.concatenate([y, 1 - y, 1 - y])


def rare(rows: int = 600) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    y = (np.arange(rows) % 15 == 0).astype(int)
    return rng.normal(size=(rows, 2)) + 1.8 * y[:, None], y


def test_whether_it_helped_is_said() -> None:
    x, y = rare()
    helped = augmentation_gain(Copies(13), LogisticRegression(), x, y, scoring="balanced_accuracy")
    assert helped.verdict == "better"
    assert helped.low > 0
    assert helped.augmented.shape == (5,)
    assert helped.difference == pytest.approx((helped.augmented - helped.without).mean())
    assert "better: balanced_accuracy" in str(helped)
    same = augmentation_gain(Copies(0), LogisticRegression(), x, y)
    assert (same.verdict, same.difference, same.standard_error) == ("same", 0, 0)
    worse = augmentation_gain(Noise(), LogisticRegression(), x, y, scoring="roc_auc")
    assert worse.verdict == "worse"


def test_the_interval_is_corrected_for_shared_rows() -> None:
    """(1/k + test rows / training rows) times the variance of the differences, of k = 5 folds."""
    x, y = rare()
    gain = augmentation_gain(Copies(3), LogisticRegression(), x, y, scoring="f1")
    variance = (gain.augmented - gain.without).var(ddof=1)
    assert gain.standard_error**2 == pytest.approx((1 / 5 + 1 / 4) * variance, rel=1e-3)
