"""Odd steps by other means, written here: windows by PCA, an isolation forest, an LSTM autoencoder and a recurrent VAE
like OmniAnomaly. Part of ``series_tasks.py``.

Each takes a series to learn from, some to judge, seconds and a seed, and gives a score for each step. Channels are
standardised by the former; a window's score counts for all of its steps, by their mean.
"""

from __future__ import annotations

import time

import numpy as np
import torch
from numpy.lib.stride_tricks import sliding_window_view
from sklearn.ensemble import IsolationForest
from torch import Tensor, nn

WINDOW = 32
MOST = 4000  # windows that PCA and forests learn from
SHARE = 0.9  # of the variance that PCA keeps
HIDDEN, LATENT, BATCH = 64, 8, 64

Series = list[np.ndarray]


def pca(train: np.ndarray, tests: Series, seconds: float, seed: int) -> Series:
    """The squared distance of a window to the principal components that hold nine tenths of the variance."""
    mean, sd = _scale(train)
    learned = _windows((train - mean) / sd)[:: max(1, len(train) // MOST)].reshape(-1, WINDOW * train.shape[1])
    middle = learned.mean(0)
    _, s, v = np.linalg.svd(learned - middle, full_matrices=False)
    v = v[: int(np.searchsorted(np.cumsum(s**2) / np.sum(s**2), SHARE)) + 1]

    def score(x: np.ndarray) -> np.ndarray:
        out = []
        for part in np.array_split(_windows((x - mean) / sd), max(1, len(x) // MOST)):
            flat = part.reshape(len(part), -1) - middle
            out.append(np.square(flat - flat @ v.T @ v).sum(1))
        return _spread(np.concatenate(out), len(x))

    return [score(x) for x in tests]


def forest(train: np.ndarray, tests: Series, seconds: float, seed: int) -> Series:
    """An isolation forest of 100 trees on windows."""
    mean, sd = _scale(train)
    learned = _windows((train - mean) / sd)[:: max(1, len(train) // MOST)]
    model = IsolationForest(n_estimators=100, random_state=seed).fit(learned.reshape(len(learned), -1))
    flat = lambda x: _windows((x - mean) / sd)[::4].reshape(-1, WINDOW * train.shape[1])
    return [_spread(np.repeat(-model.score_samples(flat(x)), 4)[: len(x) - WINDOW + 1], len(x)) for x in tests]


def lstm_ae(train: np.ndarray, tests: Series, seconds: float, seed: int) -> Series:
    """An LSTM reads a window, another writes it again from the last state (Malhotra et al., 2016); squared errors."""
    torch.manual_seed(seed)
    return _trained(Autoencoder(train.shape[1]), train, tests, seconds, seed)


def recurrent_vae(train: np.ndarray, tests: Series, seconds: float, seed: int) -> Series:
    """A GRU with a latent at each step and a Gaussian for each channel, after OmniAnomaly (Su et al., 2019), without
    its flow and its chain of latents; minus the log-density of a step."""
    torch.manual_seed(seed)
    return _trained(Stochastic(train.shape[1]), train, tests, seconds, seed)


class Autoencoder(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.read = nn.LSTM(channels, HIDDEN, batch_first=True)
        self.write, self.out = nn.LSTM(HIDDEN, HIDDEN, batch_first=True), nn.Linear(HIDDEN, channels)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """``[N, T, C]`` → a loss, and scores ``[N, T]``."""
        _, (state, _) = self.read(x)
        again = self.out(self.write(state[-1][:, None].expand(-1, x.shape[1], -1))[0])
        error = (again - x).square().sum(-1)
        return error.mean(), error


class Stochastic(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.read, self.q = nn.GRU(channels, HIDDEN, batch_first=True), nn.Linear(HIDDEN, 2 * LATENT)
        self.write, self.out = nn.GRU(LATENT, HIDDEN, batch_first=True), nn.Linear(HIDDEN, 2 * channels)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """``[N, T, C]`` → a loss, and scores ``[N, T]``."""
        mean, log_sd = self.q(self.read(x)[0]).clamp(-7, 7).chunk(2, -1)
        z = mean + (log_sd.exp() * torch.randn_like(mean) if self.training else 0)
        centre, spread = self.out(self.write(z)[0]).chunk(2, -1)
        spread = spread.clamp(-4, 4)
        surprise = (0.5 * ((x - centre) / spread.exp()).square() + spread).sum(-1)
        kl = 0.5 * (mean.square() + (2 * log_sd).exp() - 2 * log_sd - 1).sum(-1)
        return (surprise + kl).mean(), surprise


def _trained(net: nn.Module, train: np.ndarray, tests: Series, seconds: float, seed: int) -> Series:
    mean, sd = _scale(train)
    windows = torch.from_numpy(np.ascontiguousarray(_windows((train - mean) / sd))).float()
    rng, start = np.random.default_rng(seed), time.perf_counter()
    optimiser = torch.optim.Adam(net.parameters(), lr=1e-3)
    while time.perf_counter() - start < seconds:
        loss, _ = net(windows[rng.integers(0, len(windows), BATCH)].clamp(-10, 10))
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 5.0)
        optimiser.step()
    net.eval()
    return [_scored(net, (x - mean) / sd) for x in tests]


@torch.no_grad()
def _scored(net: nn.Module, x: np.ndarray) -> np.ndarray:
    """Each step by the mean over the windows that hold it; every fourth window is looked at."""
    starts = np.append(np.arange(0, len(x) - WINDOW, 4), len(x) - WINDOW)
    total, count = np.zeros(len(x)), np.zeros(len(x))
    for part in np.array_split(starts, max(1, len(starts) // 512)):
        found = net(torch.from_numpy(np.stack([x[s : s + WINDOW] for s in part])).float())[1].numpy()
        for s, row in zip(part, found, strict=True):
            total[s : s + WINDOW] += row
            count[s : s + WINDOW] += 1
    return total / count


def _scale(train: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    sd = train.std(0)
    return train.mean(0), np.where(sd > 1e-8, sd, 1.0)


def _windows(x: np.ndarray) -> np.ndarray:
    """``[N, window, C]`` of every step."""
    return np.swapaxes(sliding_window_view(x, WINDOW, 0), 1, 2)


def _spread(score: np.ndarray, steps: int) -> np.ndarray:
    """A score for each window → one for each step: the mean over the windows that hold it."""
    total = np.convolve(score, np.ones(WINDOW))
    return (total / np.convolve(np.ones(len(score)), np.ones(WINDOW)))[:steps]
