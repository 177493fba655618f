"""What stands beside our texts: a language model without a latent, pairs of pieces, and xz. Part of ``text.py``."""

from __future__ import annotations

import lzma
import math
import time
from collections import Counter
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from common import Clock
from image_task import Asked

BATCH, RATE, WIDTH, DROPOUT, HELD_OUT = 128, 2e-3, 256, 0.2, 0.05


def language_model(asked: Asked, field: Any, train: list[str], test: list[str], seed: int) -> tuple[Any, Any, dict]:
    """Our own decoder without a latent: the same network, pieces, optimiser, schedule and minutes, and as ours the
    average of its weights; the best on held-out rows counts. It learns nothing about gaps."""
    from vaery.adamw import AdamW
    from vaery.core.random import Random, isolated
    from vaery.likelihoods import autoregressive

    autoregressive.LESSON = 10**9
    rows, rng = field.pack(train)[0], Random(seed)
    held, rows = rows[: int(HELD_OUT * len(rows))], rows[int(HELD_OUT * len(rows)) :]
    with isolated(seed):
        net = autoregressive.Autoregressive(field.codes, field.length, 0, width=WIDTH, dropout=DROPOUT)
        kept, best, step = None, -math.inf, 0
        weights = list(net.parameters())
        mean, optimizer = [p.detach().clone() for p in weights], AdamW(weights)
        with Clock() as clock:
            start = looked = time.perf_counter()
            while (share := (time.perf_counter() - start) / asked.seconds) < 1:
                batch = rows[rng.integers(0, len(rows), (BATCH,))]
                net.train()
                optimizer.zero_grad()
                (-net(torch.zeros(1, BATCH, 0)).estimate(batch, None, rng, share).sum() / BATCH).backward()
                warm = min(1.0, share / 0.02)
                optimizer.step(RATE * warm * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * share))))
                step += 1
                torch._foreach_lerp_(mean, [p.detach() for p in weights], max(0.005, 9 / (10 + step)))
                if time.perf_counter() - looked > asked.seconds / 20:
                    found = _with(net, mean, lambda: scores(net, held[:1000]).mean())
                    kept, best = ([p.clone() for p in mean], found) if found > best else (kept, best)
                    looked = time.perf_counter()
    last = _with(net, mean, lambda: scores(net, held[:1000]).mean())
    _copy(mean if kept is None or last > best else kept, weights)
    took = {"fit_seconds": clock.wall, "fit_cpu_seconds": clock.cpu, "steps": step}
    return net.eval(), field.pack(test)[0], {**took, "parameters": sum(p.numel() for p in weights)}


@torch.no_grad()
def _copy(source: list[torch.Tensor], target: list[Any]) -> None:
    for a, b in zip(source, target, strict=True):
        b.copy_(a)


def _with(net: Any, weights: list[torch.Tensor], ask: Any) -> float:
    """What a question gives at other weights."""
    own = [p.detach().clone() for p in net.parameters()]
    _copy(weights, list(net.parameters()))
    found = float(ask())
    _copy(own, list(net.parameters()))
    return found


@torch.no_grad()
def scores(net: Any, value: torch.Tensor) -> np.ndarray:
    """``[N]`` log p of each text, exact."""
    net.eval()
    parts = [net(torch.zeros(1, len(v), 0)).log_prob(v)[0].sum(-1) for v in value.split(512)]
    return torch.cat(parts).double().numpy()


def bigram(field: Any, train: list[str], test: list[str]) -> float:
    """The log-likelihood of all test texts, each piece given the one before it; pairs are smoothed by single pieces as
    Witten and Bell (1991) do, these by even chances."""
    start, end = -1, len(field.pieces)
    cut = lambda text: [start, *field.cutter.encode(text), end]
    pairs: Counter = Counter()
    for text in train:
        codes = cut(text)
        pairs.update(pairwise(codes))
    left, right, kinds = Counter(), Counter(), Counter()
    for (a, b), n in pairs.items():
        left[a] += n
        right[b] += n
        kinds[a] += 1
    total, size, log_p = sum(right.values()), end + 1, 0.0
    for text in test:
        codes = cut(text)
        for a, b in pairwise(codes):
            one = (right[b] + len(right) / size) / (total + len(right))
            log_p += math.log((pairs[a, b] + kinds[a] * one) / (left[a] + kinds[a]) if left[a] else one)
    return log_p


def ngrams(field: Any, train: list[str], test: list[str]) -> float:
    """The log-likelihood of all test texts by Kneser-Ney smoothing of runs of four, as ours mixes in, but with all runs
    that were seen at all."""
    from vaery.nets.ngrams import NGrams

    made = NGrams(field.codes, least=1)
    made.learn(field.pack(train)[0], None)
    value = field.pack(test)[0].long()
    told = torch.cat([torch.full_like(value[:, :1], field.codes + 1), value[:, :-1]], 1)
    return float(made.prob(made.contexts(told)[value > 0], value[value > 0]).double().log().sum())


def xz(test: list[str]) -> float:
    """Bits a byte of all test texts in one file."""
    plain = "".join(f"{text}\n" for text in test).encode()
    return 8 * len(lzma.compress(plain, preset=9 | lzma.PRESET_EXTREME)) / len(plain)
