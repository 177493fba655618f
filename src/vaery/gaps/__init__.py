"""Gaps: why cells are empty. Learned once in a fit, as plain data, and asked by jobs.

Three sorts are told apart. A cell is *not applicable* where another cell says so (:mod:`~vaery.gaps.rules`). Else it is
*missing at random*, given the rest of its row, where its gaps can be predicted from that
(:mod:`~vaery.gaps.chances`). All other gaps are *unknown* cells like any, and only how often they come together is kept
(:mod:`~vaery.gaps.patterns`). Gaps that hang on the very value that is missing cannot be told from these by looking.
"""

from __future__ import annotations

from vaery.gaps.block import Block, blocks, learn

__all__ = ["Block", "blocks", "learn"]
