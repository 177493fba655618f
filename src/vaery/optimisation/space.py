"""The space of a model: all that it can make under the conditions that were asked for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vaery.answer import emptied
from vaery.constraints.apply import kept, refuse_given
from vaery.constraints.conflict import meets
from vaery.constraints.sheets import Sheets
from vaery.core.choose import from_prior_given, from_values
from vaery.core.evidence import Evidence, expand_mask
from vaery.core.field import all_known
from vaery.core.members import member
from vaery.core.query import Between, OneOf
from vaery.core.random import Random
from vaery.gaps import blocks
from vaery.inference import complete, firsts, known_cells
from vaery.jobs.generate import generate
from vaery.optimisation.features import features
from vaery.optimisation.pool import Pool

if TYPE_CHECKING:
    from vaery.model import VAE

WIDTHS = 0.05, 1.0  # how far a variation goes in the latent, in standard deviations of the prior

Check = Callable[[Pool], NDArray[np.bool_]]


@dataclass
class Space:
    """Candidates: complete rows of a model, with what is given as it was given and all else drawn from the model.

    Attributes:
        model: a fitted one.
        given: conditions, as in ``generate``.
        hidden: the field and the cell that no candidate has, since it is what is asked about; ``None``: none.
        checks: what else a candidate has to pass, by name, in this order.
        distinct: the field by which candidates are told apart; ``None``: all of them.
        refused: how many candidates each check refused, and under ``"drawn"`` how many there were.
    """

    model: VAE
    given: Mapping[str, Any]
    hidden: tuple[str, int] | None = None
    checks: dict[str, Check] = field(default_factory=dict)
    distinct: str | None = None
    refused: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        asked, self.exact = self.model.schema_.given(self.given)
        refuse_given(self.model, self.given, 1)
        self.joint, self.asked = self.model.joint_, asked.to(self.model.joint_.device)

    # ------------------------------------------------------------------ what is proposed

    @torch.no_grad()
    def draw(self, n: int, rng: Random) -> Pool:
        """Candidates from p(all else | what is given)."""
        calibration = self.model.calibration_
        return self._settled(generate(self.joint, self.asked, rng=rng, calibration=calibration, n=n, nulls=False), rng)

    @torch.no_grad()
    def vary(self, parents: Pool, rng: Random) -> Pool:
        """One half near the parents in the latent, the other with some of their cells drawn anew given the others."""
        half = len(parents) // 2
        pools = []
        for way, rows in ((self._moved, slice(half)), (self._redrawn, slice(half, len(parents)))):
            part = parents.rows[rows]
            if part.rows:
                values = way(part, rng)
                pools.append(self._settled(Evidence(part.rows, values, dict.fromkeys(values)), rng))
        return pools[0] + pools[1] if len(pools) > 1 else pools[0]

    def _moved(self, rows: Evidence, rng: Random) -> dict[str, Tensor]:
        """Decoded from a place at a random distance from the parent's: many parents make a kernel density of places."""
        low, high = WIDTHS
        joint = self.joint.members[0]
        there = joint.infer(rows, rng=rng, mean=True, only=[])
        width = low * (high / low) ** rng.uniform((rows.rows, 1))
        places = {}
        for name in joint.latents:
            z = there[name].chosen[0]
            places[name] = (z + width * rng.normal(tuple(z.shape)))[None]
        for name in firsts(joint):  # what all that follows hangs on
            value, known = known_cells(joint, rows, name)
            if bool(known.all()):
                places[name] = value[None]
        trace = joint.trace(
            rows.rows, from_values(places, from_prior_given(self.asked.repeat(rows.rows), rng)), only=None
        )
        return trace.rows()

    def _redrawn(self, rows: Evidence, rng: Random) -> dict[str, Tensor]:
        """Some of each parent's cells hidden, as in training, and drawn given the others and all conditions."""
        fields = {name: f for name, f in self.joint.fields.items() if name in rows}
        visible = {name: f.hide(rows.rows, rng).to(rows.device) for name, f in fields.items()}
        return complete(self.joint, self._with_given(rows.hide(visible)), rng=rng, candidates=1)

    def _with_given(self, rows: Evidence) -> Evidence:
        """The rows with given cells known, and with conditions on cells that are not."""
        asked, values, known = self.asked.repeat(rows.rows), dict(rows.values), dict(rows.known)
        for name in asked.values:
            value, mask = known_cells(self.joint, asked, name)
            other, seen = known_cells(self.joint, rows, name)
            values[name] = torch.where(expand_mask(mask, value.dim()), value, other)
            known[name] = seen | mask
        regions = {
            name: replace(region, asked=region.asked & ~known_cells(self.joint, rows, name)[1])
            for name, region in asked.regions.items()
        }
        return Evidence(rows.rows, values, known, regions)

    # ------------------------------------------------------------------ what comes of it

    def pool(self, raw: Any) -> Pool:
        """Raw rows as candidates, unchecked: re-encoded, so that features say where they really are."""
        found = self.model.schema_.pack(raw).to(self.joint.device)
        rows = self._without_target(Evidence(found.rows, found.values, found.known))
        names = rows.values if self.distinct is None else (self.distinct,)
        flat = [rows.values[name].flatten(1).cpu() for name in names]
        flat += [known_cells(self.joint, rows, name)[1].flatten(1).cpu() for name in names]
        keys = tuple(b"".join(part[i].numpy().tobytes() for part in flat) for i in range(rows.rows))
        return Pool(rows, raw, features(self.joint, rows), keys)

    def _settled(self, drawn: Evidence, rng: Random) -> Pool:
        """Draws as raw rows, as they would be handed over, those that pass every check."""
        model, known = self.model, self._without_target(drawn).known
        raw = model.schema_.unpack(drawn.values, exact=self.exact, known=known)
        held = self.asked.repeat(drawn.rows)
        raw = kept(model, member("jobs", "generate").job, raw, held, rng.spawn(), self.given, complete_rows=True)
        pool = self._applying(self.pool(raw))
        self.refused["drawn"] += len(pool)
        for name, check in {"given": self._as_given, **self.checks}.items():
            if not len(pool):
                break
            good = torch.as_tensor(check(pool))
            self.refused[name] += int((~good).sum())
            pool = pool if bool(good.all()) else pool[good.nonzero()[:, 0]]
        return pool

    def _without_target(self, rows: Evidence) -> Evidence:
        if self.hidden is None:
            return rows
        name, cell = self.hidden
        visible = all_known(self.joint.fields[name], rows.rows).to(rows.device)
        visible[:, cell] = False
        return rows.hide({name: visible})

    def _applying(self, pool: Pool) -> Pool:
        """The same with cells that do not apply left empty."""
        empty = {}
        for name, block in blocks(self.model.calibration_, self.joint.fields).items():
            if block.rules:
                value, known = known_cells(self.joint, pool.rows, name)
                empty[name] = (block.inapplicable(value, known) & known).cpu()
        if not any(bool(cells.any()) for cells in empty.values()):
            return pool
        return self.pool(emptied(self.model.schema_, pool.raw, empty))

    def _as_given(self, pool: Pool) -> NDArray[np.bool_]:
        """Which rows hold what was asked for, in the types they are handed over in."""
        good = np.ones(len(pool), dtype=bool)
        for name in (*self.asked.values, *self.asked.regions):
            there = known_cells(self.joint, pool.rows, name)[1]
            want = known_cells(self.joint, self.asked, name)[1]
            if name in self.asked.regions:
                want = want | self.asked.regions[name].asked
            good &= (there | ~want).flatten(1).all(1).cpu().numpy()
        wide = {name: asked for name, asked in self.given.items() if isinstance(asked, Between | OneOf)}
        columns = Sheets(self.model.schema_, pool.raw).columns(wide)
        for name in columns:
            good &= meets(name, wide[name], columns)
        return good
