"""The one walk, against models whose every answer is known (``exact.py``)."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from exact import Labelled, LinearGaussian, Table, evidence, linear_gaussian
from scipy.stats import ks_2samp
from torch import Tensor, nn

from vaery.core.check import check_density
from vaery.core.choose import from_either, from_posterior, from_prior, from_prior_given, from_values
from vaery.core.density import Factorised
from vaery.core.evidence import Evidence
from vaery.core.random import Random
from vaery.joint import Joint
from vaery.posteriors.gaussian import Gaussian

MODELS = {"one level": linear_gaussian(5, 2), "two levels": linear_gaussian(4, 2, second=2, seed=1)}


@pytest.fixture(params=MODELS.values(), ids=MODELS)
def model(request: pytest.FixtureRequest) -> LinearGaussian:
    return request.param


def some_rows(model: LinearGaussian, rows: int = 40, seed: int = 3) -> tuple[Tensor, Tensor]:
    """Rows, and masks that leave any subset known, all and none included."""
    rng = Random(seed)
    x = model.sample(rows, rng)
    known = rng.uniform(tuple(x.shape)) > rng.uniform((rows, 1))
    known[0], known[1] = True, False
    return x, known


def approximate(model: LinearGaussian, seed: int = 0) -> Joint:
    """The model with a posterior that is near the exact one, but not it: wider, and each unit by itself."""

    class Near(Gaussian):
        def forward(self, features, context):  # type: ignore[no-untyped-def]
            from vaery.core.gaussian import Gaussian as Density

            value, seen = features.values[:, 0].chunk(2, -1)
            mean, covariance = model.posterior(value, seen.bool())
            scale = 1.2 * covariance.diagonal(dim1=-2, dim2=-1).sqrt()
            shape = (len(context), *mean.shape)
            return Density((mean + 0.1).expand(shape), scale.log().expand(shape))

    return model.joint([Near(model.levels[0], 0, 1, 2)])


# ------------------------------------------------------------------ bounds


def test_with_the_exact_posterior_every_draw_weighs_p_of_the_known_cells(model: LinearGaussian) -> None:
    x, known = some_rows(model)
    trace = model.joint().infer(evidence(x, known), rng=Random(0), draws=3)
    expected = model.log_prob(x, known).expand(3, -1)
    torch.testing.assert_close(trace.log_weight, expected, rtol=0, atol=1e-5)
    torch.testing.assert_close(trace.bound, expected[0], rtol=0, atol=1e-5)
    torch.testing.assert_close(trace.effective_sample_size, torch.full((40,), 3.0).double())


def test_complete_rows_take_the_cheap_path_to_the_same_answer(model: LinearGaussian) -> None:
    x, _ = some_rows(model)
    trace = model.joint().infer(evidence(x), rng=Random(0))
    assert trace["x"].known is None
    torch.testing.assert_close(trace.bound, model.log_prob(x), rtol=0, atol=1e-5)


def test_any_other_posterior_gives_a_bound_and_more_draws_a_higher_one() -> None:
    model = MODELS["one level"]
    x, known = some_rows(model, 400)
    joint, truth = approximate(model), model.log_prob(x, known)
    gaps = [truth - joint.infer(evidence(x, known), rng=Random(1), draws=draws).bound for draws in (1, 4, 32, 512)]
    means, errors = [g.mean().item() for g in gaps], [g.std().item() / 20 for g in gaps]
    assert means[0] > 5 * errors[0]
    assert means[0] > means[1] > means[2] > means[3] > -3 * errors[3]
    assert means[3] < 0.05


def test_log_weight_is_the_sum_over_sites(model: LinearGaussian) -> None:
    x, known = some_rows(model)
    trace = model.joint().infer(evidence(x, known), rng=Random(0), draws=2)
    by_hand = torch.zeros(2, 40).double()
    for site in trace.sites.values():
        assert site.value is not None
        log_p = site.density.log_prob(site.value, site.known)
        by_hand += log_p if log_p.dim() == 2 else log_p.sum(-1)
        if site.latent:
            assert site.posterior is not None
            by_hand -= site.posterior.log_prob(site.value)
    torch.testing.assert_close(trace.log_weight, by_hand)


def test_from_the_prior_the_weight_is_the_likelihood_and_its_mean_is_p_of_the_known_cells() -> None:
    model = MODELS["one level"]
    x, known = some_rows(model, 10)
    trace = model.joint().trace(10, from_prior_given(evidence(x, known), Random(0)), draws=100_000)
    torch.testing.assert_close(trace.log_weight, trace["x"].log_p.sum(-1))
    torch.testing.assert_close(trace.bound, model.log_prob(x, known), rtol=0, atol=0.2)


# ------------------------------------------------------------------ conditionals


def test_filled_cells_have_the_conditional_mean(model: LinearGaussian) -> None:
    x, known = some_rows(model, 12)
    mean, covariance = model.conditional(x, known)
    filled = model.joint().infer(evidence(x, known), rng=Random(0), draws=20_000, fill=True)["x"].value
    assert filled is not None
    error = covariance.diagonal(dim1=-2, dim2=-1).clamp(min=0).sqrt() / 20_000**0.5
    assert bool(((filled.mean(0) - mean).abs() <= 4.5 * error + 1e-6).all())
    assert bool((filled[:, known] == x[known]).all()), "known cells come back bit for bit"


def test_weights_repair_a_posterior_that_is_off() -> None:
    model = MODELS["one level"]
    x, known = some_rows(model, 12)
    known[:, 0], known[:, 1] = True, False
    mean, covariance = model.conditional(x, known)
    trace = approximate(model).infer(evidence(x, known), rng=Random(0), draws=50_000, fill=True)
    filled = trace["x"].value
    assert filled is not None
    torch.testing.assert_close(trace.weight.sum(0), torch.ones(12).double())
    spread = covariance.diagonal(dim1=-2, dim2=-1).clamp(min=0).sqrt()
    wanted = 4.5 * spread / trace.effective_sample_size[:, None].sqrt() + 1e-6
    weighted = (trace.weight[..., None] * filled).sum(0)
    assert bool(((weighted - mean).abs() <= wanted).all())
    assert bool(((filled.mean(0) - mean).abs() > wanted).any()), "without weights it shows"


def test_where_the_posterior_is_far_off_the_prior_proposes_too(model: LinearGaussian) -> None:
    class Far(Gaussian):
        def forward(self, features, context):  # type: ignore[no-untyped-def]
            from vaery.core.gaussian import Gaussian as Density

            shape = (len(context), len(features.values), self.head.out_features // 2)
            return Density(torch.full(shape, 3.0).double(), torch.full(shape, -2.0).double())

    x, known = some_rows(model, 10)
    known[:, 2:] = False  # little is known
    joint, rows = model.joint([Far(size, 0, 1, 2) for size in model.levels]), evidence(x, known)
    trace = joint.trace(10, from_either(joint.encode(rows), rows, Random(0)), 100_000)
    torch.testing.assert_close(trace.bound, model.log_prob(x, known), rtol=0, atol=0.1)
    alone = joint.infer(rows, rng=Random(0), draws=100_000)
    found = [float(some.effective_sample_size.detach().median()) for some in (alone, trace)]
    assert found[0] < 1000 < 3000 < found[1]


def test_conditional_draws_agree_with_rejection_sampling(model: LinearGaussian) -> None:
    joint = model.joint()
    free = joint.trace(200_000, from_prior(Random(0)))["x"].value
    assert free is not None
    near = free[0][(free[0, :, 0] - model.bias[0]).abs() < 0.02]
    assert len(near) > 500
    x = model.bias.expand(1, -1)
    known = torch.zeros_like(x, dtype=torch.bool)
    known[:, 0] = True
    filled = joint.infer(evidence(x, known), rng=Random(1), draws=4000, fill=True)["x"].value
    assert filled is not None
    for column in range(1, x.shape[1]):
        assert ks_2samp(near[:, column].detach(), filled[:, 0, column].detach()).pvalue > 1e-3


def test_free_draws_have_the_marginal_covariance(model: LinearGaussian) -> None:
    drawn = model.joint().trace(200_000, from_prior(Random(0)))["x"].value
    assert drawn is not None
    torch.testing.assert_close(drawn[0].T.cov(), model.covariance, rtol=0.03, atol=0.03)
    torch.testing.assert_close(drawn[0].mean(0), model.bias, rtol=0, atol=0.03)


def test_rows_in_order_of_anomaly_are_in_order_of_density() -> None:
    model = MODELS["one level"]
    x, _ = some_rows(model, 30)
    x = x * torch.linspace(0.2, 4, 30)[:, None]
    score = -approximate(model).infer(evidence(x), rng=Random(0), draws=2000).bound
    assert score.argsort().tolist() == (-model.log_prob(x)).argsort().tolist()


# ------------------------------------------------------------------ what must have no influence


def test_hidden_cells_have_no_influence_bit_for_bit(model: LinearGaussian) -> None:
    x, known = some_rows(model)
    joint, answers = model.joint(), []
    for hidden in (0.0, 17.0, -1e6):
        given = Evidence(len(x), {"x": torch.where(known, x, torch.full_like(x, hidden))}, {"x": known})
        trace = joint.infer(given, rng=Random(5), draws=3, fill=True)
        assert trace["x"].value is not None
        answers.append((trace.latent, trace.log_weight, trace["x"].log_p, trace["x"].value))
    for other in answers[1:]:
        assert all(torch.equal(a, b) for a, b in zip(answers[0], other, strict=True))


def test_a_field_that_is_absent_is_as_one_whose_cells_are_all_hidden() -> None:
    model = MODELS["one level"]
    joint, x = model.joint(), torch.zeros(4, 5).double()
    nothing = joint.infer(Evidence(4, {}, {}), rng=Random(0))
    hidden = joint.infer(evidence(x, torch.zeros(4, 5, dtype=torch.bool)), rng=Random(0))
    torch.testing.assert_close(nothing.latent, hidden.latent)
    torch.testing.assert_close(hidden.bound, torch.zeros(4).double(), rtol=0, atol=1e-6)


def test_a_rows_score_is_the_same_in_any_batch_when_rows_share_draws() -> None:
    model = MODELS["one level"]
    x, known = some_rows(model)
    joint = approximate(model)

    def score(rows: Tensor | slice) -> Tensor:
        given = evidence(x[rows], known[rows])
        return joint.infer(given, rng=Random(0, share_rows=True), draws=4).bound

    whole = score(slice(None))
    for rows in (slice(7, 8), slice(3, 30), torch.arange(39, -1, -1)):
        torch.testing.assert_close(score(rows), whole[rows], rtol=0, atol=1e-10)
    apart = joint.infer(evidence(x[:2], known[:2]), rng=Random(0), draws=4).bound
    assert not torch.allclose(apart[1], whole[1]), "without it, rows have draws of their own"


def test_the_same_seed_gives_the_same_bits(model: LinearGaussian) -> None:
    x, known = some_rows(model)
    joint = model.joint()
    a, b, c = (joint.infer(evidence(x, known), rng=Random(s), draws=2, fill=True) for s in (1, 1, 2))
    for site in a.sites:
        assert torch.equal(a[site].value, b[site].value)
        assert not torch.equal(a[site].value, c[site].value)


def test_every_density_of_the_walk_keeps_the_contract(model: LinearGaussian) -> None:
    x, known = some_rows(model)
    trace = model.joint().infer(evidence(x, known), rng=Random(0), draws=3)
    check_density(trace["x"].density, x, known)
    for site in trace.latents:
        assert site.value is not None
        check_density(site.density, site.value[0].detach())


def test_a_density_that_breaks_the_contract_is_found() -> None:
    model = MODELS["one level"]
    x, known = some_rows(model)
    density = model.joint().infer(evidence(x, known), rng=Random(0))["x"].density

    class Leaks(type(density)):  # type: ignore[misc]
        def log_prob(self, value: Tensor, known: Tensor | None = None) -> Tensor:
            return super().log_prob(value, known) + (0 if known is None else 1e-3 * value.sum() * known)

    with pytest.raises(AssertionError, match="no influence"):
        check_density(Leaks(density.elementwise, 1, 1), x, known)  # type: ignore[attr-defined]

    class Forgets(type(density)):  # type: ignore[misc]
        def sample(self, rng: Random, value: Tensor | None = None, known: Tensor | None = None) -> Tensor:
            return super().sample(rng)

    with pytest.raises(AssertionError, match="bit for bit"):
        check_density(Forgets(density.elementwise, 1, 1), x, known)  # type: ignore[attr-defined]


# ------------------------------------------------------------------ choosers


def test_values_can_be_chosen_from_outside(model: LinearGaussian) -> None:
    top = torch.ones(1, 3, model.levels[0]).double()
    trace = model.joint().trace(3, from_values({"z1": top}, otherwise=from_prior(Random(0))))
    assert torch.equal(trace["z1"].value, top)
    z = trace.latent
    torch.testing.assert_close(trace["x"].density.mean(), z @ model.weight.T + model.bias)
    assert float(trace["z1"].log_q.abs().max()) == 0


def test_the_posterior_mean_can_be_chosen() -> None:
    model = MODELS["one level"]
    x, known = some_rows(model)
    trace = model.joint().infer(evidence(x, known), rng=Random(0), mean=True)
    torch.testing.assert_close(trace.latent[0], model.posterior(x, known)[0])


def test_only_the_fields_asked_for_are_visited(model: LinearGaussian) -> None:
    x, known = some_rows(model)
    trace = model.joint().infer(evidence(x, known), rng=Random(0), only=[])
    assert [site.name for site in trace.sites.values()] == [f"z{i + 1}" for i in range(len(model.levels))]


def test_what_the_posterior_sees_can_be_less_than_what_is_scored() -> None:
    model = MODELS["one level"]
    x, known = some_rows(model)
    seen = evidence(x, torch.zeros_like(known))
    trace = model.joint().infer(evidence(x, known), rng=Random(0), seen=seen)
    torch.testing.assert_close(trace.log_weight, trace["x"].log_p.sum(-1))  # the posterior of nothing is the prior


# ------------------------------------------------------------------ a label before the latent


def labelled(rows: int = 60) -> tuple[Labelled, Tensor, Tensor, Tensor]:
    model = Labelled()
    y, x = model.sample(rows, Random(0))
    return model, y, x, Random(1).uniform((rows,)) < 0.5


def test_a_label_before_the_latent_is_summed_out_where_it_is_unknown() -> None:
    model, y, x, known = labelled()
    given = Evidence(60, {"y": y * known, "x": x}, {"y": known, "x": None})
    trace = model.joint.infer(given, rng=Random(0), draws=3)
    log_joint = model.log_joint(x)
    expected = torch.where(known, log_joint.gather(1, y.long()[:, None])[:, 0], log_joint.logsumexp(1))
    torch.testing.assert_close(trace.log_weight, expected.expand(3, -1), rtol=0, atol=1e-5)
    assert bool((trace["y"].value[:, known] == y[known]).all())
    unlabelled = model.joint.infer(Evidence(60, {"x": x}, {"x": None}), rng=Random(0))
    torch.testing.assert_close(unlabelled.bound, log_joint.logsumexp(1), rtol=0, atol=1e-5)


def test_all_labels_in_turn_sum_to_the_exact_probability_whatever_the_guess_is() -> None:
    model, y, x, known = labelled()
    given = Evidence(60, {"y": y * known, "x": x}, {"y": known, "x": None})
    log_joint = model.log_joint(x)
    expected = torch.where(known, log_joint.gather(1, y.long()[:, None])[:, 0], log_joint.logsumexp(1))
    trace = model.joint.infer(given, rng=Random(0), draws=2, each=True)
    torch.testing.assert_close(trace.bound, expected, rtol=0, atol=1e-5)
    value = trace["y"].value
    assert value is not None
    assert value.shape == (6, 60)
    assert bool((value[:, known] == y[known]).all())
    assert bool((value[:3, ~known] == torch.arange(3.0)[:, None]).all())
    poor = Labelled(guess=_Even()).joint.infer(given, rng=Random(0), each=True)
    torch.testing.assert_close(poor.bound, expected, rtol=0, atol=1e-5)  # draws would fall short of it
    torch.testing.assert_close(trace.log_share.exp().mean(0), torch.ones(60).double())


def test_a_label_given_everywhere_is_the_same_walk_many_times() -> None:
    model, y, x, _ = labelled()
    given = Evidence(60, {"y": y, "x": x}, {"y": None, "x": None})
    each, one = (model.joint.infer(given, rng=Random(0), each=how) for how in (True, False))
    torch.testing.assert_close(each.bound, one.bound)
    assert len(each.log_weight) == 3


class _Even(nn.Module):
    """A guess that knows nothing: every label is as likely."""

    def forward(self, features: Any, context: Tensor) -> Factorised:
        return Factorised(Table(torch.zeros(len(context), len(features.values), 3).double()), 0, 0)


def test_a_known_label_still_shows_what_its_posterior_makes_of_it() -> None:
    model, y, x, known = labelled()
    for mask in (known, None):
        trace = model.joint.infer(
            Evidence(60, {"y": y if mask is None else y * known, "x": x}, {"y": mask, "x": None}), rng=Random(0)
        )
        seen = torch.ones_like(known) if mask is None else known
        log_q = model.log_joint(x).log_softmax(1).gather(1, trace["y"].value[0].long()[:, None])[:, 0]
        torch.testing.assert_close(trace["y"].log_q_known[0], log_q * seen)
        torch.testing.assert_close(trace["y"].log_q[0], log_q * ~seen)


def test_drawn_labels_have_the_posteriors_frequencies() -> None:
    model, _, x, _ = labelled(4)
    drawn = model.joint.infer(Evidence(4, {"x": x}, {"x": None}), rng=Random(0), draws=20_000)["y"].value
    assert drawn is not None
    share = torch.stack([(drawn == k).double().mean(0) for k in range(3)], 1)
    torch.testing.assert_close(share, model.log_joint(x).softmax(1), rtol=0, atol=0.015)


def test_presence_is_told_for_fields_of_one_cell_and_of_many() -> None:
    given = Evidence(
        2,
        {"y": torch.zeros(2), "x": torch.zeros(2, 3), "w": torch.zeros(2, 3)},
        {"y": torch.tensor([True, False]), "x": torch.tensor([[False] * 3, [False, True, False]]), "w": None},
    )
    assert [given.present(name).tolist() for name in ("y", "x", "w", "nowhere")] == [
        [True, False], [False, True], [True, True], [False, False],
    ]  # fmt: skip


def test_the_posterior_chooser_leaves_unknown_fields_alone_unless_asked(model: LinearGaussian) -> None:
    joint = model.joint()
    features = joint.encode(Evidence(2, {}, {}))
    for fill in (False, True):
        choose = from_posterior(features, Evidence(2, {}, {}), Random(0), fill=fill)
        site = joint.trace(2, choose)["x"]
        assert (site.value is not None) == fill
        assert float(site.log_p.abs().sum()) == 0
