"""Outlier detector: +1 for ordinary rows, -1 for odd ones."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import OutlierMixin

from vaery.core.errors import ChoiceError
from vaery.model import VAE
from vaery.oddness import held_out
from vaery.sklearn.adapter import Adapter


class VAEOutlierDetector(OutlierMixin, Adapter):
    """Odd rows, as :func:`vaery.jobs.detect` ranks them, with scikit-learn's signs: higher is more normal, -1 is an
    outlier.

    Fit it on ordinary rows to judge new ones (novelty detection), or on rows with some odd ones among them. For
    p-values, a false discovery rate and reasons ask ``model_.detect(X)``; for PyOD's signs take
    :class:`~vaery.sklearn.PyODDetector`.

    Args:
        model: a :class:`vaery.VAE` with the settings you want; it is cloned. ``None``: the defaults.
        contamination: the share of odd rows among those in :meth:`fit`, in (0, 0.5]: the threshold is put where so many
            of them are outliers. ``"auto"``: below the lower fence of the held-out scores, Q1 - 3 (median - Q1), which
            suits skewed distributions and is not moved by a quarter of odd rows (Kimber, 1990). Of ordinary rows it
            names about 5 % (one column) to 1 % (many).
        budget, verbose: as in :meth:`vaery.VAE.fit`.

    Attributes:
        model_: the fitted VAE.
        offset_: the score that divides ordinary rows from outliers.

    >>> import numpy as np
    >>> x = np.random.default_rng(0).normal(size=(200, 2))
    >>> detector = VAEOutlierDetector(VAE(width=32, depth=1, steps=100, learning_rate=1e-2, threads=1)).fit(x)
    >>> detector.predict([[0.0, 0.0], [40.0, -40.0]])
    array([ 1, -1])
    """

    def __init__(
        self,
        model: VAE | None = None,
        *,
        contamination: str | float = "auto",
        budget: str | float | None = None,
        verbose: bool | None = None,
    ) -> None:
        super().__init__(model, budget=budget, verbose=verbose)
        self.contamination = contamination

    def fit(self, X: Any, y: Any = None) -> VAEOutlierDetector:
        """Fit the model and the threshold; ``y`` is ignored.

        Raises:
            ChoiceError: ``contamination`` is neither ``"auto"`` nor a share up to one half.
        """
        share = check_contamination(self.contamination)
        X = self._rows(X, reset=True)
        self.model_ = self._fit_model(X)
        if share is None:
            self.offset_ = fence(-held_out(self.model_.calibration_))
        else:
            self.offset_ = float(np.percentile(self.score_samples(X), 100 * share))
        return self

    def score_samples(self, X: Any) -> np.ndarray:
        """``[rows]`` minus how odd rows are: 0 as the middle one of held-out rows, -1 as their odder tenth."""
        return -self._oddness(X)

    def decision_function(self, X: Any) -> np.ndarray:
        """``[rows]`` :meth:`score_samples` less ``offset_``: negative for outliers."""
        return self.score_samples(X) - self.offset_

    def predict(self, X: Any) -> np.ndarray:
        """``[rows]`` +1 for ordinary rows, -1 for outliers."""
        return np.where(self.decision_function(X) < 0, -1, 1)


def check_contamination(asked: Any) -> float | None:
    """A share in (0, 0.5], or ``None`` for ``"auto"``.

    Raises:
        ChoiceError: it is neither.
    """
    if isinstance(asked, str) and asked == "auto":
        return None
    if isinstance(asked, str) or not 0 < asked <= 0.5:
        raise ChoiceError(f"contamination={asked!r}: write 'auto', or a share above 0 and up to 0.5, for instance 0.1")
    return float(asked)


def fence(scores: Any) -> float:
    """The lower fence of skewed numbers, Q1 - 3 (median - Q1); on normal ones it is Tukey's (Kimber, 1990).

    >>> fence([0.0, 1.0, 2.0, 3.0, 4.0])
    -2.0
    """
    quarter, half = np.percentile(np.asarray(scores, dtype=float), [25, 50])
    return float(quarter - 3 * (half - quarter))
