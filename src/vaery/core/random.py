"""Randomness is passed, never global: one object, made from a seed, that every draw comes from."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor


class Random:
    """A stream of random numbers.

    Args:
        seed: the same seed gives the same numbers (on the same device).
        device: where the numbers are made.
        share_rows: draws of shape ``[S, B, …]`` are made once for all ``B`` rows. A row's result then depends on the
            row alone and not on the batch it came in (common random numbers).
        slice: of rows that come in slices, which one this stream is for. Shared streams that are spawned from it are
            the same for every slice, streams for single rows are not.
    """

    def __init__(
        self, seed: int = 0, device: torch.device | str = "cpu", share_rows: bool = False, slice: int = 0
    ) -> None:
        self.generator = torch.Generator(device=device).manual_seed(seed)
        self.share_rows, self.slice = share_rows, slice

    @property
    def device(self) -> torch.device:
        return self.generator.device

    def _shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return (shape[0], 1, *shape[2:]) if self.share_rows and len(shape) > 1 else tuple(shape)

    def normal(self, shape: tuple[int, ...]) -> Tensor:
        """Standard normal numbers of this shape."""
        return torch.randn(self._shape(shape), generator=self.generator, device=self.device).expand(shape)

    def uniform(self, shape: tuple[int, ...]) -> Tensor:
        """Numbers in the open interval (0, 1)."""
        u = torch.rand(self._shape(shape), generator=self.generator, device=self.device)
        return u.clamp(1e-7, 1 - 1e-7).expand(shape)

    def categorical(self, logits: Tensor) -> Tensor:
        """An index along the last axis of ``logits`` for each of the leading positions (inverse CDF)."""
        cumulative = torch.softmax(logits.float(), -1).cumsum(-1)
        u = self.uniform(tuple(logits.shape[:-1])) * cumulative[..., -1]
        return torch.searchsorted(cumulative, u[..., None].contiguous()).squeeze(-1).clamp(max=logits.shape[-1] - 1)

    def permutation(self, n: int) -> Tensor:
        """The numbers 0 to n - 1 in random order."""
        return torch.randperm(n, generator=self.generator, device=self.device)

    def integers(self, low: int, high: int, shape: tuple[int, ...]) -> Tensor:
        """Whole numbers in ``[low, high)``."""
        return torch.randint(low, high, self._shape(shape), generator=self.generator, device=self.device).expand(shape)

    def seed(self) -> int:
        """A seed for another stream."""
        return int(torch.randint(0, 2**61, (), generator=self.generator, device=self.device))

    def number(self) -> float:
        """One number in (0, 1), as a float."""
        return float(torch.rand((), generator=self.generator, device=self.device))

    def spawn(self, *, share_rows: bool | None = None, device: torch.device | str | None = None) -> Random:
        """A new, independent stream, seeded by this one."""
        share_rows = self.share_rows if share_rows is None else share_rows
        return Random(self.seed() + (0 if share_rows else self.slice), device or self.device, share_rows, self.slice)

    def state(self) -> Tensor:
        """The generator's state as bytes, for a checkpoint."""
        return self.generator.get_state()

    def restore(self, state: Tensor) -> None:
        """Go back to a state that :meth:`state` returned."""
        self.generator.set_state(state)


def log_mean_exp(x: Tensor, dim: int = 0) -> Tensor:
    """The logarithm of the mean of ``exp(x)`` along ``dim``."""
    return torch.logsumexp(x, dim) - math.log(x.shape[dim])


def seed_global(seed: int, device: torch.device) -> None:
    """Seed torch's global stream of one device. ``torch.manual_seed`` seeds all kinds of device there are, and takes
    longer for it than a small model takes for a step. Only for use inside :func:`isolated`."""
    if device.type == "cpu":
        torch.default_generator.manual_seed(seed)
    else:
        torch.manual_seed(seed)


@contextmanager
def isolated(seed: int) -> Iterator[None]:
    """Inside, torch's global stream (used by weight initialisation and dropout) is seeded; outside, it is untouched."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        yield
