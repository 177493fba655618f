"""What may have happened to a picture: noise, wrong pixels, blur, fewer pixels; to a sound: noise. Each is
p(noisy | clean).

A corruption says how likely what is there would be for each value that a pixel may have had. Noise that takes pixels
one by one says so outright (:class:`Pixelwise`). Where several clean pixels went into one (:class:`Linear`), it says
which values fit an estimate of the others, ever more strictly: half-quadratic splitting, with the model as the prior
(Venkatakrishnan, Bouman and Wohlberg, 2013; Zhang et al., 2021).

Strengths are in the data's own unit, ``[B]``; all else is packed, ``[…, B, H, W, C]``.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod

import torch
import torch.nn.functional as F
from torch import Tensor

from vaery.core.errors import QueryError, choice
from vaery.core.scale import Loudness, Scale

LOOSE, STRICT, STEPS = 0.25, 0.01, 8  # of the range: how far a linear corruption lets pixels go, first and last
BLURRED_NOISE = 0.005  # of the range: noise that is in a blurred picture anyway


class Corruption(ABC):
    """What may have happened, to pictures of one scale."""

    rounds = 4  # more gain nothing
    strengths: tuple[float, ...] = ()  # to choose from

    def __init__(self, scale: Scale) -> None:
        self.scale = scale
        self.range = max((high - low) * unit for low, high, unit in zip(scale.low, scale.high, scale.unit, strict=True))

    def known_strength(self, noisy: Tensor) -> Tensor | None:
        """The strength for each row, if there is nothing to estimate."""
        alone = len(self.strengths) == 1
        return torch.full((len(noisy),), self.strengths[0], device=noisy.device) if alone else None

    def first(self, noisy: Tensor, strength: Tensor) -> Tensor:
        """A first estimate, before the model is asked. Here: what is there."""
        return noisy

    @abstractmethod
    def centre(self, noisy: Tensor, there: Tensor, estimate: Tensor, strength: Tensor, step: int) -> Tensor:
        """The value of each pixel that would explain best what is ``there``, as the others are estimated."""

    @abstractmethod
    def log_prob(self, values: Tensor, centre: Tensor, strength: Tensor, step: int) -> Tensor:
        """``[G, B, H, W, C]`` how likely what is there would be for each of some values."""

    def judge(self, values: Tensor, log_p: Tensor, noisy: Tensor, there: Tensor, start: Tensor | None) -> Tensor:
        """The strength that makes what is there likeliest, ``[B]``. Here: as it is known.

        Args:
            values, log_p: what each pixel may have been: a table of the density.
            noisy: what is there.
            there: ``[B, H, W, 1]``, where it is known.
            start: an earlier answer.
        """
        assert start is not None, "with one strength there is nothing to estimate"
        return start

    def finish(self, noisy: Tensor, there: Tensor, estimate: Tensor) -> Tensor:
        """The estimate, corrected for what is known for certain."""
        return estimate


class Pixelwise(Corruption):
    """Noise that takes each pixel by itself."""

    def centre(self, noisy: Tensor, there: Tensor, estimate: Tensor, strength: Tensor, step: int) -> Tensor:
        return noisy

    def judge(self, values: Tensor, log_p: Tensor, noisy: Tensor, there: Tensor, start: Tensor | None) -> Tensor:
        """The largest pseudo-likelihood (Besag, 1975): each noisy pixel given the latent and what is near it."""
        ones = torch.ones(len(noisy), device=noisy.device)
        tried = [s * ones for s in self.strengths] if start is None else [start * f for f in (0.8, 0.9, 1, 1.1, 1.25)]
        scores = []
        for strength in tried:
            found = torch.logsumexp(log_p + self.log_prob(values, noisy, strength, 0), 0)
            scores.append(torch.where(there, found, torch.zeros_like(found)).flatten(1).sum(1))
        return _top(torch.stack(tried), torch.stack(scores))


class Gaussian(Pixelwise):
    """``noisy = clean + strength · N(0, 1)``, rounded and cut to the range where there are levels.

    A pixel at an end of the range may have been beyond it: it counts with all that mass (a censored normal). Pictures
    with much black would otherwise come out too bright.
    """

    def __init__(self, scale: Scale) -> None:
        super().__init__(scale)
        self.strengths = tuple(self.range * 0.004 * 1.8**i for i in range(9))

    def log_prob(self, values: Tensor, centre: Tensor, strength: Tensor, step: int) -> Tensor:
        sd = self.scale.packed(strength)
        log_p = -0.5 * ((centre - values) / sd).square()
        if not self.scale.whole:
            return log_p - sd.log()
        low, high = self.scale.ends(values)
        log_p = log_p - _mass(sd).log()
        below, above = (torch.special.log_ndtr(x / sd) for x in (low + 0.5 - values, values - high + 0.5))
        return torch.where(centre <= low, below, torch.where(centre >= high, above, log_p))


class Hiss(Pixelwise):
    """White noise in the samples of a sound, of standard deviation ``strength`` (shares of full scale).

    Powers of sound and noise add up in each band, on average. Around that, a band of noise goes up and down by about
    3 dB; a band of sound that is louder than the noise is heard as it is. How strong the noise is, the quietest
    tenth of all cells says (after Martin, 2001): a model that is asked first takes noise for sound.
    """

    EXACT, ROUGH = 0.1, 0.35  # natural logarithms: how far a band is off, of sound alone and of noise alone
    QUIET, BELOW = 0.1, 0.45  # the share of cells that are noise alone, and how far beneath its mean they begin

    @property
    def _scale(self) -> Loudness:
        assert self.scale.loudness is not None
        return self.scale.loudness

    def _power(self, packed: Tensor) -> Tensor:
        return (self._scale.logs(packed[..., 1:]).exp() - self._scale.floor).clamp(min=0.0).square()

    def _noise(self, strength: Tensor) -> Tensor:
        return (self._scale.hiss * strength).square().view(-1, 1, 1)

    def known_strength(self, noisy: Tensor) -> Tensor | None:
        given = super().known_strength(noisy)
        if given is not None:
            return given
        on, power = noisy[..., :1] > 0, self._power(noisy)
        cells = power.masked_fill(~on, torch.nan).flatten(1)
        quiet = cells.nanquantile(self.QUIET, dim=1).nan_to_num(0.0).sqrt()
        return (quiet * math.exp(self.BELOW) / self._scale.hiss).clamp(min=1e-6)

    def first(self, noisy: Tensor, strength: Tensor) -> Tensor:
        """The noise's mean power taken off each band (Boll, 1979)."""
        left = (self._power(noisy) - self._noise(strength)).clamp(min=0.0).sqrt()
        packed = self._scale.packed((left + self._scale.floor).log()) * (noisy[..., :1] > 0)
        return torch.cat([noisy[..., :1], packed], -1)

    def log_prob(self, values: Tensor, centre: Tensor, strength: Tensor, step: int) -> Tensor:
        power, noise = self._power(values), self._noise(strength)
        expected = ((power + noise).sqrt() + self._scale.floor).log()
        off = self.EXACT + self.ROUGH * noise / (power + noise)
        log_p = -0.5 * ((self._scale.logs(centre[..., 1:]) - expected) / off).square() - off.log()
        return F.pad(log_p, (1, 0))  # which frames there are is known


