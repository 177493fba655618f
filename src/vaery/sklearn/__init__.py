"""Adapters: one VAE in the roles that scikit-learn, imbalanced-learn and PyOD know.

Each is small: it hands its rows to a :class:`vaery.VAE` (its argument ``model``, or one with default settings), fits it
and asks it one question. The fitted VAE is there as ``model_`` and answers all the others.

>>> from vaery.sklearn import VAEImputer
>>> VAEImputer().set_output(transform="pandas")
VAEImputer()
"""

from __future__ import annotations

from vaery.sklearn.classifier import VAEClassifier
from vaery.sklearn.density import VAEDensity
from vaery.sklearn.gain import Gain, augmentation_gain
from vaery.sklearn.imputer import VAEImputer
from vaery.sklearn.outliers import VAEOutlierDetector
from vaery.sklearn.pyod import PyODDetector
from vaery.sklearn.regressor import VAERegressor
from vaery.sklearn.sampler import VAESampler
from vaery.sklearn.transformer import VAETransformer

__all__ = [
    "Gain",
    "PyODDetector",
    "VAEClassifier",
    "VAEDensity",
    "VAEImputer",
    "VAEOutlierDetector",
    "VAERegressor",
    "VAESampler",
    "VAETransformer",
    "augmentation_gain",
]
