"""What images are judged by in ``benchmarks/``: distances, bits, codecs, the classifier and the bars."""

from __future__ import annotations

import io
import math
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"
if not BENCHMARKS.exists():
    pytest.skip("the benchmarks are not part of a distribution", allow_module_level=True)
sys.path.insert(0, str(BENCHMARKS))

import image_bars  # noqa: E402
import image_classifier  # noqa: E402
import image_codecs  # noqa: E402
import image_metrics  # noqa: E402
import image_task  # noqa: E402
from common import Results  # noqa: E402


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def test_distance_of_normals_is_what_the_formula_gives(rng: np.random.Generator) -> None:
    a = rng.normal(size=(20_000, 3)) * [1.0, 2.0, 0.5]
    assert image_metrics.frechet(a, a) == pytest.approx(0, abs=1e-9)
    assert image_metrics.frechet(a, rng.permutation(a) + [3.0, 0, 4.0]) == pytest.approx(25, rel=1e-6)
    wider = image_metrics.frechet(a, 2 * (a - a.mean(0)) + a.mean(0))  # (2σ - σ)² of each
    assert wider == pytest.approx(np.var(a, axis=0, ddof=1).sum(), rel=1e-6)
    flat = np.concatenate([a, np.zeros((len(a), 2))], 1)  # features that never fire
    assert image_metrics.frechet(flat, flat + 1) == pytest.approx(5, rel=1e-6)


def test_coverage_of_real_against_real_is_high_and_of_one_mode_is_half(rng: np.random.Generator) -> None:
    real, other = (rng.normal(size=(1000, 4)) + 10 * rng.integers(0, 2, (1000, 1)) for _ in range(2))
    same = image_metrics.density_coverage(real, other)
    assert same["density"] == pytest.approx(1, abs=0.1)
    assert same["coverage"] > 0.94  # 1 - 2^-5 = .97 is expected (Naeem et al., 2020)
    one = image_metrics.density_coverage(real, rng.normal(size=(1000, 4)))
    assert 0.3 < one["coverage"] < 0.6
    assert image_metrics.density_coverage(real, other + 100)["coverage"] == 0


def test_bits_agree_with_a_uniform_code() -> None:
    assert image_metrics.bits_per_dim(math.log(256) * 12, 12) == pytest.approx(8)
    flat = np.arange(256, dtype=np.uint8)[:, None, None].repeat(3, 1)
    assert image_codecs.histograms(flat, flat)["bits_per_dim"] == pytest.approx(8)


def test_histograms_of_constant_pixels_cost_little(rng: np.random.Generator) -> None:
    x = np.full((1000, 4, 4), 7, np.uint8)
    cost = image_codecs.histograms(x, x)["bits_per_dim"]
    assert cost == pytest.approx(math.log2((1000 + 128) / 1000.5))
    noise = rng.integers(0, 2, (5000, 2, 2), dtype=np.uint8)
    assert image_codecs.histograms(noise, noise)["bits_per_dim"] == pytest.approx(1, abs=0.06)


@pytest.mark.parametrize("shape", [(9, 7), (9, 7, 3)])
def test_files_are_counted_whole_and_bare(rng: np.random.Generator, shape: tuple[int, ...]) -> None:
    from PIL import Image

    image = rng.integers(0, 256, shape, dtype=np.uint8)
    whole, bare = image_codecs.png(image)
    assert whole == bare + 8 + 25 + 12 + 12  # signature; header; name, size, checksum of the data; end
    file = image_codecs._saved(image, format="PNG", optimize=True)
    assert [name for name, _ in image_codecs.png_chunks(file)] == [b"IHDR", b"IDAT", b"IEND"]
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(file))), image)
    whole, bare = image_codecs.webp(image)
    assert whole - bare == 20
    webp = image_codecs._saved(image, format="WEBP", lossless=True, quality=100, method=6)
    assert webp[12:16] == b"VP8L"
    assert int.from_bytes(webp[16:20], "little") in (bare, bare - 1)  # data are padded to whole words
    back = np.asarray(Image.open(io.BytesIO(webp)))
    assert np.array_equal(back if len(shape) == 3 else back[..., 0], image)


def test_all_images_are_counted(rng: np.random.Generator) -> None:
    images = rng.integers(0, 256, (6, 9, 7), dtype=np.uint8)
    sizes = [image_codecs.png(image) for image in images]
    found = image_codecs.one_by_one(image_codecs.png, images)
    assert found["bits_per_dim"] == pytest.approx(8 * sum(whole for whole, _ in sizes) / images.size)
    assert found["bare_bits_per_dim"] == pytest.approx(8 * sum(bare for _, bare in sizes) / images.size)


