"""Density: log p(x) of rows, and new rows."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import DensityMixin

from vaery.sklearn.adapter import Adapter, seed_of


class VAEDensity(DensityMixin, Adapter):
    """A density of rows with the methods of scikit-learn's ``KernelDensity``.

    Args:
        model: a :class:`vaery.VAE` with the settings you want; it is cloned. ``None``: the defaults.
        budget, verbose: as in :meth:`vaery.VAE.fit`.

    Attributes:
        model_: the fitted VAE.

    >>> import numpy as np
    >>> from vaery import VAE
    >>> x = np.random.default_rng(0).normal(size=(100, 2))
    >>> density = VAEDensity(VAE(steps=20, threads=1)).fit(x)
    >>> density.score_samples(x).shape, density.sample(5, random_state=0).shape
    ((100,), (5, 2))
    """

    def fit(self, X: Any, y: Any = None) -> VAEDensity:
        """Fit the model; ``y`` is ignored."""
        self.model_ = self._fit_model(self._rows(X, reset=True))
        return self

    def score_samples(self, X: Any) -> np.ndarray:
        """``[rows]`` log p(x), nats, in the data's own units."""
        return self._scores(X)

    def score(self, X: Any, y: Any = None) -> float:
        """The total of :meth:`score_samples`, as in ``KernelDensity``."""
        return float(self.score_samples(X).sum())

    def sample(self, n_samples: int = 1, random_state: Any = None) -> Any:
        """New rows, of the type that was fitted; with gaps as often as there were any.

        Args:
            n_samples: how many.
            random_state: a seed, a generator, or ``None``: other rows each time.
        """
        from sklearn.utils.validation import check_is_fitted

        check_is_fitted(self)
        return self.model_.generate(n=n_samples, seed=seed_of(random_state))
