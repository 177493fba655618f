"""What series are judged by in ``benchmarks/``: hidden cells, areas under precision and recall, others, bars."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"
if not BENCHMARKS.exists():
    pytest.skip("the benchmarks are not part of a distribution", allow_module_level=True)
sys.path.insert(0, str(BENCHMARKS))

import series_metrics  # noqa: E402
import series_others  # noqa: E402
import series_rules  # noqa: E402
import series_tasks  # noqa: E402


def labels(steps: int = 400) -> np.ndarray:
    out = np.zeros(steps, int)
    out[100:120] = out[300:310] = 1
    return out


def test_a_score_that_knows_is_perfect_and_noise_is_not():
    label = labels()
    assert series_metrics.auc_pr(label + 0.0, label) == 1
    assert series_metrics.vus_pr(label + 0.0, label, 40) > 0.8
    noise = np.random.default_rng(0).random(400)
    assert series_metrics.vus_pr(noise, label, 40) < 0.35
    assert series_metrics.auc_pr(noise, label) < 0.2


def test_without_a_buffer_the_volume_is_an_area():
    """At a width of zero, range-based precision and recall are the plain ones, but for the share that is touched."""
    label, score = labels(), np.random.default_rng(1).random(400) + labels()
    assert series_metrics.vus_pr(score, label, 0) == pytest.approx(1.0, abs=0.02)


def test_a_score_beside_the_mark_counts_in_part():
    label, near, far = labels(), np.zeros(400), np.zeros(400)
    near[95:125], far[200:230] = 1, 1
    assert series_metrics.vus_pr(near, label, 40) > 2 * series_metrics.vus_pr(far, label, 40)


def test_the_buffer_is_the_period():
    assert series_metrics.buffer_of(np.sin(2 * np.pi * np.arange(2000) / 50)) == 50


def test_half_of_each_channel_is_hidden_in_stretches():
    hidden = series_tasks.blocks((1000, 3), np.random.default_rng(0))
    assert (hidden.mean(0) >= 0.5).all()
    assert (hidden.mean(0) < 0.53).all()
    assert series_metrics._stretches(hidden[:, 0])[0][1] - series_metrics._stretches(hidden[:, 0])[0][0] >= 1


def test_lines_and_what_is_carried_on():
    x = np.array([[np.nan], [1.0], [np.nan], [3.0], [np.nan]])
    assert series_tasks.linear(x)[:, 0].tolist() == [1, 1, 2, 3, 3]
    assert series_tasks.carried(x)[:, 0].tolist() == [1, 1, 1, 3, 3]


@pytest.mark.parametrize(
    "method", [series_others.pca, series_others.forest, series_others.lstm_ae, series_others.recurrent_vae]
)
def test_others_find_what_is_plain(method):
    rng = np.random.default_rng(0)
    test = rng.normal(size=(200, 2))
    test[100:120] += 6
    (score,) = method(rng.normal(size=(400, 2)), [test], 0.3, 0)
    assert score.shape == (200,)
    assert score[100:120].mean() > score[:80].mean()


def test_the_bar_is_the_line_and_the_better_peer():
    assert series_rules.filled({"vaery": 0.10, "linear": 0.12, "SAITS": 0.10, "BRITS": 0.2})
    assert not series_rules.filled({"vaery": 0.11, "linear": 0.12, "SAITS": 0.10, "BRITS": 0.2})
    assert not series_rules.filled({"vaery": 0.13, "linear": 0.12, "SAITS": 0.2})
