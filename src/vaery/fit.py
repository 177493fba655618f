"""fit: look at the data, put a model together, train it, refine its prior, calibrate it on held-out rows."""

from __future__ import annotations

import copy
import functools
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from vaery import checkpoint as checkpoints
from vaery import discriminator, labels
from vaery.advice import advise, make_plan, pick_device, pick_objective, settle
from vaery.allowance import Allowance
from vaery.build import Choices, build
from vaery.constraints.rules import Rules
from vaery.core.evidence import Evidence, Some
from vaery.core.members import member
from vaery.core.objective import Objective
from vaery.core.random import Random, isolated
from vaery.finish import beside, refined, telling, threads_as_asked, threads_as_before, told_apart
from vaery.framed import own_columns
from vaery.held_out import best_row
from vaery.joint import Joint
from vaery.refine import candidates
from vaery.regime import Regime, regime_of
from vaery.schema import Schema, read
from vaery.train import Plan, Trainer, choose_threads
from vaery.turns import Turn, how_many, in_turn, prepare, together

if TYPE_CHECKING:
    from vaery.model import VAE

MORE = 2  # steps are planned for each that a trial says there is time for: trials are slower than what follows


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
    started, count = time.perf_counter(), how_many(model)
    regime = regime_of(model.private)
    priors = candidates(model.refine)
    schema, rows, rules, targets = look_at(model, raw)
    rng = Random(model.random_state if model.random_state is not None else int.from_bytes(os.urandom(4), "big"))
    train, held_out = regime.split(rows, rng)
    advice = advise(model, schema.fields, train.rows)
    choices = settle(model, schema.fields, advice, targets)
    seed = rng.seed()
    taught: dict[str, Any] = {}  # readers of labels, by name; filled further down
    fresh = functools.partial(untrained, model, schema, choices, regime, train, rng, taught)
    joint = fresh(seed)
    objective = pick_objective(model.objective, schema.fields, advice, train.rows)
    plan = make_plan(model, advice, train.rows, budget, epochs)
    telling_apart = regime.refines and bool(priors) and discriminator.worth(joint, train.rows)
    judging = labels.judge.PART if regime.refines and labels.judge.wanted(schema.fields) else 0.0
    allowance = Allowance(plan.seconds, discriminator.PART if telling_apart else 0.0, judging, started)
    plan = replace(plan, seconds=allowance.training)
    if choices.readers:
        read_well, plan, spent = teach(model, joint, rows, rng, plan, verbose)
        taught |= {name: reader.state_dict() for name, reader in labels.readers(joint).items()}
        started += spent
    if checkpoint is not None:  # a checkpoint is of one fit
        plan = replace(plan, least_kl=0.0)
    make = functools.partial(regime.trainer, train=train, held_out=held_out)

    def one(turn: Turn) -> tuple[Trainer, Choices]:
        mine = rng.seed() if turn.number else seed
        first = fresh(mine) if turn.number else joint
        fit_once = functools.partial(
            trained, model, rng=rng.spawn(device=first.device), folder=prepare(turn.folder(checkpoint), resume),
            resume=resume, verbose=verbose, started=turn.started(started, plan.seconds), turn=turn,
        )  # fmt: skip
        again = functools.partial(fresh, mine)
        trainer = until_used(fit_once, make, again, first, objective, turn.plan(plan))
        found = refined(model, priors, trainer, choices, rng) if regime.refines else choices
        regime.finish(trainer, rng.spawn(device=first.device))
        return trainer, found

    trainer, choices = together(in_turn(count, one))
    if regime.refines:
        choices = beside(model, trainer, choices, rng, verbose)
    model.schema_, model.fields_, model.rules_ = schema, schema.fields, rules
    model.private_, model.calibration_ = regime.report(trainer), regime.calibrate(trainer, rows)
    if choices.readers:
        model.calibration_["labels"] = read_well
    if telling_apart and not trainer.state.interrupted:
        choices = told_apart(model, trainer, choices, rules.written, allowance.left(), rng, verbose)
    keep(model, trainer, choices)


def untrained(
    model: VAE,
    schema: Schema,
    choices: Choices,
    regime: Regime[Any],
    train: Evidence | Some,
    rng: Random,
    taught: Mapping[str, Any],
    seed: int,
) -> Joint:
    """A new joint, started from rows, with readers of labels as they were ``taught``."""
    joint = build(schema.fields, choices, seed=seed).to(pick_device(model.device))
    for name, reader in labels.readers(joint).items():
        reader.requires_grad_(False).load_state_dict(taught.get(name, reader.state_dict()))
    regime.start(joint, train, rng)
    return joint


def keep(model: VAE, trainer: Trainer, choices: Choices) -> None:
    """What there is to know of a training, handed to the model."""
    model.joint_, model.choices_, model.plan_ = trainer.joint, choices, asdict(trainer.plan)
    model.history_, model.trouble_ = trainer.state.history, trainer.state.trouble


def look_at(model: VAE, raw: Any) -> tuple[Schema, Evidence, Rules, tuple[str, ...]]:
    """What there is to learn from: its fields, its packed rows, rules between columns, and which columns are labels."""
    raw = in_parts(raw, model) or read(raw, model.kind if isinstance(model.kind, str) else None)
    found = labels.find(raw, model.target, model.columns)
    schema, raw = Schema.describe(
        found.raw, likelihood=model.likelihood, columns=found.columns, net=model.net, tokens=model.tokens,
        varied=model.varied, kind=model.kind, labels=found.names,
    )  # fmt: skip
    rules = Rules.learn(model.constraints, schema, raw)
    return schema, schema.pack(raw), rules, tuple(found.names)


