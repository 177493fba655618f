"""Pictures of odd sizes and files of all sorts: each has an answer, through the public face. See docs/images.md."""

from __future__ import annotations

import io
import re
import warnings
from typing import Any

import numpy as np
import pytest
from PIL import Image

from vaery import VAE
from vaery.core.errors import DataError
from vaery.kinds.image import read


def noise(rows, height, width, channels=None, seed=0):
    shape = (rows, height, width) if channels is None else (rows, height, width, channels)
    x = np.random.default_rng(seed).integers(0, 256, shape).astype(np.uint8)
    x.flat[:2] = 0, 255
    return x


def asked_everything(raw, rows=None) -> tuple[Any, dict[str, np.ndarray]]:
    """A model of a few steps, and what every sort of job says."""
    model = VAE(random_state=0, steps=3, threads=1).fit(raw)
    rows = raw if rows is None else rows
    bare = lambda found: np.asarray(found["image"] if isinstance(found, dict) else found)
    made = {name: bare(getattr(model, name)(rows)) for name in ("reconstruct", "impute", "denoise")}
    made["generate"] = bare(model.generate(3, seed=0))
    assert np.isfinite(model.score_samples(rows)).all()
    assert np.isfinite(model.transform(rows)).all()
    return model, made


@pytest.mark.parametrize(
    "raw",
    [
        noise(12, 7, 5, 1),
        noise(6, 33, 31),
        noise(12, 16, 16, 1),
        noise(12, 9, 8, 4),
        noise(1, 16, 16),
        np.full((12, 16, 16), 0, np.uint8),
        np.full((12, 16, 16), 7, np.uint8),
        np.full((12, 16, 16), 0.37),
        np.concatenate([noise(8, 9, 9), np.full((4, 9, 9), 90, np.uint8)]),
        noise(12, 12, 12).astype(np.uint16) * 256 + noise(12, 12, 12, seed=1),
    ],
    ids=[
        "7x5",
        "33x31",
        "one-channel",
        "alpha",
        "one-image",
        "black",
        "grey-7",
        "constant-share",
        "constant-ones",
        "16-bit",
    ],
)
def test_every_job_answers_in_the_shape_and_dtype_that_came(raw):
    _, made = asked_everything(raw)
    for name, found in made.items():
        rows = 3 if name == "generate" else len(raw)
        assert found.shape == (rows, *raw.shape[1:]), name
        assert found.dtype == raw.dtype, name
        assert np.isfinite(found.astype(float)).all(), name
    np.testing.assert_array_equal(made["impute"], raw)


def test_constant_pictures_are_drawn_as_they_are():
    for value in (0, 7):
        model = VAE(random_state=0, steps=60, threads=1).fit(np.full((40, 8, 8), value, np.uint8))
        assert np.mean(np.asarray(model.generate(5, seed=0)) == value) > 0.9


def test_a_3_d_array_with_a_side_under_eight_wants_its_channel_named():
    with pytest.raises(DataError, match="no kind of data"):
        VAE(steps=1).fit(noise(12, 7, 5))


def test_sixteen_bits_stay_sixteen_bits(tmp_path):
    deep = noise(6, 8, 8).astype(np.uint16) * 256 + noise(6, 8, 8, seed=1)
    for i, picture in enumerate(deep):
        Image.fromarray(picture).save(tmp_path / f"{i}.png")
    model, made = asked_everything(tmp_path)
    assert model.fields_[0].levels == 65535
    assert made["generate"].dtype == np.uint16
    np.testing.assert_array_equal(made["impute"], deep)


def test_files_of_several_depths_are_brought_to_the_finest(tmp_path):
    grey = noise(1, 8, 8)[0]
    Image.fromarray(grey).save(tmp_path / "b.png")
    Image.fromarray(grey > 127).save(tmp_path / "a.png")
    both = read(tmp_path)["image"]
    assert both.dtype == np.uint8
    np.testing.assert_array_equal(both[0], np.where(grey > 127, 255, 0))
    Image.fromarray(grey.astype(np.uint16) * 200).save(tmp_path / "c.png")
    three = read(tmp_path)["image"]
    assert three.dtype == np.uint16
    np.testing.assert_array_equal(three[1], grey.astype(np.uint16) * 257)  # white stays white
    np.testing.assert_array_equal(three[2], grey.astype(np.uint16) * 200)


def test_cmyk_is_read_as_rgb_and_said(tmp_path):
    colour = Image.fromarray(np.full((16, 16, 3), (200, 40, 90), np.uint8))
    colour.convert("CMYK").save(tmp_path / "a.jpg", quality=95)
    colour.save(tmp_path / "b.jpg", quality=95)
    with pytest.warns(UserWarning, match=r"1 pictures in CMYK or the like were read as RGB: .*a\.jpg"):
        found = read(tmp_path)["image"]
    assert found.shape == (2, 16, 16, 3)
    assert np.abs(found[0].astype(int) - found[1]).max() < 12
    (tmp_path / "a.jpg").unlink()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        read(tmp_path)


def test_transparency_stays_a_channel(tmp_path):
    clear = noise(3, 9, 8, 4)
    for i, picture in enumerate(clear):
        Image.fromarray(picture).save(tmp_path / f"{i}.png")
    Image.fromarray(noise(1, 9, 8, 3)[0]).save(tmp_path / "opaque.png")
    found = read(tmp_path)["image"]
    np.testing.assert_array_equal(found[:3], clear)
    assert (found[3, ..., 3] == 255).all()


def test_every_broken_file_among_good_ones_is_named_and_nothing_is_touched(tmp_path):
    for i, picture in enumerate(noise(9, 8, 8)):
        Image.fromarray(picture).save(tmp_path / f"{i}.png")
    whole = io.BytesIO()
    Image.fromarray(noise(1, 8, 8)[0]).save(whole, "png")
    (tmp_path / "2.png").write_bytes(whole.getvalue()[:60])
    (tmp_path / "5.png").write_bytes(b"no picture")
    (tmp_path / "6.png").write_bytes(b"")
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    with pytest.raises(DataError) as caught:
        VAE(steps=1).fit(tmp_path)
    assert re.findall(r"(\d)\.png cannot be read", str(caught.value)) == ["2", "5", "6"]
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before
    for name in ("2.png", "5.png", "6.png"):
        (tmp_path / name).unlink()
    assert len(read(tmp_path)["image"]) == 6
