"""What images are judged by in ``benchmarks/``: distances, bits, codecs, the classifier and the bars."""

from __future__ import annotations

import io
import itertools
import math
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"
if not BENCHMARKS.exists():
    pytest.skip("the benchmarks are not part of a distribution", allow_module_level=True)
sys.path.insert(0, str(BENCHMARKS))

import image_augment  # noqa: E402
import image_bars  # noqa: E402
import image_classifier  # noqa: E402
import image_codecs  # noqa: E402
import image_denoise  # noqa: E402
import image_inpaint  # noqa: E402
import image_metrics  # noqa: E402
import image_nll  # noqa: E402
import image_ood  # noqa: E402
import image_rules  # noqa: E402
import image_task  # noqa: E402
import images  # noqa: E402
import suite  # noqa: E402
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


def put(results: Results, task: str, data: str, method: str, seed: int = 0, **values: float) -> None:
    about: dict[str, Any] = {"date": "today"}
    whose = {"task": task, "data": data, "method": method, "seed": seed, "ours": method == "vaery"}
    results.put(f"{task}/{data}/{method}/{seed}", {}, {**whose, "values": values, "seconds": 1.0}, about)


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


def test_medians_count_where_seeds_matter_more_than_anything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("common.RESULTS", tmp_path)
    found = Results("images")
    for seed, (ours, plain) in enumerate([(0.31, 0.1), (0.32, 0.1), (0.0, 0.2)]):
        put(found, "disentangle", "sprites_like 10 min", "vaery", seed, mig=ours)
        put(found, "disentangle", "sprites_like 10 min", "plain VAE", seed, mig=plain)
    assert [bar.verdict for bar in image_bars.quality(found)] == ["won", "won"]  # means: .21 and .13


def test_rules_and_tasks_speak_of_the_same_things() -> None:
    """No rule waits for a task, a data set or minutes that are never measured; nor does a sheet."""
    asked = image_task.Asked(Path("nowhere"))
    measured = {}
    for name, kind in images.TASKS.items():
        for data, minutes in itertools.product(kind.data, kind.minutes):
            made = kind.make(replace(asked, minutes=minutes), data)
            measured[name, made.data] = set(made.methods)
    for rule in image_rules.RULES:
        data = rule.only.replace(" 30 min cuda", " 10 min")  # where there is a GPU
        assert (rule.task, data) in measured, rule
        assert rule.shown in measured[rule.task, data] | {""}, rule
    assert set(image_rules.DETAILS) == set(images.TASKS)


def test_every_rule_can_be_won_and_lost() -> None:
    """Whatever the others have: a very good number wins, a very bad one loses."""
    means = dict.fromkeys(OTHERS, 0.5)
    for rule in image_rules.RULES:
        assert rule.passed is not None
        verdicts = {rule.passed({**means, "vaery": value}) for value in (-1e3, 1e3)}
        assert verdicts == {True, False}, rule
        good = min((-1e3, 1e3), key=rule.loss)
        assert rule.passed({**means, "vaery": good}), rule


OTHERS = (
    *("PNG", "WebP", "mean", "kNN", "mixup", "PCA", "none", "noisy"),
    *("pythae VAE", "pythae RAE-L2 + GMM", "real rows", "masked autoencoder", "total variation", "non-local means"),
    *("flips and shifts", "plain VAE"),
)


def test_noise_is_as_strong_as_it_is_said_to_be(rng: np.random.Generator) -> None:
    grey = np.full((50, 28, 28), 128, np.uint8)
    noisy = image_denoise.noised(grey, 25, rng)
    assert noisy.dtype == np.uint8
    assert noisy.std() == pytest.approx(25, rel=0.02)
    assert image_denoise.noised(grey * 0, 50, rng).min() == 0  # kept in range
    assert image_metrics.psnr(grey, noisy) == pytest.approx(20 * math.log10(255 / 25), abs=0.2)


class Detector:
    """Answers as ``detect`` does."""

    def detect(self, x: np.ndarray, reasons: int) -> dict[str, np.ndarray]:
        return {"oddness": np.array([0.1, 3.0, 4.0]), "p_value": np.array([0.5, 0.01, 0.01])}


def test_pictures_are_ranked_beyond_the_smallest_p_value() -> None:
    odd = image_ood.detected(Detector(), np.zeros(3))
    assert np.argsort(odd).tolist() == [0, 1, 2]


def test_a_digit_is_judged_against_the_nine_others(monkeypatch: pytest.MonkeyPatch) -> None:
    labels = np.repeat(np.arange(10), 5)
    pixels = labels[:, None, None].astype(np.uint8)
    found = image_task.Images(pixels, pixels, labels, labels, pixels[:0])
    monkeypatch.setattr(image_ood, "images", lambda asked, name: found)
    settings = image_ood.digits(image_task.Asked(Path("nowhere")))
    assert len(settings) == 10
    for digit, s in enumerate(settings):
        assert set(s.train.ravel()) == set(s.ordinary.ravel()) == {digit}
        assert len(s.odd) == 45
        assert digit not in s.odd
    far = image_ood.neighbours(settings[0], 0)
    assert image_metrics.auroc(*far) == 1


