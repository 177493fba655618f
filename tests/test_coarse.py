"""From afar: mixtures of linear Gaussian models, and pictures that are odd as a whole."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from scipy import stats

from vaery import VAE, load
from vaery.core.random import Random
from vaery.kinds.image.coarse import SIDE, coarse
from vaery.nets.ppca import LEAST, PPCAMixture


def normal(mean: Any, covariance: Any) -> Any:
    return stats.multivariate_normal(mean, covariance)


def plane(rows: int, size: int, factors: int, seed: int) -> tuple[torch.Tensor, np.ndarray, np.ndarray]:
    """Rows of a linear Gaussian model, their mean and covariance."""
    rng = np.random.default_rng(seed)
    loading, mean = 0.3 * rng.normal(size=(size, factors)), rng.uniform(size=size)
    noise = 0.1 * rng.normal(size=(rows, size))
    x = mean + rng.normal(size=(rows, factors)) @ loading.T + noise
    return torch.tensor(x, dtype=torch.float32), mean, loading @ loading.T + 0.01 * np.eye(size)


def fitted(x: torch.Tensor, part: torch.Tensor, components: int, factors: int) -> PPCAMixture:
    mixture = PPCAMixture(x.shape[1], components, factors)
    mixture.fit_to(x, part, Random(0))
    return mixture


def test_one_component_is_the_closed_form() -> None:
    """The maximum likelihood of Tipping and Bishop (1999), from all eigenvalues of the covariance."""
    x, _, _ = plane(400, 12, 3, seed=0)
    mixture = fitted(x, torch.zeros(400, dtype=torch.long), 1, 3)
    rows = x.double().numpy()
    covariance = np.cov(rows.T, bias=True)
    value, axes = np.linalg.eigh(covariance)
    rest = value[:-3].mean() * 400 / (400 - 4)
    best = axes[:, -3:] @ np.diag(value[-3:] - rest) @ axes[:, -3:].T + rest * np.eye(12)
    expected = normal(rows.mean(0), best).logpdf(rows)
    np.testing.assert_allclose(mixture.log_prob(x).numpy(), expected, rtol=1e-3, atol=1e-3)


def test_it_finds_the_density_that_rows_came_from() -> None:
    near, mean, covariance = plane(3000, 10, 2, seed=1)
    far, other_mean, other = plane(1000, 10, 2, seed=2)
    x = torch.cat([near, far + 3])
    part = torch.arange(len(x)) % 2  # knows nothing
    part[:2000] = 0
    mixture = fitted(x, part, 2, 2)
    truth = np.logaddexp(
        normal(mean, covariance).logpdf(x) + np.log(0.75),
        normal(other_mean + 3, other).logpdf(x) + np.log(0.25),
    )
    assert abs(float(mixture.log_prob(x).mean()) - truth.mean()) < 0.05


def test_it_sums_to_one() -> None:
    x, _, _ = plane(50, 2, 1, seed=3)
    mixture = fitted(x, torch.arange(50) % 3, 3, 1)
    step = 0.01
    line = torch.arange(-3, 4, step)
    grid = torch.cartesian_prod(line, line)
    assert float(mixture.log_prob(grid).exp().sum()) * step**2 == pytest.approx(1, abs=1e-2)


@pytest.mark.parametrize("rows", [1, 2, 5])
def test_few_or_equal_rows_have_a_density(rows) -> None:
    x = torch.full((rows, 30), 0.5)
    mixture = fitted(x, torch.zeros(rows, dtype=torch.long), 2, 8)
    assert torch.isfinite(mixture.log_prob(x)).all()
    assert float(mixture.rest[0]) == pytest.approx(LEAST)
    assert float(mixture.log_prob(x + 0.5)[0]) < float(mixture.log_prob(x)[0])


def test_the_same_seed_gives_the_same_weights_whatever_was_drawn_before() -> None:
    x, _, _ = plane(200, 20, 3, seed=4)
    found = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        found.append(fitted(x, torch.arange(200) % 4, 4, 3).log_prob(x))
    assert torch.equal(*found)


def test_pictures_are_small_from_afar_and_their_levels_from_0_to_1() -> None:
    x = torch.randint(0, 256, (3, 100, 50, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    numbers, bits = coarse(x, 255)
    assert numbers.shape == (3, SIDE * SIDE // 2 * 3)
    assert 0 <= float(numbers.min()) < float(numbers.max()) <= 1
    assert bits.shape == (3,)
    thin, _ = coarse(x[:, :1, :, :1], 255)
    assert thin.shape == (3, SIDE)
    torch.testing.assert_close(coarse(x[1:], 255)[0], numbers[1:])


def rings(rows: int, radius: float, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    y, x = np.indices((20, 20))
    cx, cy = rng.uniform(8, 11, (2, rows, 1, 1))
    off = np.abs(np.hypot(x - cx, y - cy) - radius)
    return np.clip(255 * (1.5 - off) + rng.normal(0, 8, (rows, 20, 20)), 0, 255).astype(np.uint8)


def test_another_form_of_the_same_strokes_is_odd(tmp_path) -> None:
    model = VAE(latent=4, width=32, steps=60, random_state=0, threads=1).fit(rings(500, 6, 0), verbose=False)
    good, bad = rings(100, 6, 1), rings(100, 3.5, 2)
    p_value = lambda m, x: np.asarray(m.detect(x, reasons=0)["p_value"])
    assert np.median(p_value(model, bad)) < 0.03
    assert (p_value(model, good) < 0.1).mean() < 0.25
    model.save(tmp_path / "rings.vaery")
    again = load(tmp_path / "rings.vaery")
    assert again.choices_.coarse == model.choices_.coarse == {"image": (400, 1, 16)}
    assert (p_value(again, bad) == p_value(model, bad)).all()
    hidden = np.ma.masked_array(bad, np.zeros(bad.shape, bool))
    hidden[:, 0, 0] = np.ma.masked
    assert np.isfinite(p_value(model, hidden)).all()


def test_few_rows_and_private_models_keep_none() -> None:
    assert VAE(steps=2, threads=1).fit(rings(12, 6, 0), verbose=False).choices_.coarse == {}
    private = VAE(steps=2, threads=1, private=8.0).fit(rings(300, 6, 0), verbose=False)
    assert private.choices_.coarse == {}
