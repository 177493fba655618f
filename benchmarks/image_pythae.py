"""pythae's models of images, trained by its own BaseTrainer for so many seconds. Runs in the peers' environment."""

from __future__ import annotations

import copy
import math
import os
import tempfile
import time
from collections.abc import Callable
from typing import Any

os.environ.setdefault("TQDM_DISABLE", "1")  # its bars cost time and say nothing here

import numpy as np
import torch
from image_nets import NETS
from pythae.data.datasets import BaseDataset
from pythae.models import IWAE, RAE_L2, VAE, VAMP, IWAEConfig, RAE_L2_Config, VAEConfig, VAMPConfig
from pythae.trainers import BaseTrainer, BaseTrainerConfig
from table_peers import clock, seeded, versions
from torch import Tensor, nn

CHUNK = 20_000  # decoded images at a time
LATENT = {"mlp": 40, "conv": 16}  # as its reproducibility scripts have


def make(kind: str, net: str, shape: tuple[int, ...]) -> Any:
    """A model of pythae on one of our networks; Bernoulli on grey values but for RAE, which knows squares only.

    Behind squares no sigmoid stands: Adam drives it to black pixels in twenty steps, from where no gradient leads back.
    """
    common = {"input_dim": shape, "latent_dim": LATENT[net], "reconstruction_loss": "bce"}
    encoder, decoder = NETS[net](shape, LATENT[net])
    if kind == "RAE_L2":
        decoder.body = nn.Sequential(*(layer for layer in decoder.body if not isinstance(layer, nn.Sigmoid)))
        return RAE_L2(RAE_L2_Config(input_dim=shape, latent_dim=LATENT[net]), encoder, decoder)
    if kind == "VAMP":
        return VAMP(VAMPConfig(**common, number_components=500), encoder, decoder)
    if kind == "IWAE":
        return IWAE(IWAEConfig(**common, number_samples=10), encoder, decoder)
    return VAE(VAEConfig(**common), encoder, decoder)


def train(model: Any, x: Tensor, held: Tensor, options: dict[str, Any]) -> tuple[Any, dict[str, float]]:
    """As its ``train`` does: epochs of Adam at 1e-3, the best on held-out images is kept – until time is up.

    Whole epochs: the last one is begun if half of it is within the time.
    """
    config = BaseTrainerConfig(
        output_dir=tempfile.mkdtemp(),
        num_epochs=10**6,
        per_device_train_batch_size=100,
        per_device_eval_batch_size=500,
        learning_rate=1e-3,
        seed=int(options["seed"]),
        no_cuda=options["device"] == "cpu",
    )
    sets = [BaseDataset(images, torch.zeros(len(images))) for images in (x, held)]
    trainer = BaseTrainer(model, *sets, config)
    trainer.prepare_training()
    start, epoch, best, kept, longest = time.perf_counter(), 0, math.inf, model, 0.0
    with clock() as took:
        while (begun := time.perf_counter()) - start + longest / 2 < float(options["seconds"]) or not epoch:
            epoch += 1
            trainer.train_step(epoch)
            loss = trainer.eval_step(epoch)
            if loss < best:
                best, kept = loss, copy.deepcopy(trainer.model)
            longest = max(longest, time.perf_counter() - begun)
    return kept.eval(), {**took, "epochs": epoch}


def prepared(source: str, options: dict[str, Any]) -> tuple[Any, dict[str, Tensor], dict[str, Any]]:
    """The model trained on ``train``, all arrays ``[N, C, H, W]`` in 0 to 1, and what it took."""
    seeded(str(options["seed"]))
    with np.load(source, allow_pickle=False) as found:
        arrays = {name: unit(found[name], options["levels"]) for name in found.files}
    model = make(options["kind"], options["net"], tuple(arrays["train"].shape[1:]))
    with torch.enable_grad():
        model, took = train(model, arrays["train"], arrays["valid"], options)
    device = next(model.parameters()).device
    return model, {k: v.to(device) for k, v in arrays.items()}, {**took, "versions": versions("pythae", "torch")}


def unit(x: np.ndarray, levels: int) -> Tensor:
    """``[N, H, W]`` or ``[N, H, W, C]`` of whole levels → ``[N, C, H, W]`` in 0 to 1."""
    tensor = torch.from_numpy(x).float() / levels
    return tensor[:, None].contiguous() if tensor.dim() == 3 else tensor.permute(0, 3, 1, 2).contiguous()


# ---------------------------------------------------------------------- likelihood