class Salt(Pixelwise):
    """Salt and pepper: a share of the values (the strength) is replaced by the smallest or the largest there is."""

    def __init__(self, scale: Scale) -> None:
        super().__init__(scale)
        self.strengths = tuple(0.004 * 1.8**i for i in range(10))

    def log_prob(self, values: Tensor, centre: Tensor, strength: Tensor, step: int) -> Tensor:
        low, high = self.scale.ends(values)
        share = strength.clamp(max=0.98).view(-1, *[1] * (self.scale.axes + 1))
        as_it_was = -0.5 * ((centre - values) / (0.1 if self.scale.whole else 0.02)).square() + (-share).log1p()
        replaced = torch.where((centre <= low) | (centre >= high), (share / 2).log(), -math.inf)
        return torch.logaddexp(as_it_was, replaced.clamp(min=-1e4))


class Linear(Corruption):
    """Several clean pixels went into each that is there."""

    rounds = STEPS

    def log_prob(self, values: Tensor, centre: Tensor, strength: Tensor, step: int) -> Tensor:
        return -0.5 * ((centre - values) / self.slack(values, step)).square()

    def slack(self, like: Tensor, step: int) -> Tensor:
        """``[C]`` how far pixels may be from what fits the others."""
        low, high = self.scale.ends(like)
        return (high - low) * LOOSE * (STRICT / LOOSE) ** (step / (STEPS - 1))


