"""layer: training of a gated recurrent layer, ours and torch's in turns. Part of ``text.py``."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from typing import Any

import torch
from common import Clock
from image_task import Asked, loaded
from task import Task
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence

from vaery.nets.gru import gru

INPUT, HIDDEN, BATCH = 288, 256, 128  # as the writer of texts has them
ROUNDS, BATCHES = 7, 8  # the first round warms up


def layer(asked: Asked, name: str) -> Task:
    """CPU seconds forwards and backwards on batches of as many steps as sentences have words."""
    config = {"data": name, "input": INPUT, "hidden": HIDDEN, "batch": BATCH, "rounds": asked.few(ROUNDS, 3)}
    words = lambda seed: torch.tensor([1 + len(text.split()) for text in loaded(asked.data, name)["train"]])
    return Task("layer", config, words, {"vaery": lambda x, seed: turns(x, seed, asked.few(ROUNDS, 3))}, data=name)


def batch(words: Tensor, noise: torch.Generator) -> tuple[Tensor, Tensor]:
    """Inputs of as many steps as some sentences have, and how many these are."""
    lengths = words[torch.randint(len(words), (BATCH,), generator=noise)]
    return torch.randn(BATCH, int(lengths.max()), INPUT, generator=noise).requires_grad_(), lengths


def turns(words: Tensor, seed: int, rounds: int) -> dict[str, Any]:
    """Both on the same batches; ratios are taken within a round, in an order that changes."""
    noise = torch.Generator().manual_seed(seed)
    torch.manual_seed(seed)
    net = nn.GRU(INPUT, HIDDEN, batch_first=True)
    ways: dict[str, Callable[[PackedSequence], Any]] = {"ours": lambda x: gru(net, x), "torch": lambda x: net(x)[0]}
    spent: dict[str, list[float]] = {name: [] for name in ways}
    for round_ in range(rounds):
        batches = [batch(words, noise) for _ in range(BATCHES)]
        for name in sorted(ways, reverse=bool(round_ % 2)):
            with Clock() as clock:
                for x, lengths in batches:
                    rows = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
                    ways[name](rows).data.square().mean().backward()
            if round_:
                spent[name].append(clock.cpu / BATCHES)
    ratio = [a / b for a, b in zip(spent["torch"], spent["ours"], strict=True)]
    return {"ratio": statistics.median(ratio), "low": min(ratio), "high": max(ratio),
            **{f"{name}_ms": 1000 * statistics.median(seconds) for name, seconds in spent.items()}}  # fmt: skip