def test_noise_ranks_and_ties() -> None:
    zero, off = np.zeros((2, 4, 4), np.uint8), np.array([1, 10], np.uint8)[:, None, None] + np.zeros((2, 4, 4))
    expected = (20 * math.log10(255) + 20 * math.log10(25.5)) / 2
    assert image_metrics.psnr(zero, off) == pytest.approx(expected)
    assert image_metrics.auroc(np.array([0.0, 1.0]), np.array([2.0, 3.0])) == 1
    assert image_metrics.auroc(np.array([1.0, 1.0]), np.array([1.0, 1.0])) == 0.5
    assert image_metrics.auroc(np.array([0.0, 2.0]), np.array([1.0])) == 0.5


def test_gap_is_one_for_separate_units_and_none_for_shared_ones(rng: np.random.Generator) -> None:
    factors = np.stack([rng.integers(0, 4, 4000), rng.integers(0, 5, 4000)], 1)
    apart = np.concatenate([factors + 0.0, rng.normal(size=(4000, 3))], 1)
    assert image_metrics.mutual_information_gap(apart, factors) == pytest.approx(1, abs=0.03)
    twice = np.concatenate([factors, factors], 1).astype(float)
    assert image_metrics.mutual_information_gap(twice, factors) == pytest.approx(0, abs=1e-9)


def squares(rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Bright squares in one of four corners, on noise."""
    label = rng.integers(0, 4, n)
    x = rng.integers(0, 60, (n, 8, 8))
    for image, k in zip(x, label, strict=True):
        image[4 * (k // 2) :, 4 * (k % 2) :][:4, :4] += 150
    return x.astype(np.uint8), label


def test_the_classifier_is_the_same_each_time_and_right(
    rng: np.random.Generator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(image_classifier, "CACHE", tmp_path)
    monkeypatch.setattr(image_classifier, "_known", {})
    x, y = squares(rng, 1000)
    one = image_classifier.judge("squares", x, y)
    assert one.accuracy(*squares(rng, 200)) > 0.98
    monkeypatch.setattr(image_classifier, "_known", {})
    kept = image_classifier.judge("squares", x, y)  # from the file
    assert np.array_equal(one.features(x), kept.features(x))
    again = image_classifier.trained(x, y, steps=21)
    assert np.array_equal(again.features(x), one.features(x))
    assert [path.suffix for path in tmp_path.iterdir()] == [".npz"]


def test_those_who_choose_by_images_do_not_train_on_them() -> None:
    rows = np.arange(60, dtype=np.uint8)[:, None, None]
    none = np.zeros(60, int)
    inside = image_task.Images(rows, rows, none, none, rows[50:])
    assert image_task.for_choosing(inside).max() == 49
    beside = image_task.Images(rows, rows, none, none, rows[:10] + 100)
    assert len(image_task.for_choosing(beside)) == 60


def put(results: Results, task: str, data: str, method: str, **values: float) -> None:
    about: dict[str, Any] = {"date": "today"}
    whose = {"task": task, "data": data, "method": method, "seed": 0, "ours": method == "vaery"}
    results.put(f"{task}/{data}/{method}/0", {}, {**whose, "values": values, "seconds": 1.0}, about)


def test_bars_are_of_their_own_images_and_minutes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("common.RESULTS", tmp_path)
    found = Results("images")
    put(found, "nll", "mnist_static_binarized 10 min", "vaery", nll=84.0)
    put(found, "nll", "mnist_static_binarized 60 min", "vaery", nll=84.0)
    for method, fid in (("vaery", 2.0), ("pythae VAE", 5.0), ("pythae RAE-L2 + GMM", 3.0), ("real rows", 0.1)):
        put(found, "quality", "mnist 10 min", method, fid=fid, coverage=0.9)
    put(found, "quality", "fashion_mnist 10 min", "vaery", fid=2.0)
    said = [(bar.data, bar.bar, bar.verdict) for bar in image_bars.quality(found)]
    assert said == [
        ("mnist_static_binarized 10 min", "≤ 85.0", "won"),
        ("mnist_static_binarized 60 min", "≤ 82.5", "lost"),
        ("mnist 10 min", "≤ half of pythae VAE, ≤ pythae RAE-L2 + GMM", "won"),
        ("mnist 10 min", "≥ .90 of real rows", "won"),
        ("fashion_mnist 10 min", "≤ half of pythae VAE, ≤ pythae RAE-L2 + GMM", "open"),
    ]
    sheets = image_bars.details(found)
    assert "images: nll, nll" in [title for title, _, _ in sheets]
