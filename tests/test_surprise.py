"""What single cells cost, and what is usual: against a linear Gaussian model, whose conditionals are known."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pandas as pd
import pytest
import torch
from test_jobs import BIAS, COV, HOLES, X, blocks, evidence, linear, shared

from vaery import VAE
from vaery.surprise import BITS, alone, columns, given_others, usual


def test_without_the_latents_spread_a_cell_costs_its_own_density() -> None:
    """Cells of independent heads are independent given the latent, and the latent is the posterior's mean."""
    joint = linear(scale=3.0)
    rows = evidence(joint, X * 3)
    trace = joint.infer(rows, rng=shared(), mean=True)
    expected = -BITS * (trace["x"].log_p[0] - math.log(3.0))
    torch.testing.assert_close(given_others(joint, rows, rng=shared())["x"].float(), expected.float())


def test_heads_that_see_the_others_are_asked_for_each_cell_given_them() -> None:
    joint = blocks(True)
    raw = np.column_stack([np.arange(6) % 3, np.linspace(-2, 2, 6), np.arange(6) % 2, np.linspace(3, -3, 6)])
    rows = evidence(joint, raw)
    found = given_others(joint, rows, rng=shared())["x"]
    density = joint.infer(rows, rng=shared(), mean=True)["x"].density
    for cell in range(4):
        known = torch.ones(6, 4, dtype=torch.bool)
        known[:, cell] = False
        value = rows.values["x"] * known[..., None]
        alone = density.given(value, known).log_prob(rows.values["x"])[0, :, cell]
        jacobian = joint.fields["x"].log_jacobian(rows.values["x"])[:, cell]
        np.testing.assert_allclose(found[:, cell], -BITS * (alone + jacobian).detach(), rtol=1e-4, atol=1e-4)


def test_unknown_cells_cost_nothing_and_have_no_say_in_what_is_usual() -> None:
    joint = linear()
    rows = evidence(joint, HOLES)
    bits, known = columns(joint, rows, given_others(joint, rows, rng=shared()))
    assert not bits[~known].any()
    alone_bits, _ = columns(joint, rows, alone(joint, rows))
    mean = [float(alone_bits[known[:, c], c].double().mean()) for c in range(3)]
    np.testing.assert_allclose(usual(joint, rows), mean, atol=1e-5)


def test_the_wrong_cell_is_named_first() -> None:
    rng = np.random.default_rng(0)
    law = lambda n: rng.multivariate_normal(BIAS.numpy(), COV.numpy() + 0.01 * np.eye(3), n)
    model = VAE(width=32, depth=1, dropout=0.0, steps=300, threads=1, random_state=0).fit(law(2000), verbose=False)
    rows = law(60)
    cell = rng.integers(0, 3, 60)
    rows[np.arange(60), cell] += 6 * np.sqrt(COV.diagonal().numpy())[cell]
    why = model.detect(rows)["reasons"]
    first = np.mean([reasons[0]["cell"] == f"x{c}" for reasons, c in zip(why, cell, strict=True)])
    assert first > 0.9
    plain = [[reason for reason in reasons[:3] if "why" not in reason] for reasons in why]
    assert all(a["beyond"] >= b["beyond"] for reasons in plain for a, b in itertools.pairwise(reasons))


def test_a_rare_level_is_not_blamed_for_being_rare() -> None:
    """One in fifty is "c", whatever the rest of the row is, and rows with a wrong number are asked about."""
    rng = np.random.default_rng(0)
    a = rng.normal(size=3000)
    level = np.where(rng.random(3000) < 0.02, "c", np.where(rng.random(3000) < 0.5, "a", "b"))
    x = pd.DataFrame({"a": a, "b": a + 0.1 * rng.normal(size=3000), "level": level})
    model = VAE(width=32, depth=1, dropout=0.0, steps=400, threads=1, random_state=0).fit(x, verbose=False)
    rows = x[(x["level"] == "c") & (x["a"].abs() < 1)].head(20).copy()
    rows["b"] = -rows["b"] + 0.7 * np.sign(-rows["b"])  # an ordinary number, in a row where it is not
    first = [next(r for r in reasons if "why" not in r) for reasons in model.detect(rows)["reasons"]]
    assert np.mean([reason["cell"] in ("a", "b") for reason in first]) > 0.9
    assert np.mean([reason["beyond"] > 0 for reason in first]) > 0.9
    rows["b"] = 1e4  # nothing that any other row holds
    assert {reasons[0]["cell"] for reasons in model.detect(rows)["reasons"]} == {"b"}


def test_ordinary_rows_have_small_p_values_as_often_as_they_say() -> None:
    rng = np.random.default_rng(0)
    draw = lambda n: rng.normal(size=(n, 1)) * [[3.0, 1.0, 0.2]] + rng.normal(size=(n, 3)) * [[0.3, 0.1, 0.05]]
    model = VAE(width=32, depth=1, dropout=0.0, steps=300, threads=1, random_state=0).fit(draw(3000), verbose=False)
    found = model.detect(draw(2000), reasons=0)
    for level in (0.05, 0.2, 0.5):
        assert (found["p_value"] <= level).mean() == pytest.approx(level, abs=0.07)
