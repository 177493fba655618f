"""fit: look at the data, put a model together, train it, refine its prior, calibrate it on held-out rows."""

from __future__ import annotations

import math
import os
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, is_dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from vaery import checkpoint as checkpoints
from vaery import gaps, surprise, unseen
from vaery.build import Choices, build
from vaery.constraints.rules import Rules
from vaery.core.errors import ChoiceError, DataError
from vaery.core.evidence import Evidence, Some
from vaery.core.field import Field
from vaery.core.members import member
from vaery.core.objective import Objective
from vaery.core.random import Random, isolated
from vaery.jobs.score import score
from vaery.joint import Joint
from vaery.private import Private, small
from vaery.private.trainer import PrivateTrainer, planned, trainer_of
from vaery.privately import calibrate_privately, split_privately
from vaery.refine import refine
from vaery.schema import Schema
from vaery.train import Plan, choose_threads

if TYPE_CHECKING:
    from vaery.model import VAE

HELD_OUT = 0.1  # the share of rows that decides when to stop and calibrates scores
MOST_HELD_OUT = 5000
MOST_CALIBRATED = 2000  # held-out rows that are scored for p-values
MOST_USUAL = 1000  # training rows that show what columns usually cost


def fit(
    model: VAE,
    raw: Any,
    *,
    budget: str | float | None = None,
    epochs: int | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    resume: bool = False,
    verbose: bool | None = None,
) -> None:
    """Fit ``model`` to ``raw``; see :meth:`vaery.VAE.fit`."""
    from vaery.progress import watcher

    started = time.perf_counter()
    schema, raw = Schema.describe(raw, likelihood=model.likelihood, columns=model.columns, net=model.net)
    rules = Rules.learn(model.constraints, schema, raw)
    rows = schema.pack(raw)
    rng = Random(model.random_state if model.random_state is not None else int.from_bytes(os.urandom(4), "big"))
    private = Private.of(model.private)
    train, held_out = split(rows, rng) if private is None else split_privately(rows, rng)
    choices = settle(model, schema.fields, train.rows)
    joint = build(schema.fields, choices, seed=rng.seed()).to(pick_device(model.device))
    if private is None:
        start_from_data(joint, train, rng)
    objective = pick_objective(model.objective, schema.fields, train.rows)
    plan, most = make_plan(model, schema.fields, train.rows, budget, epochs), torch.get_num_threads()
    folder = prepare(checkpoint, resume)
    try:
        threads = pick_threads(model, joint, train, objective, plan, fixed=folder is not None)
        torch.set_num_threads(threads)
        if plan.seconds is not None:
            plan = within(plan, joint, train, objective, spent=time.perf_counter() - started)
        with watcher(verbose) as watch:
            trainer = trainer_of(plan)(
                joint,
                train,
                held_out,
                objective,
                plan,
                rng=rng.spawn(device=joint.device),
                folder=folder,
                watch=watch,
                spare=model.threads == "auto",
            )
            if resume and folder is not None:
                checkpoints.resume(trainer, folder)
            state = trainer.fit()
    finally:
        torch.set_num_threads(most)
    if model.refine and private is None and choices.prior["name"] == "normal":
        choices = refined(joint, choices, train, held_out, rng)
    model.schema_, model.fields_, model.joint_, model.choices_ = schema, schema.fields, joint, choices
    model.rules_ = rules
    model.history_, model.trouble_, model.plan_ = state.history, state.trouble, asdict(replace(plan, private=None))
    if isinstance(trainer, PrivateTrainer):
        model.private_ = trainer.report()
        model.calibration_ = calibrate_privately(joint, held_out, rows.rows, trainer)
    else:
        model.private_, model.calibration_ = None, calibrate(joint, train, held_out, rows)


def split(rows: Evidence, rng: Random) -> tuple[Evidence | Some, Evidence]:
    """Rows to train on and rows held out. Under twenty rows, all are both: there is nothing to spare."""
    if rows.rows == 0:
        raise DataError("there are no rows to fit; at least one row was expected")
    if rows.rows < 20:
        return rows, rows
    count = min(MOST_HELD_OUT, max(10, int(HELD_OUT * rows.rows)))
    order = rng.permutation(rows.rows)
    return Some(rows, order[count:]), rows[order[:count]]


