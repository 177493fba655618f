"""Classifier: learns from labelled rows and from rows without a label."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.utils import assert_all_finite, check_consistent_length
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import column_or_1d

from vaery.core.errors import DataError
from vaery.model import VAE
from vaery.sklearn.adapter import Adapter
from vaery.sklearn.frames import free_name

ROWS = "rows"  # the field that holds the rows, beside the label
FEW = 0.5  # the share of labelled rows under which the label gets readers of its own (docs/labels.md)


class VAEClassifier(ClassifierMixin, Adapter):
    """A classifier by way of the joint density of rows and labels.

    The label is a field that comes before the latent, with a classifier of its own for where it is unknown (M2 of
    Kingma, Rezende, Mohamed and Welling, 2014). So rows without a label are learned from, too, and rows with gaps can
    be judged. Where labels are many and nothing is missing, boosted trees are hard to beat at this one job.

    The cells of a row are independent given label and latent, unless the model says otherwise: cells that explain one
    another, as those of an ordinary VAE do, leave the label nothing to explain, and few labels then teach little.

    Args:
        model: a :class:`vaery.VAE` with the settings you want; it is cloned. ``None``: the defaults. Its ``likelihood``
            may name columns, and ``{"rows": "any_order"}`` the whole row.
        unlabelled: what stands for "no label" in ``y`` besides NaN and None. ``"auto"``: -1 as in
            ``sklearn.semi_supervised``, with a warning, unless ``y`` holds fewer than two other classes (in -1 and 1,
            -1 is a class). Write ``unlabelled=-1`` if you mean that, and ``unlabelled=None`` if -1 is a class.
        budget, verbose: as in :meth:`vaery.VAE.fit`.

    Attributes:
        model_: the fitted VAE.
        classes_: the classes, sorted.
        target_: what the label is called in ``model_``, whose rows are ``{"rows": X, target_: y}``.

    >>> import numpy as np
    >>> x = np.repeat([[0.0, 0.0], [5.0, 5.0]], 50, axis=0) + np.random.default_rng(0).normal(size=(100, 2))
    >>> y = np.repeat(["low", None, "high"], [20, 60, 20])
    >>> judge = VAEClassifier(VAE(width=32, depth=1, steps=100, learning_rate=1e-2, threads=1)).fit(x, y)
    >>> judge.predict([[0.0, 0.0], [5.0, np.nan]])
    array(['low', 'high'], dtype=object)
    """

    def __init__(
        self,
        model: VAE | None = None,
        *,
        unlabelled: Any = "auto",
        budget: str | float | None = None,
        verbose: bool | None = None,
    ) -> None:
        super().__init__(model, budget=budget, verbose=verbose)
        self.unlabelled = unlabelled

    def fit(self, X: Any, y: Any) -> VAEClassifier:
        """Fit the model to rows and their labels.

        Args:
            X: rows, gaps welcome.
            y: ``[rows]`` labels, some of them missing.

        Raises:
            DataError: no row has a label.
        """
        import pandas as pd

        X = self._rows(X, reset=True)
        y = check_labels(X, y)
        known = labelled(y, self.unlabelled)
        if not known.any():
            raise DataError("no row has a label: y holds nothing but NaN, None or the mark of unlabelled rows")
        check_classification_targets(y[known])
        self.classes_, codes = np.unique(y[known], return_inverse=True)
        column = np.full(len(y), None, dtype=object)
        column[known] = [str(code) for code in codes]
        self.target_ = free_name(X)
        asked = None if self.model is None else self.model.likelihood
        few: dict[str, Any] = {"target": self.target_} if known.mean() < FEW else {"first": (self.target_,)}
        self.model_ = self._fit_model(
            {ROWS: X, self.target_: pd.DataFrame({self.target_: column})},
            **few,
            likelihood=asked if isinstance(asked, str) else {ROWS: "independent", **(asked or {})},
        )
        return self

    def predict_proba(self, X: Any) -> np.ndarray:
        """``[rows, classes]`` the probability of each class, in the order of ``classes_``."""
        X = self._rows(X)
        chance = self.model_.predict_proba({ROWS: X}, target=self.target_)
        out = np.zeros((len(chance), len(self.classes_)), dtype=chance.dtype)
        out[:, self.model_.classes(self.target_).astype(int)] = chance
        return out

    def predict_log_proba(self, X: Any) -> np.ndarray:
        """The logarithm of :meth:`predict_proba`."""
        with np.errstate(divide="ignore"):
            return np.log(self.predict_proba(X))

    def predict(self, X: Any) -> np.ndarray:
        """``[rows]`` the likeliest class."""
        chance = self.predict_proba(X)
        return self.classes_[chance.argmax(1)]


def check_labels(X: Any, y: Any) -> np.ndarray:
    """Labels as an array with an entry for each row, finite or missing.

    Raises:
        ValueError: there are none, not as many as rows, or infinite ones.
    """
    if y is None:
        raise DataError("this estimator requires y to be passed, but the target y is None")
    y = np.asarray(column_or_1d(y, warn=True))
    check_consistent_length(X, y)
    if y.dtype.kind == "f":
        assert_all_finite(y, allow_nan=True, input_name="y")
    return y


def labelled(y: np.ndarray, mark: Any) -> np.ndarray:
    """``[rows]`` bool: which rows have a label. ``mark`` is :class:`VAEClassifier`'s ``unlabelled``.

    >>> labelled(np.array([0, 1, -1]), -1), labelled(np.array([1, -1]), "auto"), labelled(np.array(["a", None]), None)
    (array([ True,  True, False]), array([ True,  True]), array([ True, False]))
    """
    known = np.array([not (value is None or value != value) for value in y.tolist()], dtype=bool)
    if mark is None:
        return known
    if not (isinstance(mark, str) and mark == "auto"):
        return known & (y != mark)
    if y.dtype.kind not in "if":
        return known
    marked = known & (y == -1)
    if marked.any() and len(np.unique(y[known & ~marked])) > 1:
        warnings.warn(
            f"{int(marked.sum())} of {len(y)} rows are labelled -1 and count as unlabelled; write unlabelled=-1 if "
            "that is what you mean, unlabelled=None if -1 is a class",
            UserWarning,
            stacklevel=3,
        )
        return known & ~marked
    return known
