"""Rows that do not look like their labels are drawn again."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch

from vaery import VAE, load
from vaery.core.evidence import Evidence
from vaery.core.random import Random
from vaery.inference import sample_conditional
from vaery.labels import judge

SIDE = 8


def halves(rows: int, seed: int) -> dict[str, np.ndarray]:
    """Bright on the left, on the right or above, and named so."""
    rng = np.random.default_rng(seed)
    label = rng.integers(0, 3, rows)
    image = rng.integers(0, 3, (rows, SIDE, SIDE))
    image[label == 0, :, : SIDE // 2] += 5
    image[label == 1, :, SIDE // 2 :] += 5
    image[label == 2, : SIDE // 2] += 5
    return {"image": image.astype(np.uint8), "side": np.array(["left", "right", "above"])[label]}


@pytest.fixture(scope="module")
def model() -> VAE:
    return VAE(first=("side",), latent=4, width=32, steps=300, random_state=0, threads=1).fit(
        halves(2500, 0), verbose=False
    )


def packed(model: VAE, raw: dict[str, np.ndarray]) -> Evidence:
    return model.schema_.pack(raw)


def test_real_rows_are_believed_but_for_a_few_and_wrong_labels_are_not(model) -> None:
    assert model.choices_.judges == ("side",)
    rows = packed(model, halves(1000, 1))
    assert judge.doubted(model.joint_, rows.values, model.calibration_).float().mean() < 3 * judge.DOUBT
    wrong = {**rows.values, "side": rows.values["side"].roll(1, 0)}
    changed = (wrong["side"] != rows.values["side"]).flatten(1).any(1)
    assert judge.doubted(model.joint_, wrong, model.calibration_)[changed].float().mean() > 0.98


def test_doubted_rows_are_drawn_again_for_their_own_label_and_others_stay(model) -> None:
    joint, nothing = model.joint_, Evidence(1, {}, {})
    values = {name: value.clone() for name, value in packed(model, halves(300, 2)).values.items()}
    values["image"][:60] = values["image"][60:120]
    before = judge.doubted(joint, values, model.calibration_)
    assert int(before.sum()) > 20
    made = judge.redraw(joint, nothing, values, model.calibration_, rng=Random(0))
    assert torch.equal(made["side"], values["side"])
    assert torch.equal(made["image"][~before], values["image"][~before])
    assert not bool(judge.doubted(joint, made, model.calibration_).any())
    once = judge.redraw(joint, nothing, values, model.calibration_, rng=Random(0))
    assert torch.equal(once["image"], made["image"])
    assert judge.redraw(joint, nothing, values, None, rng=Random(0)) is values


def test_what_is_given_stays_given(model) -> None:
    joint = model.joint_
    row = packed(model, {"side": np.array(["left"])})
    values = sample_conditional(joint, row, 50, rng=Random(0)).values
    values["image"][:25] = values["image"][:25].flip(2)  # bright on the right
    made = judge.redraw(joint, row, values, model.calibration_, rng=Random(1))
    assert bool((made["side"] == values["side"]).all())
    bright = made["image"].float().mean((1, 3))
    assert float((bright[:, : SIDE // 2].mean(1) > bright[:, SIDE // 2 :].mean(1)).float().mean()) > 0.95


def test_the_face_asks_the_judge(model, tmp_path) -> None:
    made = model.generate(200, seed=0)
    rows = packed(model, made)
    assert not bool(judge.doubted(model.joint_, rows.values, model.calibration_).any())
    bare = packed(model, model.generate(2000, seed=0, judged=False))
    assert bool(judge.doubted(model.joint_, bare.values, model.calibration_).any())
    more = model.augment(halves(50, 3), target="side", n=60, seed=0)
    new = {name: value[50:] for name, value in packed(model, more).values.items()}
    assert not bool(judge.doubted(model.joint_, new, model.calibration_).any())
    model.save(tmp_path / "halves.vaery")
    again = load(tmp_path / "halves.vaery").generate(200, seed=0)
    assert (again["image"] == made["image"]).all()


def test_few_labels_and_lone_fields_have_no_judge() -> None:
    model = VAE(first=("side",), latent=2, width=8, steps=20, threads=1).fit(halves(300, 0), verbose=False)
    assert model.choices_.judges == ()
    assert "label_log_odds" not in model.calibration_
    table = pd.DataFrame({"x": np.arange(1500.0) % 7, "y": np.arange(1500) % 3, "side": halves(1500, 0)["side"]})
    cells = VAE(target="side", latent=2, width=8, steps=20, threads=1).fit(table, verbose=False)
    assert cells.choices_.judges == (), "what tables tell of a label would look surer than it is"
    alone = VAE(latent=2, width=8, steps=20, threads=1).fit(halves(1500, 0)["image"], verbose=False)
    assert alone.choices_.judges == ()


def test_a_judge_that_is_sure_of_everything_tells_rows_apart_all_the_same(model) -> None:
    """Probabilities of one, rounded, would all be below their own quantile."""
    rows = packed(model, halves(1000, 4))
    odds = judge.log_odds(model.joint_, rows, "side")
    assert len(odds.unique()) > 900
    assert bool((odds > 2).float().mean() > 0.9)
    alone = judge.log_odds(model.joint_, rows[slice(7, 8)], "side")
    assert abs(float(alone[0] - odds[7])) < judge.TIE / 10
