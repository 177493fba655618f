"""Imputer: gaps in, best values (or draws) out."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from sklearn.base import TransformerMixin
from sklearn.utils.validation import _check_feature_names_in

from vaery.model import VAE
from vaery.sklearn.adapter import Adapter, known_cells, seed_of
from vaery.sklearn.frames import column_names, columns_at, with_column


class VAEImputer(TransformerMixin, Adapter):
    """Fill gaps from what is known of each row.

    Arrays come back as arrays and frames as frames of the same library and types, unless ``set_output`` says
    otherwise. Columns of text, dates and truths are filled as well. Known cells come back as they were.

    Args:
        model: a :class:`vaery.VAE` with the settings you want; it is cloned. ``None``: the defaults.
        how: the value of each gap: ``"mean"``, ``"median"`` or ``"mode"`` (categories: always the mode).
        sample_posterior: fill with a draw instead of a best value, as scikit-learn's ``IterativeImputer`` means it.
        add_indicator: append a column of 0 and 1 for each column that had gaps in :meth:`fit`: 1 where there was one.
        random_state: of the draws; ``None``: others each time.
        budget, verbose: as in :meth:`vaery.VAE.fit`.

    Attributes:
        model_: the fitted VAE.
        features_: positions of the columns that come out. Columns without any value in :meth:`fit` are left out, with
            a warning: there is nothing to fill them with.
        indicator_features_: positions of the columns that had gaps in :meth:`fit`.

    >>> import numpy as np
    >>> x = np.random.default_rng(0).normal(size=(60, 3))
    >>> x[::5, 0] = np.nan
    >>> filled = VAEImputer(VAE(steps=20, threads=1)).fit_transform(x)
    >>> filled.shape, int(np.isnan(filled).sum())
    ((60, 3), 0)
    """

    def __init__(
        self,
        model: VAE | None = None,
        *,
        how: str = "mean",
        sample_posterior: bool = False,
        add_indicator: bool = False,
        random_state: Any = None,
        budget: str | float | None = None,
        verbose: bool | None = None,
    ) -> None:
        super().__init__(model, budget=budget, verbose=verbose)
        self.how = how
        self.sample_posterior = sample_posterior
        self.add_indicator = add_indicator
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None) -> VAEImputer:
        """Fit the model to rows with gaps; ``y`` is ignored."""
        X = self._rows(X, reset=True)
        self.model_ = self._fit_model(X)
        known = known_cells(self.model_, X)
        self.features_ = np.flatnonzero(known.any(0))
        self.indicator_features_ = np.flatnonzero(~known.all(0) & known.any(0))
        if len(self.features_) < known.shape[1]:
            names = np.asarray(self.model_.fields_[0].cell_names, dtype=object)
            empty = names[~known.any(0)].tolist()
            warnings.warn(f"columns without any value are left out of the result: {empty}", UserWarning, stacklevel=2)
        return self

    def transform(self, X: Any) -> Any:
        """The same rows without gaps; cells that do not apply are filled, too: what comes after asks for it.

        Raises:
            QueryError: ``how`` is none of its words.
        """
        X = self._rows(X)
        if self.sample_posterior:
            filled = self.model_.impute(X, draws=1, seed=self._seed(), everywhere=True)[0]
        else:
            filled = self.model_.impute(X, how=self.how, everywhere=True)
        return self._finished(filled, X)

    def transform_draws(self, X: Any, draws: int = 20) -> list[Any]:
        """Several complete tables, their gaps drawn together: for statistics, see :mod:`vaery.pool`.

        Args:
            X: rows with gaps.
            draws: how many tables.
        """
        X = self._rows(X)
        tables = self.model_.impute(X, draws=draws, seed=self._seed(), everywhere=True)
        return [self._finished(table, X) for table in tables]

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Names of the columns of :meth:`transform`."""
        names = np.asarray(_check_feature_names_in(self, input_features), dtype=object)
        flags = [f"missingindicator_{name}" for name in names[self.indicator_features_]] if self.add_indicator else []
        return np.concatenate([names[self.features_], np.asarray(flags, dtype=object)])

    def _seed(self) -> int:
        """Without a random state another seed at each call: jobs about rows would else always draw the same."""
        seed = seed_of(self.random_state)
        if seed is None:
            self._asked = seed = getattr(self, "_asked", 0) + 1
        return seed

    def _finished(self, filled: Any, X: Any) -> Any:
        out = columns_at(filled, self.features_.tolist())
        if not self.add_indicator:
            return out
        flags = ~known_cells(self.model_, X)[:, self.indicator_features_]
        if isinstance(out, np.ndarray):
            return np.concatenate([out, flags.astype(out.dtype)], 1)
        names = column_names(X)
        for at, flag in zip(self.indicator_features_, flags.T, strict=True):
            out = with_column(out, f"missingindicator_{names[at]}", flag)
        return out

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = []
        return tags
