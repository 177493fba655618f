"""The estimator: one model, every job, in the type that went in."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.utils.estimator_checks import parametrize_with_checks

import vaery
from vaery import VAE, between, one_of
from vaery.core.errors import ChoiceError, DataError, ModelFileError, NotFitted, QueryError
from vaery.core.random import Random
from vaery.refine import aggregated
from vaery.surprise import alone


def small() -> VAE:
    return VAE(width=16, depth=1, latent=2, dropout=0.0, steps=40, batch=64, threads=1, random_state=0)


@parametrize_with_checks([VAE(width=8, depth=1, latent=2, dropout=0.0, steps=20, threads=1)])
def test_scikit_learn(estimator, check) -> None:
    check(estimator)


def mixed(rows: int = 300, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    size = rng.choice(["small", "large"], rows, p=[0.7, 0.3])
    weight = np.where(size == "small", 1.0, 3.0) + 0.2 * rng.normal(size=rows)
    frame = pd.DataFrame(
        {
            "size": size,
            "weight": weight,
            "count": rng.poisson(20, rows),
            "price": np.where(rng.random(rows) < 0.4, 0.0, np.exp(weight)),
            "when": pd.Timestamp("2024-01-01", tz="Europe/Malta") + pd.to_timedelta(rng.integers(0, 10**6, rows), "s"),
            "ok": rng.random(rows) < 0.9,
        },
        index=pd.RangeIndex(100, 100 + rows),
    )
    frame.loc[frame.index[::7], "weight"] = np.nan
    frame.loc[frame.index[::11], "size"] = None
    return frame


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    return mixed()


@pytest.fixture(scope="module")
def model(frame: pd.DataFrame) -> VAE:
    return small().set_params(steps=400, width=32, learning_rate=1e-2).fit(frame, verbose=False)


def test_generate_gives_back_the_type_that_was_fitted(model: VAE, frame: pd.DataFrame) -> None:
    new = model.generate(50)
    assert isinstance(new, pd.DataFrame)
    assert list(new.columns) == list(frame.columns)
    assert dict(new.dtypes) == dict(frame.dtypes)
    assert len(new) == 50
    assert set(new["size"].dropna()) <= {"small", "large"}


def test_given_holds_in_every_row(model: VAE) -> None:
    new = model.generate(200, nulls=False, given={"size": "large", "count": between(15, 18), "ok": one_of(True)})
    assert set(new["size"]) == {"large"}
    assert new["count"].between(15, 18).all()
    assert new["ok"].all()
    assert new["weight"].mean() > 2.5
    assert model.effective_sample_size_ >= 1


def test_gaps_come_as_often_as_they_did(model: VAE, frame: pd.DataFrame) -> None:
    new = model.generate(4000)
    np.testing.assert_allclose(new.isna().mean(), frame.isna().mean(), atol=0.03)
    both = frame["weight"].isna() & frame["size"].isna()
    assert (new["weight"].isna() & new["size"].isna()).mean() == pytest.approx(both.mean(), abs=0.02)
    assert not model.generate(300, nulls=False).isna().any().any()
    assert model.generate(300, given={"size": "small", "weight": between(0, 9)})[["size", "weight"]].notna().all().all()


def test_draws_are_new_each_time_and_the_same_for_a_seed(model: VAE) -> None:
    assert not model.generate(20).equals(model.generate(20))
    assert model.generate(20, seed=3).equals(model.generate(20, seed=3))


def test_impute_touches_only_the_gaps(model: VAE, frame: pd.DataFrame) -> None:
    full = model.impute(frame)
    assert not full.isna().any().any()
    pd.testing.assert_index_equal(full.index, frame.index)
    known = frame.notna()
    pd.testing.assert_frame_equal(full.where(known), frame.where(known), check_dtype=False)
    tables = model.impute(frame, draws=3)
    assert len(tables) == 3
    assert not tables[0].equals(tables[1])
    spread = model.impute(frame, interval=0.9)
    gaps = frame["weight"].isna()
    assert (spread["low"].loc[gaps, "weight"] < spread["high"].loc[gaps, "weight"]).all()


def test_slices_of_rows_change_nothing(model: VAE, frame: pd.DataFrame, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = model.score_samples(frame), model.transform(frame), model.impute(frame)
    monkeypatch.setattr("vaery.rowwise.SLICE", 64)
    parts = model.score_samples(frame), model.transform(frame), model.impute(frame)
    np.testing.assert_allclose(parts[0], whole[0], rtol=1e-5, atol=1e-4)
    np.testing.assert_allclose(parts[1], whole[1], rtol=1e-4, atol=1e-5)
    pd.testing.assert_frame_equal(parts[2], whole[2], rtol=1e-3)


def test_detect_says_how_odd_and_why(model: VAE, frame: pd.DataFrame) -> None:
    rows = frame.iloc[:20].copy()
    rows.iloc[3, rows.columns.get_loc("count")] = 400
    found = model.detect(rows)
    assert list(found.columns) == ["bits", "oddness", "p_value", "outlier", "reasons"]
    pd.testing.assert_index_equal(found.index, rows.index)
    assert found["bits"].idxmax() == rows.index[3]
    assert found["reasons"].iloc[3][0]["cell"] == "count"
    np.testing.assert_allclose(found["bits"] * np.log(2), -model.score_samples(rows), rtol=1e-4, atol=1e-3)


def test_oddness_ranks_rows_as_their_p_values_do_and_beyond_the_smallest(model: VAE, frame: pd.DataFrame) -> None:
    rows = frame.iloc[:60].copy()
    place = rows.columns.get_loc("count")
    rows.iloc[3, place], rows.iloc[4, place] = 400, 4000
    found = model.detect(rows, reasons=0)
    order = np.argsort(found["oddness"].to_numpy())
    assert (np.diff(found["p_value"].to_numpy()[order]) <= 0).all()
    assert found["p_value"].iloc[3] == found["p_value"].iloc[4] == found["p_value"].min()
    assert found["oddness"].iloc[4] > found["oddness"].iloc[3] > 1
    usual = model.calibration_["odd"]
    (cells,) = alone(model.joint_, model.schema_.pack(rows)).values()
    signals = (("bits", found["bits"].to_numpy()), ("alone", cells.sum(1).numpy()))
    odd = np.max([(x - usual[name][0]) / usual[name][1] for name, x in signals], axis=0)
    held_out = -np.array(usual["score"])
    half = np.sort(held_out)[(len(held_out) - 1) // 2]
    expected = (odd - half) / (np.quantile(held_out, 0.9) - half)
    np.testing.assert_allclose(found["oddness"], expected, rtol=1e-3, atol=1e-3)


def test_predict_does_not_look_at_the_target(model: VAE, frame: pd.DataFrame) -> None:
    rows = frame.dropna().iloc[:40]
    guess = model.predict(rows, target="size")
    assert (guess == rows["size"].to_numpy()).mean() > 0.9
    swapped = rows.assign(size=np.where(rows["size"] == "small", "large", "small"))
    assert (model.predict(swapped, target="size") == guess).all()
    assert (model.predict(rows.drop(columns="size"), target="size") == guess).all()
    proba = model.predict_proba(rows, target="size")
    np.testing.assert_allclose(proba.sum(1), 1, atol=1e-5)


def test_augment_keeps_the_rows_first(model: VAE, frame: pd.DataFrame) -> None:
    rows = frame.dropna(subset=["size"])
    more = model.augment(rows, target="size")
    assert len(more) > len(rows)
    pd.testing.assert_frame_equal(more.iloc[: len(rows)].reset_index(drop=True), rows.reset_index(drop=True))
    counts = more["size"].value_counts()
    assert counts["small"] == counts["large"]


def test_save_and_load_change_nothing(model: VAE, frame: pd.DataFrame, tmp_path: Path) -> None:
    model.save(tmp_path / "m.vaery")
    again = vaery.load(tmp_path / "m.vaery")
    assert np.array_equal(model.transform(frame), again.transform(frame))
    assert np.array_equal(model.score_samples(frame), again.score_samples(frame))
    assert model.generate(10, seed=1).equals(again.generate(10, seed=1))
    assert again.info()["fields"] == model.info()["fields"]
    again.save(tmp_path / "again.vaery")
    assert (tmp_path / "again.vaery").read_bytes() == (tmp_path / "m.vaery").read_bytes()


def test_a_manifest_that_makes_no_model_is_refused(model: VAE, tmp_path: Path) -> None:
    from vaery import storage

    model.save(tmp_path / "m.vaery")
    manifest, tensors = storage.read(tmp_path / "m.vaery")
    manifest.pop("digests")
    for broken in (
        {**manifest, "choices": {**manifest["choices"], "latent": [3]}},
        {**manifest, "schema": {"wrapped": False, "fields": [{"kind": "os"}]}},
        {k: v for k, v in manifest.items() if k != "schema"},
    ):
        storage.write(tmp_path / "b.vaery", broken, tensors)
        with pytest.raises(ModelFileError, match=r"b\.vaery"):
            vaery.load(tmp_path / "b.vaery")


def test_the_same_seed_gives_the_same_model(frame: pd.DataFrame) -> None:
    models = []
    for seed in (1, 2):
        torch.manual_seed(seed)  # the global stream has no say
        models.append(small().fit(frame, verbose=False))
    assert np.array_equal(*(model.transform(frame) for model in models))
    a, b = (model.joint_.state_dict() for model in models)
    assert a.keys() == b.keys()
    assert all(torch.equal(a[name], b[name]) for name in a)


def test_an_image_and_a_label_are_one_model(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    label = rng.integers(0, 2, 300)
    image = (rng.random((300, 8, 8)) < np.where(label, 0.8, 0.2)[:, None, None]).astype(np.uint8)
    model = small().set_params(steps=300).fit({"image": image, "label": label}, verbose=False)
    made = model.generate(20, given={"label": 1})
    assert made["image"].shape == (20, 8, 8)
    assert made["image"].dtype == np.uint8
    assert set(made["label"].tolist()) == {1}
    assert made["image"].mean() > 0.6
    assert (model.predict({"image": image}, target="label") == label).mean() > 0.9
    half = np.ma.MaskedArray(image[:5], mask=np.broadcast_to(np.arange(8) < 4, (5, 8, 8)))
    full = model.impute({"image": half}, draws=2)
    assert np.array_equal(full[0]["image"][:, :, 4:], image[:5, :, 4:])
    model.save(tmp_path / "m.vaery")
    assert np.array_equal(
        vaery.load(tmp_path / "m.vaery").transform({"image": image}), model.transform({"image": image})
    )


def test_a_label_before_the_latent(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    label = rng.integers(0, 3, 300).astype(float)
    x = rng.normal(size=(300, 2)) + 4 * label[:, None]
    label[::2] = np.nan
    model = small().set_params(first="y", steps=600, learning_rate=5e-3).fit({"x": x, "y": label}, verbose=False)
    known = ~np.isnan(label)
    assert (model.predict({"x": x[known]}, target="y") == label[known]).mean() > 0.9
    assert set(model.generate(30, given={"y": 2.0})["y"]) == {2.0}
    assert model.effective_sample_size_ == 30  # given such a label alone, the prior draws exactly, every weight equal


@pytest.mark.parametrize(
    ("ask", "error", "words"),
    [
        (lambda m, f: m.generate(5, given={"weigth": 1}), ChoiceError, "weight"),
        (lambda m, f: m.generate(5, given={"size": "huge"}), (DataError, QueryError), "huge"),
        (lambda m, f: m.generate(f), QueryError, "given="),
        (lambda m, f: m.impute(f, given={"size": "small"}), QueryError, "given="),
        (lambda m, f: m.predict(f, target="colour"), ChoiceError, "colour"),
        (lambda m, f: m.score_samples(f.assign(extra=1)), DataError, "extra"),
        (lambda m, f: m.score_samples(f.assign(weight="heavy")), DataError, "weight"),
        (lambda m, f: m.score_samples(f.assign(weight=np.inf)), DataError, "weight"),
    ],
)
def test_errors_say_what_to_write(model: VAE, frame: pd.DataFrame, ask, error, words: str) -> None:
    with pytest.raises(error, match=words):
        ask(model, frame)


def test_nothing_works_before_fit(frame: pd.DataFrame) -> None:
    for ask in (lambda m: m.generate(3), lambda m: m.transform(frame), lambda m: m.save("x.vaery")):
        with pytest.raises(NotFitted, match="fit"):
            ask(VAE())


def test_a_collapsed_prior_is_refined_only_where_it_pays(model: VAE) -> None:
    assert model.choices_.prior["name"] in ("normal", "mixture")


def test_the_prior_that_held_out_rows_like_best_is_kept() -> None:
    """Of two that are fitted to a latent that is no single heap; and a name that cannot be is told before training."""
    rng = np.random.default_rng(0)
    x = np.stack([rng.normal(size=400) + 6 * rng.integers(0, 2, 400), rng.normal(size=400)], 1)
    fit = lambda refine: VAE(steps=100, latent=2, random_state=0, refine=refine).fit(x)
    assert fit(["mixture", "flow"]).choices_.prior["name"] in ("mixture", "flow")
    assert fit(False).choices_.prior["name"] == "normal"
    with pytest.raises(ChoiceError, match="mixture"):
        fit("vamp")


def test_a_prior_is_fitted_to_several_draws_of_few_rows(tmp_path) -> None:
    """As many as the training had steps for; and the file holds as many components as came of it."""
    rng = np.random.default_rng(0)
    x = np.concatenate([rng.normal(size=(150, 2)) * 0.3 + [3 * i, -2 * i % 5] for i in range(4)])
    model = VAE(steps=300, latent=2, random_state=0, objective="elbo").fit(x)
    joint, evidence = model.joint_, model.schema_.pack(x)
    assert aggregated(joint, evidence, Random(0), draws=5 * 300).z.shape == (2 * 600, 2)
    assert aggregated(joint, evidence, Random(0), draws=10).z.shape == (600, 2)
    z = aggregated(joint, evidence, Random(0), draws=1800).z.unflatten(0, (3, 600))
    assert torch.equal(z[0], aggregated(joint, evidence, Random(0), draws=0).z), "the first draw is that of one pass"
    assert float((z[0] - z[1]).abs().max()) > 0, "draws of one row differ"
    model.save(tmp_path / "m.vaery")
    again = vaery.load(tmp_path / "m.vaery")
    assert again.choices_.prior == model.choices_.prior
    np.testing.assert_array_equal(again.generate(20, seed=1), model.generate(20, seed=1))


def test_a_whole_fit_leaves_torchs_global_stream_alone() -> None:
    """Measuring threads and the time of a step takes steps of its own, with dropout in them."""
    torch.manual_seed(3)
    expected = torch.rand(4)
    torch.manual_seed(3)
    VAE(steps=5, random_state=0, dropout=0.3).fit(np.arange(60.0).reshape(30, 2) ** 1.5, budget="1s", verbose=False)
    assert torch.equal(torch.rand(4), expected)


def test_generate_more_carefully_or_bolder():
    x = np.stack([np.random.default_rng(0).normal(size=400), np.arange(400) % 2], 1)
    model = VAE(steps=60, latent=2, refine=False, random_state=0).fit(x)
    usual, same, careful = (model.generate(50, seed=0, temperature=t) for t in (1.0, 1.0, 0.3))
    assert np.array_equal(usual, same)
    assert not np.array_equal(usual, careful)
    assert model.joint_.temper is None
    assert (model.generate(20, given={"x1": 1}, temperature=0.5, top_p=0.9)[:, 1] == 1).all()
    for wrong in ({"temperature": 0}, {"top_p": 0}, {"top_p": 1.5}):
        with pytest.raises(QueryError, match=next(iter(wrong))):
            model.generate(5, **wrong)
