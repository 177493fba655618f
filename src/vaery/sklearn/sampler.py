"""Sampler: more rows of rare classes, as imbalanced-learn asks for them."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.utils.multiclass import check_classification_targets

from vaery.core.errors import DataError
from vaery.model import VAE
from vaery.sklearn.adapter import Adapter, seed_of
from vaery.sklearn.classifier import check_labels
from vaery.sklearn.frames import as_frame, column_names, free_name, with_column
from vaery.sklearn.strategy import Strategy, rows_to_make


class VAESampler(Adapter):
    """Over-sampling by a model of the rows and their classes: ``fit_resample(X, y)``.

    Your rows come first and as they were, new ones after them. Resample only what you train on:
    ``imblearn.pipeline.Pipeline`` does so, and takes this sampler for what it can do. It inherits nothing from
    imbalanced-learn, and works without it. Whether it helps, :func:`~vaery.sklearn.augmentation_gain` says.

    Args:
        model: a :class:`vaery.VAE` with the settings you want; it is cloned. ``None``: the defaults.
        sampling_strategy: ``"auto"``, ``"minority"``, ``"not minority"``, ``"not majority"``, ``"all"``, a share (two
            classes), a dict class → rows in the end, or a function of ``y`` that gives one; see
            :func:`~vaery.sklearn.strategy.rows_to_make`.
        random_state: of the draws; the seed of the fit is the model's.
        budget, verbose: as in :meth:`vaery.VAE.fit`.

    Attributes:
        sampling_strategy_: class → how many new rows.
        model_: the fitted VAE, after :meth:`fit_resample`.
        target_: what the class is called in ``model_``.

    >>> import numpy as np
    >>> x, y = np.random.default_rng(0).normal(size=(60, 2)), np.repeat([0, 1], [50, 10])
    >>> more, classes = VAESampler(VAE(steps=20, threads=1)).fit_resample(x, y)
    >>> more.shape, np.bincount(classes), bool((more[:60] == x).all())
    ((100, 2), array([50, 50]), True)
    """

    _sampling_type = "over-sampling"

    def __init__(
        self,
        model: VAE | None = None,
        *,
        sampling_strategy: Strategy = "auto",
        random_state: Any = None,
        budget: str | float | None = None,
        verbose: bool | None = None,
    ) -> None:
        super().__init__(model, budget=budget, verbose=verbose)
        self.sampling_strategy = sampling_strategy
        self.random_state = random_state

    def fit(self, X: Any, y: Any) -> VAESampler:
        """Look at the classes and say how many rows will be made; the model is fitted in :meth:`fit_resample`."""
        self._checked(X, y)
        return self

    def fit_resample(self, X: Any, y: Any) -> tuple[Any, Any]:
        """Rows and classes, the new ones last, as the types that came in.

        Args:
            X: ``[rows, columns]`` a frame or array; gaps are welcome, and new rows have as many.
            y: ``[rows]`` classes.

        Raises:
            DataError: a row has no class.
            ChoiceError, QueryError: see :func:`~vaery.sklearn.strategy.rows_to_make`.
        """
        X, labels = self._checked(X, y)
        frame = as_frame(X)
        names = column_names(frame)
        self.target_ = free_name(frame)
        classes, codes = np.unique(labels, return_inverse=True)
        column = np.array([str(code) for code in codes], dtype=object)
        self.model_ = self._fit_model(with_column(frame, self.target_, column), {self.target_: "categorical"})
        made, more, seed = [], [], seed_of(self.random_state)
        for code, name in enumerate(classes.tolist()):
            if count := self.sampling_strategy_.get(name, 0):
                asked = None if seed is None else seed + code
                new = self.model_.generate(n=count, given={self.target_: str(code)}, seed=asked)
                made.append(_columns(new, names))
                more += [code] * count
        return _stacked(X, made), _extended(y, labels, classes[more])

    def _checked(self, X: Any, y: Any) -> tuple[Any, np.ndarray]:
        X = self._rows(X, reset=True)
        labels = check_labels(X, y)
        if any(value is None or value != value for value in labels.tolist()):
            raise DataError("y holds empty entries; every row needs a class: leave out those that have none")
        check_classification_targets(labels)
        self.sampling_strategy_ = rows_to_make(labels, self.sampling_strategy)
        return X, labels

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "sampling_strategy_")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        return tags


def _columns(frame: Any, names: list[Any]) -> Any:
    return frame[names] if hasattr(frame, "iloc") else frame.select(names)


def _stacked(X: Any, made: list[Any]) -> Any:
    """The rows that came and the new ones below, of the type that came."""
    if isinstance(X, np.ndarray):
        return np.concatenate([X, *(np.asarray(part).astype(X.dtype) for part in made)])
    if hasattr(X, "iloc"):
        import pandas as pd

        return pd.concat([X, *made], ignore_index=True)
    from vaery.schema import stack

    return stack([X, *made])


def _extended(y: Any, labels: np.ndarray, more: np.ndarray) -> Any:
    """The classes of all rows, of the type that came."""
    out = np.concatenate([labels, more.astype(labels.dtype)])
    if hasattr(y, "iloc") and getattr(y, "ndim", 0) == 1:
        import pandas as pd

        return pd.Series(out, name=y.name, dtype=y.dtype)
    if type(y).__module__.startswith("polars"):
        import polars

        return polars.Series(y.name, out.tolist(), dtype=y.dtype)
    return out
