"""The accountant: how much noise an ε needs, and what the steps that were taken have spent of it. Opacus counts."""

from __future__ import annotations

import math
import warnings
from typing import Any

from vaery.core.errors import ChoiceError, extra

METHOD = "prv"  # privacy random variables (Gopi, Lee and Wutschitz, 2021): an upper bound, within three thousandths
CLOSE = 0.002  # the share of epsilon that may be left unspent
TRIES = 60
MOST = 1e6  # clipping lengths: with more noise than this, nothing is learned


def multiplier(epsilon: float, delta: float, rate: float, steps: int) -> float:
    """The noise of a step, in clipping lengths, with which so many steps spend ε at δ, and not more.

    Args:
        epsilon, delta: the budget.
        rate: the probability of a row to be in a batch.
        steps: how many.

    Raises:
        ChoiceError: there is no such noise.
        MissingExtra: Opacus is not there.
    """
    low, high = 0.0, math.inf
    noise = max(1.0, 4 * rate * math.sqrt(steps) / epsilon)  # about what steps of all rows would need
    for _ in range(TRIES):
        if noise > MOST:
            break
        found = spent(noise, delta, rate, steps, epsilon)
        if found > epsilon:
            low = noise
        else:
            high = noise
            if found >= (1 - CLOSE) * epsilon:
                break
        if high - low < CLOSE * low:  # the accountant's own steps are coarser
            break
        # ε falls about as one over the noise: two or three guesses do. Where it does not, halving does.
        noise *= min(4.0, max(0.5, found / ((1 - CLOSE / 2) * epsilon)))
        if not low < noise < high:
            noise = (low + high) / 2
    if math.isinf(high):
        raise ChoiceError(
            f"no noise was found for epsilon={epsilon:g} at delta={delta:g} in {steps} steps of {rate:.3g} of the rows "
            "each; ask for a larger epsilon or for fewer steps"
        )
    return high


def spent(noise: float, delta: float, rate: float, steps: int, asked: float = 1.0) -> float:
    """ε at δ after so many steps: an upper bound by Opacus's accountant.

    Args:
        noise: standard deviation of the noise, in clipping lengths.
        delta, rate, steps: as for :func:`multiplier`.
        asked: about what ε is to be expected: its three thousandth is how finely is counted.
    """
    if steps == 0:
        return 0.0
    accountant: Any = _opacus()(mechanism=METHOD)
    accountant.history = [(noise, rate, steps)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return float(accountant.get_epsilon(delta=delta, eps_error=max(0.002, 0.003 * asked)))
        except (ValueError, RuntimeError, MemoryError) as error:
            raise ChoiceError(
                f"the accountant cannot count {steps} steps of {rate:.3g} of the rows each with noise {noise:.3g} at "
                f"delta={delta:g} ({error}); ask for a smaller epsilon or for fewer steps"
            ) from error


def _opacus() -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from opacus.accountants import create_accountant
    except ImportError as error:
        raise extra("opacus", "private", "private training") from error
    return create_accountant
