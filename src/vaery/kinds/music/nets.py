"""Encoders and decoders of music."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from vaery.core.members import member
from vaery.kinds.music.density import PieceDensity
from vaery.kinds.music.field import MusicField
from vaery.nets.frames import FrameEncoder, FrameNet


def suggest(field: MusicField, rows: int) -> dict[str, Any]:
    """Sizes for every ``"auto"`` and a plan of training, for this many rows."""
    return {
        "latent": 16,
        "width": 192,
        "depth": 1,
        "dropout": 0.3,
        "objective": {"free_bits": 0.1},
        "plan": {"batch": 32, "learning_rate": 4e-3, "steps": 1000},
    }


def encoder(field: MusicField, width: int, depth: int, dropout: float) -> nn.Module:
    """``(value [B, T, C], known [B, T, C] or None) → [B, width]``."""
    return FrameEncoder(field.event[1], field.states, width, dropout)


def decoder(field: MusicField, context: int, width: int, depth: int, dropout: float) -> nn.Module:
    """``context [S, B, Z]`` → the density of ``[S, B, T, C]``."""
    return MusicDecoder(field, context, width, dropout)


class MusicDecoder(nn.Module):
    """A context as the density of pieces."""

    def __init__(self, field: MusicField, context: int, width: int, dropout: float) -> None:
        super().__init__()
        self.net = FrameNet(field.event[1], field.states, context, width, dropout)
        self.family = member("likelihoods", field.likelihood)(levels=field.states)
        self.steps, self.hide = field.steps, field.hide

    def learn(self, value: Tensor, known: Tensor | None) -> None:
        """Before training: every note begins as likely as it is in rows ``value [N, T, C]``."""
        goes_on = value[..., :1] > 0
        there = goes_on if known is None else goes_on & known
        count = there.expand(value.shape).flatten(0, 1).sum(0).clamp(min=1)
        states = range(1, self.net.states)
        share = torch.stack([((value == code) & there).flatten(0, 1).sum(0) / count for code in states], -1)
        share[0, 0] = 1 - 1 / max(2.0, float(goes_on.sum(1).float().mean()))  # pieces go on, but for one step
        self.net.start_from(share)

    def forward(self, context: Tensor) -> PieceDensity:
        return PieceDensity(context, self.steps, self.net, self.family, self.hide)