def test_shifts_keep_pixels_and_labels_and_digits_are_not_flipped() -> None:
    x = torch.zeros(400, 8, 8)
    x[:, 3, 2] = 1
    y = torch.eye(4).repeat(100, 1)
    stream = torch.Generator().manual_seed(0)
    out, same = image_augment.moved(False)(x, y, stream)
    assert torch.equal(same, y)
    assert torch.equal(out.sum((1, 2)), torch.ones(400))
    rows, columns = out.nonzero()[:, 1], out.nonzero()[:, 2]
    assert (set(rows.tolist()), set(columns.tolist())) == ({1, 2, 3, 4, 5}, {0, 1, 2, 3, 4})
    flipped, _ = image_augment.moved(True)(x, y, stream)
    assert {5, 6, 7} <= set(flipped.nonzero()[:, 2].tolist())


def test_mixed_labels_are_shares_of_the_same_images() -> None:
    x = torch.arange(6.0)[:, None, None].expand(6, 2, 2)
    y = torch.eye(6)
    out, shares = image_augment.mixed(x, y, torch.Generator().manual_seed(0))
    assert torch.allclose(shares.sum(1), torch.ones(6))
    assert torch.allclose(out[:, 0, 0], shares @ torch.arange(6.0), atol=1e-5)


def test_the_hidden_half_is_all_that_changes() -> None:
    rng = np.random.default_rng(0)
    test = rng.integers(0, 256, (5, 4, 4), dtype=np.uint8)
    hidden = np.zeros((4, 4), bool)
    hidden[2:] = True
    labels = np.zeros(5, int)
    x = image_task.Images(test, test, labels, labels, test[:0])
    s = image_inpaint.Setting(x, Agreeable(), np.arange(5), hidden)  # type: ignore[arg-type]
    guess = image_inpaint.completed(s, np.zeros((3, 1, 1, 1)))
    assert np.array_equal(guess[:, :, :2], np.broadcast_to(test[:, :2], (3, 5, 2, 4)))
    assert (guess[:, :, 2:] == 0).all()
    found = image_inpaint.judged(s, guess)
    assert found["diversity"] == 0
    assert found["rmse"] == pytest.approx(np.sqrt((test[:, 2:].astype(float) ** 2).mean()))
    assert np.array_equal(image_inpaint.neighbours(s, 1)[0], test)  # each is its own neighbour
    apart = image_inpaint.judged(s, np.stack([guess[0], guess[0] + 2 * hidden.astype(np.uint8)]))
    assert apart["diversity"] == pytest.approx(1)


class Agreeable:
    def accuracy(self, images: np.ndarray, labels: np.ndarray) -> float:
        return 1.0


def test_quick_runs_are_short_and_nothing_of_them_is_kept() -> None:
    options = suite.parser(None, images.TASKS).parse_args(["--quick"])
    tasks = list(suite.chosen(images.TASKS["nll"], options, image_task.Asked(Path("nowhere"), quick=True)))
    assert [task.data for task in tasks] == ["mnist_static_binarized 5 s"]
    longer = suite.parser(None, images.TASKS).parse_args(["--minutes", "10,60"])
    names = [task.data for task in suite.chosen(images.TASKS["quality"], longer, image_task.Asked(Path("nowhere")))]
    assert names == ["mnist 10 min", "fashion_mnist 10 min", "mnist 60 min", "fashion_mnist 60 min"]
    steps = image_task.Asked(Path("nowhere"), steps=300, device="cuda")
    assert steps.name("mnist") == "mnist 300 steps cuda"


def test_many_draws_for_a_few_rows_add_what_they_gain() -> None:
    rng = np.random.default_rng(0)
    base = rng.normal(-90, 15, 4000)
    most = base + rng.normal(2, 0.5, 4000)
    few = image_nll.evenly(4000, 400)
    assert (len(few), few[0], few[-1]) == (400, 0, 3999)
    assert np.array_equal(image_nll.evenly(5, 0), np.arange(5))
    exact = image_nll.summed({1: base - 3, 100: base, 5000: most}, np.arange(4000))
    assert exact["nll"] == exact["nll_5000"] == pytest.approx(-most.mean())
    assert "nll_error" not in exact
    about = image_nll.summed({1: base - 3, 100: base, 1000: (base + 1)[few], 5000: most[few]}, few)
    assert about["nll_error"] == pytest.approx(0.5 / 20, rel=0.2)
    assert about["nll"] == pytest.approx(exact["nll"], abs=4 * about["nll_error"])  # the rows alone: ± 0.7
    assert about["nll_1000"] == pytest.approx(-base.mean() - 1)


class Scorer:
    """Answers as ``score`` does, for a model whose weights are known: log-normal, new ones for each seed."""

    def run(self, job: str, x: np.ndarray, draws: int, seed: int) -> np.ndarray:
        assert job == "score"
        return self.bound(len(x), draws, seed)

    def bound(self, rows: int, draws: int, seed: int) -> np.ndarray:
        weight = np.random.default_rng(seed).normal(size=(draws, rows))
        return np.log(np.exp(weight).mean(0))


def test_parts_of_draws_make_the_bound_of_all() -> None:
    x, model = np.zeros((300, 2, 2)), Scorer()
    found = image_nll.many(model, x, (100, 400, 1000), 100)
    parts = np.stack([model.bound(300, 100, seed) for seed in range(10)])
    assert np.allclose(found[100], parts.mean(0))
    assert np.allclose(found[1000], np.log(np.exp(parts).mean(0)))
    halves = np.log(np.exp(parts[:8].reshape(2, 4, 300)).mean(1)).mean(0)
    assert np.allclose(found[400], halves)
    assert found[100].mean() < found[400].mean() < found[1000].mean() < 0.5  # E log of a mean rises to log E = 1/2
