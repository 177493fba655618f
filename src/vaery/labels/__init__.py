"""Labels: fields that few rows know, and what reads them off the rest of a row.

A label stands before the latent, with a posterior of its own: :class:`~vaery.labels.reader.Reader`, several simple
readers whose probabilities are mixed. They learn from the labelled rows and, by consistency, from all others
(:mod:`~vaery.labels.lessons`); how far each is to be believed is learned from labelled rows that it did not see
(:mod:`~vaery.labels.teacher`). To the walk all this is one more density.
"""

from __future__ import annotations

from vaery.labels import judge
from vaery.labels.find import Found, find, readable
from vaery.labels.reader import Reader
from vaery.labels.teacher import SHARE, readers, teach

__all__ = ["SHARE", "Found", "Reader", "find", "judge", "readable", "readers", "teach"]
