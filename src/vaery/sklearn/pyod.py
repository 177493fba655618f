"""PyOD's conventions: higher is more abnormal, 1 is an outlier. PyOD itself is not needed."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from vaery.core.errors import ChoiceError
from vaery.model import VAE
from vaery.sklearn.adapter import Adapter
from vaery.sklearn.outliers import check_contamination


class PyODDetector(Adapter):
    """An outlier detector with PyOD's signs and attributes; works with or without ``pyod`` installed.

    Beware that they are the opposite of scikit-learn's: scores are higher for *odder* rows, labels are 1 for outliers
    and 0 for the rest. It inherits nothing from PyOD: whatever takes a detector by its methods takes it.

    Args:
        model: a :class:`vaery.VAE` with the settings you want; it is cloned. ``None``: the defaults.
        contamination: the share of odd rows among those in :meth:`fit`, in (0, 0.5].
        budget, verbose: as in :meth:`vaery.VAE.fit`.

    Attributes:
        model_: the fitted VAE.
        decision_scores_: ``[rows]`` scores of the rows in :meth:`fit`.
        threshold_: the score that divides outliers from the rest.
        labels_: ``[rows]`` 0 or 1 for the rows in :meth:`fit`.

    >>> import numpy as np
    >>> x = np.random.default_rng(0).normal(size=(200, 2))
    >>> model = VAE(width=32, depth=1, steps=100, learning_rate=1e-2, threads=1)
    >>> detector = PyODDetector(model, contamination=0.05).fit(x)
    >>> int(detector.labels_.sum()), detector.predict([[0.0, 0.0], [40.0, -40.0]])
    (10, array([0, 1]))
    """

    def __init__(
        self,
        model: VAE | None = None,
        *,
        contamination: float = 0.1,
        budget: str | float | None = None,
        verbose: bool | None = None,
    ) -> None:
        super().__init__(model, budget=budget, verbose=verbose)
        self.contamination = contamination

    def fit(self, X: Any, y: Any = None) -> PyODDetector:
        """Fit the model and the threshold; ``y`` is ignored.

        Raises:
            ChoiceError: ``contamination`` is not a share up to one half.
        """
        share = check_contamination(self.contamination)
        if share is None:
            raise ChoiceError("contamination='auto': PyOD's convention is a share, for instance contamination=0.1")
        X = self._rows(X, reset=True)
        self.model_ = self._fit_model(X)
        self.decision_scores_ = self.decision_function(X)
        self.threshold_ = float(np.percentile(self.decision_scores_, 100 * (1 - share)))
        self.labels_ = (self.decision_scores_ > self.threshold_).astype(int)
        return self

    def decision_function(self, X: Any) -> np.ndarray:
        """``[rows]`` how odd rows are: 0 as the middle one of held-out rows, 1 as their odder tenth."""
        return self._oddness(X)

    def predict(self, X: Any) -> np.ndarray:
        """``[rows]`` 1 for outliers, 0 for the rest."""
        return (self.decision_function(X) > self.threshold_).astype(int)

    def fit_predict(self, X: Any, y: Any = None) -> np.ndarray:
        """``labels_`` of these rows."""
        return self.fit(X, y).labels_

    def predict_proba(self, X: Any, method: str = "linear") -> np.ndarray:
        """How abnormal on a scale from 0 to 1, as PyOD has it: ``[rows, 2]``, the second column for "outlier".

        These are rescaled scores and no probabilities; ``model_.detect(X)`` has p-values.

        Args:
            X: rows.
            method: ``"linear"``: between the lowest and the highest score in :meth:`fit`; ``"unify"``: by the error
                function of standardised scores (Kriegel et al., 2011).

        Raises:
            ChoiceError: ``method`` is neither.
        """
        scores, seen = self.decision_function(X), self.decision_scores_
        if method == "linear":
            width = seen.max() - seen.min()
            odd = (scores - seen.min()) / (width if width > 0 else 1)
        elif method == "unify":
            from scipy.special import erf

            spread = seen.std()
            odd = erf((scores - seen.mean()) / ((spread if spread > 0 else 1) * math.sqrt(2)))
        else:
            raise ChoiceError(f"method={method!r}: write 'linear' or 'unify'")
        odd = np.clip(np.round(odd, 6), 0, 1)  # scores are single precision: the rest is rounding
        return np.stack([1 - odd, odd], 1)
