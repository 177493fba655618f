"""The privacy gate: whether a model, and rows made by it, give away the rows it was fitted on.

>>> import numpy as np
>>> from vaery import VAE
>>> x = np.random.default_rng(0).normal(size=(400, 3))
>>> model = VAE(steps=20, random_state=0).fit(x[:200])
>>> found = model.audit(x[:200], x[200:])
>>> found.verdict, round(found["closer"].chance, 1)
('pass', 0.5)
"""

from __future__ import annotations

from vaery.audit.canaries import plant
from vaery.audit.gate import audit
from vaery.audit.result import Audit, Part

__all__ = ["Audit", "Part", "audit", "plant"]
