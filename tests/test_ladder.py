"""Levels of a picture's own: one walk, a state that travels in its context."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import vaery
from vaery import VAE
from vaery.build import Choices, build
from vaery.core.choose import from_prior
from vaery.core.errors import ChoiceError
from vaery.core.evidence import Evidence
from vaery.core.random import Random
from vaery.joint import Joint
from vaery.kinds.image import describe
from vaery.nets.ladder import rungs
from vaery.objectives.elbo import Elbo


def pictures(n: int, *shape: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    out = rng.integers(0, 256, (n, *shape)).astype(np.uint8)
    out[0].flat[:2] = 0, 255
    return out


def climber(raw: np.ndarray, levels: int = 3, likelihood: str = "logistic_mixture", stir: float = 0.1) -> Joint:
    """A model whose ladder does something: no weight is at zero."""
    field = describe(raw, likelihood=likelihood, net="conv")
    choices = Choices((4,), width=16, depth={"image": 1}, dropout={"image": 0.0}, own={"image": levels})
    joint = build([field], choices, seed=0).eval()
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for p in joint.parameters():
            p.add_(stir * torch.randn(p.shape, generator=generator))
    return joint


def evidence(joint: Joint, raw: np.ndarray) -> Evidence:
    value, known = joint.fields["image"].pack(raw)
    return Evidence(len(raw), {"image": value}, {"image": known})


def test_levels_go_from_the_smallest_grid_up():
    assert rungs((28, 28), 3) == [(7, 7), (7, 7), (14, 14)]
    assert rungs((33, 31), 4) == [(4, 7), (4, 7), (8, 7), (16, 15)]
    with pytest.raises(ValueError, match="too small"):
        rungs((4, 4), 2)


@pytest.mark.parametrize("shape", [(9, 8), (33, 31), (16, 7, 3), (12, 12, 4)])
@torch.no_grad()
def test_any_size_comes_back(shape):
    raw = pictures(3, *shape)
    joint = climber(raw)
    assert [stop.name for stop in joint.walk] == ["z", "image.z1", "image.z2", "image.z3", "image"]
    assert joint.latents == ["z"]
    trace = joint.infer(evidence(joint, raw), rng=Random(0), draws=2)
    assert trace["image"].log_p.shape == (2, 3, *shape[:2])
    assert trace.log_weight.isfinite().all()
    drawn = joint.trace(5, from_prior(Random(1)))
    assert drawn["image"].value.shape[1:3] == (5, shape[0])


@torch.no_grad()
def test_no_level_has_a_negative_divergence_and_their_sum_is_the_total():
    joint = climber(raw := pictures(6, 16, 16))
    trace = joint.infer(evidence(joint, raw), rng=Random(0))
    each = [site.kl.sum(-1) for site in trace.latents]
    assert len(each) == 4
    assert all(bool((kl >= 0).all()) and float(kl.sum()) > 0 for kl in each)
    loss = Elbo()(trace)
    torch.testing.assert_close(loss.parts["kl"], torch.stack(each).sum(0).mean())
    fit = trace["image"].log_prob
    torch.testing.assert_close(loss.bound, (fit - torch.stack(each).sum(0)).mean(0))


@torch.no_grad()
def test_more_draws_give_a_higher_bound():
    joint = climber(raw := pictures(4, 8, 8, seed=1), levels=2, stir=0.05)
    rows = evidence(joint, raw)
    few = torch.stack([joint.infer(rows, rng=Random(s), draws=1).bound for s in range(200)]).mean(0)
    many = joint.infer(rows, rng=Random(0), draws=400).bound
    assert bool((many > few).all())


@torch.no_grad()
def test_where_nothing_is_known_the_posterior_is_the_prior():
    joint = climber(raw := pictures(3, 16, 16))
    rows = evidence(joint, raw)
    known = torch.ones(3, 16, 16, dtype=torch.bool)
    known[1] = False
    trace = joint.infer(Evidence(3, rows.values, {"image": known}), rng=Random(0))
    for site in trace.latents[1:]:
        assert float(site.kl[:, 1].abs().max()) == 0
        assert float(site.kl[:, 0].abs().max()) > 0


@torch.no_grad()
def test_hidden_pixels_have_no_influence():
    joint = climber(raw := pictures(3, 16, 16))
    rows = evidence(joint, raw)
    known = torch.rand(3, 16, 16, generator=torch.Generator().manual_seed(0)) < 0.5
    other = torch.where(known[..., None], rows.values["image"], torch.tensor(9, dtype=torch.uint8))
    found = [
        joint.infer(Evidence(3, {"image": v}, {"image": known}), rng=Random(0)).log_weight
        for v in (rows.values["image"], other)
    ]
    assert torch.equal(*found)


@torch.no_grad()
def test_levels_of_a_picture_are_visited_with_it_alone():
    joint = climber(raw := pictures(3, 16, 16))
    trace = joint.infer(evidence(joint, raw), rng=Random(0), only=[])
    assert [*trace.sites] == ["z"]


def test_all_weights_learn():
    joint = climber(raw := pictures(3, 16, 16))
    loss = Elbo()(joint.infer(evidence(joint, raw), rng=Random(0), estimate=1.0))
    loss.minimise.backward()
    still = [name for name, p in joint.named_parameters() if p.grad is None]
    assert still == ["encoders.image.net.missing.weight"]  # nothing was missing


@pytest.fixture(scope="module")
def fitted() -> tuple[VAE, np.ndarray]:
    from sklearn.datasets import load_digits

    digits = (load_digits().images[:600] > 7).astype(np.uint8)
    model = VAE(levels=3, net="conv", latent=4, width=32, steps=120, random_state=0, threads=1)
    return model.fit(digits, verbose=False), digits


def test_a_fitted_ladder_answers_every_question(fitted, tmp_path):
    model, digits = fitted
    assert model.choices_.own == {"image": 2}
    assert model.generate(3).shape == (3, 8, 8)
    assert model.transform(digits[:5]).shape == (5, 4)
    assert model.reconstruct(digits[:5]).shape == (5, 8, 8)
    half = np.ma.masked_array(digits[:4], mask=np.zeros_like(digits[:4], bool))
    half[:, 4:] = np.ma.masked
    filled = model.impute(half, how="mode")
    assert (filled[:, :4] == digits[:4, :4]).all()
    assert len(model.interpolate(digits[:2], digits[2:4], steps=4)) >= 4
    assert len(model.detect(digits[:5])["p_value"]) == 5
    held_out = model.history_[-1]["bound"]
    assert held_out > model.history_[0]["bound"]
    model.save(tmp_path / "ladder.vaery")
    again = vaery.load(tmp_path / "ladder.vaery")
    np.testing.assert_array_equal(again.score_samples(digits[:9]), model.score_samples(digits[:9]))
    np.testing.assert_array_equal(again.generate(4, seed=3), model.generate(4, seed=3))


@pytest.mark.parametrize("extra", [{}, {"first": "label"}])
def test_a_picture_that_climbs_beside_a_label(extra):
    import pandas as pd
    from sklearn.datasets import load_digits

    digits = load_digits()
    x, y = (digits.images[:120] > 7).astype(np.uint8), pd.DataFrame({"label": digits.target[:120].astype(str)})
    model = VAE(levels=3, net="conv", latent=3, width=16, steps=30, threads=1, **extra)
    model.fit({"image": x, "label": y}, verbose=False)
    climbing = [stop.name for stop in model.joint_.walk if stop.owner]
    assert climbing == ["image.z1", "image.z2"]
    made = model.generate(4, given={"label": "3"})
    assert made["image"].shape == (4, 8, 8)
    assert set(made["label"]["label"]) == {"3"}
    assert model.impute({"label": y[:3]})["image"].shape == (3, 8, 8)  # the picture is missing: its levels are drawn
    assert len(model.predict({"image": x[:6]}, target="label")) == 6
    both = model.score_samples({"image": x[:5], "label": y[:5]})
    assert np.isfinite(both).all()


def test_levels_of_all_fields_where_no_picture_climbs():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(80, 3))
    model = VAE(levels=2, latent=2, steps=20, threads=1).fit(x, verbose=False)
    assert model.choices_.latent == (2, 2)
    assert model.choices_.own == {}
    assert model.joint_.latents == ["z1", "z2"]


def test_one_level_is_the_flat_model():
    x = pictures(40, 9, 9)
    one, two = (VAE(steps=3, threads=1, latent=2, net="conv", levels=n).fit(x, verbose=False) for n in (1, 2))
    plain = build(list(one.fields_), Choices((2,), width=256, depth={"image": 1}, dropout={"image": 0.0}))
    shapes = lambda joint: {name: tuple(p.shape) for name, p in joint.named_parameters() if ".prior.z" not in name}
    flat = {name: shape for name, shape in shapes(one.joint_).items() if not name.startswith("stops.0.prior")}
    assert flat == shapes(plain)
    assert [stop.name for stop in one.joint_.walk] == ["z", "image"]
    assert [stop.name for stop in two.joint_.walk] == ["z", "image.z1", "image"]


@pytest.mark.parametrize(
    ("options", "message"), [({"levels": 0}, "levels=1"), ({"levels": 2, "latent": (2, 2)}, "out")]
)
def test_what_cannot_be(options, message):
    with pytest.raises(ChoiceError, match=message):
        VAE(**options).fit(np.zeros((30, 2)), verbose=False)
