"""Several kinds in one record: which field does not go with the others, and any field from any others."""

from __future__ import annotations

import json
import math

import numpy as np
import pandas as pd
import pytest
import torch
from exact import Affine, Block, LinearGaussian, Seen, linear_gaussian
from sklearn.metrics import roc_auc_score
from torch import Tensor, nn

from vaery import VAE, load
from vaery.core.errors import QueryError
from vaery.core.evidence import Evidence
from vaery.core.random import Random
from vaery.core.stop import Same, Stop
from vaery.joint import Joint
from vaery.misfit import SIGNAL, misfits, unfit
from vaery.oddness import learn, oddness
from vaery.posteriors.product import Product
from vaery.priors.normal import Normal

NAMES = ("a", "b", "c")


def three_fields() -> tuple[LinearGaussian, Joint]:
    """One number each, of one latent number; the product of exact experts is the exact posterior."""
    truth = linear_gaussian(columns=3, latent=1)
    merge = Product(1, 0, fields=3, features=2)
    with torch.no_grad():
        for expert, w, s in zip(merge.experts, truth.weight[:, 0], truth.scale, strict=True):
            log_scale = (s / w).abs().log()
            bound = 7.0 if log_scale < 0 else 2.0
            expert.weight.copy_(torch.tensor([[1 / w, 0.0], [0.0, 0.0]]))
            expert.bias.copy_(torch.tensor([0.0, bound * math.atanh(log_scale / bound)]))
    truth = LinearGaussian(truth.levels, truth.weight, torch.zeros(3).double(), truth.scale)
    stops: list[nn.Module] = [Stop("z", Normal(1, 0), merge, latent=True, carry=Same())]
    for i, name in enumerate(NAMES):
        stops.append(Stop(name, Affine(truth.weight[i : i + 1], truth.bias[i : i + 1], truth.scale[i : i + 1])))
    return truth, Joint([Block(n, "normal", 1) for n in NAMES], stops, {n: Seen(1) for n in NAMES}).double()


def rows_of(x: Tensor, known: Tensor | None = None) -> Evidence:
    parts = {name: x[:, i : i + 1] for i, name in enumerate(NAMES)}
    masks = {name: None if known is None else known[:, i : i + 1] for i, name in enumerate(NAMES)}
    shown = {n: p if masks[n] is None else p * masks[n] for n, p in parts.items()}
    return Evidence(len(x), shown, masks)


def test_a_misfit_is_minus_the_mutual_information_in_the_row():
    truth, joint = three_fields()
    x = truth.sample(200, Random(0))
    found = misfits(joint, rows_of(x), rng=Random(0), draws=2)
    only = lambda *at: truth.log_prob(x, torch.tensor([i in at for i in range(3)]).expand(200, 3))
    for i, name in enumerate(NAMES):
        rest = [j for j in range(3) if j != i]
        expected = (only(i) + only(*rest) - only(0, 1, 2)) / math.log(2)
        torch.testing.assert_close(found[name], expected, atol=1e-4, rtol=1e-4)
        assert float(found[name].mean()) < 0  # on average fields do inform of one another


def test_nothing_is_said_of_fields_that_stand_alone():
    truth, joint = three_fields()
    x = truth.sample(4, Random(0))
    known = torch.tensor([[1, 1, 1], [1, 1, 0], [1, 0, 0], [0, 0, 0]]).bool()
    found = misfits(joint, rows_of(x, known), rng=Random(0), draws=2)
    here = torch.stack([found[name].isfinite() for name in NAMES], 1)
    assert here.tolist() == [[True] * 3, [True, True, False], [False] * 3, [False] * 3]
    moved = misfits(joint, rows_of(x + ~known * 5, known), rng=Random(0), draws=2)
    assert all(torch.equal(found[n].nan_to_num(), moved[n].nan_to_num()) for n in NAMES)
    assert misfits(joint, rows_of(x).only("a"), rng=Random(0)) == {}


def test_the_field_that_was_swapped_is_named():
    truth, joint = three_fields()
    ordinary, x = truth.sample(500, Random(0)), truth.sample(300, Random(1))
    signals = lambda x: {SIGNAL + n: m for n, m in misfits(joint, rows_of(x), rng=Random(0)).items()}
    about = signals(ordinary)
    usual = learn({"bits": torch.zeros(500).double(), **about})
    wrong = x.clone()
    wrong[:, 1] = -6 * x[:, 1].sign()
    reasons = unfit(signals(wrong), usual)
    named = [reason["cell"] for reason in reasons if reason is not None]
    assert len(named) > 250
    assert named.count("b") > 0.9 * len(named)
    assert 0.02 < np.mean([reason is not None for reason in unfit(about, usual)]) < 0.3
    first = next(reason for reason in reasons if reason is not None)
    assert set(first) == {"cell", "bits", "beyond", "why"}
    json.dumps(first)
    assert unfit({}, {}) == []


def test_rows_with_one_field_are_judged_by_what_there_is():
    bits = torch.tensor([1.0, 2.0, 3.0, 4.0, 50.0]).double()
    misfit = torch.tensor([0.0, torch.nan, 1.0, torch.nan, 2.0]).double()
    found = {"bits": bits, SIGNAL + "a": misfit}
    usual = learn(found)
    assert len(usual["score"]) == 5
    assert bool(oddness(found, usual).isfinite().all())
    nothing = learn({"bits": bits, SIGNAL + "a": torch.full((5,), torch.nan).double()})
    assert SIGNAL + "a" not in nothing
    assert unfit({SIGNAL + "a": misfit}, nothing) == [None] * 5


# ------------------------------------------------------------------ fitted