def in_parts(raw: Any, model: VAE) -> Any:
    """A large file of nothing but plain columns, to be read in parts; ``None``: it is to be read as a whole."""
    if model.kind not in (None, "table") or model.target is not None or model.constraints:
        return None
    found = member("kinds", "table").by_column(raw)
    if found is None or model.kind == "table":
        return found
    head = found.head()
    untold = head.select_dtypes(exclude="number").isna().all().any()  # what texts there are is further on
    return None if untold or own_columns(head) else found


def until_used(
    fit_once: Callable[[Callable[..., Trainer], Joint, Plan], Trainer],
    make: Callable[..., Trainer],
    fresh: Callable[[], Joint],
    joint: Joint,
    objective: Objective,
    plan: Plan,
) -> Trainer:
    """Who trained a model whose latent is used: if it collapsed, a ``fresh`` one is trained by a firmer objective."""
    firmer = objective.firmer()
    if firmer is objective:
        plan = replace(plan, least_kl=0.0)
    trainer = fit_once(functools.partial(make, objective=objective), joint, plan)
    if not trainer.state.empty:
        return trainer
    again = fit_once(functools.partial(make, objective=firmer), fresh(), replace(plan, least_kl=0.0))
    again.state.trouble.insert(0, collapsed(trainer.state.history[-1], again.state.history))
    return again


def teach(
    model: VAE, joint: Joint, rows: Evidence, rng: Random, plan: Plan, verbose: bool | None
) -> tuple[dict[str, Any], Plan, float]:
    """The labels' readers taught, before all else: what was found, a plan for the time that is left, the time spent."""
    start = time.perf_counter()
    with threads_as_asked(model), telling(verbose) as tell:
        seconds = None if plan.seconds is None else labels.SHARE * plan.seconds
        found = labels.teach(joint, rows, rng.spawn(device="cpu"), seconds, tell, plan.steps)
    spent = time.perf_counter() - start
    left = None if plan.seconds is None else max(0.2 * plan.seconds, plan.seconds - spent)
    return found, replace(plan, seconds=left), spent


def trained(
    model: VAE,
    make: Callable[..., Trainer],
    joint: Joint,
    plan: Plan,
    rng: Random,
    folder: Path | None,
    *,
    resume: bool,
    verbose: bool | None,
    started: float,
    turn: Turn,
) -> Trainer:
    """Who trained ``joint``, once that is done: by the plan, or as much of it as the time since ``started`` allows."""
    from vaery.progress import watcher

    trial = functools.partial(_trial, make, joint, plan)
    with threads_as_before():
        torch.set_num_threads(pick_threads(model, joint, plan, trial, fixed=folder is not None))
        if plan.seconds is not None:
            plan = within(plan, trial(), spent=time.perf_counter() - started)
        with watcher(verbose) as watch:
            told = turn.watched(watch)
            trainer = make(joint, plan=plan, rng=rng, folder=folder, watch=told, spare=model.threads == "auto")
            if resume and folder is not None:
                checkpoints.resume(trainer, folder)
            trainer.fit()
    return trainer


def collapsed(first: Mapping[str, float], then: Sequence[Mapping[str, float]]) -> str:
    """What happened to a latent that stayed empty, in a sentence."""
    kl = best_row(then)["kl"]
    return (
        f"the latent had collapsed at step {first['step']:.0f} ({first['kl']:.1f} nats a row); fitted again with more "
        f"free bits and a slower warm-up, it carries {kl:.1f} nats"
    )


def within(plan: Plan, trial: Callable[[], Any], spent: float) -> Plan:
    """A plan of more steps than the time allows, measured on this machine by trial steps.

    It is the clock that ends training: a few trials may be slower than what follows. What has been ``spent`` already is
    gone.
    """
    assert plan.seconds is not None
    trial()
    start, tries = time.perf_counter(), 8
    for _ in range(tries):
        trial()
    took = time.perf_counter() - start
    left = max(0.5 * plan.seconds, plan.seconds - spent - took)
    return replace(plan, seconds=left, steps=max(20, int(MORE * left / (took / tries))))


def pick_threads(model: VAE, joint: Joint, plan: Plan, trial: Callable[[], Callable[[], Any]], *, fixed: bool) -> int:
    """As asked, or measured. A fit that may be resumed does not measure: it must take the same count again."""
    most = torch.get_num_threads()
    if model.threads != "auto":
        return int(model.threads)
    if fixed or most == 1 or plan.steps < 200 or joint.device.type != "cpu":
        return 1 if fixed else most
    return choose_threads(trial(), most)


def _trial(make: Callable[..., Trainer], joint: Joint, plan: Plan) -> Callable[[], Any]:
    """A training step that leaves no trace: on a copy of the model, with draws of its own."""
    trainer = make(copy.deepcopy(joint), plan=plan, rng=Random(0, joint.device))

    def step() -> float:
        with isolated(0):  # dropout draws from the global stream, which is the user's out here
            return float(trainer.step(trainer._batch()))

    return step
