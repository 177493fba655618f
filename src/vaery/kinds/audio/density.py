"""The density of sounds: how long they are, and how loud each band of each frame is, given the latent."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from vaery.core.density import Density, Elementwise, keep_known
from vaery.core.random import Random

Frames = Callable[[int], tuple[Tensor, Elementwise]]
TINY = 1e-6
SPREAD = 32  # values that stand for the density of a loudness


class SoundDensity(Density):
    """p(sound | latent), ``value [S, B, T, 1 + F]``, ``known`` likewise; cell 0 of a frame: the sound goes on.

    Where a sound ends is a chain: it goes on from each frame to the next or does not. All else is independent given
    the latent. What comes after the end is certain, and costs nothing.

    Args:
        frames: how many → logits that a frame is there if the one before was, ``[S, B, t]``, and the density of
            ``[S, B, t, F]``.
        shape: (S, B, T, 1 + F).
        noise: what the spread of bands is multiplied by in draws; with 0 they are the expected ones, and the
            length is its median.
        fixed: ``(value, known)`` that single cells are asked for given of; see :meth:`given`.
    """

    whole = True

    def __init__(
        self,
        frames: Frames,
        shape: tuple[int, ...],
        noise: float = 1.0,
        fixed: tuple[Tensor, Tensor] | None = None,
    ) -> None:
        self.frames, self.shape, self.noise, self.fixed = frames, shape, noise, fixed

    def hushed(self, noise: float) -> SoundDensity:
        return SoundDensity(self.frames, self.shape, noise, self.fixed)

    # ------------------------------------------------------------------ scoring

    def log_prob(self, value: Tensor, known: Tensor | None = None) -> Tensor:
        value = value if value.dim() == 4 else value[None]
        known = torch.ones_like(value[..., :1], dtype=torch.bool).expand(value.shape) if known is None else known
        known = known if known.dim() == 4 else known[None]
        on, told = value[..., 0] > 0, known[..., 0]
        ended = (told & ~on).cumsum(-1) > 0  # from the frame on that is known not to be there
        steps = max(1, reach(known.any(-1) & ~F.pad(ended[..., :-1], (1, 0))))
        logits, bands = self.frames(steps)
        cut = lambda t: t[:, :, :steps]
        length = _length_terms(logits, cut(on), cut(told))
        length = F.pad(length, (0, self.shape[2] - steps))
        loud = bands.log_prob(cut(value)[..., 1:])
        loud = torch.where(cut(known)[..., 1:] & ~cut(ended)[..., None], loud, torch.zeros((), dtype=loud.dtype))
        loud = F.pad(loud, (0, 0, 0, self.shape[2] - steps))
        return torch.cat([length[..., None].expand(*loud.shape[:-1], 1), loud], -1)

    # ------------------------------------------------------------------ drawing

    def sample(self, rng: Random, value: Tensor | None = None, known: Tensor | None = None) -> Tensor:
        draws, rows, steps, _ = self.shape
        u = rng.uniform((draws, rows, 1))
        logits, bands = self.frames(steps)
        u = u.to(logits.device) if self.noise else torch.full((1, 1, 1), 0.5, device=logits.device)
        if value is not None and known is None:
            known = torch.ones_like(value, dtype=torch.bool)
        on = self._lasting(logits, u, value, known)
        loud = bands.mean()
        if self.noise:
            loud = loud + self.noise * (bands.sample(rng).to(loud.device) - loud)
        made = torch.cat([on[..., None].to(loud.dtype), loud * on[..., None]], -1).to(logits.dtype)
        return keep_known(made, value, known)

    def _lasting(self, logits: Tensor, u: Tensor, value: Tensor | None, known: Tensor | None) -> Tensor:
        """``[S, B, T]`` bool, which frames are there: the quantile 1 − u of the length given what is known of it."""
        upto = F.logsigmoid(logits).cumsum(-1).exp()  # P(frame t is there)
        if value is None or known is None:
            return upto >= u
        on, told = (value[..., 0] > 0) & known[..., 0], known[..., 0]
        at_least = torch.where(on, upto, torch.ones_like(upto)).amin(-1, keepdim=True)
        off = (told & ~on).expand(upto.shape)
        at_most = torch.where(off, upto, torch.zeros_like(upto)).amax(-1, keepdim=True)
        there = upto >= at_least - (1 - u) * (at_least - at_most)
        later = on.flip(-1).cumsum(-1).flip(-1) > 0
        return (there | later) & ~(off.cumsum(-1) > 0)

    def given(self, value: Tensor, known: Tensor | None) -> Density:
        if known is not None and not bool(known.any()):
            return self
        known = torch.ones_like(value, dtype=torch.bool) if known is None else known
        return SoundDensity(self.frames, self.shape, self.noise, (value, known))

    given_others = given  # of a sound whose other frames are all known, the length is

    def points(self, u: Tensor) -> Tensor:
        """All of them the expected sound, as long as its median."""
        made = self.mean()
        return made.expand(len(u), *made.shape)

    quantile = points

    def table(self, value: Tensor, known: Tensor | None, near: Tensor) -> tuple[Tensor, Tensor]:
        """Loudnesses spread as the density is, and those ``near``; which frames there are is as in ``value``."""
        _, bands = self.frames(self.shape[2])
        u = (torch.arange(SPREAD, device=near.device) + 0.5) / SPREAD
        own = bands.transport(u.view(-1, 1, 1, 1, 1))
        values = torch.cat([own, near[:, None, ..., 1:].expand(len(near), *own.shape[1:]).to(own.dtype)])
        values = values.sort(0).values
        edges = torch.cat([values[:1], (values[1:] + values[:-1]) / 2, values[-1:]])
        log_p = bands.log_prob(values) + edges.diff(dim=0).clamp(min=1e-12).log()
        on = (value[..., :1] > 0).to(values.dtype).expand(*values.shape[:-1], 1)
        return torch.cat([on, values * on], -1), F.pad(log_p, (1, 0))

    def mean(self) -> Tensor:
        logits, bands = self.frames(self.shape[2])
        half = torch.full((1, 1, 1), 0.5, device=logits.device)
        on = self._lasting(logits, half, *(self.fixed or (None, None)))[..., None]
        return torch.cat([on.to(logits.dtype), bands.mean().to(logits.dtype) * on], -1)

    mode = mean


def reach(there: Tensor) -> int:
    """``[…, T]`` bool → one more than the place of the last true one of any row."""
    place = torch.arange(1, there.shape[-1] + 1, device=there.device)
    return int((there * place).amax()) if there.numel() else 0


def _length_terms(logits: Tensor, on: Tensor, told: Tensor) -> Tensor:
    """``[S, B, t]`` what each known cell of the chain costs, given those before it that are known."""
    upto = F.logsigmoid(logits).cumsum(-1)  # log P(frame t is there)
    lasts = (on & told).expand(upto.shape)
    low = torch.where(lasts, upto, torch.zeros_like(upto)).cummin(-1).values
    before = F.pad(low[..., :-1], (1, 0))
    off = (told & ~on).expand(upto.shape)
    first = off & (off.cumsum(-1) == 1)
    change = (upto - before).clamp(max=-TINY)
    out = torch.where(lasts, upto - before, torch.zeros_like(upto))
    return torch.where(first, torch.log(-torch.expm1(change)), out)
