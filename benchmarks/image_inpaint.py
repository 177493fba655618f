"""inpaint: the lower half of an image from its upper half. Part of ``images.py``."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from image_classifier import Judge, judge
from image_task import Asked, Images, images
from task import Task
from torch import Tensor, nn

DATA = ("mnist",)
ROWS, DRAWS = 1000, 10


@dataclass(frozen=True)
class Setting:
    """Images, the test rows that are asked about, and which pixels of an image are hidden."""

    x: Images
    judge: Judge
    rows: np.ndarray
    hidden: np.ndarray


def setting(asked: Asked, name: str) -> Setting:
    x = images(asked, name)
    hidden = np.zeros_like(x.test[0], dtype=bool)
    hidden[len(hidden) // 2 :] = True
    rows = np.linspace(0, len(x.test) - 1, asked.few(ROWS, 40)).astype(int)
    return Setting(x, judge(name, x.train, x.train_labels), rows, hidden)


def task(asked: Asked, name: str) -> Task:
    """Ten completions of each image: is the class still the right one, and how much do they differ?"""
    draws = asked.few(DRAWS, 3)
    methods = {
        "vaery": lambda s, seed: ours(asked, name, s, draws, seed),
        "mean": lambda s, seed: judged(s, completed(s, np.rint(s.x.train.mean(0))[None, None])),
        "kNN": lambda s, seed: judged(s, completed(s, neighbours(s, draws))),
        "masked autoencoder": lambda s, seed: judged(s, completed(s, autoencoded(s, asked.seconds, seed))),
        "real rows": lambda s, seed: judged(s, s.x.test[s.rows][None]),
    }
    config = {**asked.config, "data": name, "draws": draws, "rows": ROWS, "hidden": "lower half"}
    once = frozenset({"mean", "kNN", "real rows"})
    return Task("inpaint", config, lambda seed: setting(asked, name), methods, once, data=asked.name(name))


def completed(s: Setting, guess: np.ndarray) -> np.ndarray:
    """``[draws, rows, H, W]``: the true pixels where they are seen, ``guess`` elsewhere."""
    return np.where(s.hidden, guess, s.x.test[s.rows][None]).astype(np.uint8)


def judged(s: Setting, draws: np.ndarray) -> dict[str, float]:
    """Agreement: the share of completions that the classifier takes for the true class. Diversity: the standard
    deviation of hidden pixels over an image's completions, root mean square, in grey levels. Error: of their mean."""
    truth, hidden = s.x.test[s.rows].astype(float), np.broadcast_to(s.hidden, draws.shape[1:])
    agreement = [s.judge.accuracy(images, s.x.test_labels[s.rows]) for images in draws]
    error = ((draws.astype(float).mean(0) - truth)[hidden] ** 2).mean() ** 0.5
    spread = draws.astype(float).var(0)[hidden].mean() ** 0.5
    return {"agreement": float(np.mean(agreement)), "diversity": float(spread), "rmse": float(error)}


def ours(asked: Asked, name: str, s: Setting, draws: int, seed: int) -> dict[str, Any]:
    model, took = asked.fit(name, s.x.train, seed)
    test = s.x.test[s.rows]
    start = time.perf_counter()
    made = model.impute(np.ma.MaskedArray(test, np.broadcast_to(s.hidden, test.shape)), draws=draws, seed=seed)
    seconds = time.perf_counter() - start
    return {**took, **judged(s, np.stack([np.ma.getdata(images) for images in made])), "fill_seconds": seconds}


def neighbours(s: Setting, draws: int) -> np.ndarray:
    """The hidden halves of the training images whose visible halves are nearest, one a draw."""
    from sklearn.neighbors import NearestNeighbors

    seen = lambda images: images[:, ~s.hidden].astype(np.float32)
    index = NearestNeighbors(n_neighbors=draws, algorithm="brute").fit(seen(s.x.train))
    return s.x.train[index.kneighbors(seen(s.x.test[s.rows]), return_distance=False).T]


def autoencoded(s: Setting, seconds: float, seed: int) -> np.ndarray:
    """``[1, rows, H, W]``: a network of two hidden layers of 512, trained for so long to tell the hidden pixels from
    the others: on just this mask, which suits it best."""
    x = torch.from_numpy(s.x.train.reshape(len(s.x.train), -1)).float() / 255
    hidden, stream = torch.from_numpy(s.hidden.ravel()), torch.Generator().manual_seed(seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net = predictor(int((~hidden).sum()), int(hidden.sum()))
    optimiser, end = torch.optim.Adam(net.parameters(), 1e-3), time.perf_counter() + seconds
    held, best, kept = len(x) // 10, float("inf"), net.state_dict()
    while time.perf_counter() < end:
        for rows in torch.randperm(len(x) - held, generator=stream)[: 200 * 128].split(128):
            loss = F.binary_cross_entropy_with_logits(net(x[rows][:, ~hidden]), x[rows][:, hidden])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        if (now := held_out(net, x[-held:], hidden)) < best:
            best, kept = now, {name: value.clone() for name, value in net.state_dict().items()}
    net.load_state_dict(kept)
    return filled(net, s, hidden)


def predictor(seen: int, hidden: int) -> nn.Module:
    layers = [nn.Linear(seen, 512), nn.ReLU(), nn.Linear(512, 512), nn.ReLU(), nn.Linear(512, hidden)]
    return nn.Sequential(*layers)


@torch.no_grad()
def held_out(net: nn.Module, x: Tensor, hidden: Tensor) -> float:
    return float(F.binary_cross_entropy_with_logits(net(x[:, ~hidden]), x[:, hidden]))


@torch.no_grad()
def filled(net: nn.Module, s: Setting, hidden: Tensor) -> np.ndarray:
    test = torch.from_numpy(s.x.test[s.rows].reshape(len(s.rows), -1)).float()
    test[:, hidden] = (net(test[:, ~hidden] / 255).sigmoid() * 255).round()
    return test.numpy().reshape(1, len(s.rows), *s.hidden.shape)