class Blur(Linear):
    """A Gaussian blur whose standard deviation is the strength, in pixels; pictures go on mirrored at their edges.

    Such a blur is a product in the cosine transform (DCT-II), and so is its undoing.
    """

    strengths = (0.4, 0.6, 0.8, 1.0, 1.25, 1.5, 1.75, 2.0, 2.5, 3.0, 4.0)

    def centre(self, noisy: Tensor, there: Tensor, estimate: Tensor, strength: Tensor, step: int) -> Tensor:
        response, (low, high) = self._response(noisy, strength), self.scale.ends(noisy)
        trust = (self.slack(noisy, step) / ((high - low) * BLURRED_NOISE)).square()
        guess = _cosines(estimate)
        blurred = _cosines(torch.where(there, noisy, _cosines(response * guess, back=True)))
        return _cosines((trust * response * blurred + guess) / (trust * response.square() + 1), back=True)

    def judge(self, values: Tensor, log_p: Tensor, noisy: Tensor, there: Tensor, start: Tensor | None) -> Tensor:
        """By the spectrum of what the model did not expect (Whittle, 1953): blur leaves nothing of what is fine."""
        if start is not None:
            return start
        share = torch.softmax(log_p, 0)
        mean = (share * values).sum(0)
        spread = (share * (values - mean).square()).sum(0).mean((1, 2), keepdim=True)
        (low, high), tried, scores = self.scale.ends(noisy), [], []
        seen, expected = _cosines(torch.where(there, noisy, mean)), _cosines(mean)
        for strength in self.strengths:
            tried.append(torch.full((len(noisy),), strength, device=noisy.device))
            response = self._response(noisy, tried[-1])
            power = response.square() * spread + ((high - low) * BLURRED_NOISE).square()
            scores.append(-0.5 * (power.log() + (seen - response * expected).square() / power).flatten(1).sum(1))
        return _top(torch.stack(tried), torch.stack(scores))

    def _response(self, like: Tensor, strength: Tensor) -> Tensor:
        """What is left of each cosine, ``[B, H, W, 1]``."""
        down, across = (_left(size, strength) for size in like.shape[-3:-1])
        return (down[:, :, None] * across[:, None])[..., None]


class Shrink(Linear):
    """Each block of ``factor × factor`` pixels became one, their mean; what is there is that mean, repeated.

    At the lower and the right edge blocks may be smaller.
    """

    def __init__(self, scale: Scale, factor: int) -> None:
        if scale.loudness is not None:
            raise QueryError("sounds have no pixels: a model with sound makes nothing larger")
        super().__init__(scale)
        self.factor, self.strengths = factor, (float(factor),)

    def centre(self, noisy: Tensor, there: Tensor, estimate: Tensor, strength: Tensor, step: int) -> Tensor:
        return estimate + noisy - self.means(estimate)

    def means(self, picture: Tensor) -> Tensor:
        """Of each block, in each of its pixels."""
        height, width = picture.shape[-3:-1]
        small = F.avg_pool2d(picture.movedim(-1, -3), self.factor, ceil_mode=True, count_include_pad=False)
        wide = small.repeat_interleave(self.factor, -2).repeat_interleave(self.factor, -1)
        return wide[..., :height, :width].movedim(-3, -1)

    def finish(self, noisy: Tensor, there: Tensor, estimate: Tensor) -> Tensor:
        """Blocks have the means they must have: pixels move together, those at an end of the range stay there."""
        low, high = self.scale.ends(noisy)
        for _ in range(20):
            moved = estimate + noisy - self.means(estimate)
            estimate = torch.where(there, moved.maximum(low).minimum(high), estimate)
        return estimate