def corners(n: int, seed: int = 0) -> dict:
    """A bright corner of a picture, and a table that says which one, and how dark the rest is."""
    rng = np.random.default_rng(seed)
    corner, dark = rng.integers(0, 4, n), rng.integers(0, 3, n)
    picture = np.repeat(dark[:, None, None], 8, 1).repeat(8, 2).astype(np.uint8)
    for one, at in zip(picture, corner, strict=True):
        one[4 * (at // 2) :, 4 * (at % 2) :][:4, :4] = 7
    names = np.array(["north-west", "north-east", "south-west", "south-east"])[corner]
    return {"picture": picture, "table": pd.DataFrame({"corner": names, "dark": dark, "noise": rng.normal(size=n)})}


@pytest.fixture(scope="module")
def model() -> VAE:
    return VAE(steps=400, width=48, latent=6, likelihood={"picture": "categorical"}, threads=1).fit(corners(1500))


def test_rows_whose_parts_were_swapped_are_found_and_the_reason_names_a_field(model):
    rows = corners(200, seed=1)
    other = np.array(
        [np.flatnonzero(rows["table"].corner != corner)[i % 100] for i, corner in enumerate(rows["table"].corner)]
    )
    swapped = {"picture": rows["picture"][other], "table": rows["table"]}
    good, bad = model.detect(rows), model.detect(swapped)
    truth = np.repeat([0, 1], 200)
    assert roc_auc_score(truth, -np.r_[good["p_value"], bad["p_value"]]) > 0.95
    why = [reasons[0].get("why", "") for reasons in bad["reasons"]]
    assert np.mean(["does not go with" in text for text in why]) > 0.8
    assert {reasons[0]["cell"] for reasons in bad["reasons"]} & {"picture", "table"}


def test_a_ratio_tells_whether_fields_go_together_however_odd_each_is(model):
    """Noise in the tail makes all of these rows odd; in half of them the picture is that of another corner, too."""
    assert model.choices_.ratios == ("picture",), "one ratio tells both"
    rows = corners(200, seed=1)
    right = {"picture": rows["picture"], "table": rows["table"].assign(noise=2.0)}
    swapped = {"picture": np.roll(rows["picture"], 4, axis=1), "table": right["table"]}
    found = [model.detect(x, by="fields", reasons=0) for x in (right, swapped)]
    truth = np.repeat([0, 1], 200)
    assert roc_auc_score(truth, np.r_[found[0]["oddness"], found[1]["oddness"]]) > 0.97
    assert found[0]["outlier"].mean() < 0.1
    assert found[1]["outlier"].mean() > 0.5
    alone = model.detect({"table": rows["table"]}, by="row")
    assert np.isfinite(alone["p_value"]).all()
    half = np.ma.masked_array(rows["picture"], np.zeros(rows["picture"].shape, bool))
    half[0] = np.ma.masked
    one = model.detect({"picture": half, "table": rows["table"]}, by="fields")
    assert one["p_value"][0] == 1
    assert np.isnan(one["oddness"]).tolist() == [True] + [False] * 199
    with pytest.raises(QueryError, match="several"):
        model.detect({"table": rows["table"]}, by="fields")
    with pytest.raises(QueryError, match="by="):
        model.detect(rows, by="picture")


def test_a_ratio_does_not_hang_on_the_batch_or_on_what_is_hidden(model):
    evidence = model.schema_.pack(corners(100, seed=5))
    whole = misfits(model.joint_, evidence, rng=Random(0))["picture"]
    few = misfits(model.joint_, evidence[slice(40, 43)], rng=Random(1))["picture"]
    torch.testing.assert_close(whole[40:43], few, atol=1e-4, rtol=1e-4)
    known = dict(evidence.known)
    known["picture"] = torch.zeros(100, *model.joint_.fields["picture"].mask).bool()
    blank = Evidence(100, {**evidence.values, "picture": torch.zeros_like(evidence.values["picture"])}, known)
    assert bool(misfits(model.joint_, blank, rng=Random(0))["table"].isnan().all())


def test_any_field_from_any_other(model):
    rows = corners(100, seed=2)
    seen = model.impute({"picture": rows["picture"]}, draws=1, seed=0)[0]["table"]
    assert np.mean(np.asarray(seen["corner"]) == rows["table"]["corner"].to_numpy()) > 0.9
    drawn = model.impute({"table": rows["table"][["corner"]]}, draws=1, seed=0)[0]["picture"]
    bright = drawn.reshape(100, 2, 4, 2, 4).mean((2, 4)).reshape(100, 4).argmax(1)
    names = np.array(["north-west", "north-east", "south-west", "south-east"])[bright]
    assert np.mean(names == rows["table"]["corner"].to_numpy()) > 0.75
    made = model.generate(8, given={"corner": "south-east"}, seed=0)
    assert (made["picture"][:, 4:, 4:].mean((1, 2)) > 5).mean() > 0.8
    made = model.generate(8, given={"picture": rows["picture"][0]}, seed=0)
    assert (made["table"]["corner"] == rows["table"]["corner"][0]).mean() > 0.8


def test_what_is_usual_is_kept_in_the_file(model, tmp_path):
    model.save(tmp_path / "m.vaery")
    rows = corners(30, seed=3)
    a, b = model.detect(rows), load(tmp_path / "m.vaery").detect(rows)
    assert a["p_value"].tolist() == b["p_value"].tolist()
    assert a["reasons"].tolist() == b["reasons"].tolist()
    a, b = (m.detect(rows, by="fields") for m in (model, load(tmp_path / "m.vaery")))
    assert a["oddness"].tolist() == b["oddness"].tolist()
    alone = model.detect({"table": rows["table"]})
    assert np.isfinite(alone["p_value"]).all()
