"""MIWAE (Mattei and Frellsen, 2019) as its paper describes it, for tables of numbers.

The plug-in that is commonly compared with (HyperImpute's) has one latent and one hidden unit, and does worse than the
mean; this one has the sizes of the paper: Student's t for each column, 20 importance draws, two layers of 128, 10
latents.
"""

from __future__ import annotations

import pandas as pd
import torch
from torch import Tensor, nn

WIDTH, LATENT, DRAWS, STEPS, BATCH, RATE = 128, 10, 20, 2000, 128, 1e-3
MANY = 100  # importance draws of a filled gap


class Net(nn.Module):
    """Encoder of the row with zeros in its gaps, decoder to location, scale and degrees of freedom of each column."""

    def __init__(self, columns: int) -> None:
        super().__init__()
        layers = lambda a, b: nn.Sequential(
            nn.Linear(a, WIDTH), nn.ReLU(), nn.Linear(WIDTH, WIDTH), nn.ReLU(), nn.Linear(WIDTH, b)
        )
        self.encoder, self.decoder = layers(columns, 2 * LATENT), layers(LATENT, 3 * columns)

    def forward(self, x: Tensor, known: Tensor, draws: int) -> tuple[Tensor, torch.distributions.StudentT]:
        """Log importance weights ``[draws, rows]``, and what each draw says of every cell."""
        mean, raw = self.encoder(x * known).chunk(2, -1)
        q = torch.distributions.Normal(mean, nn.functional.softplus(raw) + 1e-4)
        z = q.rsample((draws,))
        place, scale, freedom = self.decoder(z).chunk(3, -1)
        softplus = nn.functional.softplus
        p = torch.distributions.StudentT(softplus(freedom) + 3, place, softplus(scale) + 1e-3)
        prior = torch.distributions.Normal(0.0, 1.0).log_prob(z).sum(-1)
        return (p.log_prob(x) * known).sum(-1) + prior - q.log_prob(z).sum(-1), p


def fill(holed: pd.DataFrame, seed: int, draws: int) -> tuple[pd.DataFrame, list[pd.DataFrame]]:
    """Importance-weighted means, and tables drawn by the same weights."""
    torch.manual_seed(seed)
    mean, sd = holed.mean(), holed.std() + 1e-9
    x = torch.tensor(((holed - mean) / sd).fillna(0.0).to_numpy(), dtype=torch.float32)
    known = torch.tensor(holed.notna().to_numpy(), dtype=torch.float32)
    net = train(Net(x.shape[1]), x, known)
    points, tables = [], []
    with torch.no_grad():
        for at in torch.arange(len(x)).split(256):
            weight, p = net(x[at], known[at], MANY)
            weight = weight.softmax(0)
            points.append((weight[..., None] * p.mean).sum(0))
            pick = torch.multinomial(weight.T, draws, replacement=True).T
            tables.append(p.sample().gather(0, pick[..., None].expand(-1, -1, x.shape[1])))
    back = lambda t: holed.fillna(pd.DataFrame(t.numpy(), columns=holed.columns, index=holed.index) * sd + mean)
    return back(torch.cat(points)), [back(t) for t in torch.cat(tables, 1)]


def train(net: Net, x: Tensor, known: Tensor) -> Net:
    """Maximise the importance-weighted bound."""
    optimiser = torch.optim.Adam(net.parameters(), RATE)
    for _ in range(STEPS):
        at = torch.randint(len(x), (BATCH,))
        weight, _ = net(x[at], known[at], DRAWS)
        loss = -weight.logsumexp(0).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return net