def settle(model: VAE, fields: tuple[Field, ...], rows: int) -> Choices:
    """Every ``"auto"`` that shapes the model, decided by the kinds of its fields."""
    advice = {f.name: member("kinds", f.kind).suggest(f, rows) for f in fields}
    if model.private is not None:
        advice = {name: small(a) for name, a in advice.items()}
    pick = lambda asked, found: found if asked == "auto" else asked  # noqa: E731
    latent = pick(model.latent, max(a["latent"] for a in advice.values()))
    names = model.first if not isinstance(model.first, str) else (model.first,)
    return Choices(
        latent=(latent,) if isinstance(latent, int) else tuple(latent),
        prior=spec(model.prior),
        posterior=spec(model.posterior),
        first=tuple(names),
        width=pick(model.width, max(a["width"] for a in advice.values())),
        depth={name: pick(model.depth, a["depth"]) for name, a in advice.items()},
        dropout={name: pick(model.dropout, a["dropout"]) for name, a in advice.items()},
    )


def make_plan(model: VAE, fields: tuple[Field, ...], rows: int, budget: str | float | None, epochs: int | None) -> Plan:
    """How to train: the plan's own defaults, then the kinds' advice, then what was asked."""
    advice: dict[str, Any] = {}
    for f in fields:
        for key, value in member("kinds", f.kind).suggest(f, rows).get("plan", {}).items():
            advice[key] = max(advice.get(key, value), value) if key == "steps" else value
    plan = replace(Plan(), **advice)
    if (private := Private.of(model.private)) is not None:
        plan = planned(plan, private, rows)
    asked = {"steps": model.steps, "batch": model.batch, "learning_rate": model.learning_rate}
    plan = replace(plan, **{k: v for k, v in asked.items() if v != "auto"})
    if model.precision != "auto":
        plan = replace(plan, precision=model.precision)
    if plan.precision == "bfloat16" and not has_bfloat16(model.device):
        plan = replace(plan, precision="float32")
    if epochs is not None:
        if epochs < 1:
            raise ChoiceError(f"epochs must be at least 1, not {epochs}")
        a_pass = max(1, rows // min(plan.batch, rows))
        plan = replace(plan, steps=epochs * a_pass, patience=math.inf, evaluations=min(epochs, plan.evaluations))
    return plan if budget is None else replace(plan, seconds=seconds(budget))


def seconds(budget: str | float) -> float:
    """``"90s"``, ``"5m"``, ``"2h"`` or a number of seconds.

    >>> seconds("1.5m")
    90.0
    """
    found = re.fullmatch(r"\s*([0-9]*\.?[0-9]+)\s*(s|sec|m|min|h)?\s*", str(budget))
    if not found or float(found[1]) <= 0:
        raise ChoiceError(
            f"budget={budget!r} is not a time; write for instance '90s', '5m', '2h' or a number of seconds"
        )
    return float(found[1]) * {"s": 1, "sec": 1, "m": 60, "min": 60, "h": 3600}[found[2] or "s"]


def within(plan: Plan, joint: Joint, train: Evidence | Some, objective: Objective, spent: float) -> Plan:
    """A plan of as many steps as the time allows, measured on this machine.

    A tenth of the time is kept for what comes after training, and what has been ``spent`` already is gone.
    """
    assert plan.seconds is not None
    trial = _trial(joint, train, objective, plan)
    trial()
    start, tries = time.perf_counter(), 8
    for _ in range(tries):
        trial()
    took = time.perf_counter() - start
    left = max(0.5 * plan.seconds, 0.9 * plan.seconds - spent - took)
    return replace(plan, seconds=left, steps=max(20, int(0.93 * left / (took / tries))))


def pick_threads(
    model: VAE, joint: Joint, train: Evidence | Some, objective: Objective, plan: Plan, *, fixed: bool
) -> int:
    """As asked, or measured. A fit that may be resumed does not measure: it must take the same count again."""
    most = torch.get_num_threads()
    if model.threads != "auto":
        return int(model.threads)
    if fixed or most == 1 or plan.steps < 200 or joint.device.type != "cpu":
        return 1 if fixed else most
    return choose_threads(_trial(joint, train, objective, plan), most)


def _trial(joint: Joint, train: Evidence | Some, objective: Objective, plan: Plan) -> Callable[[], Any]:
    """A training step that leaves no trace: on a copy of the model, with draws of its own."""
    import copy

    trainer = trainer_of(plan)(
        copy.deepcopy(joint), train, train[slice(0, 1)], objective, plan, rng=Random(0, joint.device)
    )

    def step() -> float:
        with isolated(0):  # dropout draws from the global stream, which is the user's out here
            return float(trainer.step(trainer._batch()))

    return step


def start_from_data(joint: Joint, train: Evidence | Some, rng: Random) -> None:
    """Let members that want it start from rows (what of a table follows from straight lines) or from encoded ones
    (a VampPrior's pseudo-inputs)."""
    order = rng.permutation(train.rows)
    some, many = train[order[:1000]].to(joint.device), train[order[:4000]].to(joint.device)
    for stop in joint.walk:
        learn: Any = getattr(stop.prior, "learn", None)
        if learn is not None and stop.name in many:
            learn(many.values[stop.name], many.known[stop.name])
        start: Any = getattr(stop.prior, "start_from", None)
        if start is not None:
            with torch.no_grad():
                start(joint.encode(some))


def refined(joint: Joint, choices: Choices, train: Evidence | Some, held_out: Evidence, rng: Random) -> Choices:
    """The prior fitted anew on encoded rows, if held-out rows gain."""
    if train.rows < 200:
        return choices
    gain = refine(joint, train, held_out, rng=rng.spawn(device=joint.device))
    return replace(choices, prior={"name": "mixture"}) if gain else choices


def calibrate(joint: Joint, train: Evidence | Some, held_out: Evidence, rows: Evidence) -> dict[str, Any]:
    """What jobs need to know of the data beside the model: scores of held-out rows, sorted (p-values are read from
    these); what columns of training rows usually cost; why cells are empty; how often levels are new."""
    held_out = held_out[slice(0, MOST_CALIBRATED)].to(joint.device)
    some = train[torch.arange(min(train.rows, MOST_USUAL))].to(joint.device)
    stream = lambda: Random(0, joint.device, share_rows=True)  # noqa: E731
    scores = score(joint, held_out, rng=stream())
    return {
        "score": sorted(round(float(s), 6) for s in scores),
        "usual": surprise.usual(joint, some, rng=stream()),
        "rows": rows.rows,
        "gaps": gaps.learn(rows, joint.fields),
        "unseen": unseen.learn(rows, joint.fields),
    }


def prepare(checkpoint: str | os.PathLike[str] | None, resume: bool) -> Path | None:
    """The checkpoint folder, made if need be, and emptied of an old checkpoint unless this is a resume."""
    if checkpoint is None:
        if resume:
            raise ChoiceError("resume=True needs checkpoint=, the folder to go on from")
        return None
    folder = Path(checkpoint)
    folder.mkdir(parents=True, exist_ok=True)
    if not resume:
        (folder / checkpoints.NAME).unlink(missing_ok=True)
    return folder


def pick_objective(asked: str | Mapping[str, Any] | Objective, fields: Sequence[Field], rows: int) -> Objective:
    """The objective asked for; ``"auto"``: the ELBO of random subsets of each row, with the kinds' own options."""
    if isinstance(asked, Objective):
        return asked
    if asked == "auto":
        options: dict[str, Any] = {}
        for f in fields:
            options |= member("kinds", f.kind).suggest(f, rows).get("objective", {})
        return member("objectives", "masked")(options=options)
    named = spec(asked)
    return member("objectives", named["name"])(**{k: v for k, v in named.items() if k != "name"})


def spec(asked: str | Mapping[str, Any]) -> dict[str, Any]:
    """``"name"`` or ``{"name": …, option: …}`` as the latter."""
    if isinstance(asked, str):
        return {"name": asked}
    if is_dataclass(asked) and not isinstance(asked, type):
        return {"name": type(asked).__name__.lower(), **asdict(asked)}
    if not isinstance(asked, Mapping) or "name" not in asked:
        raise ChoiceError(f"{asked!r} names no member; write 'mixture' or {{'name': 'mixture', 'components': 50}}")
    return dict(asked)


def pick_device(asked: str) -> torch.device:
    """``"auto"``: a GPU if there is one."""
    if asked != "auto":
        return torch.device(asked)
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def has_bfloat16(device: str) -> bool:
    """Whether matrix products in bfloat16 are fast here: on a GPU, or on a CPU with instructions for them."""
    if pick_device(device).type == "cuda":
        return torch.cuda.is_bf16_supported()
    return bool(getattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)())
