"""CharRNN: characters of SMILES, one after the other, no latent (Segler et al., 2018). Part of ``molecules.py``."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

END, START = 0, 1  # codes of characters follow
EMBEDDING, BATCH, RATE = 128, 128, 1e-3
MOST = 150  # characters


class CharRNN(nn.Module):
    """A GRU over characters, with about so many parameters."""

    def __init__(self, characters: Sequence[str], parameters: int) -> None:
        super().__init__()
        self.characters = sorted(characters)
        codes = 2 + len(self.characters)
        # 3h² + h (3 · EMBEDDING + 6 + codes) + codes (EMBEDDING + 1) = parameters
        b, c = 3 * EMBEDDING + 6 + codes, codes * (EMBEDDING + 1) - parameters
        hidden = int((-b + math.sqrt(b * b - 12 * c)) / 6)
        self.embedding = nn.Embedding(codes, EMBEDDING)
        self.gru = nn.GRU(EMBEDDING, hidden, batch_first=True)
        self.out = nn.Linear(hidden, codes)

    def encode(self, smiles: Sequence[str]) -> Tensor:
        """``[N, T]`` codes, the start first; after the end, the end again."""
        code = {character: 2 + i for i, character in enumerate(self.characters)}
        rows = [torch.tensor([START, *(code[c] for c in text), END]) for text in smiles]
        return nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=END)

    def loss(self, codes: Tensor) -> Tensor:
        """Mean −log p of a row, in nats; the first end of a row counts."""
        logits = self.out(self.gru(self.embedding(codes[:, :-1]))[0])
        cost = F.cross_entropy(logits.transpose(1, 2), codes[:, 1:], reduction="none")
        return (cost * (codes[:, :-1] != END)).sum(1).mean()

    @torch.no_grad()
    def sample(self, n: int) -> list[str]:
        """New SMILES, valid or not."""
        code, state, rows = torch.full((n, 1), START), None, []
        for _ in range(MOST):
            h, state = self.gru(self.embedding(code), state)
            code = torch.multinomial(self.out(h[:, 0]).softmax(-1), 1)
            rows.append(code)
        texts = []
        for row in torch.cat(rows, 1).tolist():
            row = row[: row.index(END)] if END in row else row
            texts.append("".join(self.characters[c - 2] for c in row if c > START))
        return texts


def fit(smiles: Sequence[str], parameters: int, seconds: float, seed: int) -> tuple[CharRNN, int]:
    """A CharRNN after so many seconds of Adam, whose rate falls as a cosine; and how many steps it took."""
    torch.manual_seed(seed)
    net = CharRNN(sorted(set("".join(smiles))), parameters)
    codes, start, steps = net.encode(smiles), time.monotonic(), 0
    optimiser = torch.optim.Adam(net.parameters(), RATE)
    while (share := (time.monotonic() - start) / seconds) < 1:
        for group in optimiser.param_groups:
            group["lr"] = RATE * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * share)))
        batch = codes[torch.randint(len(codes), (BATCH,))]
        longest = int((batch != END).sum(1).max()) + 1
        loss = net.loss(batch[:, :longest])
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 5.0)
        optimiser.step()
        steps += 1
    return net, steps
