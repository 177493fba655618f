"""What molecules are judged by in ``benchmarks/``: shares, the KL score, the network over characters, the bars."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

pytest.importorskip("rdkit", reason="molecules need RDKit")
sys.path.insert(0, str(Path(__file__).parent.parent / "benchmarks"))

import char_rnn
import image_bars
import molecule_metrics as metrics
import molecule_optimise as optimise
import molecule_rules
import molecule_tasks
from common import Results

SMILES = ["CCO", "CC(=O)O", "c1ccccc1", "CCN", "CC(C)C", "OCCO", "CCCl", "CC#N", "C1CCCCC1", "COC"]


def test_shares_of_what_was_made():
    made = ["CCO", "OCC", "CCN", "C1CC", "", None, "CCS", "CCCC"]
    assert metrics.sound(made, {"CCO", "CCN"}) == {"valid": 5 / 8, "unique": 4 / 5, "novel": 2 / 4}


@pytest.mark.filterwarnings("ignore:invalid value")  # nothing made is among the real ones
def test_the_same_molecules_have_a_score_of_one():
    real = metrics.descriptors(SMILES)
    assert len(real) == 9
    assert metrics.kl_score(real, metrics.descriptors(SMILES[::-1])) == pytest.approx(1)
    assert metrics.kl_score(real, metrics.descriptors(["C" * n + "(CO)" * (n % 3) + "C" for n in range(20, 30)])) < 0.5


def test_divergence_of_histograms_by_hand():
    real, made = np.array([0, 0, 1, 1]), np.array([0, 1, 1, 1])
    expected = 0.5 * np.log(0.5 / 0.25) + 0.5 * np.log(0.5 / 0.75)
    assert metrics.divergence(real, made, continuous=False) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("parameters", [50_000, 1_000_000])
def test_the_network_over_characters_is_of_the_size_asked_for(parameters):
    net = char_rnn.CharRNN(sorted(set("".join(SMILES))), parameters)
    assert sum(p.numel() for p in net.parameters()) == pytest.approx(parameters, rel=0.02)


def test_its_loss_is_that_of_each_character_and_the_end():
    net = char_rnn.CharRNN(sorted(set("".join(SMILES))), 50_000)
    torch.nn.init.zeros_(net.out.weight)
    torch.nn.init.zeros_(net.out.bias)
    codes = net.encode(["CCO", "C1CCCCC1"])
    assert float(net.loss(codes)) == pytest.approx((4 + 9) / 2 * np.log(len(net.characters) + 2), rel=1e-5)
    assert all(set(text) <= set(net.characters) for text in net.sample(5))


def test_a_bar_is_written_for_what_was_measured(tmp_path):
    results = Results("none", keep=False)
    about = {"date": "", "machine": "", "threads": 1, "python": "", "versions": {}, "vaery": ""}
    line = {"task": "given", "data": "zinc250k 20 min", "method": "vaery", "seed": 0, "ours": True, "seconds": 1.0}
    results.put("a", {}, {**line, "values": {"inside": 0.7, "rejection": 5.0}}, about)
    (bar,) = image_bars.quality(results, molecule_rules.RULES, (), molecule_rules.SCRIPT)
    assert bar.verdict == "won"
    assert "rejection" in bar.ours


def test_penalised_logp_by_hand():
    """Cyclooctane: logP and score by RDKit, two atoms beyond a ring of six."""
    from vaery.kinds.molecule import properties

    about = properties(["C1CCCCCCC1"]).iloc[0]
    parts = (about["logP"], -about["SAS"], -2.0)
    expected = sum((p - m) / s for p, m, s in zip(parts, optimise.MEANS, optimise.SPREADS, strict=True))
    assert optimise.penalised(["C1CCCCCCC1"])[0] == pytest.approx(expected)


@pytest.mark.parametrize("search", [optimise.at_random, optimise.bayesian])
def test_others_keep_to_their_calls_and_to_what_is_near(search):
    start = "CC(=O)Nc1ccc(O)cc1"
    s = molecule_tasks.Setting(pd.DataFrame({"smiles": [*SMILES, start]}), [], [])
    goal = optimise.Goal(start, optimise.drugs)
    search(s, goal, 15, 0)
    assert goal.calls == 14  # the start is known
    assert goal.best >= goal.first


def test_a_gaussian_process_on_fingerprints_finds_the_best():
    molecules = ["C" * n + "O" for n in range(1, 12)]
    y = np.arange(11.0)
    picked = optimise.thompson(molecules[:10:2], y[:10:2], molecules, 3, np.random.default_rng(0))
    assert len(set(picked)) == 3
    assert max(picked) >= 7
