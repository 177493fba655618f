"""What music is judged by in ``benchmarks/``: notes that are moved, the RNN-NADE beside ours, the bars."""

from __future__ import annotations

import itertools
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"
if not BENCHMARKS.exists():
    pytest.skip("the benchmarks are not part of a distribution", allow_module_level=True)
sys.path.insert(0, str(BENCHMARKS))

import image_bars  # noqa: E402
import music_rnn_nade  # noqa: E402
import music_rules  # noqa: E402
import music_tasks  # noqa: E402
from common import Results  # noqa: E402


def roll(seed: int, steps: int = 22) -> np.ndarray:
    return (np.random.default_rng(seed).random((steps, 88)) < 0.05).astype(np.uint8)


def test_one_note_of_each_bar_is_moved() -> None:
    made, new = music_tasks.moved(roll(0), np.random.default_rng(1))
    assert sorted(step // music_tasks.BAR for step, _ in new) == list(range(5))
    assert made.sum() == roll(0).sum()
    assert (made != roll(0)).sum() == 2 * len(new)
    for step, pitch in new:
        gone = int(np.flatnonzero(roll(0)[step] & ~made[step].astype(bool))[0])
        assert made[step, pitch] == 1
        assert 0 < abs(gone - pitch) <= music_tasks.FURTHEST


def test_a_score_that_knows_is_perfect_and_names_are_read() -> None:
    s = music_tasks.Moved.of({"train": [roll(2)], "test": [roll(0), roll(1)]}, 0)
    assert s.auroc([[float(x) for x in truth] for truth in s.truth]) == 1
    assert music_tasks.place("C4 at step 3") == (3, 39)
    assert music_tasks.place("A#0 at step 12") == (12, 1)
    assert 0 <= music_tasks.histogram(s)["auroc"] <= 1


def test_the_rnn_nade_is_a_density(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(music_rnn_nade, "PITCHES", 3)
    model = music_rnn_nade.RnnNade(0)
    rolls = [np.array(notes).reshape(2, 3) for notes in itertools.product((0, 1), repeat=6)]
    assert float(torch.tensor(model.score(rolls)).exp().sum()) == pytest.approx(1, abs=1e-5)
    longer = model.score([np.concatenate([rolls[9], rolls[7]]), rolls[5]])
    assert longer[1] == pytest.approx(model.score([rolls[5]])[0], abs=1e-5)  # padding does not count


def test_the_rnn_nade_learns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(music_rnn_nade, "BATCH", 4)
    model, same = music_rnn_nade.RnnNade(0), [roll(0)] * 4
    before = model.score(same)[0]
    assert model.fit(same, same, 2.0) > 0
    assert model.score(same)[0] > before


def test_bars_of_music(tmp_path: Path) -> None:
    results = Results("music", keep=False)
    about = {"versions": {}, "threads": 1}
    for name, method, metric, value in (
        ("jsb_pianoroll", "vaery", "nll", 6.1),
        ("jsb_pianoroll", "RNN-NADE", "nll", 6.5),
    ):
        line = {"task": "nll", "data": f"{name} 10 min", "method": method, "seed": 0, "ours": method == "vaery",
                "values": {metric: value}, "seconds": 1.0, "about": about}  # fmt: skip
        results.lines[f"{method}"] = line
    (bar,) = image_bars.quality(results, music_rules.RULES, (), music_rules.SCRIPT)
    assert bar.verdict == "won"
    assert "RNN-NADE 6.5" in bar.baselines
