"""The fixed small classifier whose features and verdicts judge generated images: trained once, from a fixed seed, on
real training images, and kept beside the results in a folder that git ignores."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from common import RESULTS, digest
from torch import Tensor, nn

CACHE = RESULTS / ".cache"
FEATURES, BATCH, EPOCHS, RATE, SEED = 128, 128, 3, 3e-3, 0
Change = Callable[[Tensor, Tensor, torch.Generator], tuple[Tensor, Tensor]]


class Net(nn.Module):
    """Two convolutions, two linear layers: ``[B, H, W]`` or ``[B, H, W, C]`` bytes → logits; ``features`` before."""

    def __init__(self, shape: tuple[int, ...], classes: int) -> None:
        super().__init__()
        height, width, channels = (*shape, 1)[:3]
        self.a, self.b = nn.Conv2d(channels, 32, 3, padding=1), nn.Conv2d(32, 64, 3, padding=1)
        self.norm_a, self.norm_b = nn.BatchNorm2d(32), nn.BatchNorm2d(64)
        self.c, self.d = nn.Linear(64 * (height // 4) * (width // 4), FEATURES), nn.Linear(FEATURES, classes)

    def features(self, x: Tensor) -> Tensor:
        """``[B, 128]``, after the rectifier of the last hidden layer."""
        h = x.float()[..., None] if x.dim() == 3 else x.float()
        h = h.permute(0, 3, 1, 2) / 255
        h = self.norm_a(F.max_pool2d(F.relu(self.a(h)), 2))
        h = self.norm_b(F.max_pool2d(F.relu(self.b(h)), 2))
        return F.relu(self.c(h.flatten(1)))

    def forward(self, x: Tensor) -> Tensor:
        return self.d(self.features(x))


@dataclass(frozen=True)
class Judge:
    """A trained classifier."""

    net: Net

    @torch.no_grad()
    def features(self, images: np.ndarray) -> np.ndarray:
        """``[N, 128]``."""
        return np.concatenate([self.net.features(part).numpy() for part in _parts(images)])

    @torch.no_grad()
    def labels(self, images: np.ndarray) -> np.ndarray:
        """``[N]``, the likeliest class."""
        return np.concatenate([self.net(part).argmax(1).numpy() for part in _parts(images)])

    def accuracy(self, images: np.ndarray, labels: np.ndarray) -> float:
        return float((self.labels(images) == labels).mean())


def _parts(images: np.ndarray, size: int = 1000) -> list[Tensor]:
    return [torch.from_numpy(np.ascontiguousarray(images[at : at + size])) for at in range(0, len(images), size)]


def trained(
    images: np.ndarray, labels: np.ndarray, steps: int, seed: int = SEED, change: Change | None = None
) -> Judge:
    """A classifier after so many steps of AdamW on a one-cycle schedule; the same seed gives the same one.

    Args:
        images: ``[N, H, W]`` or ``[N, H, W, C]`` uint8.
        labels: ``[N]`` whole numbers, or ``[N, K]`` shares.
        change: what is done to each batch first: images, one-hot labels → the same.
    """
    classes = labels.shape[1] if labels.ndim == 2 else int(labels.max()) + 1
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net = Net(images.shape[1:], classes).train()
    x = torch.from_numpy(np.ascontiguousarray(images))
    y = torch.from_numpy(labels).float() if labels.ndim == 2 else F.one_hot(torch.from_numpy(labels).long(), classes)
    stream = torch.Generator().manual_seed(seed)
    optimiser = torch.optim.AdamW(net.parameters(), lr=RATE, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, total_steps=steps)
    order = torch.empty(0, dtype=torch.long)
    for _ in range(steps):
        if len(order) < min(BATCH, len(x)):
            order = torch.randperm(len(x), generator=stream)
        rows, order = order[:BATCH], order[BATCH:]
        batch, target = x[rows], y[rows].float()
        if change is not None:
            batch, target = change(batch.float(), target, stream)
        loss = F.cross_entropy(net(batch), target)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
    return Judge(net.eval())


def judge(name: str, images: np.ndarray, labels: np.ndarray) -> Judge:
    """The classifier of a data set, trained if it is not there yet."""
    steps = EPOCHS * max(1, len(images) // BATCH)
    config = {"data": name, "rows": len(images), "steps": steps, "batch": BATCH, "rate": RATE, "seed": SEED, "net": 1}
    return _kept(CACHE / f"{name}-{digest(config)}.npz", lambda: trained(images, labels, steps), images, labels)


_known: dict[Path, Judge] = {}


def _kept(path: Path, make: Callable[[], Judge], images: np.ndarray, labels: np.ndarray) -> Judge:
    if path in _known:
        return _known[path]
    if path.exists():
        net = Net(images.shape[1:], int(labels.max()) + 1)
        with np.load(path, allow_pickle=False) as found:
            net.load_state_dict({name: torch.from_numpy(found[name]) for name in found.files})
        _known[path] = Judge(net.eval())
        return _known[path]
    print(f"training the classifier {path.stem}", file=sys.stderr, flush=True)
    _known[path] = made = make()
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, **{name: value.numpy() for name, value in made.net.state_dict().items()})  # type: ignore[arg-type]
    return made
