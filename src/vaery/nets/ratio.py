"""Whether two sides of a row go together: a density ratio, learned by telling true pairs from shuffled ones."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vaery.core.random import Random, isolated

RATIO = "ratio "  # before the name of a field: what the ratio of it and the others is called beside a model
HIDDEN, SHARED = 128, 32  # of each side's network; of the space in which the sides meet
BATCH = 256
LEARNING_RATE, DECAY = 2e-3, 1e-3
LOOKS = 12  # at held-out pairs, while it learns
LEAST = 0.02  # nats that it must tell of held-out pairs


@dataclass(frozen=True)
class Pairs:
    """Numbers of both sides of the same rows: ``a [n, Z]``, ``b [n, Z]``."""

    a: Tensor
    b: Tensor

    def __len__(self) -> int:
        return len(self.a)

    def __getitem__(self, rows: Tensor | slice) -> Pairs:
        return Pairs(self.a[rows], self.b[rows])


class Ratio(nn.Module):
    """``log p(a, b) - log p(a) - log p(b)`` in nats, a row's mutual information of its two sides.

    Two small networks lead the sides to points of one space; their product, up to a constant, is that ratio where they
    tell each row's own other side from those of the rest of a batch best (van den Oord, Li and Vinyals, 2018). The
    constant makes true and shuffled pairs weigh alike: the ratio's mean over pairs of different rows is one.

    Args:
        size: Z, of either side.

    >>> Ratio(3)(torch.zeros(2, 3), torch.zeros(2, 3)).shape
    torch.Size([2])
    """

    middle: Tensor
    spread: Tensor
    shift: Tensor

    def __init__(self, size: int) -> None:
        super().__init__()
        self.sides = nn.ModuleList(
            nn.Sequential(nn.Linear(size, HIDDEN), nn.SiLU(), nn.Linear(HIDDEN, SHARED)) for _ in range(2)
        )
        self.register_buffer("middle", torch.zeros(2, size))
        self.register_buffer("spread", torch.ones(2, size))
        self.register_buffer("shift", torch.zeros(()))

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        """``[n, Z]`` each → ``[n]``."""
        left, right = self._met(a, b)
        return (left * right).sum(1) - self.shift

    def _met(self, a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
        left, right = (
            side((x - middle) / spread)
            for side, x, middle, spread in zip(self.sides, (a, b), self.middle, self.spread, strict=True)
        )
        return left / SHARED**0.5, right

    def _loss(self, pairs: Pairs) -> Tensor:
        """Nats that a row's other side costs, picked from all of the batch, in both directions."""
        left, right = self._met(pairs.a, pairs.b)
        table, own = left @ right.T, torch.arange(len(pairs), device=left.device)
        return (F.cross_entropy(table, own) + F.cross_entropy(table.T, own)) / 2

    @torch.enable_grad()
    def fit_to(self, pairs: Pairs, held_out: Pairs, rng: Random, steps: int) -> bool:
        """Learn from pairs; of what was seen on the way, the weights that held-out pairs like best are kept.

        Args:
            pairs, held_out: more than one of each.
            rng: of weights and batches.
            steps: of AdamW, whose rate falls as a cosine.

        Returns:
            Whether it tells anything of held-out pairs.
        """
        with isolated(rng.seed()):
            for layer in self.modules():
                if isinstance(layer, nn.Linear):
                    layer.reset_parameters()
        for place, x in enumerate((pairs.a, pairs.b)):
            self.middle[place], self.spread[place] = x.mean(0), x.std(0, correction=0).clamp(min=1e-3)
        optimizer = torch.optim.AdamW(self.parameters(), lr=LEARNING_RATE, weight_decay=DECAY)
        falling = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, max(1, steps))
        best, kept = self._told(held_out), self._weights()
        for step in range(1, steps + 1):
            rows = rng.permutation(len(pairs))[:BATCH].to(pairs.a.device)
            optimizer.zero_grad()
            self._loss(pairs[rows]).backward()
            optimizer.step()
            falling.step()
            if (step % max(1, steps // LOOKS) == 0 or step == steps) and (told := self._told(held_out)) > best:
                best, kept = told, self._weights()
        optimizer.zero_grad()
        self.load_state_dict(kept)
        self._settle(pairs[rng.permutation(len(pairs))[: 4 * BATCH].to(pairs.a.device)])
        return best > LEAST

    @torch.no_grad()
    def _told(self, pairs: Pairs) -> float:
        """Nats by which the loss is below that of one who knows nothing; the mean of several batches."""
        parts = [pairs[slice(i, i + BATCH)] for i in range(0, len(pairs), BATCH)]
        told = [len(part) * (math.log(len(part)) - float(self._loss(part))) for part in parts]
        return sum(told) / len(pairs)

    @torch.no_grad()
    def _settle(self, pairs: Pairs) -> None:
        """The constant: pairs of different rows weigh one in the mean."""
        left, right = self._met(pairs.a, pairs.b)
        table = (left @ right.T).double()
        apart = table[~torch.eye(len(pairs), dtype=torch.bool, device=table.device)]
        self.shift.copy_(apart.logsumexp(0) - math.log(len(apart)))

    def _weights(self) -> dict[str, Tensor]:
        return {name: weight.detach().clone() for name, weight in self.state_dict().items()}
