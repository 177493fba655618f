"""The density of pieces: frame by frame, and through the cells of a frame, given the latent."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

from vaery.core.density import Density, Factorised, Family, keep_known
from vaery.core.random import Random
from vaery.nets.frames import FrameNet, Here, last, on, over

GROUPS = 11  # passes in which each cell of a frame is asked for given all others; major sevenths are rare
SHARE = 3  # one row in so many also learns to fill gaps, given what comes after them
FRAMES = 4096  # frames, times draws, that are read at once where nobody needs gradients
NEVER = -30.0  # a logit

Hide = Callable[[int, Random], Tensor]


class PieceDensity(Density):
    """p(piece | latent), ``value [S, B, T, C]`` codes, ``known [B, T, C]``; cell 0 of a frame: the piece goes on.

    What is known is scored in order, each cell given the known ones before it. What is unknown is drawn in order, given
    all before it and all that is known after it. One network answers for both; in training a part of the rows also
    asks it the second question, with parts hidden at random (:meth:`estimate`). Where all or nothing is known the two
    are the same chain.

    Args:
        z: ``[S, B, Z]``.
        steps: T.
        net: the network.
        family: of each cell, of K raw numbers.
        hide: rows, rng → which cells a row may see, ``[rows, T, C]``.
        temperature, top_p: of what is drawn; see :meth:`tempered`.
    """

    def __init__(
        self,
        z: Tensor,
        steps: int,
        net: FrameNet,
        family: Family,
        hide: Hide,
        temperature: float = 1.0,
        top_p: float = 1.0,
    ) -> None:
        self.z, self.steps, self.net, self.family, self.hide = z, steps, net, family, hide
        self.temperature, self.top_p = temperature, top_p
        self.shape = (*z.shape[:2], steps, net.columns)

    def tempered(self, temperature: float = 1.0, top_p: float = 1.0) -> PieceDensity:
        return PieceDensity(self.z, self.steps, self.net, self.family, self.hide, temperature, top_p)

    # ------------------------------------------------------------------ scoring

    def log_prob(self, value: Tensor, known: Tensor | None = None) -> Tensor:
        if value.dim() == 4 and len(value) > 1:  # each draw has a value of its own: draws are rows then
            flat = PieceDensity(self.z.flatten(0, 1)[None], self.steps, self.net, self.family, self.hide)
            known = None if known is None else known.expand(self.shape).flatten(0, 1)
            return flat.log_prob(value.flatten(0, 1), known).view(self.shape)
        value = (value[0] if value.dim() == 4 else value).long()
        known = torch.ones_like(value, dtype=torch.bool) if known is None else known
        return self._scored(value, known, known, None)

    def estimate(self, value: Tensor, known: Tensor | None, rng: Random, progress: float = 1.0) -> Tensor:
        """As :meth:`log_prob`; where gradients are needed, with that of log p(a random part | the rest of it) in some
        of the rows, which has no influence on the value."""
        scored = self.log_prob(value, known)
        if not torch.is_grad_enabled():
            return scored
        rows = slice(0, -(-self.shape[1] // SHARE))
        part = (value[0] if value.dim() == 4 else value)[rows].long()
        there = torch.ones_like(part, dtype=torch.bool) if known is None else known[rows]
        given = there & self.hide(len(part), rng).to(part.device)
        lesson = self._rows(rows)._scored(part, there & ~given, there, given)
        return scored + F.pad(lesson - lesson.detach(), (0, 0, 0, 0, 0, scored.shape[1] - len(part)))

    def _rows(self, rows: slice) -> PieceDensity:
        return PieceDensity(self.z[:, rows], self.steps, self.net, self.family, self.hide)

    def _scored(self, value: Tensor, scored: Tensor, seen: Tensor, given: Tensor | None) -> Tensor:
        """The cells ``scored``, each given the ``seen`` ones before it and the ``given`` ones: ``[S, B, T, C]``.

        What follows from the end of the piece is certain, and costs nothing.
        """
        ended = over(value, seen)
        certain = ended[..., None].expand_as(value).clone()
        certain[..., 1:] |= seen[..., :1] & (value[..., :1] == 0)
        certain[..., 0] |= must_go_on(value, given)
        wanted = scored & ~certain
        length = last(wanted.any(-1))
        steps = int(length.max()) if len(length) else 0
        total = self.z.new_zeros(self.shape)
        if steps == 0:
            return total
        cut = lambda t: t[:, :steps]
        past = self.net.states_before(self.z, cut(value), cut(seen), length)
        later = None if given is None else cut(self.net.states_after(value, given))
        previous = F.pad(value * seen, (0, 0, 1, 0))
        row, step = cut(wanted).any(-1).nonzero(as_tuple=True)
        parts = []
        for at in self._portions(len(row)):
            r, t = row[at], step[at]
            here = Here(value[r, t], previous[r, t], seen[r, t], None if given is None else given[r, t])
            frame = self.net.frames(past[:, r, t], self.z[:, r], None if later is None else later[r, t], here)
            log_p = self.family(self._raw(self.net.logits(frame, here))).log_prob(here.value)
            parts.append(torch.where(wanted[r, t], log_p, torch.zeros((), dtype=log_p.dtype, device=log_p.device)))
        return total.index_put((slice_of(total, 0), row, step), torch.cat(parts, 1).to(total.dtype))

    def _raw(self, logits: Tensor) -> Tensor:
        """``[..., C, K − 1]`` → raw numbers of the family; a piece goes on or does not, whatever notes may do."""
        if self.net.states > 2:
            never = torch.zeros(logits.shape[-2:], device=logits.device, dtype=torch.bool)
            never[0, 1:] = True
            logits = logits.masked_fill(never, NEVER)
        return F.pad(logits, (1, 0))

    def _portions(self, frames: int) -> Iterator[slice]:
        size = frames if torch.is_grad_enabled() else max(1, FRAMES // len(self.z))
        return (slice(start, start + size) for start in range(0, max(1, frames), max(1, size)))

    # ------------------------------------------------------------------ drawing

    @torch.no_grad()
    def sample(self, rng: Random, value: Tensor | None = None, known: Tensor | None = None) -> Tensor:
        if value is not None and known is None:
            return value.expand(self.shape)
        draws, rows, steps, columns = self.shape
        made = torch.zeros(draws * rows, steps, columns, dtype=torch.long, device=self.z.device)
        given = torch.zeros_like(made, dtype=torch.bool)
        if value is not None and known is not None:
            given = known.expand(self.shape).flatten(0, 1)
            made = torch.where(given, value.expand(self.shape).flatten(0, 1).long(), made)
        forced = must_go_on(made, given)
        later = self.net.states_after(made, given) if bool(given.any()) else None
        z, state, ended = self.z.flatten(0, 1), self.net.start(self.z.flatten(0, 1)), over(made, given)[:, 0]
        for t in range(steps):
            u = rng.uniform((draws, rows, columns)).reshape(-1, columns).to(z.device)
            open_ = ~ended & ~given[:, t].all(-1)
            if bool(open_.any()):
                self._draw(made, given, forced, t, u, open_.nonzero()[:, 0], state[0], z, later)
            ended = ended | (made[:, t, 0] == 0)
            if bool(ended.all()) or t + 1 == steps:
                break
            state = self.net.step(z, made[:, t], state)
        made = made.view(self.shape)
        return made if value is None else keep_known(made.to(value.dtype), value, known)

    def _draw(
        self, made: Tensor, given: Tensor, forced: Tensor, t: int, u: Tensor, rows: Tensor, past: Tensor, z: Tensor,
        later: Tensor | None,
    ) -> None:  # fmt: skip
        """Fill frame t of the ``rows`` (numbers) of ``made [N, T, C]``, from one cell that is on to the next."""
        value, fixed, columns = made[rows, t], given[rows, t], made.shape[-1]
        forced, u = forced[rows, t], u[rows]
        previous = made[rows, t - 1] if t else torch.zeros_like(value)
        here = Here(value, previous, torch.ones_like(fixed), None if later is None else fixed)
        frame = self.net.frames(past[None, rows], z[None, rows], None if later is None else later[rows, t], here)[0]
        place = torch.arange(columns, device=made.device)
        done = torch.zeros(len(rows), dtype=torch.long, device=made.device)  # cells that are settled
        going = torch.arange(len(rows), device=made.device)
        while len(going):
            settled = place < done[going, None]
            before = on(value[going], settled, self.net.states, frame.dtype)
            raw = self._raw(self.net.read(frame[going], before)).float()
            cumulative = likeliest((raw / self.temperature).softmax(-1), self.top_p).cumsum(-1)
            drawn = (u[going][..., None] > cumulative[..., :-1]).sum(-1)
            drawn[:, 0] = torch.where(forced[going], 1, drawn[:, 0])
            drawn = torch.where(fixed[going] | settled, value[going], drawn)
            drawn = drawn * (drawn[:, :1] > 0)  # after the end there is silence
            hit = (drawn > 0) & ~settled
            first = torch.where(hit.any(-1), hit.int().argmax(-1), columns)
            value[going] = torch.where(place <= first[:, None], drawn, torch.where(fixed[going], value[going], 0))
            done[going] = first + 1
            stays = (done[going] < columns) & (value[going, 0] > 0)
            going = going[stays]
        made[rows, t] = value

    # ------------------------------------------------------------------ single cells

    def given(self, value: Tensor, known: Tensor | None) -> Density:
        """Whole pieces, drawn given the known cells: of music, cells one by one would be silence."""
        known = torch.ones(self.shape[1:], dtype=torch.bool, device=self.z.device) if known is None else known
        return Completed(self, value, known)

    @torch.no_grad()
    def given_others(self, value: Tensor, known: Tensor | None) -> Density:
        """Each cell given all known cells before, after and beside it, some others of its frame left out; where a
        piece is known to end stays as it is."""
        value = (value[0] if value.dim() == 4 else value).long()
        known = torch.ones_like(value, dtype=torch.bool) if known is None else known
        length = last(known.any(-1) & ~over(value, known))
        past, later = self.net.states_before(self.z, value, known, length), self.net.states_after(value, known)
        previous = F.pad(value * known, (0, 0, 1, 0))
        raw = self.z.new_zeros(*self.shape, self.net.states)
        raw[..., 1:] = NEVER
        group = torch.arange(self.net.columns, device=value.device) % GROUPS
        for row, steps in enumerate(length.tolist()):
            for g in range(GROUPS):
                seen = known[row, :steps] & (group != g)
                here = Here(value[row, :steps], previous[row, :steps], seen, seen)
                frame = self.net.frames(past[:, row, :steps], self.z[:, row, None], later[row, :steps], here)
                raw[:, row, :steps, group == g] = self._raw(self.net.logits(frame, here))[:, :, group == g]
        sure = F.one_hot(value[..., 0].clamp(max=1), self.net.states).to(raw.dtype) * -NEVER
        raw[..., 0, :] = torch.where(known[..., :1], sure, raw[..., 0, :])
        return Factorised(self.family(raw), event_dims=2, mask_dims=2)


class Completed(Density):
    """Pieces with their gaps filled, as draws of the chain with fixed noise: what stands for them goes together."""

    def __init__(self, chain: PieceDensity, value: Tensor, known: Tensor) -> None:
        self.chain, self.value, self.known = chain, value, known

    def log_prob(self, value: Tensor, known: Tensor | None = None) -> Tensor:
        return self.chain.log_prob(value, known)

    def sample(self, rng: Random, value: Tensor | None = None, known: Tensor | None = None) -> Tensor:
        return self.chain.sample(rng, self.value, self.known)

    def points(self, u: Tensor) -> Tensor:
        drawn = self.chain.sample(Random(0, self.value.device, share_rows=True), self.value, self.known)
        return drawn.expand(len(u), *drawn.shape)


def must_go_on(value: Tensor, given: Tensor | None) -> Tensor:
    """``[B, T]`` bool: at or after this frame something is given that only a piece that goes on can hold."""
    if given is None:
        return torch.zeros(value.shape[:-1], dtype=torch.bool, device=value.device)
    there = (given & (value > 0)).any(-1)
    return there.flip(1).cumsum(1).flip(1) > 0


def likeliest(p: Tensor, share: float) -> Tensor:
    """Probabilities ``[..., K]`` of the likeliest states that together have a ``share``, anew; of the others zero.

    >>> likeliest(torch.tensor([0.7, 0.2, 0.1]), 0.8)
    tensor([0.7778, 0.2222, 0.0000])
    """
    if share >= 1:
        return p
    ordered, order = p.sort(-1, descending=True)
    kept = ordered * (ordered.cumsum(-1) - ordered < share)
    return (kept / kept.sum(-1, keepdim=True)).gather(-1, order.argsort(-1))


def slice_of(total: Tensor, axis: int) -> Tensor:
    """All places along an axis, for index_put beside other indices."""
    return torch.arange(total.shape[axis], device=total.device)[:, None]
