"""Regressor: a number and how sure it is, from whatever else is known."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.utils import assert_all_finite, check_consistent_length
from sklearn.utils.validation import column_or_1d

from vaery.core.errors import DataError
from vaery.sklearn.adapter import Adapter
from vaery.sklearn.frames import as_frame, column_of, free_name, with_column


class VAERegressor(RegressorMixin, Adapter):
    """A regressor by way of the joint density of rows and target.

    The target is one more column that may be empty: rows whose ``y`` is NaN are learned from, too, and rows with gaps
    can be judged. What is predicted is the expected value, :meth:`predict_interval` says how sure it is.

    Args:
        model: a :class:`vaery.VAE` with the settings you want; it is cloned. ``None``: the defaults.
        budget, verbose: as in :meth:`vaery.VAE.fit`.

    Attributes:
        model_: the fitted VAE.
        target_: what the target's column is called in ``model_``.

    >>> import numpy as np
    >>> from vaery import VAE
    >>> x = np.random.default_rng(0).normal(size=(200, 1))
    >>> line = VAERegressor(VAE(width=32, depth=1, steps=150, learning_rate=1e-2, threads=1)).fit(x, 3 * x[:, 0])
    >>> low, high = line.predict_interval([[0.0]], coverage=0.9)[0]
    >>> bool(low < line.predict([[0.0]])[0] < high)
    True
    """

    def fit(self, X: Any, y: Any) -> VAERegressor:
        """Fit the model to rows and their targets.

        Args:
            X: rows, gaps welcome.
            y: ``[rows]`` numbers; NaN where there is none.

        Raises:
            DataError: no row has a target.
        """
        X = self._rows(X, reset=True)
        if y is None:
            raise DataError("this estimator requires y to be passed, but the target y is None")
        y = np.asarray(column_or_1d(y, warn=True)).astype(np.float64)
        assert_all_finite(y, allow_nan=True, input_name="y")
        check_consistent_length(X, y)
        if np.isnan(y).all():
            raise DataError("no row has a target: y holds nothing but NaN")
        frame = as_frame(X)
        self.target_ = free_name(frame)
        self.model_ = self._fit_model(with_column(frame, self.target_, y), {self.target_: "numeric"})
        return self

    def predict(self, X: Any) -> np.ndarray:
        """``[rows]`` the expected value of the target."""
        rows = self._frame(X)
        return self.model_.predict(rows, target=self.target_)

    def predict_interval(self, X: Any, coverage: float = 0.9) -> np.ndarray:
        """``[rows, 2]`` the ends of a central interval that holds the target with this probability.

        Args:
            X: rows.
            coverage: in (0, 1). It is what the model believes: check it on rows of your own.
        """
        rows = self._frame(X)
        spread = self.model_.impute(rows, interval=coverage, everywhere=True)
        ends = [column_of(spread[end], self.target_).astype(np.float64) for end in ("low", "high")]
        return np.stack(ends, 1)

    def _frame(self, X: Any) -> Any:
        X = self._rows(X)
        return as_frame(X, [str(name) for name in self.model_.fields_[0].cell_names or ()][:-1])
