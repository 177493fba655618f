"""How well single units of a code stand for single factors, where the factors are known.

One file for each score: ``mig``, ``dci``, ``sap``, and ``fixed`` for the two that hold a factor still. ``measure``
makes them all.
"""

from __future__ import annotations

from vaery.evaluation.disentanglement.dci import dci
from vaery.evaluation.disentanglement.factors import Factors
from vaery.evaluation.disentanglement.fixed import beta_vae, factor_vae
from vaery.evaluation.disentanglement.measure import disentanglement
from vaery.evaluation.disentanglement.mig import mig
from vaery.evaluation.disentanglement.sap import sap

__all__ = ["Factors", "beta_vae", "dci", "disentanglement", "factor_vae", "mig", "sap"]
