"""vaery on the same network, through its own code path: describe, pack, build, Trainer, score."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from vaery import VAE
from vaery.advice import advise, make_plan, settle
from vaery.build import build
from vaery.core.evidence import Evidence
from vaery.core.random import Random
from vaery.held_out import evaluate
from vaery.jobs.generate import generate
from vaery.jobs.score import score
from vaery.objectives.elbo import Elbo
from vaery.refine import candidates, refine
from vaery.schema import Schema
from vaery.train import Trainer

SHAPES: dict[str, dict[str, Any]] = {
    "mlp": {"net": "mlp", "width": 400, "depth": 1, "latent": 20},
    "conv": {"net": "conv", "width": 256, "depth": 1, "latent": 16},
}


def model(precision: str = "float32", net: str = "mlp", **options: Any) -> VAE:
    """The network that all contestants train, Bernoulli on grey values: 784-400-20-400-784, or convolutions of 32, 64
    and 128 channels with 16 units."""
    shape = {**SHAPES[net], "likelihood": "bernoulli", "dropout": 0.0}
    common = {"batch": 128, "learning_rate": 1e-3, "objective": "elbo", "refine": False}
    return VAE(**{**shape, **common, "precision": precision, "threads": 1, "device": "cpu", **options})


class Ours:
    """The product's trainer, an epoch at a time.

    Everything a step does is counted: gathering and scaling bytes, the gradient's clipping, the schedule, averaged
    weights, the look at the loss every 50 steps with the snapshot it may roll back to. Looks at held-out rows are not
    (the other loops have none); they are in the time to a bound.

    Args:
        images: ``[N, 28, 28]`` uint8.
        epochs: what the schedule is planned for.
        rate: the learning rate at its highest.
        warmup: share of training over which the divergence's weight rises.
        net: ``"mlp"`` or ``"conv"``.
        held_out: how many of the images are not trained on; what is chosen after training is chosen on them.
    """

    def __init__(
        self,
        images: np.ndarray,
        precision: str = "float32",
        epochs: int = 20,
        rate: float = 1e-3,
        warmup: float = 0.0,
        net: str = "mlp",
        held_out: int = 1,
    ) -> None:
        self.estimator = model(precision, net, learning_rate=rate, objective=Elbo(warmup=warmup))
        self.schema, raw = Schema.describe(images, likelihood="bernoulli", net=net)
        packed = self.schema.pack(raw)
        last = packed.rows - held_out
        self.rows, kept = packed[slice(0, last)], packed[slice(last, packed.rows)]
        advice = advise(self.estimator, self.schema.fields, self.rows.rows)
        self.joint = build(self.schema.fields, settle(self.estimator, self.schema.fields, advice), seed=0)
        plan = make_plan(self.estimator, advice, self.rows.rows, None, epochs)
        self.trainer = Trainer(self.joint, self.rows, kept, self.estimator.objective, plan, rng=Random(0))
        self.joint.train()

    def epoch(self) -> int:
        """One pass; the rows trained on."""
        batch = self.trainer.plan.batch
        left = self.rows.rows // batch
        trained = left * batch
        while left > 0:
            steps = min(50, left)
            self.trainer._run(steps)
            left -= steps
        return trained

    @torch.no_grad()
    def bound(self, images: np.ndarray) -> float:
        """Mean ELBO of these rows under the averaged weights, one draw, divergence in closed form."""
        live = [p.clone() for p in self.trainer.parameters]
        overwrite(self.trainer.parameters, self.trainer.averaged)
        value, _ = evaluate(self.joint, self.schema.pack(images), Elbo(), seed=0)
        overwrite(self.trainer.parameters, live)
        return value

    def refine(self) -> float:
        """What a fit does when training is over: it takes the averaged weights and fits a prior to encoded rows. Nats a
        row that held-out images gain."""
        with torch.no_grad():
            overwrite(self.trainer.parameters, self.trainer.averaged)
        self.joint.eval()
        steps = self.trainer.state.step
        held_out, names = self.trainer.held_out, candidates(True)
        _, gained = refine(self.joint, self.rows, held_out, rng=Random(0), names=names, steps=steps)
        return gained

    def score(self, images: np.ndarray, draws: int) -> float:
        """Mean importance-weighted log-likelihood of these rows, by the job ``score``."""
        self.joint.eval()
        enabled = self.trainer.plan.precision == "bfloat16"
        with torch.autocast("cpu", torch.bfloat16, enabled=enabled):
            return float(score(self.joint, self.schema.pack(images), rng=Random(0), draws=draws).mean())

    def sample(self, rows: int) -> int:
        """So many images by the job ``generate``; their pixels are drawn, too."""
        self.joint.eval()
        enabled = self.trainer.plan.precision == "bfloat16"
        with torch.autocast("cpu", torch.bfloat16, enabled=enabled):
            return generate(self.joint, Evidence(1, {}, {}), rng=Random(0), n=rows).rows


def overwrite(target: Iterable[Tensor], source: Iterable[Tensor]) -> None:
    for a, b in zip(target, source, strict=True):
        a.copy_(b)
