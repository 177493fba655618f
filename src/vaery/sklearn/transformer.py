"""Transformer: rows to points in the latent, and back."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from sklearn.base import TransformerMixin
from sklearn.utils.validation import check_array, check_is_fitted

from vaery.answer import in_raw
from vaery.core.errors import DataError
from vaery.core.job import Points
from vaery.inference import BATCH, offer, probabilities
from vaery.model import VAE
from vaery.schema import stack
from vaery.sklearn.adapter import Adapter


class VAETransformer(TransformerMixin, Adapter):
    """Rows → points in the latent, for maps, clusters and whatever wants a few numbers instead of many columns.

    Args:
        model: a :class:`vaery.VAE` with the settings you want, ``VAE(latent=2)`` say; it is cloned. ``None``: the
            defaults.
        budget, verbose: as in :meth:`vaery.VAE.fit`.

    Attributes:
        model_: the fitted VAE.

    >>> import numpy as np
    >>> x = np.random.default_rng(0).normal(size=(100, 4))
    >>> to_latent = VAETransformer(VAE(latent=2, steps=20, threads=1)).fit(x)
    >>> z = to_latent.transform(x)
    >>> z.shape, to_latent.inverse_transform(z).shape, list(to_latent.get_feature_names_out())
    ((100, 2), (100, 4), ['z0', 'z1'])
    """

    def fit(self, X: Any, y: Any = None) -> VAETransformer:
        """Fit the model; ``y`` is ignored."""
        self.model_ = self._fit_model(self._rows(X, reset=True))
        return self

    def transform(self, X: Any) -> np.ndarray:
        """``[rows, latent]`` the posterior's mean: always the same for a row, whatever batch it comes in."""
        X = self._rows(X)
        return self.model_.transform(X)

    def inverse_transform(self, X: Any) -> Any:
        """What each cell is expected to hold at points of the latent: rows of the type that was fitted.

        Cells are read one by one, given the point alone: numbers are means, categories modes. It is no inverse: the
        latent keeps what a row has in common with others. For a row and its latent together ask
        ``model_.reconstruct(X)``.

        Args:
            X: ``[rows, latent]``.

        Raises:
            DataError: another number of columns than the latent has.
        """
        check_is_fitted(self)
        points = np.asarray(check_array(X)).astype(np.float32)
        z = torch.as_tensor(points, device=self.model_.joint_.device)
        if z.shape[1] != sum(self.model_.choices_.latent):
            raise DataError(f"X has {z.shape[1]} columns, but the latent has {sum(self.model_.choices_.latent)}")
        return stack([decode(self.model_, z[i : i + BATCH]) for i in range(0, len(z), BATCH)])

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Names of the columns of :meth:`transform`."""
        check_is_fitted(self)
        return self.model_.get_feature_names_out()

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = []
        return tags


@torch.no_grad()
def decode(model: VAE, z: torch.Tensor) -> Any:
    """Points ``z [B, Z]`` of the latent → raw rows: the one walk, with the levels chosen."""
    joint = model.joint_
    levels = dict(zip(joint.latents, z[None].split(list(model.choices_.latent), -1), strict=True))
    sites, u = offer(joint, levels, len(z)), probabilities(joint, 0)
    values = {}
    for name, field in joint.fields.items():
        site = sites[name]
        nothing = torch.zeros(len(z), *field.event, device=z.device), torch.zeros(len(z), *field.mask, device=z.device)
        cell = site.density.given(nothing[0], nothing[1].bool())
        values[name] = cell.points(u).flatten(0, 1)
    weight = torch.full((len(u), len(z)), 1 / len(u), device=z.device)
    return in_raw(model.schema_, Points(values, weight, "mean"))
