"""What all adapters share: reading rows as scikit-learn wants them read, and fitting the VAE inside."""

from __future__ import annotations

import numbers
from collections.abc import Mapping
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, clone
from sklearn.utils.validation import check_is_fitted, validate_data

from vaery.core.errors import DataError
from vaery.model import VAE, read

DIGITS = 4  # decimals of a score: what is beyond them is rounding, and hangs on the batch that a row comes in


class Adapter(BaseEstimator):
    """An estimator around one VAE.

    Args:
        model: a :class:`vaery.VAE` with the settings you want; it is cloned. ``None``: the defaults.
        budget, verbose: as in :meth:`vaery.VAE.fit`.

    Attributes:
        model_: the fitted VAE; it answers every other question, and ``model_.save(path)`` keeps it.
        n_features_in_, feature_names_in_: as in scikit-learn.
    """

    model_: VAE

    def __init__(
        self, model: VAE | None = None, *, budget: str | float | None = None, verbose: bool | None = None
    ) -> None:
        self.model = model
        self.budget = budget
        self.verbose = verbose

    def _rows(self, X: Any, reset: bool = False) -> Any:
        """Rows as VAE takes them; the number and names of the columns are remembered, or compared.

        Raises:
            NotFittedError: there is nothing to compare with yet.
            DataError: this is no table.
        """
        if not reset:
            check_is_fitted(self)
        X = read(X)
        if isinstance(X, Mapping) or getattr(X, "ndim", 2) > 2:
            what = "a dict of fields" if isinstance(X, Mapping) else f"an array with dim {X.ndim}"
            raise DataError(
                f"Found {what}; {type(self).__name__} takes a frame or a 2-D array. For others use vaery.VAE"
            )
        validate_data(self, X, reset=reset, skip_check_array=True)
        return X

    def _scores(self, X: Any) -> np.ndarray:
        """``[rows]`` log p(x), nats, in double precision but without the decimals that are rounding."""
        X = self._rows(X)
        return np.round(self.model_.score_samples(X).astype(np.float64), DIGITS)

    def _oddness(self, X: Any) -> np.ndarray:
        """``[rows]`` how odd rows are, in double precision but without the decimals that are rounding."""
        X = self._rows(X)
        return np.round(np.asarray(self.model_.detect(X, reasons=0)["oddness"], dtype=np.float64), DIGITS)

    def _fit_model(self, X: Any, columns: Mapping[str, Any] | None = None, **settings: Any) -> VAE:
        """A fitted copy of ``model``, with other settings; ``columns``: besides what the model says of its own."""
        model: Any = VAE() if self.model is None else clone(self.model)
        model.set_params(**settings)
        if columns:
            model.set_params(columns={**(model.columns or {}), **columns})
        return model.fit(X, budget=self.budget, verbose=self.verbose)

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "model_")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.string = True
        return tags


def seed_of(random_state: Any) -> int | None:
    """A seed for VAE's jobs from what scikit-learn calls a random state; ``None`` stays ``None``.

    >>> seed_of(3), seed_of(None), seed_of(np.random.default_rng(0)) == seed_of(np.random.default_rng(0))
    (3, None, True)
    """
    if random_state is None:
        return None
    if isinstance(random_state, numbers.Integral):
        return int(random_state)
    if isinstance(random_state, np.random.Generator):
        return int(random_state.integers(2**31))
    return int(random_state.randint(2**31 - 1))


def known_cells(model: VAE, X: Any) -> np.ndarray:
    """``[rows, columns]`` bool: which cells of a table are known, as the model reads it."""
    evidence = model.schema_.pack(X)
    field = model.fields_[0]
    known = evidence.known[field.name]
    return np.ones((evidence.rows, *field.mask), dtype=bool) if known is None else known.numpy()
