"""What stands beside our texts: pairs of pieces, xz, and a language model without a latent."""

from __future__ import annotations

import math
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"
if not BENCHMARKS.exists():
    pytest.skip("the benchmarks are not part of a distribution", allow_module_level=True)
sys.path.insert(0, str(BENCHMARKS))

import text_layer  # noqa: E402
import text_peers  # noqa: E402
import text_rules  # noqa: E402
from image_task import Asked  # noqa: E402

from vaery import describe  # noqa: E402
from vaery.core.tokens import packed  # noqa: E402

TEXTS = ["ab", "abb", "b"] * 10


def field() -> Any:
    return describe(["ab", "ba", "abba", "c"], tokens="bytes")[0]


def test_pairs_of_pieces_cost_what_they_cost_by_hand():
    one = {key: (n + 4 / 257) / 124 for key, n in {" ": 30, "a": 20, "b": 40, "end": 30}.items()}
    by_hand = [(30 + one[" "]) / 31, (20 + 2 * one["a"]) / 32, (20 + one["b"]) / 21, (30 + 2 * one["end"]) / 42]
    assert text_peers.bigram(field(), TEXTS, ["ab"]) == pytest.approx(sum(map(math.log, by_hand)))


def test_layers_take_turns_on_the_same_batches():
    found = text_layer.turns(torch.tensor([2, 3, 1]), 0, 3)
    assert 0 < found["low"] <= found["ratio"] <= found["high"]
    assert found.keys() == {"ratio", "low", "high", "ours_ms", "torch_ms"}


def test_xz_counts_bits_a_byte():
    assert text_peers.xz(["a" * 999] * 100) < 0.1
    assert text_peers.xz([np.random.default_rng(0).bytes(9000).hex()]) == pytest.approx(4.0, abs=0.3)


def test_a_language_model_learns_without_a_latent():
    asked = Asked(Path(), minutes=3 / 60)
    net, value, took = text_peers.language_model(asked, field(), TEXTS * 10, ["ab", "c"], seed=0)
    assert took["steps"] > 2
    usual, odd = text_peers.scores(net, value)
    assert usual > odd
    whole = packed([[2 + 97, 2 + 98]], field().length)
    assert torch.isfinite(net(torch.zeros(1, 1, 0)).log_prob(whole)).all()


def test_bars_name_what_is_measured():
    assert {rule.task for rule in text_rules.RULES} == set(text_rules.DETAILS)
    assert all(rule.metric in text_rules.DETAILS[rule.task] for rule in text_rules.RULES)
