"""An RNN-NADE without a latent: a GRU over the frames before, a NADE over the notes of each. Part of ``music.py``.

Boulanger-Lewandowski, Bengio and Vincent (2012), with a GRU for their plain recurrence, dropout, and Adam.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

PITCHES, WIDTH, HIDDEN, BATCH = 88, 256, 128, 16
CHECK = 25  # steps between two looks at the validation pieces


class RnnNade(nn.Module):
    """p(piece) = Π_t Π_i p(x_ti | x_t,<i, x_<t)."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.rng = np.random.default_rng(seed)
        self.past = nn.GRU(PITCHES, WIDTH, batch_first=True)
        self.drop = nn.Dropout(0.3)
        self.to_hidden, self.to_bias = nn.Linear(WIDTH, HIDDEN), nn.Linear(WIDTH, PITCHES)
        self.w, self.v = (nn.Parameter(0.05 * torch.randn(PITCHES, HIDDEN)) for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        """``x [B, T, 88]`` → log-probabilities ``[B, T, 88]``."""
        past = self.drop(self.past(F.pad(x, (0, 0, 1, 0))[:, :-1])[0])
        so_far = torch.cumsum(x[..., None] * self.w, -2) - x[..., None] * self.w
        hidden = torch.sigmoid(self.to_hidden(past)[..., None, :] + so_far)
        logits = (hidden * self.v).sum(-1) + self.to_bias(past)
        return -F.binary_cross_entropy_with_logits(logits, x, reduction="none")

    def fit(self, train: Sequence[np.ndarray], valid: Sequence[np.ndarray], seconds: float) -> int:
        """Train for so long and keep what was best on ``valid``; how many steps that were."""
        optimiser = torch.optim.Adam(self.parameters(), 2e-3)
        end, step, best, kept = time.perf_counter() + seconds, 0, -np.inf, self.state_dict()
        while time.perf_counter() < end:
            some = [train[i] for i in self.rng.choice(len(train), BATCH, replace=False)]
            x, inside = padded(some)
            loss = -(self(x).sum(-1) * inside).sum() / inside.sum()
            optimiser.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(self.parameters(), 1.0)
            optimiser.step()
            step += 1
            if step % CHECK == 0:
                bound = sum(self.score(valid))
                if bound > best:
                    best, kept = bound, copy.deepcopy(self.state_dict())
        self.load_state_dict(kept)
        return step

    @torch.no_grad()
    def score(self, rolls: Sequence[np.ndarray]) -> list[float]:
        """Nats of each piece."""
        self.eval()
        found: list[float] = []
        for start in range(0, len(rolls), BATCH):
            x, inside = padded(rolls[start : start + BATCH])
            found += (self(x).sum(-1) * inside).sum(1).tolist()
        self.train()
        return found


def padded(rolls: Sequence[np.ndarray]) -> tuple[Tensor, Tensor]:
    """``[B, T, 88]``, and which frames are there, ``[B, T]``."""
    x = nn.utils.rnn.pad_sequence([torch.from_numpy(roll.astype(np.float32)) for roll in rolls], batch_first=True)
    return x, torch.arange(x.shape[1]) < torch.tensor([len(roll) for roll in rolls])[:, None]
