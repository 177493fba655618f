"""Images: what is found by looking, round trips, densities, nets of any size, files."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from vaery import VAE
from vaery.core.density import quantile as bisection
from vaery.core.errors import ChoiceError, DataError, QueryError
from vaery.core.evidence import Evidence
from vaery.core.query import between
from vaery.core.random import Random
from vaery.kinds import image as kind
from vaery.kinds.image.nets import net_of

SIZES = [(8, 8), (9, 13), (28, 28), (31, 17), (64, 64)]


def pictures(rows=6, height=9, width=13, channels=None, dtype="uint8", seed=0):
    """Random images; floats are k/255."""
    shape = (rows, height, width) if channels is None else (rows, height, width, channels)
    x = np.random.default_rng(seed).integers(0, 256, shape)
    x.flat[:2] = 0, 255
    if dtype == "bool":
        return x > 127
    return (x / 255).astype(dtype) if np.dtype(dtype).kind == "f" else x.astype(dtype)


def continuous(*shape, seed=0):
    return np.random.default_rng(seed).normal(3, 20, shape).astype(np.float32)


def density_of(field, rows=3, draws=2, seed=0, width=16):
    torch.manual_seed(seed)
    decoder = kind.decoder(field, 5, width=width, depth=1, dropout=0.0)
    return decoder(torch.randn(draws, rows, 5))


# ---------------------------------------------------------------------------- looking


@pytest.mark.parametrize(
    ("values", "dtype", "levels", "high", "likelihood"),
    [
        (range(256), "uint8", 255, 255, "logistic_mixture"),
        ([0, 3, 200], "uint8", 255, 255, "logistic_mixture"),
        ([0, 1], "uint8", 1, 1, "bernoulli"),
        ([0, 255], "uint8", 1, 255, "bernoulli"),
        ([0, 1], "bool", 1, 1, "bernoulli"),
        (range(17), "float64", 16, 16, "logistic_mixture"),
        (range(17), "int64", 16, 16, "logistic_mixture"),
        ([0.0, 1.0], "float32", 1, 1, "bernoulli"),
        (np.arange(256) / 255, "float32", 255, 1, "logistic_mixture"),
        (np.arange(256) / 127.5 - 1, "float32", 255, 1, "logistic_mixture"),
        (np.arange(256) / 255, "float16", 255, 1, "logistic_mixture"),
        ([0, 7, 40000], "uint16", 65535, 65535, "logistic_mixture"),
        ([0, 7, 4000], "int32", 4095, 4095, "logistic_mixture"),
        ([0, 8, 248], "uint8", 31, 248, "logistic_mixture"),
        ([0.5, -3.25, 17.1], "float32", 0, 17.1, "normal"),
        ([0, 10**7], "int64", 0, 10**7, "normal"),
    ],
)
def test_levels_are_found_by_looking(values, dtype, levels, high, likelihood):
    values = np.resize(np.array(list(values)), (6, 8, 8)).astype(dtype)
    field = kind.describe(values)
    assert (field.levels, field.likelihood, field.dtype) == (levels, likelihood, dtype)
    assert field.high == pytest.approx(high)
    value, known = field.pack(values)
    assert known is None
    np.testing.assert_allclose(
        field.unpack(value).astype(float), values.astype(float), rtol=1e-3 if dtype == "float16" else 1e-6
    )


def test_negative_whole_numbers_start_where_they_start():
    x = np.resize(np.arange(-1000, 3000, 7), (2, 16, 16)).astype(np.int16)
    assert kind.describe(x).levels == 511  # steps of seven
    x[0, 0, 3] += 1
    field = kind.describe(x)
    assert field.levels == int(x.max()) - int(x.min())
    np.testing.assert_array_equal(field.unpack(field.pack(x)[0]), x)


@pytest.mark.parametrize(
    ("shape", "layout", "event"),
    [
        ((4, 9, 13), "NHW", (9, 13, 1)),
        ((4, 9, 13, 1), "NHWC", (9, 13, 1)),
        ((4, 9, 13, 3), "NHWC", (9, 13, 3)),
        ((4, 9, 13, 4), "NHWC", (9, 13, 4)),
        ((4, 1, 9, 13), "NCHW", (9, 13, 1)),
        ((4, 3, 9, 13), "NCHW", (9, 13, 3)),
        ((4, 3, 9, 3), "NHWC", (3, 9, 3)),
    ],
)
@pytest.mark.parametrize("dtype", ["uint8", "bool", "float32", "float64", "int32"])
def test_round_trip_of_every_layout(shape, layout, event, dtype):
    x = pictures(shape[0], *shape[1:3], None if len(shape) == 3 else shape[3], dtype)
    field = kind.describe(x)
    assert (field.layout, field.event, field.mask) == (layout, event, event[:2])
    value, known = field.pack(x)
    assert known is None
    assert value.shape == (4, *event)
    assert value.dtype == torch.uint8
    back = field.unpack(value)
    assert back.dtype == x.dtype
    assert type(back) is np.ndarray
    np.testing.assert_array_equal(back, x)
    assert kind.ImageField.from_json(json.loads(json.dumps(field.to_json()))) == field


@settings(max_examples=40)
@given(
    dtype=st.sampled_from(["uint8", "uint16", "int16", "int64", "float32", "float64"]),
    colours=st.sampled_from([None, 1, 3]),
    seed=st.integers(0, 10**6),
)
def test_round_trip_of_whatever_comes(dtype, colours, seed):
    rng = np.random.default_rng(seed)
    shape = (int(rng.integers(1, 5)), *rng.integers(5, 20, 2)) + (() if colours is None else (colours,))
    kinds = [0, 2, 17, 256, 5000, 70000]
    top = kinds[int(rng.integers(6))]
    x = (
        rng.integers(0, max(1, min(top, 30000)), shape).astype(dtype)
        if top < 70000
        else (rng.normal(size=shape) * 100).astype(dtype)
    )
    field = kind.describe(x)
    value, _ = field.pack(x)
    back = field.unpack(value)
    if field.levels:
        np.testing.assert_array_equal(back, x)
    else:
        np.testing.assert_allclose(back, x, atol=1e-4)


def test_continuous_values_are_standardised_by_channel():
    x = continuous(50, 8, 8, 3) * [1, 10, 0.1] + [5, 0, 0]
    field = kind.describe(x.astype(np.float32))
    assert field.likelihood == "normal"
    value, _ = field.pack(x)
    np.testing.assert_allclose(value.mean((0, 1, 2)), 0, atol=1e-5)
    np.testing.assert_allclose(value.std((0, 1, 2)), 1, atol=1e-3)
    jacobian = field.log_jacobian(value)
    np.testing.assert_allclose(jacobian, -np.log(x.std((0, 1, 2))).sum(), rtol=1e-4)
    assert jacobian.shape == (50, 8, 8)


# ---------------------------------------------------------------------------- missing pixels


def test_masked_pixels():
    x = pictures(5)
    mask = np.random.default_rng(1).random(x.shape) < 0.3
    masked = np.ma.MaskedArray(x, mask=mask)
    field = kind.describe(masked)
    value, known = field.pack(masked)
    np.testing.assert_array_equal(known, ~mask)
    assert not value[torch.from_numpy(mask)].any()
    back = field.unpack(value, known)
    assert isinstance(back, np.ma.MaskedArray)
    assert back.dtype == x.dtype
    np.testing.assert_array_equal(np.ma.getmaskarray(back), mask)
    np.testing.assert_array_equal(back.compressed(), masked.compressed())


def test_nan_is_unknown_and_a_pixel_is_known_with_all_its_channels():
    x = pictures(5, channels=3, dtype="float32")
    x[2, 4, 5, 1] = np.nan
    field = kind.describe(x)
    assert field.levels == 255
    value, known = field.pack(x)
    assert known is not None
    assert (~known).nonzero().tolist() == [[2, 4, 5]]
    assert value[2, 4, 5].tolist() == [0, 0, 0]
    channels_first = x.transpose(0, 3, 1, 2)
    other = kind.describe(np.ma.masked_invalid(channels_first))
    assert other.layout == "NCHW"
    assert torch.equal(other.pack(np.ma.masked_invalid(channels_first))[1], known)


def test_keep_leaves_known_pixels_untouched():
    x = continuous(4, 8, 8)
    field = kind.describe(x)
    holes = x.copy()
    holes[:, :3] = np.nan
    value, known = field.pack(holes)
    out = field.unpack(torch.where(known[..., None], value, 9.0), like=holes, keep=True)
    np.testing.assert_array_equal(out[:, 3:], x[:, 3:])
    np.testing.assert_allclose(out[:, :3], 9 * field.sd[0] + field.mean[0], rtol=1e-5)


def test_rows_come_back_in_the_layout_and_dtype_they_came_in():
    field = kind.describe(pictures(channels=3))
    query = pictures(channels=3, seed=1).transpose(0, 3, 1, 2).astype(np.float64)
    back = field.unpack(field.pack(query)[0], like=query)
    assert back.dtype == np.float64
    np.testing.assert_array_equal(back, query)


@pytest.mark.parametrize("net", ["mlp", "conv"])
@pytest.mark.parametrize("raw", [pictures(6, 9, 13), pictures(6, 9, 13, 3), continuous(6, 9, 13)])
def test_what_is_hidden_has_no_influence(net, raw):
    field = kind.describe(raw, net=net)
    value, _ = field.pack(raw)
    shown = field.hide(6, Random(3))
    encoder = kind.encoder(field, width=20, depth=2, dropout=0.0)
    for p in encoder.parameters():
        torch.nn.init.normal_(p, std=0.1)
    evidence = Evidence(6, {"image": value}, {"image": None}).hide({"image": shown})
    assert not evidence.values["image"][~shown].any()
    features = encoder(evidence.values["image"], shown)
    other = torch.where(shown[..., None], value, torch.full_like(value, 77))
    assert torch.equal(encoder(other, shown), features)
    assert features.shape == (6, encoder.width)
    assert not torch.equal(encoder(value, None), features)
    everything = torch.ones_like(shown)
    torch.testing.assert_close(encoder(value, everything), encoder(value, None))
    flipped = value.clone()
    flipped[shown] = 200 - flipped[shown]
    assert not torch.equal(encoder(flipped, shown), features)


def test_a_new_encoder_sees_that_pixels_are_missing_only_as_the_mean():
    """What no training has met yet adds nothing."""
    field = kind.describe(pictures(20), net="mlp")
    encoder = kind.encoder(field, width=20, depth=1, dropout=0.0)
    none = encoder(torch.zeros(2, *field.event, dtype=torch.uint8), torch.zeros(2, *field.mask, dtype=torch.bool))
    torch.testing.assert_close(none, torch.relu(encoder.net.first.bias).expand(2, -1))


# ---------------------------------------------------------------------------- nets and densities


@pytest.mark.parametrize("net", ["mlp", "conv"])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", SIZES)
def test_nets_of_any_size(size, channels, net):
    x = pictures(3, *size, channels)
    field = kind.describe(x, net=net)
    value, _ = field.pack(x)
    encoder = kind.encoder(field, width=24, depth=1, dropout=0.1)
    assert encoder(value, None).shape == (3, 24)
    density = density_of(field)
    log_p = density.log_prob(value)
    assert log_p.shape == (2, 3, *size)
    assert log_p.isfinite().all()
    log_p.sum().backward()
    drawn = density.sample(Random(0))
    assert drawn.shape == (2, 3, *field.event)
    assert drawn.dtype == torch.uint8


def test_every_weight_is_trained():
    field = kind.describe(pictures(3, 28, 28, 3))
    assert net_of(field) == "conv"
    encoder, decoder = kind.encoder(field, 16, 2, 0.0), kind.decoder(field, 16, 16, 2, 0.0)
    value, known = field.pack(pictures(3, 28, 28, 3))[0], field.hide(3, Random(0))
    decoder(encoder(value, known)[None]).estimate(value, known, Random(0)).sum().backward()
    assert all(p.grad is not None for p in [*encoder.parameters(), *decoder.parameters()])


@pytest.mark.parametrize(
    ("raw", "likelihood"),
    [
        (np.resize([0, 1, 1], (4, 8, 8)).astype(bool), None),
        (np.resize(np.arange(17.0), (4, 8, 8)), None),
        (np.resize(np.arange(17.0), (4, 8, 8)), "categorical"),
        (np.resize(np.arange(17.0), (4, 8, 8)), "ordinal"),
        (pictures(4, 8, 8), None),
    ],
)
def test_the_levels_of_a_pixel_share_one(raw, likelihood):
    field = kind.describe(raw, likelihood=likelihood)
    nothing = torch.zeros(3, 8, 8, 1, dtype=torch.uint8)
    single = density_of(field).given(nothing, torch.zeros(3, 8, 8, dtype=torch.bool))
    total = sum(single.log_prob(nothing + k).exp() for k in range(field.levels + 1))
    torch.testing.assert_close(total, torch.ones(2, 3, 8, 8), rtol=1e-4, atol=1e-4)


def test_channels_are_summed_and_unknown_pixels_count_nothing():
    field = kind.describe(pictures(3, 8, 8, 3), likelihood="logistic_mixture")
    value, known = field.pack(pictures(3, 8, 8, 3, seed=1))[0], field.hide(3, Random(0))
    density = density_of(field)
    log_p = density.log_prob(value, known)
    plain = density.elementwise.log_prob(value.float()).sum(-1)
    torch.testing.assert_close(log_p, torch.where(known, plain, torch.zeros(())))
    other = torch.where(known[..., None], value, torch.tensor(9, dtype=torch.uint8))
    assert torch.equal(density.log_prob(other, known), log_p)


def test_levels_under_a_density_of_numbers_count_as_numbers():
    x = pictures(20, 8, 8)
    field = kind.describe(x, likelihood="normal")
    density = density_of(field, rows=20)
    value, _ = field.pack(x)
    loc, scale = density.elementwise.loc, density.elementwise.log_scale.exp()
    own = torch.distributions.Normal(loc * field.sd[0] + field.mean[0], scale * field.sd[0])
    torch.testing.assert_close(density.log_prob(value), own.log_prob(value.float())[..., 0])
    shares = kind.describe(x / 255, likelihood="normal")
    np.testing.assert_allclose(shares.log_jacobian(value), np.log(255))


def test_grey_pixels_by_cross_entropy():
    x = pictures(20, 8, 8)
    field = kind.describe(x, likelihood="bernoulli")
    density = density_of(field, rows=20)
    value, _ = field.pack(x)
    p = density.mean() / 255
    share = value / 255
    torch.testing.assert_close(density.log_prob(value), (share * p.log() + (1 - share) * (1 - p).log())[..., 0])
    assert torch.equal(density.sample(Random(0)), density.mean().round().to(torch.uint8))
    middle = density.quantile(torch.tensor([0.1, 0.9]))
    assert (middle.float() - density.mean()).abs().max() <= 1


@pytest.mark.parametrize(
    "raw", [pictures(3, 8, 8), pictures(3, 8, 8, 3), continuous(3, 8, 8), pictures(3, 8, 8, dtype="bool")]
)
def test_known_pixels_come_back_bit_for_bit(raw):
    field = kind.describe(raw)
    value, known = field.pack(raw)[0], field.hide(3, Random(5))
    density = density_of(field)
    drawn = density.sample(Random(0), value, known)
    assert drawn.dtype == value.dtype
    assert torch.equal(drawn[:, known], value[known].expand(2, -1, -1))
    assert not torch.equal(drawn, density.sample(Random(1), value, known))
    assert torch.equal(density.sample(Random(1), value, None), value.expand(2, -1, -1, -1, -1))


@pytest.mark.parametrize("raw", [pictures(3, 8, 8), continuous(3, 8, 8), pictures(3, 8, 8, dtype="bool")])
def test_answers_come_in_packed_units(raw):
    field = kind.describe(raw)
    density = density_of(field)
    for answer in (density.mean(), density.mode(), density.quantile(torch.tensor([0.5]))[0]):
        assert answer.shape == (2, 3, 8, 8, 1)
        assert field.unpack(answer[0]).dtype == raw.dtype
    low, high = density.quantile(torch.tensor([0.05, 0.95]))
    inside = torch.stack([density.sample(Random(i)) for i in range(200)])
    share = ((inside >= low) & (inside <= high)).float().mean()
    assert share > 0.85


def test_the_speed_benchmark_net_is_exactly_784_400_and_20_400_784():
    field = kind.describe(pictures(3, 28, 28, dtype="bool"), likelihood="bernoulli")
    encoder, decoder = kind.encoder(field, 400, 1, 0.0), kind.decoder(field, 20, 400, 1, 0.0)
    value, _ = field.pack(pictures(3, 28, 28, dtype="bool"))
    used = [p.shape for p in encoder.parameters() if p.requires_grad]
    encoder(value, None).sum().backward()
    used = [tuple(p.shape) for p in encoder.parameters() if p.grad is not None]
    assert used == [(400, 784), (400,)]
    assert [tuple(p.shape) for p in decoder.parameters()] == [(400, 20), (400,), (784, 400), (784,)]
    assert float(decoder(torch.zeros(1, 1, 20)).mean().mean().detach()) == pytest.approx(field.mean[0], abs=0.05)


# ---------------------------------------------------------------------------- draws and questions


@pytest.mark.parametrize("raw", [pictures(3, 8, 8), continuous(3, 8, 8), pictures(3, 8, 8).astype(np.uint16) * 200])
def test_summaries_against_numpy(raw):
    field = kind.describe(raw)
    draws = torch.stack([field.pack(raw[np.random.default_rng(i).permutation(3)])[0] for i in range(7)])
    weight = torch.full((7, 3), 1 / 7)
    own = np.stack([field.unpack(d) for d in draws]).astype(float)
    step = (field.high - field.low) / field.levels if field.levels else 1e-3
    np.testing.assert_allclose(field.summarise(draws, weight, "mean").astype(float), own.mean(0), atol=0.51 * step)
    np.testing.assert_allclose(field.summarise(draws, weight, "median").astype(float), np.median(own, 0), atol=step)
    assert field.summarise(draws, weight, 0.99).astype(float) == pytest.approx(own.max(0), abs=step)
    one = torch.zeros(7, 3)
    one[4] = 1.0
    width = (own.max() - own.min()) / 64
    for how in ("mean", "median", "mode", 0.3):
        np.testing.assert_allclose(
            field.summarise(draws, one, how).astype(float), own[4], atol=step + width * (how == "mode")
        )


def test_a_mean_lies_between_levels_where_the_dtype_can_hold_it():
    weight = torch.full((2, 1), 0.5)
    draws = torch.tensor([0, 1], dtype=torch.uint8).view(2, 1, 1, 1, 1).expand(2, 1, 8, 8, 1)
    for dtype, mean in (("float32", 0.5), ("uint8", 0), ("bool", False)):
        field = kind.describe(np.resize([0, 1], (1, 8, 8)).astype(dtype))
        out = field.summarise(draws, weight, "mean")
        assert out.dtype == dtype
        assert (out == mean).all()
    assert (kind.describe(np.resize([0.0, 1.0], (1, 8, 8))).pack(np.full((1, 8, 8), 0.7))[0] == 1).all()


def test_quantiles_of_levels_against_bisection():
    u = torch.linspace(0.003, 0.997, 23)
    deep = np.resize(np.arange(60000, step=7), (3, 8, 8)).astype(np.uint16)
    deep[0, 0, 0] += 1
    for raw in (pictures(3, 8, 8), pictures(3, 8, 8, dtype="bool"), np.resize(np.arange(17.0), (3, 8, 8)), deep):
        density = density_of(kind.describe(raw, likelihood="bernoulli" if raw.dtype == bool else "logistic_mixture"))
        expected = bisection(density.elementwise, u.view(-1, 1, 1, 1, 1, 1))
        assert torch.equal(density.quantile(u).float(), expected)


def test_the_mode_is_the_commonest_level():
    field = kind.describe(pictures(2, 8, 8))
    draws = torch.tensor([3, 200, 200, 7, 9], dtype=torch.uint8).view(5, 1, 1, 1, 1).expand(5, 2, 8, 8, 1)
    weight = torch.tensor([[0.2, 0.5], [0.2, 0.1], [0.2, 0.1], [0.2, 0.15], [0.2, 0.15]])
    mode = field.summarise(draws, weight, "mode")
    assert (mode[0] == 200).all()
    assert (mode[1] == 3).all()


def test_given_takes_one_image_in_any_form():
    x = pictures(3, 9, 13, 3)
    field = kind.describe(x)
    for asked in (x[0], x[:1], x[0].transpose(2, 0, 1), [x[0]], torch.from_numpy(x[0])):
        value, known, region = field.given(asked)
        assert known is None
        assert region is None
        assert torch.equal(value, torch.from_numpy(x[:1]))
    half = np.ma.MaskedArray(x[0], mask=np.arange(9)[:, None, None].repeat(13, 1).repeat(3, 2) > 4)
    _, known, _ = field.given(half)
    assert known[0, :5].all()
    assert not known[0, 5:].any()
    grey = kind.describe(pictures(3))
    assert grey.given(pictures(3)[0])[0].shape == (1, 9, 13, 1)
    with pytest.raises(QueryError, match="one image"):
        field.given(x)
    with pytest.raises(QueryError, match="as an image"):
        field.given(between(1, 2))


def test_gaps_have_a_shape():
    field = kind.describe(pictures(3, 8, 12))
    shown = field.hide(4000, Random(0))
    assert shown.shape == (4000, 8, 12)
    assert shown.dtype == torch.bool
    assert torch.equal(shown, field.hide(4000, Random(0)))
    left, top = torch.zeros(8, 12, dtype=torch.bool), torch.zeros(8, 12, dtype=torch.bool)
    left[:, :6], top[:4] = True, True
    for half in (left, ~left, top, ~top):
        assert 150 < int((shown == half).flatten(1).all(1).sum()) < 400
    rectangle = torch.zeros(8, 12, dtype=torch.bool)
    rectangle[2:6, 3:9] = True
    one = (shown == rectangle).flatten(1).all(1).any() | (shown == ~rectangle).flatten(1).all(1).any()
    corners = (
        shown[:, 0, 0] & shown[:, -1, -1] & shown[:, 0, -1] & shown[:, -1, 0] & ~shown[:, 3:5, 5:7].flatten(1).any(1)
    )
    assert one or corners.any()
    assert 0.4 < float(shown.float().mean()) < 0.6


# ---------------------------------------------------------------------------- bad input


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (np.zeros((3, 8)), "were expected; this array has the shape"),
        (np.zeros((3, 8, 8, 2)), "1, 3 or 4 channels"),
        (np.zeros((0, 8, 8)), "at least one image"),
        (np.full((2, 8, 8), np.nan), "no pixel is known"),
        (np.array([[["a"] * 8] * 8]), "must hold numbers"),
        ([np.zeros((8, 8)), np.zeros((8, 9))], r"image 1 has the shape \(8, 9\), image 0 has \(8, 8\)"),
    ],
)
def test_bad_arrays(raw, message):
    with pytest.raises(DataError, match=message):
        kind.describe(raw)


def test_infinite_values_are_named():
    x = continuous(3, 8, 8)
    x[1, 2, 3] = np.inf
    with pytest.raises(DataError, match=r"image 1 is infinite at \[2, 3\]"):
        kind.describe(x)
    with pytest.raises(DataError, match="image 1, row 2, column 3"):
        kind.describe(continuous(3, 8, 8)).pack(x)


def test_queries_of_another_size_or_scale_are_refused():
    field = kind.describe(pictures(3))
    with pytest.raises(DataError, match="9 × 13 pixels"):
        field.pack(pictures(3, 8, 13))
    with pytest.raises(DataError, match=r"write x\[None\]"):
        field.pack(pictures(3)[0])
    x = pictures(3) / 255
    x[0, 0, :3] = 0, 1, 0.5
    with pytest.raises(DataError, match=r"image 0, row 0, column 2.*uint8, 0 to 255"):
        field.pack(x)
    binary = kind.describe(pictures(3, dtype="bool"))
    with pytest.raises(DataError, match="holds 2, where 0 or 1 was expected"):
        binary.pack(np.full((1, 9, 13), 2))
    with pytest.raises(DataError, match="holds -1"):
        binary.pack(np.full((1, 9, 13), -1))


def test_likelihoods_that_do_not_fit():
    with pytest.raises(DataError, match="from 0 to 1"):
        kind.describe(continuous(3, 8, 8), likelihood="bernoulli")
    with pytest.raises(ChoiceError, match="continuous"):
        kind.describe(continuous(3, 8, 8), likelihood="logistic_mixture")
    with pytest.raises(ChoiceError, match="any_order"):
        kind.describe(pictures(3), likelihood="any_order")
    with pytest.raises(ChoiceError, match="Did you mean 'normal'"):
        kind.describe(pictures(3), likelihood="normall")
    with pytest.raises(ChoiceError, match="conv"):
        kind.describe(pictures(3), net="cnn")
    between_zero_and_one = np.random.default_rng(0).random((3, 8, 8))
    field = kind.describe(between_zero_and_one, likelihood="bernoulli")
    np.testing.assert_allclose(field.unpack(field.pack(between_zero_and_one)[0]), between_zero_and_one, atol=1e-6)


# ---------------------------------------------------------------------------- files


@pytest.mark.parametrize(("channels", "dtype"), [(None, "uint8"), (3, "uint8"), (4, "uint8"), (None, "bool")])
def test_folders_of_png_round_trip(tmp_path, channels, dtype):
    x = pictures(12, channels=channels, dtype=dtype)
    kind.write(x, tmp_path / "out")
    assert kind.looks_like(tmp_path / "out")
    back = kind.read(tmp_path / "out")["image"]
    assert back.dtype == x.dtype
    np.testing.assert_array_equal(back, x)
    files = sorted((tmp_path / "out").iterdir())
    assert kind.looks_like(files)
    assert kind.describe(files).event == (9, 13, channels or 1)
    assert kind.looks_like(str(files[0]))
    np.testing.assert_array_equal(kind.read(files[3])["image"], x[3:4])


def test_class_folders_give_labels(tmp_path):
    x, labels = pictures(6), ["cat", "dog", "cat", "bird", "dog", "cat"]
    kind.write({"image": x, "label": labels}, tmp_path)
    (tmp_path / ".DS_Store").write_text("")
    (tmp_path / "cat" / "notes.txt").write_text("not a picture")
    assert kind.looks_like(tmp_path)
    back = kind.read(tmp_path)
    assert back["label"].tolist() == ["bird", "cat", "cat", "cat", "dog", "dog"]
    np.testing.assert_array_equal(back["image"], x[[3, 0, 2, 5, 1, 4]])
    kind.write(x, tmp_path)
    with pytest.raises(DataError, match="folders of pictures"):
        kind.read(tmp_path)


@pytest.mark.parametrize("suffix", [".npy", ".npz"])
def test_array_files(tmp_path, suffix):
    path = tmp_path / f"x{suffix}"
    x = pictures(4, channels=3)
    kind.write(x, path)
    assert kind.looks_like(path)
    np.testing.assert_array_equal(kind.read(path)["image"], x)
    path.write_bytes(path.read_bytes()[:-50])
    with pytest.raises(DataError, match=r"can be read"):
        kind.read(path)
    np.save(path.with_suffix(".npy"), np.zeros((5, 3)))
    assert not kind.looks_like(path.with_suffix(".npy"))


def test_npz_keeps_the_mask_and_other_arrays(tmp_path):
    x = np.ma.MaskedArray(pictures(4), mask=pictures(4, seed=2) < 50)
    kind.write({"image": x, "label": np.arange(4)}, tmp_path / "x.npz")
    back = kind.read(tmp_path / "x.npz")
    np.testing.assert_array_equal(np.ma.getmaskarray(back["image"]), x.mask)
    np.testing.assert_array_equal(back["image"].compressed(), x.compressed())
    np.testing.assert_array_equal(back["label"], np.arange(4))


def test_objects_are_never_unpickled(tmp_path):
    np.save(tmp_path / "x.npy", np.array([print, len], dtype=object), allow_pickle=True)
    with pytest.raises(DataError, match=r"can be read \(Object arrays"):
        kind.read(tmp_path / "x.npy")


def test_bad_files(tmp_path):
    with pytest.raises(DataError, match="holds no pictures"):
        kind.read(tmp_path)
    assert not kind.looks_like(tmp_path)
    kind.write(pictures(3), tmp_path)
    bad = tmp_path / "00001.png"
    bad.write_bytes(bad.read_bytes()[:60])
    with pytest.raises(DataError, match=r"00001\.png cannot be read"):
        kind.read(tmp_path)
    kind.write(pictures(1, 5, 6), tmp_path / "other")
    (tmp_path / "other" / "00000.png").replace(bad)
    with pytest.raises(DataError, match=r"00001.png has 5 × 6 pixels .*00000.png has 9 × 13.*\(13, 9\)"):
        kind.read(tmp_path)
    with pytest.raises(FileNotFoundError, match="nowhere"):
        kind.read(tmp_path / "nowhere")


def test_other_modes_of_picture_files(tmp_path):
    from PIL import Image

    deep = np.linspace(0, 60000, 64).reshape(8, 8).astype(np.uint16)
    Image.fromarray(deep).save(tmp_path / "deep.png")
    np.testing.assert_array_equal(kind.read(tmp_path / "deep.png")["image"][0], deep)
    assert kind.describe(tmp_path / "deep.png").levels == 65535
    kind.write(deep[None], tmp_path / "sixteen")
    np.testing.assert_array_equal(kind.read(tmp_path / "sixteen")["image"][0], deep)
    grey, colour = Image.fromarray(pictures(1, 8, 8)[0]), Image.fromarray(pictures(1, 8, 8, 3)[0])
    folder = tmp_path / "mixed"
    folder.mkdir()
    grey.save(folder / "a.png")
    colour.save(folder / "b.png")
    colour.convert("P").save(folder / "c.gif")
    mixed = kind.read(folder)["image"]
    assert mixed.shape == (3, 8, 8, 3)
    np.testing.assert_array_equal(mixed[0], pictures(1, 8, 8)[0][..., None].repeat(3, -1))
    np.testing.assert_array_equal(mixed[1], pictures(1, 8, 8, 3)[0])


def test_grids_show_every_image():
    x = pictures(5, 8, 8)
    sheet = np.asarray(kind.grid(x, columns=3, scale=2, gap=1, bounds=(0, 255)))
    assert sheet.shape == (35, 52, 3)
    np.testing.assert_array_equal(sheet[1:17:2, 1:17:2, 0], x[0])
    np.testing.assert_array_equal(sheet[18:34:2, 18:34:2, 1], x[4])
    assert (sheet[18:34, 35:51] == 255).all()
    digits = np.asarray(kind.grid(np.full((1, 8, 8), 16.0), scale=1, gap=0))
    assert (digits == 255).all()
    hidden = np.asarray(kind.grid(np.ma.MaskedArray(x, mask=True), scale=1, gap=0))
    assert hidden[0, 0].tolist() == [250, 214, 165]
    captioned = kind.grid(pictures(2, 8, 8, 3), labels=["a", "something rather long"], scale=4)
    assert captioned.size[1] > kind.grid(pictures(2, 8, 8, 3), scale=4).size[1]


def test_a_sheet_is_written_to_a_picture_file(tmp_path):
    kind.write(pictures(4), tmp_path / "sheet.png")
    assert kind.read(tmp_path / "sheet.png")["image"].shape[-1] == 3
    kind.write(continuous(2, 8, 8), tmp_path / "floats")
    assert kind.read(tmp_path / "floats")["image"].dtype == np.uint8


# ---------------------------------------------------------------------------- what it answers to


@pytest.mark.parametrize(
    ("raw", "answer"),
    [
        (pictures(), True),
        (pictures(channels=3), True),
        (np.ma.MaskedArray(pictures(), mask=False), True),
        (continuous(5, 28, 28), True),
        (continuous(5, 3, 9, 13), True),
        (np.random.default_rng(0).random((5, 9, 13)), True),
        ([pictures()[0], pictures()[1]], True),
        (continuous(5, 100, 20), False),
        (continuous(5, 100, 3), False),
        (continuous(5, 20), False),
        (["a text", "another"], False),
        ([], False),
        ("no/such/thing", False),
        ({"image": pictures()}, False),
        (np.array([[["a"] * 8] * 8]), False),
        (3, False),
        (None, False),
    ],
)
def test_looks_like(raw, answer):
    assert kind.looks_like(raw) is answer


def test_nothing_heavy_is_imported():
    heavy = "('PIL', 'matplotlib', 'pandas', 'scipy')"
    code = f"import sys, vaery.kinds.image; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_advice_fits_the_size():
    small, large = kind.describe(pictures(3, 8, 8)), kind.describe(pictures(3, 64, 64, 3))
    assert (net_of(small), net_of(large)) == ("mlp", "conv")
    assert net_of(replace(small, net="conv")) == "conv"
    assert kind.suggest(small, 1000)["latent"] < kind.suggest(large, 100_000)["latent"]
    assert kind.suggest(small, 1000)["objective"]["beta"] < 1, "pixels near by would tell what the latent should"
    assert "objective" not in kind.suggest(kind.describe(pictures(3, 8, 8) // 200), 1000), "two levels: a bound"
    assert "objective" not in kind.suggest(replace(small, window=0), 1000)


def test_a_model_of_an_array_is_asked_with_files_and_one_of_files_with_an_array(tmp_path):
    import PIL.Image

    from vaery import VAE

    raw = pictures(30, 8, 8)
    for i, picture in enumerate(raw[:3]):
        PIL.Image.fromarray(picture).save(tmp_path / f"{i}.png")
    plain = VAE(steps=5, latent=2, random_state=0, threads=1).fit(raw, verbose=False)
    expected = plain.transform(raw[:3])
    assert np.array_equal(plain.transform(tmp_path), expected)
    assert np.array_equal(plain.transform(tmp_path / "1.png"), plain.transform(raw[1:2]))
    assert plain.reconstruct(tmp_path).shape == (3, 8, 8)
    named = VAE(steps=5, latent=2, random_state=0, threads=1).fit({"image": raw}, verbose=False)
    assert np.array_equal(named.transform(raw[:3]), named.transform({"image": raw[:3]}))
    assert named.reconstruct(raw[:3])["image"].shape == (3, 8, 8)


def test_bytes_are_looked_at_where_they_are_and_never_changed():
    """A fit of a gigabyte of pictures does not need two; and nothing that comes back is the array that went in."""
    x = np.random.default_rng(0).integers(0, 256, (40, 8, 8), dtype=np.uint8)
    before = x.copy()
    model = VAE(steps=4, latent=2, width=8, depth=1, threads=1).fit(x, verbose=False)
    packed = model.schema_.pack(x).values["image"]
    assert np.shares_memory(packed.numpy(), x)
    hidden = np.ma.masked_array(x.copy(), np.zeros(x.shape, bool))
    hidden[:, :4] = np.ma.masked
    made = [model.impute(x, draws=1, seed=0)[0], model.impute(hidden, draws=1, seed=0)[0], model.reconstruct(x)]
    model.score_samples(x), model.detect(x), model.embed(x)
    assert np.array_equal(x, before)
    assert not any(np.shares_memory(np.asarray(array), x) for array in made)
    x.flags.writeable = False
    assert not np.shares_memory(model.schema_.pack(x).values["image"].numpy(), x), "torch wants to be able to write"


def test_few_pictures_are_moved_in_training_as_what_they_were():
    rng = np.random.default_rng(0)
    shapes = rng.integers(0, 256, (40, 20, 18)).astype(np.uint8)
    field = kind.describe(shapes)
    assert field.varied
    assert not kind.describe(shapes, varied=False).varied
    assert not kind.describe(shapes.repeat(11, 0)).varied, "there are enough"
    assert not kind.describe(shapes[:, :15]).varied, "so small ones would be blurred"
    with pytest.raises(ChoiceError, match="varied"):
        kind.describe(shapes, varied="often")
    value, _ = field.pack(shapes)
    other, known = field.vary(value, None, Random(0))
    assert known is None
    assert other.dtype == value.dtype
    assert torch.equal(other, field.vary(value, None, Random(0))[0])
    same = (other == value).flatten(1).all(1).float().mean()
    assert 0.0 < same < 0.5
    there = torch.ones(value.shape[:3], dtype=torch.bool)
    there[:, :6] = False
    moved, known = field.vary(torch.where(there[..., None], value, 0), there, Random(0))
    assert not moved[~known].any()
    assert 0.4 < known.float().mean() < 0.7


def test_few_pictures_are_augmented_by_moving_them():
    """New ones are pictures of their class, moved; gaps are filled; drawn ones are there for who asks."""
    rng = np.random.default_rng(0)
    side = np.array(["left"] * 30 + ["right"] * 10)
    image = rng.integers(0, 40, (40, 16, 16)).astype(np.uint8)
    image[:30, 4:12, 2:7], image[30:, 4:12, 9:14] = 250, 250
    size = np.where(rng.random(40) < 0.3, np.nan, np.where(side == "left", 1.0, 5.0))
    raw = {"image": image, "side": side, "size": size}
    model = VAE(steps=5, random_state=0, threads=1).fit(raw, verbose=False)
    more = model.augment(raw, target="side", seed=0)
    assert np.array_equal(more["image"][:40], image)
    assert (np.asarray(more["side"])[40:] == "right").all()
    new = more["image"][40:].astype(float)
    assert len(new) == 20
    assert (new[:, :, 8:].mean((1, 2)) > 2 * new[:, :, :8].mean((1, 2))).all(), "what they were is still there"
    whose = [(np.asarray(image[30:]) == row).all((1, 2)).any() for row in more["image"][40:]]
    assert np.mean(whose) < 0.5, "they are not copies"
    assert np.isnan(np.asarray(more["size"], float)[:40]).sum() == np.isnan(size).sum()
    assert np.isfinite(np.asarray(more["size"], float)[40:]).all()
    again, other, drawn = (
        model.augment(raw, target="side", seed=seed, how=how)["image"]
        for seed, how in ((0, "vary"), (1, "auto"), (0, "draw"))
    )
    assert np.array_equal(again, more["image"])
    assert not np.array_equal(other, again)
    assert not np.array_equal(drawn, again)


@pytest.mark.parametrize("likelihood", [None, "bernoulli"])
def test_moved_pictures_of_any_scale_stay_in_their_range(likelihood):
    x = np.random.default_rng(0).uniform(0, 1, (30, 16, 16, 3)).astype(np.float32)
    field = kind.describe(x, likelihood=likelihood)
    value, _ = field.pack(x)
    other, _ = field.vary(value, None, Random(0))
    assert value.min() <= other.min()
    assert other.max() <= value.max()
    assert other.unique().numel() > 1000, "they are not rounded"
