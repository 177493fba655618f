"""Reading sequences of tokens that may have gaps."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from vaery.core.tokens import reach, telling
from vaery.nets.dropout import Dropout
from vaery.nets.places import Gather
from vaery.nets.recurrent import Backwards, ragged


class SequenceEncoder(nn.Module):
    """Tokens read from either side, by a gated recurrent network each, into one row of features.

    A gap is a code of its own, whatever the cell holds. Padding after the end, and gaps after the last known cell, are
    not read: what is made of a row does not hang on how long others are.

    Args:
        codes: how many codes there are, nothing and the end among them (see :mod:`vaery.core.tokens`).
        width: of the features.
        embedding: size of a token's embedding; ``None``: the width.
        hidden: of the networks; ``None``: the width.
        dropout: on embeddings.
        places: how many tokens, from the first on, are read straight into the features, too
            (:mod:`vaery.nets.places`). 0: only the networks read.
    """

    def __init__(
        self,
        codes: int,
        width: int,
        embedding: int | None = None,
        hidden: int | None = None,
        dropout: float = 0.0,
        places: int = 0,
    ) -> None:
        super().__init__()
        self.width, self.codes = width, codes
        size, hidden = embedding or width, hidden or width
        self.embedding = nn.Embedding(codes + 1, size)
        nn.init.normal_(self.embedding.weight, std=size**-0.5)
        self.dropout = Dropout(dropout)
        self.forth, self.back = nn.GRU(size, hidden, batch_first=True), Backwards(size, hidden)
        self.out = nn.Linear(2 * hidden, width)
        self.gather = Gather(size, width, places) if places else None

    def forward(self, value: Tensor, known: Tensor | None = None) -> Tensor:
        """``value [B, L]`` packed tokens, ``known [B, L]`` bool or ``None`` → ``[B, width]``."""
        seen = telling(value, known)
        ends = reach(seen)
        longest = max(1, int(ends.max())) if len(ends) else 1
        code = torch.where(seen, value.long(), self.codes)[:, :longest]
        x = self.dropout(self.embedding(code))
        forth = ragged(self.forth, x, ends)
        last = (ends - 1).clamp(min=0)[:, None, None].expand(-1, 1, forth.shape[-1])
        both = torch.cat([forth.gather(1, last)[:, 0], self.back(x, ends)[:, 0]], -1)
        features = self.out(both * (ends > 0)[:, None])
        return features if self.gather is None else features + self.gather(x * seen[:, :longest, None])