CORRUPTIONS: dict[str, type[Corruption]] = {"gaussian": Gaussian, "salt": Salt, "blur": Blur}


def corruption(name: str, strength: float | None, scale: Scale) -> Corruption:
    """A corruption by name, its strength known or not.

    Raises:
        ChoiceError: nothing is called that.
        QueryError: the strength is not above 0, or no share where it is one.
    """
    if name not in CORRUPTIONS:
        raise choice("noise", name, tuple(CORRUPTIONS))
    if scale.loudness is not None and name != "gaussian":
        raise QueryError(f"noise={name!r} is for pictures; write noise='gaussian' for noise in the samples of sound")
    made = CORRUPTIONS[name](scale) if scale.loudness is None else Hiss(scale)
    if strength is not None:
        if not strength > 0 or (name == "salt" and strength >= 1):
            kind = "a share between 0 and 1" if name == "salt" else "a number above 0"
            raise QueryError(f"strength={strength} of {name} noise: {kind} was expected, or None to have it estimated")
        made.strengths = (float(strength),)
    return made


def _mass(sd: Tensor) -> Tensor:
    """``Σ exp(-k² / 2 sd²)`` over all whole k, of either series the one that is there at once (Jacobi)."""
    narrow, wide = (-0.5 / sd.square()).exp(), (-2 * (math.pi * sd).square()).exp()
    return torch.where(sd < 0.4, 1 + 2 * narrow, math.sqrt(2 * math.pi) * sd * (1 + 2 * wide))


def _top(tried: Tensor, score: Tensor) -> Tensor:
    """Where ``score [N, B]`` is highest over ``tried``: on the parabola through the best and its neighbours."""
    best = score.argmax(0).clamp(1, len(tried) - 2)[None]
    x = [tried.log().gather(0, best + i) for i in (-1, 0, 1)]
    y = [score.gather(0, best + i) for i in (-1, 0, 1)]
    rise, fall = (y[1] - y[0]) / (x[1] - x[0]), (y[2] - y[1]) / (x[2] - x[1])
    bend = (fall - rise) / (x[2] - x[0])
    top = torch.where(bend < 0, (x[0] + x[1]) / 2 - rise / (2 * bend), x[1])
    return torch.where(bend < 0, top.maximum(x[0]).minimum(x[2]), tried.log().gather(0, score.argmax(0)[None])).exp()[0]


def _cosines(picture: Tensor, back: bool = False) -> Tensor:
    """The orthonormal cosine transform (DCT-II) of ``[B, H, W, C]``, or its inverse."""
    down, across = (_waves(size, picture.device) for size in picture.shape[-3:-1])
    if back:
        down, across = down.T, across.T
    return torch.einsum("ih,jw,bhwc->bijc", down, across, picture)


def _waves(size: int, device: torch.device) -> Tensor:
    """``[frequency, place]``."""
    place, wave = torch.arange(size, device=device) + 0.5, torch.arange(size, device=device)[:, None]
    scale = torch.where(wave == 0, 1 / math.sqrt(size), math.sqrt(2 / size))
    return scale * torch.cos(math.pi / size * place * wave)


def _left(size: int, strength: Tensor) -> Tensor:
    """``[B, frequency]`` what a Gaussian blur (cut at four standard deviations) leaves of each cosine."""
    reach = math.ceil(4 * float(strength.max()))
    step = torch.arange(-reach, reach + 1, device=strength.device)
    weight = torch.exp(-0.5 * (step / strength[:, None]).square()) * (
        step.abs() <= (4 * strength[:, None] + 0.5).floor()
    )
    wave = torch.arange(size, device=strength.device)
    cosine = torch.cos(math.pi / size * wave * step[:, None])
    return (weight / weight.sum(1, keepdim=True)) @ cosine
