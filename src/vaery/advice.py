"""What the kinds of the fields advise for every ``"auto"`` of a fit."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from vaery.core.field import Field
from vaery.core.members import member
from vaery.regime import regime_of

if TYPE_CHECKING:
    from vaery.model import VAE

FEW = 100  # cells of a field that weigh draws of a prior


def advise(model: VAE, fields: Sequence[Field], rows: int) -> dict[str, dict[str, Any]]:
    """Field → its kind's advice: sizes, a plan of training, an objective.

    A kind may have other advice, ``"alone"``, for a latent that one field's posterior alone fills. It is taken where
    nothing was asked of the latent and all other fields have few cells (what is known of these, and not of that
    field, can still weigh what the prior draws), or where that posterior was asked for.
    """
    regime = regime_of(model.private)
    found = {f.name: regime.advise(member("kinds", f.kind).suggest(f, rows)) for f in fields}
    alone = {name: options for name, a in found.items() if (options := a.pop("alone", None))}
    for name, options in alone.items() if len(alone) == 1 else ():
        wanted = named(model.posterior) == options["posterior"]["name"]
        few = all(f.name == name or math.prod(f.mask) <= FEW for f in fields)
        if wanted or (few and _open(model)):
            found[name] |= options
    return found


def _open(model: VAE) -> bool:
    """Whether nothing was asked of the latent."""
    asked = (model.latent, model.prior, model.posterior)
    return all(a == "auto" for a in asked) and model.levels == 1 and not model.own and model.private is None


def named(asked: Any) -> Any:
    """The name of what was asked for, by name or with options."""
    return asked.get("name") if isinstance(asked, Mapping) else asked


def chosen(advice: Mapping[str, Mapping[str, Any]], key: str, otherwise: Any) -> Any:
    """What the one field says that says anything of this, or else ``otherwise``."""
    return next((a[key] for a in advice.values() if key in a), otherwise)
