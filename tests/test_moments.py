"""A latent along time: there or not, nothing after the end, and every job of sounds with it."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import vaery
from vaery import VAE
from vaery.build import Choices, build
from vaery.core.choose import from_prior
from vaery.core.evidence import Evidence
from vaery.core.gaussian import Gaussian, Standard
from vaery.core.random import Random
from vaery.joint import Joint
from vaery.kinds import audio as kind
from vaery.kinds.audio import Sound
from vaery.kinds.audio.nets import EACH
from vaery.nets.moments import SHARE, SpikeAndSlab
from vaery.nets.temporal import PATCH

RATE = 8000


def tone(seed: int, samples: int = 0) -> Sound:
    rng = np.random.default_rng(seed)
    samples = samples or 1200 + 400 * (seed % 4)
    t = np.arange(samples) / RATE
    x = 0.4 * np.sin(2 * np.pi * 300 * (1 + seed % 4) * t) + 0.003 * rng.normal(size=samples)
    return Sound((32767 * x).astype(np.int16), RATE)


def climber(sounds: list[Sound], stir: float = 0.1) -> Joint:
    """A model with moments that do something: no weight is at zero."""
    field = kind.describe(sounds)
    choices = Choices((4,), width=16, depth={field.name: 1}, dropout={field.name: 0.0}, own={field.name: 1})
    joint = build([field], choices, seed=0).eval()
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for p in joint.parameters():
            p.add_(stir * torch.randn(p.shape, generator=generator))
    return joint


def evidence(joint: Joint, sounds: list[Sound]) -> Evidence:
    (name, field), = joint.fields.items()  # fmt: skip
    value, known = field.pack(sounds)
    return Evidence(len(sounds), {name: value}, {name: known})


SOUNDS = [tone(i) for i in range(8)]


# ------------------------------------------------------------------ the density


def test_there_or_not_sums_to_one():
    """One unit: the mass at zero and the integral beside it."""
    density = SpikeAndSlab(Gaussian(torch.full((1, 1, 1), 0.7), torch.full((1, 1, 1), -0.3)), torch.tensor([0.3]))
    line = torch.linspace(-9, 9, 20_001)[:, None, None]
    beside = torch.cat([density.log_prob(line[line[:, 0, 0] != 0]).exp()]).sum() * 18 / 20_000
    assert float(density.log_prob(torch.zeros(1, 1, 1)).exp()) == pytest.approx(0.7)
    assert float(beside) == pytest.approx(0.3, abs=1e-4)


def test_its_draws_and_mean_agree():
    slab = Gaussian(torch.full((4000, 2, 3), 2.0), torch.zeros(4000, 2, 3))
    density = SpikeAndSlab(slab, torch.tensor([0.25, 1.0]))
    drawn = density.sample(Random(0))
    there = (drawn != 0).any(-1)
    assert bool(((drawn != 0).all(-1) == there).all())
    assert float(there[:, 0].float().mean()) == pytest.approx(0.25, abs=0.03)
    assert bool(there[:, 1].all())
    torch.testing.assert_close(drawn.mean(0), density.mean()[0], atol=0.1, rtol=0)
    assert not bool(density.hushed(0.0).sample(Random(0)).any())


def test_its_divergence_is_that_of_draws():
    q = SpikeAndSlab(Gaussian(torch.full((20_000, 1, 2), 0.8), torch.full((20_000, 1, 2), -0.5)), torch.tensor([0.8]))
    p = SpikeAndSlab(Standard(torch.zeros(20_000, 1, 0), 2), torch.tensor([0.5]))
    z = q.sample(Random(0))
    exact = q.kl(p)
    assert exact is not None
    assert float((q.log_prob(z) - p.log_prob(z)).mean()) == pytest.approx(float(exact[0].sum()), abs=0.03)
    sure = SpikeAndSlab(p.slab, torch.tensor([1.0])).kl(p)
    assert sure is not None
    assert float(sure[0].sum()) == pytest.approx(np.log(2), rel=1e-5)


# ------------------------------------------------------------------ in the walk


@torch.no_grad()
def test_nothing_after_the_end_costs_anything():
    """A short sound beside a long one: its moments are as alone, and after its end the prior's."""
    joint = climber(SOUNDS)
    name = next(iter(joint.fields))
    short, both = evidence(joint, [tone(0, 900)]), evidence(joint, [tone(0, 900), tone(3, 2400)])
    density = joint.walk[1].posterior
    context = torch.randn(1, 1, 4, generator=torch.Generator().manual_seed(1))
    alone = density(joint.encode(short), context)
    beside = density(joint.encode(both), context.expand(1, 2, 4))
    torch.testing.assert_close(alone.slab.loc[0, 0], beside.slab.loc[0, 0])
    torch.testing.assert_close(alone.slab.log_scale[0, 0], beside.slab.log_scale[0, 0])
    frames = int((short.values[name][..., 0] > 0).sum())
    inside = -(-frames // PATCH) * EACH
    assert not bool(alone.slab.loc[0, 0, inside:].any())
    assert bool(alone.slab.loc[0, 0, :inside].any())
    kl = alone.kl(joint.walk[1](context))
    assert kl is not None
    torch.testing.assert_close(kl[0, 0, inside:], torch.full_like(kl[0, 0, inside:], -np.log(SHARE) / kl.shape[-1]))


@torch.no_grad()
def test_hidden_frames_have_no_influence():
    joint = climber(SOUNDS)
    name = next(iter(joint.fields))
    rows = evidence(joint, SOUNDS)
    known = torch.ones_like(rows.values[name], dtype=torch.bool)
    known[:, 3:7, 1:] = False
    other = rows.values[name].clone()
    other[:, 3:7, 1:] += 5.0
    a = joint.infer(Evidence(8, {name: rows.values[name]}, {name: known}), rng=Random(0))
    b = joint.infer(Evidence(8, {name: other}, {name: known}), rng=Random(0))
    torch.testing.assert_close(a.log_weight, b.log_weight)


@torch.no_grad()
def test_where_nothing_is_known_the_posterior_is_the_prior():
    joint = climber(SOUNDS)
    name = next(iter(joint.fields))
    value = evidence(joint, SOUNDS).values[name]
    nothing = Evidence(8, {name: value}, {name: torch.zeros_like(value, dtype=torch.bool)})
    trace = joint.infer(nothing, rng=Random(0), only=[name])
    assert float(trace.latents[1].kl.sum()) == 0
    drawn = joint.trace(400, from_prior(Random(1)))[trace.latents[1].name].chosen
    assert float((drawn != 0).any(-1).float().mean()) == pytest.approx(SHARE, abs=0.08)


@torch.no_grad()
def test_most_rows_have_to_do_without_in_training():
    joint = climber(SOUNDS).train()
    rows = evidence(joint, SOUNDS * 40)
    there = (joint.infer(rows, rng=Random(0)).latents[1].chosen != 0).any(-1).float().mean()
    assert float(there) == pytest.approx(SHARE, abs=0.08)
    assert bool((joint.eval().infer(rows, rng=Random(0)).latents[1].chosen != 0).any(-1).all())


# ------------------------------------------------------------------ jobs


@pytest.fixture(scope="module")
def fitted() -> VAE:
    digits = np.array(["abcd"[i % 4] for i in range(32)])
    rows = {"sound": [tone(i) for i in range(32)], "label": digits}
    return VAE(steps=80, threads=1, width=32, latent=8, levels=2).fit(rows)


def test_every_job_answers(fitted, tmp_path):
    rows = {"sound": SOUNDS}
    assert [stop.name for stop in fitted.joint_.walk if stop.latent] == ["z", "sound.z1"]
    assert len(fitted.generate(3, given={"label": "b"}, seed=0)["sound"]) == 3
    assert fitted.transform(rows).shape == (8, 8)
    assert np.isfinite(fitted.score_samples(rows)).all()
    back = fitted.reconstruct(rows)["sound"]
    assert [s.samples.shape for s in back] == [s.samples.shape for s in SOUNDS]
    filled = fitted.impute({"sound": [tone(0).hide(0.05, 0.1)]})["sound"][0]
    assert not np.ma.is_masked(filled.samples)
    assert len(fitted.interpolate({"sound": SOUNDS[:1]}, {"sound": SOUNDS[1:2]}, steps=4)["sound"]) == 4
    assert np.isfinite(fitted.detect(rows)["bits"]).all()
    fitted.save(tmp_path / "s.vaery")
    again = vaery.load(tmp_path / "s.vaery")
    np.testing.assert_array_equal(again.score_samples(rows), fitted.score_samples(rows))
    for a, b in zip(again.generate(4, seed=1)["sound"], fitted.generate(4, seed=1)["sound"], strict=True):
        np.testing.assert_array_equal(a.samples, b.samples)


def test_what_moments_tell_is_said(fitted):
    told = fitted.explain({"sound": SOUNDS})
    assert set(told["own"]) == {"sound"}
    assert told["own"]["sound"] >= -np.log2(SHARE)  # that there are moments is told, too
    assert {unit["level"] for unit in told["units"]} == {"z"}
