"""Noise taken off pictures: closed forms, estimates of its strength, and the two jobs through the public face."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.ndimage import gaussian_filter
from scipy.stats import norm
from sklearn.datasets import load_digits

from vaery import VAE
from vaery.build import Choices, build
from vaery.core.check_job import check_job
from vaery.core.choose import from_prior
from vaery.core.errors import ChoiceError, DataError, QueryError
from vaery.core.evidence import Evidence
from vaery.core.random import Random
from vaery.corruptions import Blur, Gaussian, Salt, Shrink, _cosines, corruption
from vaery.jobs.denoise import denoise
from vaery.jobs.upscale import upscale
from vaery.kinds.image import describe
from vaery.restore import expected as expected_rows
from vaery.restore import restore

SIZE = (9, 11)


def pictures(rows=30, top=255, seed=0, size=SIZE, channels=()):
    x = np.random.default_rng(seed).integers(0, top + 1, (rows, *size, *channels)).astype(np.uint8)
    x.flat[:2] = 0, top
    return x


def indifferent(raw, likelihood, seed=0) -> tuple[Any, Any]:
    """A joint in which each pixel has a density of its own, whatever the latent and the other pixels are."""
    field = describe(raw, likelihood=likelihood, net="mlp")
    choices = Choices(latent=(2,), width=8, depth={"image": 1}, dropout={"image": 0.0})
    joint: Any = build([field], choices, seed).eval()
    last = [m for m in joint.stops[-1].prior.net.modules() if isinstance(m, torch.nn.Linear)][-1]
    torch.nn.init.zeros_(last.weight)
    with torch.no_grad():
        last.bias.copy_(torch.randn(last.bias.shape, generator=torch.Generator().manual_seed(seed)) * 0.5)
    return joint, field


def offered(joint, rows) -> Any:
    return joint.trace(rows, from_prior(Random(0)))["image"].density


def known(value):
    return Evidence(len(value), {"image": value}, {"image": None})


@torch.no_grad()
def expected(joint, value, what, seen=None):
    return restore(joint, Evidence(len(value), {"image": value}, {"image": seen}), "image", what, Random(0))


def with_strength(what, strength):
    what.strengths = (strength,)
    return what


# ---------------------------------------------------------------------------- closed forms


@torch.no_grad()
def test_numbers_under_normal_noise_are_shrunk_as_gauss_says():
    """Normal times normal: the mean is the one weighted with precisions."""
    raw = np.random.default_rng(0).normal(3, 20, (40, *SIZE)).astype(np.float32)
    joint, field = indifferent(raw, "normal")
    value, _ = field.pack(raw)
    sigma = 15.0
    found, _ = expected(joint, value, with_strength(Gaussian(field.scale), sigma))
    one = offered(joint, len(value)).elementwise
    prior, noise = (-2 * one.log_scale[0]).exp(), (field.sd[0] / sigma) ** 2
    wanted = (prior * one.loc[0] + noise * value) / (prior + noise)
    assert float((found - wanted).abs().mean()) < 0.003
    torch.testing.assert_close(found, wanted, atol=0.08, rtol=0)  # far out the grid is coarse


@pytest.mark.parametrize("likelihood", ["logistic_mixture", "categorical"])
@torch.no_grad()
def test_levels_under_rounded_and_cut_noise_by_enumeration(likelihood):
    raw = pictures(top=20)
    joint, field = indifferent(raw, likelihood)
    value, _ = field.pack(raw)
    found, _ = expected(joint, value, with_strength(Gaussian(field.scale), 4.0))
    levels = torch.arange(21.0)
    table = torch.stack([offered(joint, 1).log_prob(torch.full((1, *field.event), k)).exp()[0, 0] for k in range(21)])
    y, x = np.arange(21)[:, None], np.arange(21)[None]
    upper, lower = norm.cdf((y + 0.5 - x) / 4), norm.cdf((y - 0.5 - x) / 4)
    upper[-1], lower[0] = 1, 0
    share = table[None] * torch.from_numpy(upper - lower).float()[value[..., 0].long()].movedim(-1, 1)
    wanted = (share * levels[:, None, None]).sum(1) / share.sum(1)
    torch.testing.assert_close(found[..., 0], wanted, atol=0.05, rtol=0)


@torch.no_grad()
def test_flipped_black_and_white_by_enumeration():
    raw = pictures(top=1)
    joint, field = indifferent(raw, "bernoulli")
    value, _ = field.pack(raw)
    found, _ = expected(joint, value, with_strength(Salt(field.scale), 0.3))
    white = offered(joint, 1).mean()[0, 0, ..., 0]
    y = value[..., 0].float()
    like = lambda x: 0.7 * (y == x) + 0.15  # half of what is replaced is replaced by each
    torch.testing.assert_close(
        found[..., 0], white * like(1) / (white * like(1) + (1 - white) * like(0)), atol=1e-4, rtol=0
    )


@torch.no_grad()
def test_draws_are_spread_as_what_is_left_open():
    raw = np.random.default_rng(0).normal(0, 1, (3000, 3, 3)).astype(np.float32)
    joint, field = indifferent(raw, "normal")
    value = torch.full((3000, *field.event), 0.7)
    what = with_strength(Gaussian(field.scale), 1.0)
    drawn, _ = restore(joint, known(value), "image", what, Random(0), sweeps=16)
    mean, _ = expected(joint, value[:1], what)
    one = offered(joint, 1).elementwise
    left = 1 / ((-2 * one.log_scale[0, 0]).exp() + field.sd[0] ** 2)
    torch.testing.assert_close(drawn.mean(0), mean[0], atol=0.06, rtol=0)
    torch.testing.assert_close(drawn.var(0), left, atol=0, rtol=0.25)


def test_cosines_are_orthonormal_and_blur_is_scipys():
    x = torch.from_numpy(np.random.default_rng(0).random((2, 13, 10, 3))).float()
    torch.testing.assert_close(_cosines(_cosines(x), back=True), x)
    blur = Blur(describe(pictures()).scale)
    mine = _cosines(blur._response(x, torch.tensor([1.3, 2.1])) * _cosines(x), back=True)
    for i, sigma in enumerate((1.3, 2.1)):
        theirs = gaussian_filter(x[i].double().numpy(), (sigma, sigma, 0), mode="reflect")
        np.testing.assert_allclose(mine[i], theirs, atol=1e-4)


@pytest.mark.parametrize(("size", "factor"), [((7, 5), 2), ((7, 5), 3), ((8, 12), 4), ((9, 11), 5)])
@torch.no_grad()
def test_blocks_have_the_means_that_came_in(size, factor):
    raw = pictures(size=size)
    joint, field = indifferent(raw, "logistic_mixture")
    what = Shrink(field.scale, factor)
    means = what.means(field.pack(raw)[0].float())
    for block in (means[0, :factor, :factor, 0], means[0, size[0] // factor * factor :, :factor, 0]):
        assert block.numel() == 0 or float(block.std(correction=0)) < 1e-3
    assert float(means[0, 0, 0, 0]) == pytest.approx(raw[0, :factor, :factor].mean(), abs=1e-3)
    found, _ = expected(joint, means.round().to(torch.uint8), what)
    assert found.min() >= 0
    assert found.max() <= 255
    torch.testing.assert_close(what.means(found), means.round(), atol=0.5, rtol=0)


# ---------------------------------------------------------------------------- how strong it was


@pytest.mark.parametrize(
    ("kind", "strength", "slack"),
    [("gaussian", 3, 0.15), ("gaussian", 12, 0.15), ("salt", 0.1, 0.3), ("salt", 0.5, 0.2)],
)
@torch.no_grad()
def test_the_strength_of_noise_is_found(kind, strength, slack):
    joint, field = indifferent(pictures(top=50), "logistic_mixture", seed=2)
    clean = offered(joint, 60).sample(Random(1))[0].float()
    rng = np.random.default_rng(3)
    if kind == "gaussian":
        noisy = clean + torch.from_numpy(rng.normal(0, strength, clean.shape)).float()
    else:
        u = torch.from_numpy(rng.random(clean.shape))
        noisy = torch.where(u < strength / 2, 0.0, torch.where(u < strength, 50.0, clean))
    noisy = noisy.round().clamp(0, 50).to(torch.uint8)
    found, told = expected(joint, noisy, corruption(kind, None, field.scale))
    assert float(told.median()) == pytest.approx(strength, rel=slack)
    assert (found - clean).square().mean() < (noisy.float() - clean).square().mean()


@pytest.mark.parametrize("strength", [0.8, 1.5])
@torch.no_grad()
def test_the_strength_of_a_blur_is_found(strength):
    joint, field = indifferent(pictures(top=50, size=(16, 16)), "logistic_mixture", seed=2)
    clean = offered(joint, 30).sample(Random(1))[0].float()
    noisy = torch.from_numpy(gaussian_filter(clean.numpy(), (0, strength, strength, 0))).round().to(torch.uint8)
    found, told = expected(joint, noisy, corruption("blur", None, field.scale))
    assert float(told.median()) == pytest.approx(strength, rel=0.2)
    assert (found - clean).square().mean() < 0.8 * (noisy.float() - clean).square().mean()


# ---------------------------------------------------------------------------- what must not matter


@pytest.mark.parametrize("what", ["gaussian", "salt", "blur", "shrink"])
@pytest.mark.parametrize("likelihood", ["local", "logistic_mixture"])
@torch.no_grad()
def test_masked_pixels_have_no_influence_and_are_filled(what, likelihood):
    joint, field = indifferent(pictures(top=50), likelihood)
    value, _ = field.pack(pictures(4, top=50, seed=1))
    seen = torch.ones(4, *SIZE, dtype=torch.bool)
    seen[:, 2:4, 4:8] = False
    seen[3] = False
    other = torch.where(seen[..., None], value, 50 - value)
    made = lambda: Shrink(field.scale, 2) if what == "shrink" else corruption(what, None, field.scale)
    (a, s), (b, t) = expected(joint, value, made(), seen), expected(joint, other, made(), seen)
    assert torch.equal(a, b)
    assert torch.equal(s, t)
    assert a.isfinite().all()
    assert not torch.equal(a, expected(joint, value, made())[0])


def test_the_jobs_keep_the_contract():
    joint, field = indifferent(pictures(top=50), "local")
    rows = known(field.pack(pictures(4, top=50))[0])
    check_job(denoise, joint, rows)
    check_job(denoise, joint, rows, noise="salt", draws=2)
    check_job(upscale, joint, rows)
    ask = lambda rows: expected_rows(joint, rows, lambda scale: corruption("salt", None, scale), rng=Random(5))
    torch.testing.assert_close(ask(rows[slice(0, 1)]).values["image"][0], ask(rows).values["image"][0, :1])


# ---------------------------------------------------------------------------- the public face


@pytest.fixture(scope="module")
def digits():
    found: Any = load_digits()
    return found.images[:1000], found.target[:1000], found.images[1400:1500], found.target[1400:1500]


@pytest.fixture(scope="module")
def model(digits):
    images, labels, _, _ = digits
    return VAE(random_state=0, steps=300, columns={"label": "categorical"}).fit({"image": images, "label": labels})


def error(a, b):
    return float(np.sqrt(np.mean((np.asarray(a, float) - b) ** 2)))


def test_noisy_digits_become_clean(model, digits):
    _, _, clean, labels = digits
    noisy = np.clip(np.rint(clean + np.random.default_rng(0).normal(0, 4, clean.shape)), 0, 16)
    found = model.denoise({"image": noisy, "label": labels})
    assert found["image"].shape == clean.shape
    assert error(found["image"], clean) < 0.85 * error(noisy, clean)
    np.testing.assert_array_equal(found["label"], labels)  # what is known stays
    assert model.strength_.shape == (100,)
    assert 2.5 < np.median(model.strength_) < 5.5
    told = model.denoise({"image": noisy}, strength=4.0)
    assert set(np.unique(told["label"])) <= set(range(10))  # what is not is likeliest
    assert np.mean(told["label"] == labels) > 0.6
    np.testing.assert_array_equal(model.strength_, np.float32(4))
    np.testing.assert_array_equal(told["image"], model.denoise({"image": noisy}, strength=4.0)["image"])
    draws = model.denoise({"image": noisy[:5], "label": labels[:5]}, draws=2, seed=1)
    assert len(draws) == 2
    assert not np.array_equal(draws[0]["image"], draws[1]["image"])
    np.testing.assert_array_equal(draws[0]["label"], labels[:5])


def test_small_digits_become_large(model, digits):
    _, _, clean, labels = digits
    small = np.rint(clean.reshape(-1, 4, 2, 4, 2).mean((2, 4)))
    found = model.upscale({"image": small, "label": labels})["image"]
    assert found.shape == clean.shape
    assert error(found, clean) < 0.9 * error(small.repeat(2, 1).repeat(2, 2), clean)
    assert np.abs(found.reshape(-1, 4, 2, 4, 2).mean((2, 4)) - small).max() < 0.51
    with pytest.raises(DataError, match=r"8 × 8 pixels .* so images of 2 × 2 were expected with factor=4"):
        model.upscale({"image": small}, factor=4)
    with pytest.raises(QueryError, match="at least 2"):
        model.upscale({"image": small}, factor=1)


def test_masks_and_layouts_of_small_colour_pictures():
    raw = pictures(20, channels=(3,), size=(8, 10))
    fitted = VAE(steps=5, random_state=0).fit(raw)
    small = np.ma.MaskedArray(pictures(2, channels=(3,), size=(4, 5)), mask=False)
    small[0, :2] = np.ma.masked
    first = np.moveaxis(small, -1, 1)
    found, turned = fitted.upscale(small), fitted.upscale(first)
    assert found.shape == (2, 8, 10, 3)
    np.testing.assert_array_equal(np.moveaxis(turned, 1, -1), found)
    assert fitted.denoise(np.moveaxis(raw[:2], -1, 1)).shape == (2, 3, 8, 10)


def test_what_is_asked_wrongly(model, digits):
    images = {"image": digits[2][:2]}
    with pytest.raises(ChoiceError, match="Did you mean 'gaussian'"):
        model.denoise(images, noise="gausian")
    for noise, strength in (("gaussian", 0.0), ("blur", -1.0), ("salt", 1.5), ("gaussian", math.nan)):
        with pytest.raises(QueryError, match="expected, or None"):
            model.denoise(images, noise=noise, strength=strength)
    with pytest.raises(QueryError, match="leave draws= out"):
        model.denoise(images, noise="blur", draws=2)


def test_a_table_is_read_cell_by_cell():
    table = pd.DataFrame(np.random.default_rng(0).normal(size=(60, 3)), columns=list("abc"))
    fitted = VAE(steps=5, random_state=0).fit(table)
    pd.testing.assert_frame_equal(fitted.denoise(table), fitted.reconstruct(table))
    with pytest.raises(QueryError, match="has none"):
        fitted.upscale(table)
    with pytest.raises(QueryError, match=r"impute\(draws=\)"):
        fitted.denoise(table, draws=3)
