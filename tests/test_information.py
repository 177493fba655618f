"""What the latent tells of rows, beside what the exact posteriors of linear Gaussian models say."""

from __future__ import annotations

import math

import pytest
import torch
from exact import evidence, linear_gaussian
from torch.distributions import MultivariateNormal

from vaery.core.random import Random
from vaery.information import MOST, active_units, mutual_information, some

ROWS = 60


@pytest.mark.parametrize("second", [0, 3])
def test_mutual_information_is_that_of_the_exact_posteriors(second: int) -> None:
    model = linear_gaussian(second=second)
    x = model.sample(ROWS, Random(1))
    known = torch.rand(x.shape, generator=torch.Generator().manual_seed(2)) < 0.7
    mean, covariance = model.posterior(x, known)
    posterior = MultivariateNormal(mean, covariance)
    noise = Random(3).normal((400, *mean.shape)).double()
    z = mean + (torch.linalg.cholesky(covariance) @ noise[..., None]).squeeze(-1)
    log_q = posterior.log_prob(z[:, :, None])  # [draw, row it is of, row]
    expected = float((log_q.diagonal(dim1=1, dim2=2) - log_q.logsumexp(2)).mean()) + math.log(ROWS)
    drawn = torch.tensor(
        [mutual_information(model.joint(), evidence(x, known), rng=Random(seed)) for seed in range(30)]
    )
    assert float(drawn.mean()) == pytest.approx(expected, abs=4 * float(drawn.std()) / 30**0.5)
    assert 0.3 < expected < math.log(ROWS)


def test_it_is_zero_for_equal_rows_and_the_logarithm_of_how_many_for_distant_ones() -> None:
    model = linear_gaussian()
    same, apart = torch.ones(20, 4).double(), 1e4 * torch.arange(20.0).double()[:, None] * model.weight[:, 0]
    assert mutual_information(model.joint(), evidence(same), rng=Random(0)) == pytest.approx(0, abs=1e-9)
    assert mutual_information(model.joint(), evidence(apart), rng=Random(0)) == pytest.approx(math.log(20))
    assert active_units(model.joint(), evidence(same), rng=Random(0)) == 0
    assert active_units(model.joint(), evidence(apart), rng=Random(0)) >= 1


def test_of_many_rows_some_are_looked_at_from_the_first_to_the_last() -> None:
    rows = some(evidence(torch.arange(10.0 * MOST)[:, None]))
    assert rows.rows == MOST
    assert (rows.values["x"][0], rows.values["x"][-1]) == (0, 10 * MOST - 1)
    assert some(evidence(torch.zeros(3, 1))).rows == 3
