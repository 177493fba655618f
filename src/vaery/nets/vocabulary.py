"""Embeddings of a vocabulary, which are also what scores its words."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vaery.core.random import Random

SAMPLED = 1000  # words of a large vocabulary that a step of training compares with, beside those of the batch


class Vocabulary(nn.Module):
    """Words as vectors, on the way in and on the way out (Press and Wolf, 2017), with some more on the way in alone.

    Args:
        codes: V, how many words can come out.
        marks: codes from V on, that only go in.
        size: of a vector.
    """

    def __init__(self, codes: int, marks: int, size: int) -> None:
        super().__init__()
        self.codes = codes
        self.embedding = nn.Embedding(codes + marks, size)
        nn.init.normal_(self.embedding.weight, std=size**-0.5)
        self.bias = nn.Parameter(torch.zeros(codes))

    def forward(self, code: Tensor) -> Tensor:
        """Codes → their vectors."""
        return self.embedding(code)

    def logits(self, x: Tensor) -> Tensor:
        """``x [..., size]`` → ``[..., V]``."""
        return F.linear(x, self.embedding.weight[: self.codes], self.bias)

    def log_prob(self, x: Tensor, code: Tensor, allowed: Tensor) -> Tensor:
        """``[M]`` log-probability of each ``code [M]`` at ``x [M, size]``; the word 0 counts only where ``allowed``."""
        return self._pick(self.logits(x), code, allowed)

    def sampled(self, x: Tensor, code: Tensor, allowed: Tensor, rng: Random) -> Tensor:
        """As :meth:`log_prob`, compared with the words of the batch and a random part of the others, which stands for
        all of them: the normaliser is right on average (Jean et al., 2015). Small vocabularies are compared whole."""
        if self.codes <= 2 * SAMPLED:
            return self.log_prob(x, code, allowed)
        here = torch.zeros(self.codes, dtype=torch.bool, device=x.device)
        here[code] = True
        here[0] = True
        others = (~here).nonzero()[:, 0]
        others = others[rng.permutation(len(others)).to(x.device)[:SAMPLED]]
        inside = here.nonzero()[:, 0]
        which = torch.cat([inside, others])
        extra = math.log(max(1, self.codes - len(inside)) / max(1, len(others)))
        bias = self.bias[which] + F.pad(torch.full((len(others),), extra, device=x.device), (len(inside), 0))
        logits = F.linear(x, self.embedding.weight[which], bias)
        return self._pick(logits, torch.searchsorted(inside, code), allowed)

    def _pick(self, logits: Tensor, index: Tensor, allowed: Tensor) -> Tensor:
        logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
        logits[:, 0].masked_fill_(~allowed, -math.inf)
        return -F.cross_entropy(logits, index, reduction="none")


def nucleus(logits: Tensor, share: float) -> Tensor:
    """The likeliest tokens that together have at least ``share`` of the probability (Holtzman et al., 2020)."""
    ordered, index = logits.softmax(-1).sort(-1, descending=True)
    beyond = ordered.cumsum(-1) - ordered >= share
    return logits.masked_fill(torch.zeros_like(beyond).scatter(-1, index, beyond), -math.inf)
