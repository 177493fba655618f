"""Encoders and decoders of sounds."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from vaery.core.density import Elementwise
from vaery.core.members import member
from vaery.kinds.audio.density import SoundDensity
from vaery.kinds.audio.field import AudioField
from vaery.nets.ladder import Level, Maps
from vaery.nets.moments import MAP, moments
from vaery.nets.temporal import PATCH, TimeDecoder, TimeEncoder, steps_of

EACH = 32  # numbers of a moment of four frames, where sounds have a level along time


def suggest(field: AudioField, rows: int) -> dict[str, Any]:
    """Sizes for every ``"auto"`` and a plan of training, for this many rows."""
    return {
        "latent": 32,
        "levels": 2,
        "width": 256,
        "depth": 1,
        "dropout": 0.1,
        "share": 0.3,
        "plan": {
            "batch": 32,
            "learning_rate": 2e-3,
            "steps": min(12_000, max(2000, rows * 60 // 32)),
            "precision": "bfloat16",
        },
    }


def encoder(field: AudioField, width: int, depth: int, dropout: float) -> nn.Module:
    """``(value [B, T, 1 + F], known likewise or None) → [B, width]``."""
    return SoundEncoder(field, width, depth, dropout)


def decoder(field: AudioField, context: int, width: int, depth: int, dropout: float) -> nn.Module:
    """``context [S, B, C]`` → the density of ``[S, B, T, 1 + F]``."""
    return SoundDecoder(field, context, width, depth, dropout)


def can_climb(field: AudioField) -> bool:
    """Every sound can have a level of its own, along time."""
    return True


def climb(
    field: AudioField, context: int, levels: int, width: int, depth: int, dropout: float
) -> tuple[nn.Module, list[Level], nn.Module]:
    """Encoder, level and decoder: one level along time (:mod:`vaery.nets.moments`), however many are asked for."""
    count = 2 * steps_of(field.steps)
    level = moments(field.name, count, EACH, context)
    below = SoundDecoder(field, context + count * EACH, width, depth, dropout, EACH)
    return SoundEncoder(field, width, depth, dropout, along=True), [level], below


class SoundEncoder(nn.Module):
    """Frames as far as the longest row of the batch goes, through convolutions over time.

    Args:
        field: of sounds.
        width: of the features.
        depth, dropout: of the network.
        along: with a map of moments.
    """

    def __init__(self, field: AudioField, width: int, depth: int, dropout: float, along: bool = False) -> None:
        super().__init__()
        self.width, self.along = width, along
        self.net = TimeEncoder(field.event[1], field.steps, width, depth, dropout)

    def forward(self, value: Tensor, known: Tensor | None = None) -> Tensor | Maps:
        there = value[..., 0] > 0 if known is None else (value[..., 0] > 0) & known[..., 0]
        lengths = (there * torch.arange(1, there.shape[1] + 1, device=there.device)).amax(1)
        steps = max(1, int(lengths.max())) if len(lengths) else 1
        x = value[:, :steps]
        if known is None:
            return self._read(x, lengths)
        inside = (torch.arange(steps, device=x.device) < lengths[:, None])[..., None]
        seen = known[:, :steps] & inside
        return self._read(x * seen, lengths, (inside & ~seen).to(x.dtype))

    def _read(self, x: Tensor, lengths: Tensor, missing: Tensor | None = None) -> Tensor | Maps:
        h = self.net.patches(x, lengths, missing)
        whole = self.net.whole(h, lengths)
        return Maps(whole, {MAP: (h, -(-lengths // PATCH))}) if self.along else whole


class SoundDecoder(nn.Module):
    """A context as the density of sounds: where each band of each frame is, and how far around, by band."""

    def __init__(self, field: AudioField, context: int, width: int, depth: int, dropout: float, each: int = 0) -> None:
        super().__init__()
        self.event = field.event
        bands = field.event[1] - 1
        self.net = TimeDecoder(context, field.steps, 1 + bands, width, depth, dropout, each)
        self.family: Any = member("likelihoods", field.likelihood)()
        self.around = nn.Parameter(torch.zeros(bands, self.family.size - 1))

    def learn(self, value: Tensor, known: Tensor | None) -> None:
        """Before training: sounds ``value [N, T, 1 + F]`` end as often as they do."""
        mean = float((value[..., 0] > 0).sum(1).float().mean().clamp(min=2))
        with torch.no_grad():
            self.net.last.bias[:: self.event[1]] = torch.tensor(mean - 1).log()

    def forward(self, context: Tensor) -> SoundDensity:
        flat = context.flatten(0, 1)
        kept: dict[int, tuple[Tensor, Elementwise]] = {}

        def frames(steps: int) -> tuple[Tensor, Elementwise]:
            if steps not in kept:
                raw = self.net(flat, steps).view(*context.shape[:2], steps, -1)
                loud = raw[..., 1:, None]
                around = self.around.to(loud.dtype).expand(*loud.shape[:-1], -1)
                kept[steps] = raw[..., 0], self.family(torch.cat([loud, around], -1))
            return kept[steps]

        return SoundDensity(frames, (*context.shape[:2], *self.event))