@torch.no_grad()
def nll(source: str, target: str, options: dict[str, Any]) -> dict[str, Any]:
    """The importance-weighted bound of each binary image at each number of draws: of ``test`` for those named in
    ``draws``, of ``few`` for those in ``more_draws``; into ``target``, by the number.

    The weights are those of pythae's ``get_nll``, many images at a time; fewer draws are parts of the many.
    """
    model, arrays, took = prepared(source, options)
    if isinstance(model, VAMP):
        model.prior = prior_of(model)
    begun, found = time.perf_counter(), {}
    for name, draws in (("test", options["draws"]), ("few", options["more_draws"])):
        found |= {str(k): bound for k, bound in bounds(model, arrays[name], sorted(draws)).items()}
    np.savez(target, **found)  # type: ignore[arg-type]
    return {**took, "score_seconds": time.perf_counter() - begun}


def bounds(model: Any, x: Tensor, draws: list[int]) -> dict[int, np.ndarray]:
    """``[N]`` for each number of draws."""
    size, found = max(1, CHUNK // draws[-1]), {k: [] for k in draws}
    for at in range(0, len(x), size):
        weight = log_weights(model, x[at : at + size], draws[-1]).double()
        for k in draws:
            parts = weight[:, : draws[-1] // k * k].unflatten(1, (-1, k))
            found[k].append((parts.logsumexp(2) - math.log(k)).mean(1).cpu())
    return {k: torch.cat(parts).numpy() for k, parts in found.items()}


def log_weights(model: Any, x: Tensor, draws: int) -> Tensor:
    """``[B, draws]``: log p(x | z) + log p(z) - log q(z | x), z from q."""
    code = model.encoder(x)
    mean, log_variance = (part[:, None] for part in (code.embedding, code.log_covariance))
    noise = torch.randn(len(x), draws, mean.shape[-1], device=x.device)
    z = (mean + (0.5 * log_variance).exp() * noise).flatten(0, 1)
    log_q = -0.5 * (log_variance + noise**2).sum(2)  # 2π is left out of both
    log_p = model.prior(z) if isinstance(model, VAMP) else -0.5 * (z**2).sum(1)
    p = model.decoder(z)["reconstruction"].flatten(1).clamp(1e-7, 1 - 1e-7).unflatten(0, (len(x), draws))
    flat = x.flatten(1)[:, None]
    fit = (flat * p.log() + (1 - flat) * (1 - p).log()).sum(2)
    return fit + log_p.unflatten(0, (len(x), draws)) - log_q


def prior_of(model: Any) -> Callable[[Tensor], Tensor]:
    """pythae's ``_log_p_z`` with its squares multiplied out, which is many times quicker; checked against it."""
    shape = (model.number_components, *model.model_config.input_dim)
    code = model.encoder(model.pseudo_inputs(model.idle_input.to(model.device)).reshape(shape))
    mean, log_variance = code.embedding.double(), code.log_covariance.double()
    precision = (-log_variance).exp()
    constant = (log_variance + mean**2 * precision).sum(1) + 2 * math.log(len(mean))

    def log_prob(z: Tensor) -> Tensor:
        z = z.double()
        squares = z**2 @ precision.T - 2 * z @ (mean * precision).T
        return (-0.5 * (squares + constant)).logsumexp(1).float()

    some = torch.randn(100, mean.shape[1], device=mean.device)
    torch.testing.assert_close(log_prob(some), model._log_p_z(some), rtol=1e-4, atol=1e-3)
    return log_prob


# ---------------------------------------------------------------------- samples


@torch.no_grad()
def samples(source: str, target: str, options: dict[str, Any]) -> dict[str, Any]:
    """Images by each sampler asked for: ``"normal"``, pythae's NormalSampler, or ``"gmm"``, ten full covariances."""
    from pythae.samplers import GaussianMixtureSampler, GaussianMixtureSamplerConfig, NormalSampler

    model, arrays, took = prepared(source, options)
    made = {}
    for sampler in options["samplers"]:
        if sampler == "gmm":
            one = GaussianMixtureSampler(model, GaussianMixtureSamplerConfig(n_components=10))
            x = arrays["train"]
            with clock() as fitting:
                one.fit(x)
            took["gmm_seconds"] = fitting["fit_seconds"]
        else:
            one = NormalSampler(model)
        found = one.sample(int(options["n"])).clamp(0, 1).mul(255).round().byte()
        made[sampler] = found.permute(0, 2, 3, 1).squeeze(3).cpu().numpy()
    np.savez(target, **made)  # type: ignore[arg-type]
    return took
