"""The posterior of a label: several readers of the rest of the row, put together, and as sure as they may be."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from vaery.core.by_name import ByName
from vaery.core.cells import CellDensity, CellHeads
from vaery.core.evidence import Evidence
from vaery.core.features import Features, encode
from vaery.core.field import Field
from vaery.nets.merge import Merge
from vaery.nets.trees import Boosted, Trees

JUDGE = "judge "  # before the name of a label: what a reader of it is called that stands beside a model
NET, LINE, NEAR, FOREST, BOOSTED = range(5)  # the readers
NAMES = ("net", "line", "near", "forest", "boosted")
HIDDEN = 256  # units of the network that learns from neighbours
FOREST_TREES, FOREST_DEPTH = 100, 8
ROUNDS, DEPTH = 100, 3  # of boosting
MOST_CLASSES = 12  # with more, a tree for each class and round is too much
MOST_COLUMNS = 600  # with more, trees are slow, and columns are rather pixels than facts
LOWEST = -12.0  # no class is quite impossible: nats
DOUBT = 0.02  # of each reader


class Reader(nn.Module):
    """q(label | what is known of the other fields): p ∝ Π p_reader ^ (weight / temperature) (Genest and Zidek, 1986).

    Each p_reader has a temperature of its own before that, so that nobody is heard for being loud.

    Args:
        field: the label: one cell of K levels.
        nets: other field → its encoder, ``[B, width]``.
        plain: other field → module that lays it out as plain numbers; fields that cannot be are left out.
        columns: how many plain numbers there are.
        width: of the network.
    """

    reads = False  # features: the evidence itself, by networks of its own
    weight: Tensor
    temperature: Tensor
    sure: Tensor
    mean: Tensor

    def __init__(
        self, field: Field, nets: Mapping[str, nn.Module], plain: Mapping[str, nn.Module], columns: int, width: int
    ) -> None:
        super().__init__()
        assert field.cells is not None
        self.levels = field.cells[0].levels
        self.nets, self.plain = ByName(nets), ByName(plain)
        self.merge, self.last = Merge(len(nets), width), nn.Linear(width, self.levels)
        self.heads = CellHeads(field.cells)
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)
        self.line = nn.Linear(max(1, columns), self.levels).requires_grad_(False)
        hidden = nn.Sequential(nn.Linear(max(1, columns), HIDDEN), nn.ReLU(), nn.Dropout(0.2))
        self.near = nn.Sequential(hidden, nn.Linear(HIDDEN, self.levels)).requires_grad_(False)
        grown = 0 < columns <= MOST_COLUMNS and self.levels <= MOST_CLASSES
        self.forest = Trees(FOREST_TREES, FOREST_DEPTH, self.levels) if grown else None
        self.boosted = Boosted(ROUNDS, DEPTH, self.levels) if grown else None
        self.register_buffer("mean", torch.zeros(max(1, columns)))
        self.register_buffer("weight", torch.tensor([1.0, 0.0, 0.0, 0.0, 0.0]))
        self.register_buffer("temperature", torch.ones(()))
        self.register_buffer("sure", torch.ones(len(NAMES)))  # each reader's own temperature
        self.learning = False
        self.brief = False

    def train(self, mode: bool = True) -> Reader:
        """Only while it is taught itself. While the rest of the model is trained, it answers briefly: without the
        network where others have a say, since any posterior makes a bound, and steps are many."""
        self.brief = mode and not self.learning
        return super().train(mode and self.learning)

    def features(self, evidence: Evidence) -> Tensor:
        """``[B, width]`` what the network makes of the other fields."""
        found = encode(self.nets, evidence, self.last.weight.dtype)
        return self.merge(found.values, found.present)

    def columns(self, evidence: Evidence) -> Tensor:
        """``[B, columns]`` the other fields as plain numbers, centred; zeros where a field is absent."""
        parts = []
        for name, module in self.plain.items():
            if name in evidence:
                parts.append(module(evidence.values[name], evidence.known[name]).to(self.mean.dtype))
        if len(parts) < len(self.plain) or not parts:
            return self.mean.new_zeros(evidence.rows, len(self.mean))
        return torch.cat(parts, 1) - self.mean

    def each(self, evidence: Evidence) -> Tensor:
        """``[R, B, K]`` log-probabilities of every reader that counts; the others say nothing."""
        said = [self.last(self.features(evidence)).log_softmax(-1)]
        if bool((self.weight[LINE:] > 0).any()):
            said += self.simple(self.columns(evidence))
        return cooled(torch.stack(said), self.sure[: len(said)])

    def simple(self, x: Tensor) -> list[Tensor]:
        """``[B, K]`` log-probabilities of each reader but the network, of plain numbers ``[B, columns]``."""
        said = [self.line(x).log_softmax(-1), self.near(x).log_softmax(-1)]
        if self.forest is not None and self.boosted is not None:
            forest = self.forest(x).clamp(min=1e-5)
            said += [(forest / forest.sum(1, keepdim=True)).log(), self.boosted(x).log_softmax(-1)]
        return said

    def log_probs(self, evidence: Evidence) -> Tensor:
        """``[B, K]`` log q(label | the rest)."""
        others = bool((self.weight[LINE:] > 0).any())
        if self.brief and others:
            said = torch.stack(self.simple(self.columns(evidence)))
            said = cooled(said, self.sure[LINE : LINE + len(said)])
            return mixed(said, self.weight[LINE : LINE + len(said)], self.temperature)
        said = self.each(evidence)
        return mixed(said, self.weight[: len(said)], self.temperature)

    def forward(self, features: Features, context: Tensor) -> CellDensity:
        assert features.seen is not None
        said = self.log_probs(features.seen)
        room = self.heads.size - said.shape[-1]
        raw = torch.cat([said, said.new_full((len(said), room), -1e9)], -1) if room else said
        return self.heads(raw.expand(len(context), *raw.shape))


def cooled(said: Tensor, sure: Tensor) -> Tensor:
    """``[R, B, K]`` log-probabilities, each reader's brought to a temperature of its own ``[R]``, and :data:`DOUBT` of
    them spread over all classes: one answer that is quite wrong must not silence a reader."""
    said = (said.clamp(min=LOWEST) / sure[:, None, None]).log_softmax(-1)
    return torch.logaddexp(said + math.log(1 - DOUBT), said.new_tensor(DOUBT / said.shape[-1]).log())


def mixed(said: Tensor, weight: Tensor, temperature: Tensor) -> Tensor:
    """``[..., R, B, K]`` log-probabilities → ``[..., B, K]`` of their weighted product, sharpened or softened."""
    total = (said.clamp(min=LOWEST) * weight[:, None, None]).sum(-3) / temperature
    return total.log_softmax(-1).clamp(min=LOWEST).log_softmax(-1)
