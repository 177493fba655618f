"""A linear Gaussian model of a block of cells: what any of them says of any other, as far as straight lines go.

Networks that see a random subset of cells have to learn a regression for each subset. For the linear part there is a
closed form: factor analysis knows every conditional. Heads that start from its answer have only the rest to learn.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from vaery.core.cells import CellSpec

MOST_CODES = 32  # a cell with more codes than this has no say
REACH = 5.0  # readings further out than this count as being there
SHARPEST, BROADEST = 0.02, 1.5  # least and largest standard deviation that is told
ROWS = 4000  # enough to learn from


class Factors(nn.Module):
    """Factor analysis of a block: ``x = μ + W f + ε``, ``f ~ N(0, I)``, ``ε ~ N(0, diag ψ)`` (Rubin and Thayer, 1982).

    x has one entry for each cell that can be a number (a level counts as the number where it lies) and one for each
    code of a cell of levels (zero or one). Nothing is learned by gradient: :meth:`learn` fits it to rows, with gaps,
    before training; until then it knows nothing and says zero, give or take one.

    Args:
        cells: what each of the D cells can hold.
        rank: most factors.
    """

    loading: Tensor
    mean: Tensor
    noise: Tensor
    numbers: Tensor
    coded: Tensor
    code: Tensor
    owner: Tensor

    def __init__(self, cells: Sequence[CellSpec], rank: int = 16) -> None:
        super().__init__()
        numbers = [i for i, cell in enumerate(cells) if cell.family is not None]
        coded = [i for i, c in enumerate(cells) if c.family is None and 2 <= c.codes <= MOST_CODES]
        codes = [(i, k) for i in coded for k in range(cells[i].codes)]
        self.size = len(numbers) + len(codes)
        self.rank = max(1, min(rank, self.size // 2))
        names = {"numbers": numbers, "coded": [i for i, _ in codes], "code": [k for _, k in codes]}
        for name, found in {**names, "owner": [*numbers, *names["coded"]]}.items():
            self.register_buffer(name, torch.tensor(found, dtype=torch.long), persistent=False)
        self.register_buffer("loading", torch.zeros(self.size, self.rank))
        self.register_buffer("mean", torch.zeros(self.size))
        self.register_buffer("noise", torch.ones(self.size))

    @torch.no_grad()
    def forward(self, number: Tensor, code: Tensor, known: Tensor) -> tuple[Tensor, Tensor]:
        """What is to be expected of each entry given the known cells.

        Args:
            number: ``[..., n]`` the numbers of the cells that can hold one.
            code: ``[..., D]`` codes.
            known: ``[..., D]`` bool or float; what unknown cells hold has no influence.

        Returns:
            ``[..., size]`` the mean and the standard deviation, that of a known entry from the others and itself.
        """
        # Queries in double precision: products of few rows round by a row's place, and answers must not hang on that.
        exact = torch.float32 if self.training or number.device.type != "cpu" else torch.float64
        with torch.autocast(number.device.type, enabled=False):
            x, seen = self._entries(number.to(exact), code, known)
            f, covariance = self._posterior(x, seen)
            mean = self.mean + f @ self.loading.to(exact).T
            variance = covariance.flatten(1) @ self._squares.to(exact).flatten(1).T + self.noise
        lead = number.shape[:-1]
        sd = variance.clamp(SHARPEST**2, BROADEST**2).sqrt().to(number.dtype)
        mean = mean.clamp(-REACH - 1, REACH + 1).to(number.dtype)
        return mean.view(*lead, self.size), sd.view(*lead, self.size)

    def _entries(self, number: Tensor, code: Tensor, known: Tensor) -> tuple[Tensor, Tensor]:
        one_hot = (code[..., self.coded] == self.code).to(number.dtype)
        rows = number.shape[:-1].numel()
        x = torch.cat([number.clamp(-REACH, REACH), one_hot], -1).reshape(rows, self.size)
        return x, known[..., self.owner].to(number.dtype).reshape(rows, self.size)

    @property
    def _squares(self) -> Tensor:
        return self.loading[:, :, None] * self.loading[:, None, :]

    def _posterior(self, x: Tensor, seen: Tensor) -> tuple[Tensor, Tensor]:
        """Mean ``[N, k]`` and covariance ``[N, k, k]`` of the factors given what is seen."""
        weight = seen / self.noise
        covariance = self._covariance(weight)
        return self._mean(covariance, x, weight), covariance

    def _covariance(self, weight: Tensor) -> Tensor:
        """``[N, k, k]`` of the factors, given what is seen and how sharply: ``[N, D]`` one over the noise, or zero."""
        eye = torch.eye(self.rank, device=weight.device, dtype=weight.dtype)
        precision = eye + (weight @ self._squares.to(weight.dtype).flatten(1)).view(len(weight), self.rank, self.rank)
        return torch.cholesky_inverse(torch.linalg.cholesky(precision))

    def _mean(self, covariance: Tensor, x: Tensor, weight: Tensor) -> Tensor:
        pull = ((x - self.mean) * weight) @ self.loading.to(x.dtype)
        return (covariance @ pull[..., None]).squeeze(-1)

    # ------------------------------------------------------------------ learning

    @torch.no_grad()
    def learn(self, number: Tensor, code: Tensor, known: Tensor, sweeps: int = 40) -> None:
        """Fit to rows by expectation and maximisation, with gaps where they are (Ghahramani and Hinton, 1996).

        Args:
            number, code, known: as in :meth:`forward`, with rows as the only leading axis.
            sweeps: of both steps.
        """
        # In double precision, so that a fit that was killed learns the very same again.
        x, seen = self._entries(number[:ROWS].double(), code[:ROWS], known[:ROWS])
        count = seen.sum(0)
        mean = (x * seen).sum(0) / count.clamp(min=1)
        centred = (x - mean) * seen
        variance = (centred.square().sum(0) / count.clamp(min=1)).clamp(min=SHARPEST**2)
        _, size, axes = torch.linalg.svd(centred / max(1, len(x)) ** 0.5, full_matrices=False)
        rank = min(self.rank, len(size))
        self.mean.copy_(mean)
        self.loading.zero_()
        self.loading[:, :rank] = axes[:rank].T * size[:rank]
        self.noise.copy_((variance - self.loading.square().sum(1)).clamp(min=0.1 * variance))
        patterns, which = _patterns(seen)
        for _ in range(sweeps):
            self._sweep(x, seen, patterns, which, count, variance)

    def _sweep(self, x: Tensor, seen: Tensor, patterns: Tensor, which: Tensor, count: Tensor, variance: Tensor) -> None:
        covariance = self._covariance(patterns / self.noise)[which]
        f = self._mean(covariance, x, seen / self.noise)
        one = torch.ones(len(f), 1, device=x.device, dtype=x.dtype)
        g = torch.cat([f, one], 1)  # the last factor is constant: its loading is the mean
        k = self.rank + 1
        outer = g[:, :, None] * g[:, None, :]
        outer[:, :-1, :-1] += covariance
        moments = (seen.T @ outer.flatten(1)).view(self.size, k, k)
        # A ridge of one row: with few rows, loadings are pulled towards zero and not into the noise.
        ridge = torch.eye(k, device=x.device, dtype=x.dtype)
        ridge[-1, -1] = 1e-6
        pull = (x * seen).T @ g
        found = torch.linalg.solve(moments + ridge, pull[..., None]).squeeze(-1)
        loading, mean = found[:, :-1], found[:, -1]
        left = ((x - g @ found.T) * seen).square().sum(0)
        spread = moments[:, :-1, :-1] - (seen.T @ (f[:, :, None] * f[:, None, :]).flatten(1)).view(
            self.size, k - 1, k - 1
        )
        left = left + (loading[:, None, :] @ spread @ loading[:, :, None]).flatten()
        there = count > 1
        floor = torch.maximum(1e-4 * variance, torch.full_like(variance, SHARPEST**2))
        noise = torch.maximum((left + variance) / (count + 1), floor)
        self.loading.copy_(torch.where(there[:, None], loading, torch.zeros_like(loading)))
        self.mean.copy_(torch.where(there, mean, self.mean))
        self.noise.copy_(torch.where(there, noise, torch.ones_like(noise)))


def _patterns(seen: Tensor) -> tuple[Tensor, Tensor]:
    """The different rows of ``seen [N, D]``, and which of them each row is: one, where there are no gaps."""
    if not seen.numel():
        return seen[:1], torch.zeros(len(seen), dtype=torch.long, device=seen.device)
    return seen.unique(dim=0, return_inverse=True)
