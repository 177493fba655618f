"""Odd by surprise, or by surprise beyond what a plain code makes of a picture."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch

from vaery import VAE
from vaery.kinds.image.plain import _filtered, plain_bits
from vaery.oddness import learn, oddness


def test_filters_are_those_of_png():
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, (5, 4, 3)).astype(np.uint8)
    _, sub, up, paeth = (filtered[0] for filtered in _filtered(x[None]))
    back = np.zeros((5, 4, 3), np.int64)
    for y in range(5):
        for i in range(4):
            left, above, corner = (
                back[y, i - 1] if i else 0 * back[0, 0],
                back[y - 1, i] if y else 0 * back[0, 0],
                back[y - 1, i - 1] if i and y else 0 * back[0, 0],
            )
            assert (sub[y, i] == x[y, i] - left).all()
            assert (up[y, i] == x[y, i] - above).all()
            guess = left + above - corner
            order = np.stack([np.abs(guess - left), np.abs(guess - above), np.abs(guess - corner)]).argmin(0)
            assert (paeth[y, i] == x[y, i] - np.choose(order, [left, above, corner])).all()
            back[y, i] = x[y, i]


def test_plain_bits_are_about_those_of_png():
    from PIL import Image

    y, x = np.indices((64, 64))
    smooth = ((y + 2 * x) % 256).astype(np.uint8)
    noise = np.random.default_rng(0).integers(0, 256, (64, 64)).astype(np.uint8)
    for picture in (smooth, noise, np.zeros_like(noise)):
        file = io.BytesIO()
        Image.fromarray(picture).save(file, "png", optimize=True)
        png = 8 * (len(file.getvalue()) - 57)  # without signature, header and ends
        ours = float(plain_bits(picture[None, :, :, None])[0])
        assert ours == pytest.approx(png, rel=0.3, abs=400)


def test_the_largest_signal_counts_in_units_of_the_held_out_tail():
    bits = torch.arange(0.0, 101.0)
    usual = learn({"bits": bits, "beyond": bits - 10})
    assert usual["bits"] == [50.0, 40.0]
    assert usual["beyond"] == [40.0, 40.0]
    asked = {"bits": torch.tensor([50.0, 90.0, 50.0, 90.0]), "beyond": torch.tensor([40.0, 80.0, 80.0, torch.nan])}
    assert oddness(asked, usual).tolist() == [0.0, 1.0, 1.0, 1.0]
    assert usual["score"] == sorted(usual["score"])
    assert len(usual["score"]) == 101
    assert learn({"bits": bits, "beyond": bits * torch.nan}) == {}


def test_detail_counts_half_where_a_row_is_seen_from_afar():
    bits = torch.arange(0.0, 101.0)
    usual = learn({"bits": bits, "afar": bits, "misfit x": bits})
    high, low = torch.tensor([90.0, 90.0]), torch.tensor([50.0, torch.nan])
    assert oddness({"bits": high, "afar": low}, usual).tolist() == [0.5, 1.0]
    assert oddness({"afar": high, "bits": low}, usual).tolist() == [1.0, 1.0]
    assert oddness({"afar": low, "misfit x": high}, usual).tolist() == [1.0, 1.0]


def test_simple_pictures_are_odd_among_busy_ones():
    rng = np.random.default_rng(0)

    def busy(n: int) -> np.ndarray:
        return rng.integers(0, 256, (n, 8, 8)).astype(np.uint8)

    flat = np.repeat(rng.integers(90, 160, (20, 1, 1)), 64, 1).reshape(20, 8, 8).astype(np.uint8)
    model = VAE(latent=2, width=16, steps=150, random_state=0, threads=1).fit(busy(400), verbose=False)
    bits = lambda x: np.asarray(model.detect(x, reasons=0)["bits"])
    p = lambda x: np.asarray(model.detect(x, reasons=0)["p_value"])
    ordinary = busy(100)
    assert np.median(bits(flat)) < np.median(bits(ordinary))  # likelier than what it was trained on …
    assert np.median(p(flat)) < 0.05  # … and told all the same
    assert (p(ordinary) < 0.1).mean() < 0.25
    hidden = np.ma.masked_array(ordinary, mask=np.zeros_like(ordinary, bool))
    hidden[:, :2] = np.ma.masked
    assert np.isfinite(p(hidden)).all()


def test_tables_have_no_plain_code():
    x = np.random.default_rng(0).normal(size=(100, 2))
    model = VAE(latent=1, steps=10, threads=1).fit(x, verbose=False)
    assert set(model.calibration_["odd"]) == {"bits", "alone", "score"}
    assert model.fields_[0].plain_bits(torch.zeros(1, 2, 2)) is None
