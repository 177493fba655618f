"""Pixels in reading order: a proper density, whatever is known of a picture."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from vaery.core.check_stops import check_density
from vaery.core.errors import ChoiceError
from vaery.core.random import Random, isolated
from vaery.kinds.image import describe
from vaery.kinds.image.local import LocalDensity
from vaery.kinds.image.nets import decoder
from vaery.nets.near import Near, Neighbours
from vaery.nets.window import Window


def density(levels: int, shape: tuple[int, ...], rows: int, draws: int = 1, seed: int = 0) -> LocalDensity:
    """A random one: pictures of 0 … levels, with every weight of the window away from zero."""
    grey = np.arange(levels + 1, dtype=np.uint8)
    raw = np.resize(grey, (levels + 2, *shape)).astype(np.uint8)
    field = describe(raw, likelihood="local")
    assert field.levels == levels
    torch.manual_seed(seed)
    net = decoder(field, context=2, width=8, depth=1, dropout=0.0).eval()
    with torch.no_grad():
        for p in net.window.parameters():  # type: ignore[union-attr]
            p.copy_(torch.randn_like(p) * 0.5)
    out = net(torch.randn(draws, rows, 2))
    assert isinstance(out, LocalDensity)
    return out


def every(levels: int, shape: tuple[int, ...]) -> torch.Tensor:
    """Every picture there is, ``[N, H, W, C]``."""
    pictures = torch.tensor(list(itertools.product(range(levels + 1), repeat=int(np.prod(shape)))))
    return pictures.view(-1, *shape).to(torch.uint8)


@pytest.mark.parametrize(("levels", "shape"), [(1, (2, 4, 1)), (1, (3, 3, 1)), (2, (2, 1, 3)), (3, (1, 4, 1))])
@torch.no_grad()
def test_all_pictures_together_have_probability_one(levels: int, shape: tuple[int, ...]) -> None:
    pictures = every(levels, shape)
    one = density(levels, shape, rows=1)
    same = LocalDensity(one.features.expand(-1, len(pictures), -1, -1, -1), one.window, one.family, one.units, one.hide)
    log_p = same.log_prob(pictures).flatten(2).sum(-1)
    torch.testing.assert_close(log_p.exp().sum(-1), torch.ones(1), atol=1e-5, rtol=0)


@torch.no_grad()
def test_so_have_all_values_of_the_known_part() -> None:
    known = torch.tensor([[True, False, True, False], [False, True, True, True]])
    pictures = every(1, (2, 4, 1))
    pictures = pictures[(pictures[..., 0] * ~known).flatten(1).sum(1) == 0]
    one = density(1, (2, 4, 1), rows=1)
    same = LocalDensity(one.features.expand(-1, len(pictures), -1, -1, -1), one.window, one.family, one.units, one.hide)
    log_p = same.log_prob(pictures, known.expand(len(pictures), 2, 4)).flatten(2).sum(-1)
    torch.testing.assert_close(log_p.exp().sum(-1), torch.ones(1), atol=1e-5, rtol=0)


@torch.no_grad()
def test_draws_are_as_frequent_as_they_are_likely() -> None:
    one, n = density(1, (2, 3, 1), rows=1), 40_000
    many = LocalDensity(one.features.expand(n, -1, -1, -1, -1), one.window, one.family, one.units, one.hide)
    drawn = many.sample(Random(0))[:, 0].flatten(1).long()
    found = torch.bincount((drawn * 2 ** torch.arange(5, -1, -1)).sum(1), minlength=64) / n
    pictures = every(1, (2, 3, 1))
    same = LocalDensity(one.features.expand(-1, 64, -1, -1, -1), one.window, one.family, one.units, one.hide)
    expected = same.log_prob(pictures).flatten(2).sum(-1).exp()[0]
    assert float((found - expected).abs().sum()) < 0.05  # total variation of 64 frequencies of 40,000 draws is .02


@pytest.mark.parametrize(("levels", "shape"), [(1, (5, 4, 1)), (255, (4, 5, 1)), (255, (4, 3, 3))])
def test_the_contract_of_a_density(levels: int, shape: tuple[int, ...]) -> None:
    some = density(levels, shape, rows=3, draws=2)
    rng = np.random.default_rng(0)
    value = torch.from_numpy(rng.integers(0, levels + 1, (3, *shape)).astype(np.uint8))
    known = torch.from_numpy(rng.random((3, *shape[:2])) < 0.6)
    with torch.no_grad():
        check_density(some, value)
        check_density(some, value * known[..., None], known)


def test_estimates_are_right_on_average_and_teach_more() -> None:
    one, grads = density(255, (4, 4, 1), rows=8), []
    value = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (8, 4, 4, 1)).astype(np.uint8))
    exact, rng = one.log_prob(value).flatten(2).sum(-1), Random(0)
    found = torch.stack([one.estimate(value, None, rng).flatten(2).sum(-1).detach() for _ in range(1000)])
    assert bool(((found.mean(0) - exact).abs() < 5 * found.std(0) / 1000**0.5).all())
    for asked in (one.log_prob(value), torch.stack([one.estimate(value, None, rng) for _ in range(20)])):
        one.window.zero_grad()
        asked.sum().backward(retain_graph=True)
        grads.append(0.0 if one.window.around.weight.grad is None else float(one.window.around.weight.grad.abs().sum()))
    assert grads[0] == 0  # windows all around are learned from estimates alone
    assert grads[1] > 0
    with torch.no_grad():
        torch.testing.assert_close(one.estimate(value, None, rng), one.log_prob(value), rtol=0, atol=0)


@pytest.mark.parametrize("levels", [1, 255])
def test_training_starts_with_grey_values_and_the_latent_alone(levels: int) -> None:
    one = density(levels, (4, 4, 1), rows=3)
    value = torch.from_numpy(np.random.default_rng(0).integers(0, levels + 1, (3, 4, 4, 1)).astype(np.uint8))
    known = torch.from_numpy(np.random.default_rng(1).random((3, 4, 4)) < 0.5)
    found = one.estimate(value, known, Random(0), progress=0.0)
    entropy = torch.nn.functional.binary_cross_entropy_with_logits
    expected = -entropy(one.features[..., 0], (value[None, ..., 0] / levels).expand(1, 3, 4, 4), reduction="none")
    torch.testing.assert_close(found, torch.where(known, expected, torch.zeros(())))
    found.sum().backward()
    assert all(p.grad is None for p in one.window.parameters())


@torch.no_grad()
def test_later_pixels_and_unknown_ones_have_no_influence() -> None:
    some = density(255, (4, 4, 3), rows=1)
    value = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (1, 4, 4, 3)).astype(np.uint8))
    before = some.log_prob(value)
    other = value.clone()
    other[0, 2, 1] = 7
    after = some.log_prob(other)
    torch.testing.assert_close(before[0, 0].flatten()[:9], after[0, 0].flatten()[:9], rtol=0, atol=0)
    assert bool((before[0, 0].flatten()[9:] != after[0, 0].flatten()[9:]).any())


@torch.no_grad()
def test_single_pixels_are_asked_with_themselves_left_out() -> None:
    some = density(255, (4, 4, 1), rows=1)
    value = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (1, 4, 4, 1)).astype(np.uint8))
    other = value.clone()
    other[0, 1, 2] = 0
    mean, again = (some.given_others(v, None).mean() for v in (value, other))
    torch.testing.assert_close(mean[..., 1, 2, :], again[..., 1, 2, :], rtol=0, atol=0)
    assert bool((mean != again).any())


def test_a_model_of_local_pixels_answers_and_fills() -> None:
    from vaery import VAE

    rng = np.random.default_rng(0)
    stripes = (np.indices((8, 8)).sum(0)[None] + rng.integers(0, 4, (200, 1, 1))) // 2 % 2
    raw = stripes.astype(np.uint8)
    model = VAE(likelihood="local", latent=4, random_state=0, threads=1).fit(raw, epochs=60, verbose=False)
    assert model.fields_[0].window == 1  # type: ignore[union-attr]
    half = np.ma.masked_array(raw[:5], mask=np.zeros_like(raw[:5], bool))
    half[:, 4:] = np.ma.masked
    filled = model.impute(half, how="mode")
    assert (filled[:, :4] == raw[:5, :4]).all()
    assert (filled == raw[:5]).mean() > 0.9
    assert model.generate(4).shape == (4, 8, 8)


@torch.no_grad()
def test_a_picture_is_seen_relative_to_what_is_near() -> None:
    """Brighter by some levels, or of twice the contrast: pixels inside are told from their neighbours as before."""
    near = Near(1, before=[(0, -1), (-1, 0)], others=[], levels=255)
    value, seen = torch.tensor([[[0.1, 0.3]]]), torch.ones(1, 1, 2)

    def look(value: Tensor, level: float = 0.0) -> tuple[Tensor, Tensor]:
        return near((Neighbours(value - level, seen, torch.full((1, 1), level)), None))

    centre, spread = look(value)
    torch.testing.assert_close((centre, spread), (torch.tensor([[0.2]]), torch.tensor([[0.1]])), atol=1e-3, rtol=0)
    torch.testing.assert_close(look(value, level=0.3), (centre, spread))
    torch.testing.assert_close(look(value + 0.2), (centre + 0.2, spread))
    torch.testing.assert_close(look(2 * value)[1], 2 * spread, atol=1e-3, rtol=0)
    alone = near((Neighbours(0 * value, 0 * seen, torch.zeros(1, 1)), None))
    assert [float(x) for x in alone] == [0.0, 0.5]


@torch.no_grad()
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("hidden", [False, True])
def test_sums_over_neighbours_are_those_over_each_by_itself(channels: int, hidden: bool) -> None:
    with isolated(0):
        window = Window((5, 4, channels), 3, channels, levels=255, reach=1, width=6)
        for weight in window.parameters():
            torch.nn.init.normal_(weight, std=0.5)
    rng = Random(0)
    x = rng.uniform((1, 2, 5, 4, channels)) * 2 - 1
    x[:, 0] = 0.3  # flat
    seen = rng.uniform((2, 5, 4)) > 0.3 if hidden else torch.ones(2, 5, 4, dtype=torch.bool)
    given = rng.uniform((2, 5, 4)) > 0.5
    features = rng.normal((1, 2, 20, channels))
    view = window.look(features, window.padded(x, seen if hidden else None), window.padded(x, given))
    centre, spread = torch.zeros(2, 20, channels), torch.full((2, 20, channels), 0.5)
    told = window.base(features)[0].clone()
    before, others = [(-1, -1), (-1, 0), (-1, 1), (0, -1)], [(y, x) for y in (-1, 0, 1) for x in (-1, 0, 1) if y or x]
    for row, at in np.ndindex(2, 20):
        near = []  # value, whether it is seen, weight, its columns
        for offsets, there, layer, close in zip(
            (before, others), (seen, given), (window.earlier, window.around), window.near.closeness, strict=True
        ):
            columns = layer.weight[:, : (channels + 1) * len(offsets)].unflatten(1, (channels + 1, -1))
            for n, (dy, dx) in enumerate(offsets):
                y, across = at // 4 + dy, at % 4 + dx
                inside = 0 <= y < 5 and 0 <= across < 4 and bool(there[row, y, across])
                near.append((x[0, row, y, across] if inside else None, close[n].exp(), columns[:, :, n]))
        some = [(value, weight) for value, weight, _ in near if value is not None]
        if some:
            share = torch.stack([weight for _, weight in some])[:, None]
            values = torch.stack([value for value, _ in some])
            centre[row, at] = (values * share).sum(0) / share.sum()
            square = ((values - centre[row, at]).square() * share).sum(0) / share.sum()
            spread[row, at] = (square + window.near.least**2).sqrt()
        for value, _, columns in near:
            if value is not None:
                told[row, at] += columns[:, :-1] @ ((value - centre[row, at]) / spread[row, at].mean()) + columns[:, -1]
        told[row, at] += window.earlier.weight[:, -2 * channels :] @ torch.cat([centre[row, at], spread[row, at].log()])
    torch.testing.assert_close((view.centre, view.spread), (centre[None], spread[None]), atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(view.hidden[0], told, atol=1e-3, rtol=1e-3)


@torch.no_grad()
def test_a_flat_picture_costs_little_from_the_first_step() -> None:
    """The start of training, with the last layer at zero: what is near is all there is to go by."""
    flat = torch.full((1, 8, 8, 1), 90, dtype=torch.uint8)
    field = describe(np.arange(256, dtype=np.uint8).repeat(64).reshape(256, 8, 8))
    net = decoder(field, context=2, width=8, depth=1, dropout=0.0)
    bits = -net(torch.zeros(1, 1, 2)).log_prob(flat)[0, 0] / np.log(2)
    assert float(bits[0, 0]) > 7  # nothing is near the first
    assert float(bits[2:, 2:-2].max()) < 4


def test_grey_becomes_black_and_white_at_half_or_anew_at_each_step() -> None:
    grey = np.linspace(0, 255, 4 * 64).reshape(4, 8, 8).round().astype(np.uint8)
    field = describe(grey, likelihood="dynamic")
    assert (field.likelihood, field.levels, field.steps, field.window) == ("bernoulli", 255, 1, 1)
    value, _ = field.pack(grey)
    drawn = torch.stack([field.vary(value, None, Random(seed))[0] for seed in range(400)])
    assert set(drawn.unique().tolist()) == {0, 255}
    torch.testing.assert_close(drawn.double().mean(0), value.double(), atol=40, rtol=0)  # 3 standard errors
    threshold = describe(grey, likelihood="threshold")
    assert threshold.vary(value, None, Random(0))[0] is value
    torch.manual_seed(0)
    net = decoder(threshold, context=2, width=8, depth=1, dropout=0.0).eval()
    with torch.no_grad():
        density = net(torch.randn(1, 4, 2))
        black = (value > 127).to(torch.uint8) * 255
        torch.testing.assert_close(density.log_prob(value), density.log_prob(black), rtol=0, atol=0)
        assert set(density.sample(Random(0)).unique().tolist()) <= {0, 255}
        assert set(density.given(value, None).points(torch.tensor([0.2, 0.7])).unique().tolist()) <= {0, 255}
        check_density(density, black)
    with pytest.raises(ChoiceError, match="continuous"):
        describe(np.random.default_rng(0).normal(size=(4, 8, 8)), likelihood="dynamic")


def test_a_model_of_black_and_white_made_of_grey() -> None:
    from vaery import VAE

    rng = np.random.default_rng(0)
    grey = (np.linspace(0, 1, 8) ** rng.uniform(0.5, 2, (60, 8, 1)) * 255).round().astype(np.uint8)
    model = VAE(likelihood="dynamic", latent=2, width=16, steps=60, random_state=0, threads=1).fit(grey, verbose=False)
    assert set(np.unique(model.generate(20))) <= {0, 255}
    assert model.generate(2).dtype == np.uint8
    black = np.where(grey > 127, 255, 0).astype(np.uint8)
    assert np.array_equal(model.score_samples(grey), model.score_samples(black))
