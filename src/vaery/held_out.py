"""How a model does on rows that it is not trained on, while it is trained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch

from vaery.core.evidence import Evidence
from vaery.core.objective import Objective
from vaery.core.random import Random
from vaery.information import active_units, mutual_information
from vaery.joint import Joint


@torch.no_grad()
def evaluate(
    joint: Joint, rows: Evidence, objective: Objective, *, seed: int, batch: int = 1024
) -> tuple[float, dict[str, float]]:
    """The objective's bound on these rows, in nats a row, and what it is made of. The same draws every time.

    Returns:
        The mean bound; means of the objective's parts, its ``goal`` among them where that is not the bound; how many
        units are ``active``, and the ``mutual_information`` of rows and latent in nats, unless the objective says it.
    """
    was_training = joint.training
    joint.eval()
    rng = Random(seed, joint.device)
    sums: dict[str, float] = {}
    for start in range(0, rows.rows, batch):
        part = rows[slice(start, start + batch)].to(joint.device)
        trace = joint.infer(part, rng=rng, draws=objective.draws, estimate=1.0, each=objective.each)
        loss = objective(trace, 1.0)
        goal = {} if loss.goal is None else {"goal": loss.goal.mean()}
        for name, value in {"bound": loss.bound.mean(), **loss.parts, **goal}.items():
            sums[name] = sums.get(name, 0.0) + float(value) * part.rows
    means = {name: total / rows.rows for name, total in sums.items()}
    carried = {
        "active": float(active_units(joint, rows, rng=rng)),
        "mutual_information": mutual_information(joint, rows, rng=rng),
    }
    joint.train(was_training)
    return means.pop("bound"), {**carried, **means}


def best_row(history: Sequence[Mapping[str, float]]) -> Mapping[str, float]:
    """The line of a history whose weights were kept; an empty one of a fit that looked at no held-out rows."""
    looked = [row for row in history if "bound" in row]
    return max(looked, key=lambda row: row.get("goal", row["bound"]), default={})
