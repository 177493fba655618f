"""Several fields, one latent: merges against their formulas, latents of a field's own, and fields that hide."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from torch import Tensor

from vaery import VAE, load
from vaery.advice import advise, pick_objective
from vaery.build import Choices, build
from vaery.core.choose import from_prior
from vaery.core.errors import ChoiceError
from vaery.core.evidence import Evidence
from vaery.core.features import Features
from vaery.core.mixture import GaussianMixture
from vaery.core.random import Random, isolated
from vaery.joint import Joint
from vaery.kinds.image import describe
from vaery.objectives.masked import Masked
from vaery.posteriors.attention import Attention
from vaery.posteriors.mixture import Mixture
from vaery.posteriors.mixture_of_products import MixtureOfProducts
from vaery.posteriors.product import Product

W, S = torch.tensor([1.0, -2.0, 0.5]), torch.tensor([0.5, 1.0, 0.3])  # x_n = w_n z + s_n noise, one number z
SUBSETS = [s for n in range(4) for s in itertools.combinations(range(3), n)]


def exact(kind: type[Product]) -> Product:
    """Experts that know the model above: what x_n by itself says of z is N(x_n / w_n, (s_n / w_n)²)."""
    merge = kind(1, 0, fields=3, features=1)
    with torch.no_grad():
        for n, expert in enumerate(merge.experts):
            expert.weight.copy_(torch.tensor([[1 / W[n]], [0.0]]))
            expert.bias.copy_(torch.stack([torch.zeros(()), raw_log_scale((S[n] / W[n]).abs().log())]))
    return merge


def raw_log_scale(log_scale: Tensor) -> Tensor:
    """What a network has to say for this log-scale: the inverse of the soft bounds in ``from_raw``."""
    bound = 7.0 if log_scale < 0 else 2.0
    return bound * torch.atanh(log_scale / bound)


def features(x: Tensor, seen: tuple[int, ...]) -> Features:
    present = torch.zeros(x.shape, dtype=torch.bool)
    present[:, list(seen)] = True
    return Features((x * present)[..., None], present)


def truth(x: Tensor, seen: tuple[int, ...]) -> torch.distributions.Normal:
    """p(z | these x), by conditioning the joint Gaussian."""
    at = list(seen)
    cov = torch.outer(W[at], W[at]) + torch.diag(S[at] ** 2)
    gain = W[at] @ torch.linalg.inv(cov) if at else torch.zeros(0)
    return torch.distributions.Normal(x[:, at] @ gain, (1 - gain @ W[at]).sqrt())


X = Random(0).normal((5, 3))
Z = torch.linspace(-2, 2, 7).view(7, 1, 1).expand(7, 5, 1)
NONE = torch.zeros(7, 5, 0)


@pytest.mark.parametrize("seen", SUBSETS)
def test_a_product_of_experts_is_the_posterior_where_fields_are_independent_given_the_latent(seen):
    found = exact(Product)(features(X, seen), NONE).log_prob(Z)
    torch.testing.assert_close(found, truth(X, seen).log_prob(Z[..., 0]), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("seen", SUBSETS)
def test_a_mixture_is_the_even_mixture_of_the_present_experts(seen):
    each = [torch.distributions.Normal(X[:, n] / W[n], (S[n] / W[n]).abs()) for n in seen]
    each = each or [torch.distributions.Normal(torch.zeros(5), torch.ones(5))]
    expected = torch.stack([p.log_prob(Z[..., 0]) for p in each]).exp().mean(0).log()
    torch.testing.assert_close(exact(Mixture)(features(X, seen), NONE).log_prob(Z), expected, atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize("seen", SUBSETS)
def test_a_mixture_of_products_is_that_of_the_posteriors_given_each_subset(seen):
    some = [s for s in SUBSETS if s and set(s) <= set(seen)] or [()]
    expected = torch.stack([truth(X, s).log_prob(Z[..., 0]) for s in some]).exp().mean(0).log()
    found = exact(MixtureOfProducts)(features(X, seen), NONE).log_prob(Z)
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)


def test_of_many_fields_the_subsets_are_single_ones_and_all_that_are_present():
    with isolated(0):
        merge = MixtureOfProducts(2, 0, fields=7, features=3)
    present = torch.tensor([[True] * 2 + [False] * 5, [False] * 7])
    values = Random(0).normal((2, 7, 3)) * present[..., None]
    q = merge(Features(values, present), torch.zeros(1, 2, 0))
    assert (q.log_weights[0] > -torch.inf).sum(-1).tolist() == [3, 1]
    _loc, log_scale = merge.opinions(Features(values, present), torch.zeros(1, 2, 0))
    precision = 1 + torch.exp(-2 * log_scale[0, 0, :2]).sum(0)
    torch.testing.assert_close(q.parts.log_scale[0, 0, -1], -0.5 * precision.log())
    torch.testing.assert_close(q.log_prob(torch.zeros(1, 2, 2))[0, 1], torch.tensor(-np.log(2 * np.pi)).float())


@pytest.mark.parametrize("kind", [Product, Mixture, MixtureOfProducts, Attention])
@pytest.mark.parametrize("context", [0, 2])
def test_absent_fields_have_no_influence(kind, context):
    with isolated(0):
        merge = kind(2, context, fields=3, features=4)
    given, values = Random(1).normal((3, 6, context)), Random(0).normal((6, 3, 4))
    present = torch.tensor([True, False, True]).expand(6, 3)
    noise = values + ~present[..., None] * Random(2).normal((6, 3, 4))
    z = Random(3).normal((3, 6, 2))
    found, moved = (merge(Features(v, present), given).log_prob(z) for v in (values, noise))
    assert torch.equal(found, moved)
    other = merge(Features(values + 1, present), given).log_prob(z)
    assert not torch.allclose(found, other)


def test_draws_of_a_mixture_come_from_its_parts_as_often_as_they_weigh():
    loc = torch.tensor([-5.0, 0.0, 5.0]).view(1, 1, 3, 1).expand(6000, 1, 3, 1)
    weights = torch.tensor([[0.2, 0.0, 0.8]]).log()
    q = GaussianMixture(loc, torch.full_like(loc, -2.0), weights)
    z = q.sample(Random(0))[:, 0, 0]
    assert abs(float((z < 0).float().mean()) - 0.2) < 0.02
    assert not bool(((z > -3) & (z < 3)).any())
    torch.testing.assert_close(q.mean()[0, 0], torch.tensor([3.0]))
    torch.testing.assert_close(q.mode()[0, 0], torch.tensor([5.0]))
    torch.testing.assert_close(q.tempered(0.5).parts.log_scale, q.parts.log_scale + np.log(0.5))


# ------------------------------------------------------------------ a latent of a field's own


def pictures(n: int, seed: int = 0) -> np.ndarray:
    """Bright squares, somewhere."""
    rng = np.random.default_rng(seed)
    out = np.zeros((n, 8, 8), np.uint8)
    for one, (row, column) in zip(out, rng.integers(0, 5, (n, 2)), strict=True):
        one[row : row + 3, column : column + 3] = 1
    return out


def pair(n: int = 40) -> dict[str, np.ndarray]:
    left = pictures(n)
    return {"left": left, "right": left[:, ::-1].copy()}


def joint_of(raw: dict[str, np.ndarray], stir: float = 0.2, **choices) -> Joint:
    fields = [describe(part, name=name) for name, part in raw.items()]
    shape = {"depth": dict.fromkeys(raw, 1), "dropout": dict.fromkeys(raw, 0.0), "width": 16}
    joint = build(fields, Choices((3,), **shape, **choices), seed=0).eval()
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for p in joint.parameters():
            p.add_(stir * torch.randn(p.shape, generator=generator))
    return joint


def evidence(joint: Joint, raw: dict[str, np.ndarray]) -> Evidence:
    packed = {name: joint.fields[name].pack(part) for name, part in raw.items()}
    return Evidence(len(raw["left"]), {n: v for n, (v, _) in packed.items()}, {n: k for n, (_, k) in packed.items()})


OWN = {"left": 2, "right": 4}


@torch.no_grad()
def test_a_field_may_have_a_latent_for_itself():
    joint = joint_of(pair(), private=OWN)
    assert [stop.name for stop in joint.walk] == ["z", "left.z1", "left", "right.z1", "right"]
    assert joint.latents == ["z"]
    trace = joint.infer(evidence(joint, pair()), rng=Random(0), draws=2)
    assert [site.value.shape[-1] for site in trace.latents] == [3, 2, 4]
    total = sum(site.log_prob - site.log_q for site in trace.sites.values())
    torch.testing.assert_close(trace.log_weight, total)
    only = joint.infer(evidence(joint, pair()).only("right"), rng=Random(0))
    assert list(only.sites) == ["z", "right.z1", "right"]


@torch.no_grad()
def test_where_a_field_is_not_known_its_own_latent_is_drawn_as_the_shared_one_suggests():
    joint = joint_of(pair(), private=OWN)
    rows = evidence(joint, pair())
    some = torch.arange(40) % 2 == 0
    hidden = rows.hide({"right": some.view(-1, 1, 1).expand(40, 8, 8)})
    site = joint.infer(hidden, rng=Random(0), only=["left", "right"])["right.z1"]
    assert site.posterior is not None
    gap = (site.log_q - site.log_p)[0]
    assert bool((gap[~some] == 0).all())
    assert bool((gap[some] != 0).all())
    assert bool((site.kl[0, ~some] == 0).all())


@torch.no_grad()
def test_what_is_hidden_of_a_field_has_no_influence_on_any_level():
    joint = joint_of(pair(), private=OWN)
    rows = evidence(joint, pair())
    shown = {"right": torch.zeros(40, 8, 8, dtype=torch.bool)}
    known = {"left": None, "right": shown["right"]}
    below = Evidence(40, {"left": rows.values["left"], "right": 1 - rows.values["right"]}, known).hide(shown)
    a, b = (joint.infer(r, rng=Random(0), draws=3) for r in (rows.hide(shown), below))
    assert torch.equal(a.log_weight, b.log_weight)
    gone = joint.infer(rows.without("right"), rng=Random(0), draws=3)
    assert torch.equal(a["z"].value, gone["z"].value)
    torch.testing.assert_close(a.log_weight, gone.log_weight)


@torch.no_grad()
def test_a_row_of_which_nothing_is_known_weighs_nothing():
    for name in ("gaussian", "product", "mixture", "mixture_of_products", "attention"):
        joint = joint_of(pair(), private=OWN, posterior={"name": name})
        rows = evidence(joint, pair()).hide({n: torch.zeros(40, 8, 8, dtype=torch.bool) for n in ("left", "right")})
        trace = joint.infer(rows, rng=Random(0), draws=3)
        assert bool(trace.log_weight.isfinite().all())
        if name not in ("gaussian", "attention"):  # these ask the prior itself
            torch.testing.assert_close(trace.log_weight, torch.zeros(3, 40))


@torch.no_grad()
def test_a_blind_field_is_scored_and_seen_by_its_own_latent_alone():
    joint = joint_of(pair(), private=OWN)
    rows = evidence(joint, pair())
    some = torch.arange(40) % 2 == 0
    blind = Evidence(40, rows.values, rows.known, blind={"right": some})
    trace, plain = joint.infer(blind, rng=Random(0)), joint.infer(rows, rng=Random(0))
    alone = joint.infer(rows.without("right"), rng=Random(0))
    torch.testing.assert_close(trace["z"].value[:, some], alone["z"].value[:, some])
    torch.testing.assert_close(trace["z"].value[:, ~some], plain["z"].value[:, ~some])
    assert bool((trace["right.z1"].kl[0, some] != 0).all())
    assert bool((trace["right"].log_prob != 0).all())
    part = blind[slice(10, 20)]
    assert torch.equal(part.blind["right"], some[10:20])


def test_hidden_fields_may_be_scored_all_the_same():
    raw = pair(400)
    joint = joint_of(raw)
    rows = evidence(joint, raw)
    view = Masked(share=1.0, across=1.0).view(rows, joint.fields, Random(0))
    by_field = sum(view.blind.values()) > 0
    for name in ("left", "right"):
        whole = view.known[name].flatten(1).all(1)
        assert bool(whole[by_field].all())  # scored as a whole
    assert 0.15 < float(by_field.float().mean()) < 0.35  # of two fields one or both stay
    assert bool((view.shown("left") | view.shown("right"))[by_field].all())  # never all of them
    assert not Masked(share=1.0).view(rows, joint.fields, Random(0)).blind


@torch.no_grad()
def test_new_rows_hang_together_and_apart():
    joint = joint_of(pair(), private=OWN)
    trace = joint.trace(7, from_prior(Random(0)))
    assert trace["left"].value.shape == (1, 7, 8, 8, 1)
    assert trace["right"].value.shape == (1, 7, 8, 8, 1)


def test_latents_of_a_field_are_asked_for_and_saved(tmp_path):
    raw = pair() | {"label": np.arange(40) % 3}
    model = VAE(steps=4, width=16, latent=3, own={"left": 2, "label": 1}).fit(raw)
    assert model.choices_.private == {"left": 2, "label": 1}
    assert model.transform(raw).shape == (40, 3)
    model.save(tmp_path / "m.vaery")
    again = load(tmp_path / "m.vaery")
    assert again.choices_ == model.choices_
    np.testing.assert_array_equal(again.score_samples(raw), model.score_samples(raw))
    assert VAE(steps=4, width=16).fit(raw).choices_.private == {}
    for own, says in (({"lef": 2}, "own latent is called 'lef'"), ({"left": 0}, "whole number"), ("all", "own='all'")):
        with pytest.raises(ChoiceError, match=says):
            VAE(own=own).fit(raw)


@pytest.mark.parametrize("posterior", ["product", "mixture", "mixture_of_products", "attention"])
def test_any_merge_answers_about_any_fields(posterior):
    raw = pair()
    model = VAE(steps=6, width=16, latent=3, posterior=posterior, own={"left": 2, "right": 2}).fit(raw)
    assert np.isfinite(model.score_samples(raw)).all()
    assert np.isfinite(model.score_samples({"right": raw["right"]})).all()
    made = model.generate(3, given={"left": raw["left"][0]}, seed=0)
    assert (made["left"] == raw["left"][0]).all()
    assert made["right"].shape == (3, 8, 8)


def test_several_large_fields_learn_to_tell_one_another():
    fields = [describe(part, name=name) for name, part in pair().items()]
    chosen = pick_objective("auto", fields, advise(VAE(), fields, 40), 40)
    assert isinstance(chosen, Masked)
    assert (chosen.share, chosen.across) == (0.8, 1.0)
    chosen = pick_objective("auto", fields[:1], advise(VAE(), fields[:1], 40), 40)
    assert isinstance(chosen, Masked)
    assert chosen.across == 0
