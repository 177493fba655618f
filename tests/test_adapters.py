"""The adapters, as scikit-learn, imbalanced-learn and PyOD want them."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from vaery import VAE
from vaery.core.errors import ChoiceError, DataError
from vaery.sklearn import (
    PyODDetector,
    VAEClassifier,
    VAEDensity,
    VAEImputer,
    VAEOutlierDetector,
    VAERegressor,
    VAESampler,
    VAETransformer,
)
from vaery.sklearn.classifier import labelled
from vaery.sklearn.outliers import fence


def tiny(steps: int = 8) -> VAE:
    return VAE(width=8, depth=1, latent=2, dropout=0.0, steps=steps, batch=64, threads=1, refine=False)


EACH = [
    VAEImputer(tiny()),
    VAEOutlierDetector(tiny()),
    PyODDetector(tiny()),
    VAEDensity(tiny()),
    VAETransformer(tiny()),
    VAESampler(tiny()),
    VAEClassifier(tiny(100).set_params(learning_rate=3e-2, width=16)),
    VAERegressor(
        tiny(100).set_params(learning_rate=1.5e-2, width=64, dropout=0.2, batch=180, likelihood={"target": "normal"})
    ),
]


@parametrize_with_checks(EACH)
def test_scikit_learn(estimator, check) -> None:
    check(estimator)


# ------------------------------------------------------------------ what each is for


def people(rows: int = 200, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    size = rng.choice(["small", "large"], rows, p=[0.7, 0.3])
    return pd.DataFrame(
        {
            "size": size,
            "weight": np.where(size == "small", 1.0, 5.0) + 0.3 * rng.normal(size=rows),
            "count": rng.poisson(20, rows),
            "when": pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 10**6, rows), "s"),
        },
        index=pd.RangeIndex(50, 50 + rows),
    )


def learning(steps: int = 300) -> VAE:
    return VAE(width=32, depth=1, latent=2, dropout=0.0, steps=steps, learning_rate=1e-2, batch=64, threads=1)


@pytest.fixture(scope="module")
def holed() -> pd.DataFrame:
    frame = people()
    frame.loc[frame.index[::5], "weight"] = np.nan
    frame.loc[frame.index[1::7], "size"] = None
    return frame


@pytest.fixture(scope="module")
def imputer(holed: pd.DataFrame) -> VAEImputer:
    return VAEImputer(learning()).fit(holed)


def test_the_imputer_fills_frames_as_they_came(imputer: VAEImputer, holed: pd.DataFrame) -> None:
    full = imputer.transform(holed)
    assert dict(full.dtypes) == dict(holed.dtypes)
    pd.testing.assert_index_equal(full.index, holed.index)
    assert not full.isna().any().any()
    known = holed.notna()
    assert (full.where(known) == holed.where(known)).to_numpy()[known].all()
    gaps, truth = holed["weight"].isna(), people()
    error = (full["weight"] - truth["weight"])[gaps & holed["size"].notna()].abs().mean()
    assert error < 0.6  # the spread within a size is .3, between them 4
    lost = holed["size"].isna() & holed["weight"].notna()
    assert (full["size"] == truth["size"])[lost].mean() > 0.95


def test_the_imputer_draws(imputer: VAEImputer, holed: pd.DataFrame) -> None:
    tables = imputer.transform_draws(holed, draws=3)
    assert len(tables) == 3
    gaps = holed["weight"].isna()
    assert not np.allclose(tables[0]["weight"][gaps], tables[1]["weight"][gaps])
    imputer.set_params(sample_posterior=True)
    try:
        one, other = imputer.transform(holed), imputer.transform(holed)
        assert not one.equals(other)
        imputer.set_params(random_state=0)
        pd.testing.assert_frame_equal(imputer.transform(holed), imputer.transform(holed))
    finally:
        imputer.set_params(sample_posterior=False, random_state=None)


def test_the_imputer_shows_where_gaps_were(imputer: VAEImputer, holed: pd.DataFrame) -> None:
    imputer.set_params(add_indicator=True)
    try:
        full = imputer.transform(holed)
        assert list(full.columns) == list(imputer.get_feature_names_out())
        assert list(full.columns[-2:]) == ["missingindicator_size", "missingindicator_weight"]
        assert (full["missingindicator_weight"] == holed["weight"].isna()).all()
    finally:
        imputer.set_params(add_indicator=False)


def test_the_imputer_with_arrays_polars_and_empty_columns() -> None:
    import polars

    rng = np.random.default_rng(0)
    x = rng.normal(size=(40, 3))
    x[::4, 0], x[:, 1] = np.nan, np.nan
    imputer = VAEImputer(tiny(), add_indicator=True)
    with pytest.warns(UserWarning, match=r"left out.*x1"):
        full = imputer.fit(x).transform(x)
    assert full.shape == (40, 3)
    assert list(imputer.get_feature_names_out()) == ["x0", "x2", "missingindicator_x0"]
    np.testing.assert_array_equal(full[:, 1], x[:, 2])
    np.testing.assert_array_equal(full[:, 2], np.isnan(x[:, 0]))
    imputer.set_output(transform="pandas")
    assert list(imputer.transform(x).columns) == list(imputer.get_feature_names_out())
    frame = polars.DataFrame({"a": x[:, 0], "b": ["u", "v"] * 20}, nan_to_null=True)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        out = VAEImputer(tiny(), add_indicator=True).fit_transform(frame)
    assert isinstance(out, polars.DataFrame)
    assert out.columns == ["a", "b", "missingindicator_a"]
    assert out["a"].null_count() == 0


@pytest.fixture(scope="module")
def cloud() -> np.ndarray:
    x = np.random.default_rng(0).normal(size=(300, 3))
    x[:, 2] = x[:, 0] + 0.1 * x[:, 2]
    return x


ODD = np.array([[0.0, 0.0, 0.0], [8.0, -8.0, 8.0], [0.3, 0.2, 0.3], [2.0, 0.0, -2.0]])


def test_outliers_with_the_signs_of_scikit_learn(cloud: np.ndarray) -> None:
    detector = VAEOutlierDetector(learning(), contamination=0.1).fit(cloud)
    assert (detector.predict(cloud) == -1).sum() == 30
    assert list(detector.predict(ODD)) == [1, -1, 1, -1]  # the last is odd as a pair only
    np.testing.assert_allclose(detector.decision_function(ODD), detector.score_samples(ODD) - detector.offset_)
    odd = detector.model_.detect(ODD, reasons=0)["oddness"]
    np.testing.assert_allclose(detector.score_samples(ODD), -odd, atol=1e-4)
    np.testing.assert_array_equal(np.sign(detector.decision_function(ODD)), detector.predict(ODD))


def test_the_fence_stands_in_spite_of_odd_rows() -> None:
    rng = np.random.default_rng(0)
    for dimensions, most in ((1, 0.06), (2, 0.045), (10, 0.025)):
        scores = -0.5 * (rng.normal(size=(20_000, dimensions)) ** 2).sum(1)
        plain = fence(scores)
        assert 0.002 < (scores < plain).mean() < most
        assert (scores < fence(np.append(scores, np.full(3000, -1e6)))).mean() > 0.0005
    normal = rng.normal(size=100_000)  # where nothing is skewed it is Tukey's: 0.35 % a side
    assert (normal < fence(normal)).mean() == pytest.approx(0.0035, abs=0.001)
    quarters = np.percentile(normal, [25, 75])
    assert fence(normal) == pytest.approx(quarters[0] - 1.5 * np.diff(quarters)[0], abs=0.05)


def test_outliers_with_the_signs_of_pyod(cloud: np.ndarray) -> None:
    theirs = VAEOutlierDetector(learning(), contamination=0.1).fit(cloud)
    detector = PyODDetector(learning(), contamination=0.1).fit(cloud)
    np.testing.assert_allclose(detector.decision_function(ODD), -theirs.score_samples(ODD), atol=1e-3)
    np.testing.assert_array_equal(detector.predict(ODD), theirs.predict(ODD) == -1)
    assert detector.labels_.sum() == 30
    np.testing.assert_array_equal(detector.labels_, detector.decision_scores_ > detector.threshold_)
    np.testing.assert_allclose(detector.decision_scores_, detector.decision_function(cloud), rtol=1e-4, atol=1e-4)
    for method in ("linear", "unify"):
        chance = detector.predict_proba(ODD, method=method)
        np.testing.assert_allclose(chance.sum(1), 1)
        assert chance[1, 1] == 1 > chance[0, 1]
    with pytest.raises(ChoiceError, match="unify"):
        detector.predict_proba(ODD, method="sigmoid")


@pytest.mark.parametrize("share", ["automatic", 0.0, 0.7, -0.1])
def test_contamination_is_checked(share, cloud: np.ndarray) -> None:
    with pytest.raises(ChoiceError, match="contamination="):
        VAEOutlierDetector(tiny(), contamination=share).fit(cloud)
    with pytest.raises(ChoiceError, match="contamination="):
        PyODDetector(tiny(), contamination=share).fit(cloud)


def test_unlabelled_rows_are_learned_from() -> None:
    """Two clusters, five labels in each: the rest of the rows says where the clusters are."""
    rng = np.random.default_rng(0)
    truth = np.repeat([0, 1], 150)
    x = pd.DataFrame({"a": 6.0 * truth + rng.normal(size=300), "b": rng.choice(["u", "v"], 300)})
    y = np.full(300, -1)
    y[:5], y[150:155] = 0, 1
    with pytest.warns(UserWarning, match="unlabelled=-1"):
        judge = VAEClassifier(learning()).fit(x, y)
    assert list(judge.classes_) == [0, 1]
    assert judge.score(x, truth) > 0.9
    assert judge.score(x.assign(b=None), truth) > 0.9
    np.testing.assert_allclose(np.exp(judge.predict_log_proba(x)), judge.predict_proba(x), rtol=1e-5)


@pytest.mark.parametrize(
    ("y", "mark", "known"),
    [
        ([0, 1, -1], "auto", [True, True, False]),
        ([1, -1, 1], "auto", [True, True, True]),
        ([0, 1, -1], None, [True, True, True]),
        (["a", None, "b"], "auto", [True, False, True]),
        (["a", "?", "b"], "?", [True, False, True]),
        ([1.0, np.nan, -1.0], None, [True, False, True]),
    ],
)
@pytest.mark.filterwarnings("ignore:.*labelled -1")
def test_what_is_a_label(y, mark, known) -> None:
    array = np.array(y, dtype=object if isinstance(y[0], str) else None)
    assert labelled(array, mark).tolist() == known


def test_a_classifier_without_labels_says_so() -> None:
    with pytest.raises(DataError, match="no row has a label"):
        VAEClassifier(tiny()).fit(np.zeros((4, 2)), [np.nan] * 4)


@pytest.fixture(scope="module")
def line() -> tuple[pd.DataFrame, np.ndarray, VAERegressor]:
    rng = np.random.default_rng(0)
    x = pd.DataFrame({"target": rng.normal(size=400), "b": rng.choice(["u", "v"], 400)})  # a name that is taken
    y = 3 * x["target"].to_numpy() + 2 * (x["b"] == "u").to_numpy() + 0.5 * rng.normal(size=400)
    seen = np.where(np.arange(400) % 3, y, np.nan)
    return x, y, VAERegressor(learning(600)).fit(x, seen)


def test_the_regressor_and_its_intervals(line: tuple[pd.DataFrame, np.ndarray, VAERegressor]) -> None:
    x, y, regressor = line
    hidden = np.arange(400) % 3 == 0
    assert regressor.target_ == "target_"
    assert regressor.score(x[hidden], y[hidden]) > 0.9
    ends = regressor.predict_interval(x[hidden], coverage=0.9)
    inside = (ends[:, 0] <= y[hidden]) & (y[hidden] <= ends[:, 1])
    assert 0.78 < inside.mean() < 0.99
    narrow = regressor.predict_interval(x[hidden], coverage=0.5)
    assert (np.diff(narrow) <= np.diff(ends)).all()
    assert np.diff(narrow).mean() < 0.7 * np.diff(ends).mean()


def test_targets_go_with_frames_of_any_library(line: tuple[pd.DataFrame, np.ndarray, VAERegressor]) -> None:
    import polars

    x, y, regressor = line
    np.testing.assert_allclose(regressor.predict(polars.from_pandas(x)), regressor.predict(x), rtol=1e-5)
    frame = polars.from_pandas(x)
    again = VAERegressor(learning(20)).fit(frame, polars.Series(y))
    assert again.predict(frame).shape == (400,)
    with pytest.warns(UserWarning, match="feature names"):
        np.testing.assert_allclose(
            regressor.predict(np.array([[0.5, "u"]], dtype=object)),
            regressor.predict(pd.DataFrame({"target": [0.5], "b": ["u"]})),
        )


def test_a_regressor_without_targets_says_so() -> None:
    with pytest.raises(DataError, match="no row has a target"):
        VAERegressor(tiny()).fit(np.zeros((4, 2)), [np.nan] * 4)


def test_the_density_scores_and_samples(cloud: np.ndarray) -> None:
    density = VAEDensity(learning()).fit(cloud)
    scores = density.score_samples(cloud)
    assert density.score(cloud) == pytest.approx(scores.sum(), rel=1e-5)
    assert density.score(cloud) > density.score(cloud + 3)
    new = density.sample(500, random_state=0)
    assert new.shape == (500, 3)
    np.testing.assert_array_equal(new, density.sample(500, random_state=0))
    assert not np.array_equal(new, density.sample(500, random_state=1))
    assert not np.array_equal(density.sample(3), density.sample(3))
    assert np.corrcoef(new.T)[0, 2] > 0.9
    rng = np.random.RandomState(0)
    assert not np.array_equal(density.sample(3, random_state=rng), density.sample(3, random_state=rng))


def test_the_latent_and_back(cloud: np.ndarray) -> None:
    """One factor behind five columns: the way to the latent and back keeps it and drops the noise."""
    rng = np.random.default_rng(0)
    factor = rng.normal(size=(400, 1))
    x = factor * [1, -1, 2, 1, 3] + 0.1 * rng.normal(size=(400, 5))
    model = VAE(latent=2, width=32, depth=1, dropout=0.0, steps=500, learning_rate=1e-2, batch=100, threads=1)
    to_latent = VAETransformer(model.set_params(likelihood="independent")).fit(x)
    z = to_latent.transform(x)
    assert z.shape == (400, 2)
    back = to_latent.inverse_transform(z)
    assert np.abs(back - x).mean() < 0.3
    np.testing.assert_allclose(back, to_latent.model_.reconstruct(x), atol=1e-4)  # independent cells: the same thing
    with pytest.raises(DataError, match="3 columns"):
        to_latent.inverse_transform(np.zeros((2, 3)))


def test_the_latent_of_a_frame_goes_back_to_a_frame() -> None:
    frame = people(60)
    to_latent = VAETransformer(tiny()).fit(frame)
    back = to_latent.inverse_transform(to_latent.transform(frame))
    assert dict(back.dtypes) == dict(frame.dtypes)
    assert set(back["size"]) <= {"small", "large"}
    named = to_latent.set_output(transform="pandas").transform(frame)
    assert list(named.columns) == ["z0", "z1"]
    pd.testing.assert_index_equal(named.index, frame.index)


def test_pictures_and_dicts_are_sent_elsewhere() -> None:
    for raw in (np.zeros((5, 8, 8)), {"image": np.zeros((5, 8, 8))}):
        with pytest.raises(DataError, match=r"vaery\.VAE"):
            VAEDensity(tiny()).fit(raw)


def test_settings_of_the_model_are_settings_of_the_adapter() -> None:
    from sklearn.model_selection import GridSearchCV

    x = np.random.default_rng(0).normal(size=(60, 2))
    search = GridSearchCV(VAEDensity(tiny()), {"model__latent": [1, 2]}, cv=2).fit(x)
    assert search.best_estimator_.model.latent in (1, 2)
    assert search.best_estimator_.model_ is not search.best_estimator_.model
    assert not hasattr(search.best_estimator_.model, "joint_")  # what was handed in stays as it was
