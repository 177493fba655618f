"""What every ``"auto"`` of a fit becomes: what was asked for, else what the kinds of the fields advise."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, is_dataclass, replace
from typing import TYPE_CHECKING, Any

import torch

from vaery import labels
from vaery.build import Choices
from vaery.core.errors import ChoiceError, choice
from vaery.core.field import Field
from vaery.core.members import member
from vaery.core.objective import Objective
from vaery.regime import regime_of
from vaery.train import Plan

if TYPE_CHECKING:
    from vaery.model import VAE

Advice = Mapping[str, Mapping[str, Any]]  # of each field's kind
FEW = 100  # cells of a field that weigh draws of a prior
ACROSS = {"share": 0.8, "across": 1.0}  # how several fields of many cells are learned, so that each tells the others


def advise(model: VAE, fields: Sequence[Field], rows: int) -> dict[str, dict[str, Any]]:
    """Field → its kind's advice for so many rows: sizes, a plan of training, an objective.

    A kind may have other advice, ``"alone"``, for a latent that its posterior alone fills. It is taken where one field
    has any, and nothing was asked of the latent and all other fields have few cells (what is known of these, and not of
    that field, can still weigh what the prior draws), or that posterior was asked for.
    """
    regime = regime_of(model.private)
    found = {f.name: regime.advise(member("kinds", f.kind).suggest(f, rows)) for f in fields}
    alone = {name: options for name, a in found.items() if (options := a.pop("alone", None))}
    if len(alone) == 1:
        ((name, options),) = alone.items()
        others = [f for f in fields if f.name != name]
        asked = spec(model.posterior)["name"] == options["posterior"]["name"]
        if asked or (_open(model) and all(math.prod(f.mask) <= FEW for f in others)):
            found[name] |= options
    return found


def _open(model: VAE) -> bool:
    """Whether nothing was asked of the latent."""
    asked = (model.latent, model.prior, model.posterior)
    return all(a == "auto" for a in asked) and model.levels in ("auto", 1) and not model.own and model.private is None


def _usual_levels(model: VAE, latent: tuple[int, ...], fields: Sequence[Field], advice: Advice) -> int:
    """What the kind says of the one field that is more than a few cells; one where several would have to share what
    they have in common, and where something was asked of latents."""
    large = [f.name for f in fields if math.prod(f.mask) > FEW]
    if len(large) != 1 or len(latent) > 1 or model.own or model.private is not None:
        return 1
    return int(advice[large[0]].get("levels", 1))


def _chosen(advice: Advice, key: str, otherwise: Any) -> Any:
    """What the one field says that says anything of this, or else ``otherwise``."""
    return next((a[key] for a in advice.values() if key in a), otherwise)


def settle(model: VAE, fields: tuple[Field, ...], advice: Advice, targets: Sequence[str] = ()) -> Choices:
    """Every ``"auto"`` that shapes the model, decided by the kinds of its fields. ``targets`` are labels, visited
    first."""
    pick = lambda asked, found: found if asked == "auto" else asked
    teaches = regime_of(model.private).teaches
    latent = pick(model.latent, max(a["latent"] for a in advice.values()))
    sizes = (latent,) if isinstance(latent, int) else tuple(latent)
    shared, own = levels(pick(model.levels, _usual_levels(model, sizes, fields, advice)), sizes, fields)
    names = model.first if not isinstance(model.first, str) else (model.first,)
    private = apart(model.own, [f for f in fields if f.name not in (*names, *own)])
    return Choices(
        latent=shared,
        prior=spec(pick(model.prior, _chosen(advice, "prior", "normal"))),
        posterior=_completed(model.posterior, _chosen(advice, "posterior", {"name": "gaussian"})),
        first=tuple(dict.fromkeys((*names, *targets))),
        width=pick(model.width, max(a["width"] for a in advice.values())),
        depth={name: pick(model.depth, a["depth"]) for name, a in advice.items()},
        dropout={name: pick(model.dropout, a["dropout"]) for name, a in advice.items()},
        own=own,
        private=private,
        readers=tuple(f.name for f in fields if teaches and f.name in targets and labels.readable(f)),
    )


def _completed(asked: str | Mapping[str, Any], advised: Mapping[str, Any]) -> dict[str, Any]:
    """What was asked for, with the advised options of the same member where these were left open."""
    if asked == "auto":
        return dict(advised)
    found = spec(asked)
    return {**advised, **found} if found["name"] == advised["name"] else found


def spec(asked: str | Mapping[str, Any]) -> dict[str, Any]:
    """``"name"`` or ``{"name": …, option: …}`` as the latter."""
    if isinstance(asked, str):
        return {"name": asked}
    if is_dataclass(asked) and not isinstance(asked, type):
        return {"name": type(asked).__name__.lower(), **asdict(asked)}
    if not isinstance(asked, Mapping) or "name" not in asked:
        raise ChoiceError(f"{asked!r} names no member; write 'mixture' or {{'name': 'mixture', 'components': 50}}")
    return dict(asked)


def apart(asked: Mapping[str, int] | None, fields: Sequence[Field]) -> dict[str, int]:
    """The size of the latent that each field has for itself."""
    if not isinstance(asked, Mapping | None):
        raise ChoiceError(f"own={asked!r}: write own={{'image': 16}}, sizes by field")
    asked = asked or {}
    for name, size in asked.items():
        if name not in {f.name for f in fields}:
            raise choice("field with an own latent", name, [f.name for f in fields])
        if not isinstance(size, int) or size < 1:
            raise ChoiceError(f"own: {name!r} has the size {size!r}; a whole number from 1 on was expected")
    return dict(asked)


def levels(asked: int, latent: tuple[int, ...], fields: Sequence[Field]) -> tuple[tuple[int, ...], dict[str, int]]:
    """The sizes of the levels that all fields hang on, and how many levels of its own each field has.

    Pictures with a convolutional network have all levels but the top one for themselves; without any, all fields hang
    on each of the levels.
    """
    if not isinstance(asked, int) or asked < 1:
        raise ChoiceError(f"levels={asked!r} is not a number of levels; write levels=1 for one, or more")
    if asked == 1:
        return latent, {}
    if len(latent) > 1:
        raise ChoiceError(f"latent={list(latent)} says how many levels there are: leave levels={asked} out")
    kinds = {f.name: (f, member("kinds", f.kind)) for f in fields}
    own = [name for name, (f, kind) in kinds.items() if hasattr(kind, "climb") and kind.can_climb(f)]
    return (latent, dict.fromkeys(own, asked - 1)) if own else (latent * asked, {})


def make_plan(model: VAE, advice: Advice, rows: int, budget: str | float | None, epochs: int | None) -> Plan:
    """How to train: the plan's own defaults, then the kinds' advice, then what was asked."""
    found: dict[str, Any] = {}
    for a in advice.values():
        for key, value in a.get("plan", {}).items():
            found[key] = max(found.get(key, value), value) if key in ("steps", "least_kl") else value
    plan = regime_of(model.private).plan(replace(Plan(), **found), rows)
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


def pick_objective(
    asked: str | Mapping[str, Any] | Objective, fields: Sequence[Field], advice: Advice, rows: int
) -> Objective:
    """The objective asked for; ``"auto"``: the ELBO of random subsets of each row, with the kinds' own options.

    One that hangs on the number of rows (``tc``) is told it.
    """
    objective = _named(asked, fields, list(advice.values()))
    return objective.sized(rows)


def _named(
    asked: str | Mapping[str, Any] | Objective, fields: Sequence[Field], advice: Sequence[Mapping[str, Any]]
) -> Objective:
    if isinstance(asked, Objective):
        return asked
    if asked == "auto":
        options = {name: value for a in advice for name, value in a.get("objective", {}).items()}
        shares = {"share": min(a["share"] for a in advice if "share" in a)} if any("share" in a for a in advice) else {}
        several = sum(math.prod(f.mask) > 1 for f in fields) > 1
        return member("objectives", "masked")(options=options, **(ACROSS if several else {}) | shares)
    named = spec(asked)
    return member("objectives", named["name"])(**{k: v for k, v in named.items() if k != "name"})


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
