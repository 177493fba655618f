"""vary: rows like these."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_digits

from vaery import VAE
from vaery.core.errors import QueryError


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    x = rng.normal(size=600)
    return pd.DataFrame(
        {
            "x": x,
            "double": 2 * x + 0.1 * rng.normal(size=600),
            "count": rng.poisson(3, 600),
            "sort": np.where(x > 0, "up", "down"),
            "more": x + 3 + rng.exponential(size=600),
        }
    )


@pytest.fixture(scope="module")
def model(frame: pd.DataFrame) -> VAE:
    return VAE(steps=400, random_state=0, constraints=["x <= more"]).fit(frame)


def test_rows_of_one_stand_together_and_look_as_they_came(model: VAE, frame: pd.DataFrame) -> None:
    found = model.vary(frame[:3], n=4, strength=0.0, seed=0)
    assert list(found.columns) == list(frame.columns)
    assert (found.dtypes == frame.dtypes).all()
    expected = frame[:3].loc[np.repeat([0, 1, 2], 4)].reset_index(drop=True)
    pd.testing.assert_frame_equal(found.reset_index(drop=True), expected, rtol=1e-4)


def test_so_many_cells_are_drawn_anew_and_fit_the_others(model: VAE, frame: pd.DataFrame) -> None:
    rows = frame[:50]
    found = model.vary(rows, n=20, strength=0.4, seed=0)
    old = rows.loc[np.repeat(rows.index, 20)].reset_index(drop=True)
    same = np.isclose(found["double"].to_numpy(), old["double"], rtol=1e-4).mean()
    assert abs(same - 0.6) < 0.06, "two normal numbers are never the same by chance"
    apart = (found["double"] - 2 * found["x"]).abs()
    assert float(apart.median()) < 0.5, "what is drawn anew goes with what stayed"
    assert (found["x"] <= found["more"]).all(), "constraints are kept"
    own = np.abs(found["x"].to_numpy() - old["x"]).mean()
    other = np.abs(found["x"].to_numpy() - old["x"].sample(frac=1, random_state=0).to_numpy()).mean()
    assert own < 0.7 * other


def test_gaps_are_filled_and_the_same_seed_gives_the_same(model: VAE, frame: pd.DataFrame) -> None:
    holes = frame[:20].assign(double=np.nan)
    first, second, third = (model.vary(holes, n=2, seed=seed) for seed in (1, 1, 2))
    assert not first.isna().any().any()
    pd.testing.assert_frame_equal(first, second)
    assert not first.equals(third)


def test_pictures_keep_their_label_and_look_like_their_own() -> None:
    digits = load_digits()
    rows = {"image": digits.images[:900].astype(np.uint8), "label": digits.target[:900].astype(str)}
    model = VAE(
        steps=500, random_state=0, first=["label"], likelihood={"image": "logistic_mixture"}, width=64, depth=1
    ).fit(rows)
    some = {name: part[:40] for name, part in rows.items()}
    found = model.vary(some, n=5, seed=0)
    assert found["image"].shape == (200, 8, 8)
    assert list(found["label"]) == list(np.repeat(some["label"], 5))
    made, old = found["image"].astype(float).reshape(40, 5, -1), some["image"].astype(float).reshape(40, 1, -1)
    own = np.abs(made - old).mean()
    assert own < 0.8 * np.abs(made - np.roll(old, 1, 0)).mean()
    spread = [model.vary(some, n=5, strength=s, seed=0)["image"].astype(float) for s in (0.0, 1.0)]
    assert np.abs(spread[0].reshape(40, 5, -1) - old).mean() < np.abs(spread[1].reshape(40, 5, -1) - old).mean()


def test_words_of_a_text_stay() -> None:
    texts = ["the soup was good", "the soup was cold", "the fish was good", "a fish was cold"] * 30
    model = VAE(steps=60, random_state=0, tokens="words").fit(texts)
    assert model.vary(texts[:2], n=2, strength=0.0, seed=0) == [texts[0], texts[0], texts[1], texts[1]]
    found = model.vary(texts[:4], n=10, strength=0.3, seed=0)
    shared = [len(set(a.split()) & set(texts[i // 10].split())) for i, a in enumerate(found)]
    assert len(found) == 40
    assert np.mean(shared) > 2
    assert found != [t for t in texts[:4] for _ in range(10)]


@pytest.mark.parametrize(("options", "says"), [({"n": 0}, "n=10"), ({"strength": 1.5}, "strength=0.5")])
def test_what_cannot_be_asked_is_told(model: VAE, frame: pd.DataFrame, options: dict, says: str) -> None:
    with pytest.raises(QueryError, match=says):
        model.vary(frame[:2], **options)
