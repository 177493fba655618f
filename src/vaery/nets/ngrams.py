"""What runs of tokens in the training rows say of the next one: counts, without a network."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from vaery.core.tokens import FIRST, telling

MOST = 2**20  # runs of each length that are kept


class NGrams(nn.Module):
    """p(token | those before it) by interpolated Kneser-Ney smoothing (Kneser and Ney, 1995; Chen and Goodman, 1999).

    The count of a run of tokens, less a discount, over that of its beginning; what the discounts leave goes to the run
    without its first token. Shorter runs count what they were seen after, not how often. A run stands for itself in one
    whole number, so a look is a search in a sorted list.

    Args:
        codes: how many codes there are, nothing (0) and the end among them. Two more only come before others: "hidden",
            which no run has, and "the start".
        order: the longest run; fewer where codes are many.
        least: how often a run was seen that is kept: what was seen once may be one row's own, and odd there.

    >>> import torch
    >>> base = NGrams(6, order=2)
    >>> base.learn(torch.tensor([[2, 3, 1], [2, 3, 1], [2, 4, 1], [3, 3, 1]]), None)
    >>> [round(p, 2) for p in base.every(torch.tensor([[2]]))[0].tolist()]
    [0.0, 0.15, 0.07, 0.67, 0.07, 0.03]
    """

    discount: Tensor  # [order], of runs of each length
    least: Tensor  # [order], how often those that are kept were seen

    def __init__(self, codes: int, order: int = 4, least: int = 2) -> None:
        super().__init__()
        self.codes, self.base = codes, codes + 2
        self.order = max(1, min(order, int(62 / math.log2(self.base))))
        self.rare = least
        self.register_buffer("discount", torch.zeros(self.order))
        self.register_buffer("least", torch.ones(self.order, dtype=torch.int64))
        for size in range(self.order):
            for name in ("run", "before"):  # sorted
                self.register_buffer(f"{name}_{size}", torch.zeros(0, dtype=torch.int64))
            for name in ("count", "total", "kept"):  # of runs, and of what comes after a beginning, all and kept
                self.register_buffer(f"{name}_{size}", torch.zeros(0))

    @property
    def evidence(self) -> int:
        """How many numbers say how much is known of a beginning; see :meth:`known_of`."""
        return 2 * self.order

    @property
    def empty(self) -> bool:
        """Whether nothing was learned."""
        return len(self._table("run", 0)) == 0

    # ------------------------------------------------------------------ learning

    @torch.no_grad()
    def learn(self, value: Tensor, known: Tensor | None) -> None:
        """Count the runs in ``value [N, L]``; those with a hidden token in them are left out."""
        value, here = value.long(), telling(value, known)
        told = torch.where(here, value, self.codes)
        runs = [self._runs(told, here, size) for size in range(self.order)]
        for size in range(self.order):
            self._keep(size, *self._counted(runs, size))

    def contexts(self, told: Tensor) -> Tensor:
        """What each step is told of the step before it ``[N, T]`` → the tokens before each, nearest first
        ``[N, T, order - 1]``."""
        back = [torch.nn.functional.pad(told, (j, 0), value=self.codes)[:, : told.shape[1]] for j in range(self.order)]
        return torch.stack(back[: self.order - 1], -1) if self.order > 1 else told[..., None][..., :0]

    def _runs(self, told: Tensor, here: Tensor, size: int) -> tuple[Tensor, Tensor]:
        """All runs of ``size`` tokens before another, and that one: each run once, and how often."""
        start = torch.full_like(told[:, :1], self.codes + 1)
        context = self.contexts(torch.cat([start, told[:, :-1]], 1))[..., :size]
        whole = here & (context != self.codes).all(-1)
        found, count = torch.unique(self._key(context[whole]) * self.base + told[whole], return_counts=True)
        return found, count

    def _counted(self, runs: list[tuple[Tensor, Tensor]], size: int) -> tuple[Tensor, Tensor]:
        """Runs and their counts: of the longest, and of those from the start on, how often; else after how many."""
        run, count = runs[size]
        if size == self.order - 1:
            return run, count
        power = self.base**size
        first = (run // power == self.codes + 1) if size else torch.zeros_like(run, dtype=torch.bool)
        inner, after = torch.unique(runs[size + 1][0] % (power * self.base), return_counts=True)
        run, count = torch.cat([run[first], inner]), torch.cat([count[first], after])
        order = run.argsort()
        return run[order], count[order]

    def _keep(self, size: int, run: Tensor, count: Tensor) -> None:
        once, twice = int((count == 1).sum()), int((count == 2).sum())
        discount = min(0.95, max(0.1, once / max(1, once + 2 * twice)))  # Ney, Essen and Kneser, 1994
        least = self.rare if size else 1
        while int((count >= least).sum()) > MOST:
            least += 1
        stays = count >= least
        before, at = torch.unique(run // self.base, return_inverse=True)
        zeros = torch.zeros(len(before), dtype=torch.float64, device=run.device)
        total = zeros.index_add(0, at, count.double())
        kept = zeros.index_add(0, at[stays], count[stays].double() - discount)
        some = kept > 0
        self.discount[size], self.least[size] = discount, least
        found = {"run": run[stays], "count": count[stays].float()}
        found |= {"before": before[some], "total": total[some].float(), "kept": kept[some].float()}
        for name, tensor in found.items():
            setattr(self, f"{name}_{size}", tensor)

    # ------------------------------------------------------------------ asking

    def prob(self, context: Tensor, code: Tensor, told: Tensor | None = None) -> Tensor:
        """p of each ``code [M]`` after ``context [M, order - 1]``, nearest first.

        Args:
            context: what came before.
            code: at most ``codes - 1``; of nothing (0) it is zero.
            told: the same, with what is hidden marked. If it is given, the row is one of those that were counted, and
                is left out: its own run is counted once less, and if it was the only one, so is the shorter one.
        """
        visible = context if told is None else told
        counts = [self._count(size, context[:, :size], code) for size in range(self.order)]
        gone = torch.ones_like(code, dtype=torch.bool) if told is not None else torch.zeros_like(code, dtype=torch.bool)
        less: list[Tensor] = []
        for count in reversed(counts):
            less.insert(0, gone)
            gone = gone & (count <= 1)  # a run that is not kept was seen once
        p = (code > 0) / (self.codes - FIRST + 1)
        for size, count in enumerate(counts):
            discount, least, out = self.discount[size], self.least[size], less[size]
            total, kept, there = self._after(size, visible[:, :size])
            left = count - (out & (count > 0)).to(count)
            stays, stayed = left >= least.clamp(min=1), count >= least.clamp(min=1)
            off = torch.where(stays, 1.0, count - discount)
            total, kept = total - out.to(total), kept - torch.where(out & stayed, off, 0.0)
            own = torch.where(stays, left - discount, 0.0)
            found = (own + (total - kept) * p) / total.clamp(min=1)
            p = torch.where(there & (total > 0), found, p)
        return p

    def every(self, context: Tensor) -> Tensor:
        """``context [N, order - 1]`` → p of each code ``[N, codes]``."""
        p = torch.full((1, self.codes), 1 / (self.codes - FIRST + 1), device=context.device)
        p[:, 0] = 0
        for size in range(self.order):
            told = context[: len(p), :size]  # without any, one row stands for all
            total, kept, there = self._after(size, told)
            p *= torch.where(there, (total - kept) / total.clamp(min=1), 1.0)[:, None]
            row, code, count = self._followers(size, told, there)
            p.view(-1).index_add_(0, row * self.codes + code, (count - self.discount[size]) / total[row])
            p = p if size else p.repeat(len(context), 1)
        return p

    def known_of(self, context: Tensor) -> Tensor:
        """``[M, evidence]``: of runs of each length, which share of what came next is kept, and how much came."""
        found = []
        for size in range(self.order):
            total, kept, there = self._after(size, context[:, :size])
            found += [torch.where(there, kept / total.clamp(min=1), 0.0), torch.where(there, total.log1p() / 8, 0.0)]
        return torch.stack(found, -1)

    def _count(self, size: int, context: Tensor, code: Tensor) -> Tensor:
        run = self._table("run", size)
        at, there = _find(run, self._key(context) * self.base + code)
        return torch.where(there, self._table("count", size)[at], 0.0) if len(run) else torch.zeros_like(code) * 0.0

    def _after(self, size: int, context: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """How often anything came after this, how much of that is kept, and whether any is."""
        before = self._table("before", size)
        if not len(before):
            none = torch.zeros(len(context), device=context.device)
            return none, none, none > 0
        at, there = _find(before, self._key(context))
        return self._table("total", size)[at], self._table("kept", size)[at], there

    def _followers(self, size: int, context: Tensor, there: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """What was seen after each context: its place among them, the code, the count."""
        run, key = self._table("run", size), self._key(context) * self.base
        first = torch.searchsorted(run, key)
        many = torch.where(there, torch.searchsorted(run, key + self.base) - first, 0)
        row = torch.repeat_interleave(many)
        place = torch.arange(len(row), device=row.device) - (many.cumsum(0) - many)[row] + first[row]
        return row, run[place] % self.base, self._table("count", size)[place]

    def _key(self, context: Tensor) -> Tensor:
        """A run, nearest token first ``[…, size]`` → one whole number."""
        power = self.base ** torch.arange(context.shape[-1], device=context.device)
        return (context * power).sum(-1)

    def _table(self, name: str, size: int) -> Tensor:
        return getattr(self, f"{name}_{size}")

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *args: Any, **kwargs: Any) -> None:
        """Tables have as many rows as was learned."""
        for name, own in list(self.named_buffers(recurse=False)):
            found = state_dict.get(prefix + name)
            if found is not None and found.dim() == own.dim():
                setattr(self, name, torch.empty_like(own, memory_format=torch.contiguous_format).new_empty(found.shape))
        super()._load_from_state_dict(state_dict, prefix, *args, **kwargs)


def _find(table: Tensor, key: Tensor) -> tuple[Tensor, Tensor]:
    """Where each key is in a sorted table, and whether it is."""
    if not len(table):
        return torch.zeros_like(key), torch.zeros_like(key, dtype=torch.bool)
    at = torch.searchsorted(table, key).clamp(max=len(table) - 1)
    return at, table[at] == key
