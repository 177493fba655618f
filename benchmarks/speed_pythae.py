"""pythae's VAE with its own BaseTrainer, on the same network. Runs in the peers' environment."""

from __future__ import annotations

import logging
import tempfile
import warnings
from typing import Any

import torch
from torch import Tensor, nn

warnings.filterwarnings("ignore")
logging.disable(logging.WARNING)

from pythae.data.datasets import BaseDataset  # noqa: E402
from pythae.models import VAE, VAEConfig  # noqa: E402
from pythae.models.base.base_utils import ModelOutput  # noqa: E402
from pythae.models.nn import BaseDecoder, BaseEncoder  # noqa: E402
from pythae.trainers import BaseTrainer, BaseTrainerConfig  # noqa: E402


class Encoder(BaseEncoder):
    def __init__(self, width: int = 400, latent: int = 20) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(784, width), nn.ReLU())
        self.mean, self.log_variance = nn.Linear(width, latent), nn.Linear(width, latent)
        self.latent_dim = latent

    def forward(self, x: Tensor) -> Any:
        h = self.body(x)
        return ModelOutput(embedding=self.mean(h), log_covariance=self.log_variance(h))


class Decoder(BaseDecoder):
    def __init__(self, width: int = 400, latent: int = 20) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(latent, width), nn.ReLU(), nn.Linear(width, 784), nn.Sigmoid())

    def forward(self, z: Tensor) -> Any:
        return ModelOutput(reconstruction=self.body(z))


class Pythae:
    """As a user of pythae would train it: Adam at 1e-3, its loader, its callbacks.

    ``epoch`` is the trainer's own ``train_step``; what ``train`` does between epochs (a copy of the best model) is not
    counted, which favours pythae.

    Args:
        x: ``[N, 784]`` float32 in 0 to 1.
        net: ``"mlp"``, or ``"conv"``: that of ``image_nets.py``.
    """

    def __init__(self, x: Tensor, batch: int = 128, rate: float = 1e-3, net: str = "mlp") -> None:
        if net == "conv":
            from image_nets import conv

            x = x.view(-1, 1, 28, 28)
            encoder, decoder = conv((1, 28, 28), latent=16)
            shape = VAEConfig(input_dim=(1, 28, 28), latent_dim=16, reconstruction_loss="bce")
            self.model = VAE(shape, encoder=encoder, decoder=decoder)
        else:
            shape = VAEConfig(input_dim=(784,), latent_dim=20, reconstruction_loss="bce")
            self.model = VAE(shape, encoder=Encoder(), decoder=Decoder())
        config = BaseTrainerConfig(
            output_dir=tempfile.mkdtemp(),
            num_epochs=1000,
            per_device_train_batch_size=batch,
            learning_rate=rate,
            no_cuda=True,
        )
        self.trainer = BaseTrainer(self.model, BaseDataset(x, torch.zeros(len(x))), None, config)
        self.trainer.prepare_training()
        self.rows, self.done = len(x), 0

    def epoch(self) -> int:
        """One pass; the rows trained on."""
        self.done += 1
        self.trainer.train_step(self.done)
        return self.rows

    @torch.no_grad()
    def bound(self, x: Tensor) -> float:
        """Mean ELBO of these rows, one draw, divergence in closed form."""
        self.model.eval()
        return -float(self.model(BaseDataset(x, torch.zeros(len(x)))[:]).loss)

    @torch.no_grad()
    def score(self, x: Tensor, draws: int) -> float:
        """Mean importance-weighted log-likelihood of these rows, by its ``get_nll``."""
        self.model.eval()
        return float(self.model.get_nll(x, n_samples=draws, batch_size=draws))

    @torch.no_grad()
    def sample(self, rows: int) -> int:
        """So many images by its NormalSampler: means, nothing is drawn of the pixels."""
        from pythae.samplers import NormalSampler

        self.model.eval()
        return len(NormalSampler(self.model).sample(rows))
