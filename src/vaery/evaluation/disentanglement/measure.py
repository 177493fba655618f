"""All scores at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vaery.core.errors import DataError, QueryError
from vaery.evaluation.disentanglement.dci import Dci, dci
from vaery.evaluation.disentanglement.factors import Factors, codes_of, gap
from vaery.evaluation.disentanglement.fixed import beta_vae, factor_vae
from vaery.evaluation.disentanglement.mig import information
from vaery.evaluation.disentanglement.sap import sap

if TYPE_CHECKING:
    from vaery.model import VAE


def disentanglement(
    codes: VAE | Any,
    factors: Any,
    *,
    rows: Any = None,
    classes: Sequence[str | int] | str = (),
    active: float = 0.01,
    bins: int = 20,
    votes: int = 10_000,
    seed: int = 0,
) -> dict[str, Any]:
    """How well single units stand for single factors, where the factors are known: the usual scores at once.

    What they say depends on the seed of the fit more than on anything else (Locatello et al., 2019): fit several models
    and report the median. 10,000 rows or more make the numbers steady.

    Args:
        codes: ``[N, Z]``, such as ``model.transform(rows)``; or a fitted model, and ``rows``.
        factors: what the rows were made from: a frame, a dict of columns or an array ``[N, K]``.
        rows: of a model: the data.
        classes: names (or positions) of factors whose numbers only tell values apart; ``"all"``: every one.
        active: units whose variance over rows is not above this are left out (Burda, Grosse and Salakhutdinov, 2016):
            what the mean of an unused unit does within its thousandths no decoder sees.
        bins: into which each unit is cut for the mutual information.
        votes: of the FactorVAE and β-VAE scores.
        seed: of splits and votes.

    Returns:
        ``mig``, ``sap``, ``dci_disentanglement``, ``dci_completeness``, ``dci_informativeness``, ``factor_vae``,
        ``beta_vae`` (higher is better, 1 is the most; chance is 0, of the last two 1 / K); ``by_factor`` (name → mig,
        sap, completeness, informativeness, the unit that tells most of it, and which share); ``by_unit`` (unit →
        disentanglement, weight, the factor it matters most for); ``information`` (``[units, K]`` which share of each
        factor a unit tells), ``units`` (those that were looked at), ``rows``.

    Raises:
        DataError: codes and factors do not fit together, a value is missing, a factor has one value only or none that
            8 rows share, or no unit is active.

    >>> v = np.random.default_rng(0).integers(0, 4, (1000, 2))
    >>> scores = disentanglement(v * [1.0, 2.0], {"size": v[:, 0], "place": v[:, 1]}, votes=500)
    >>> scores["mig"] > 0.98, scores["factor_vae"], scores["by_factor"]["place"]["unit"]
    (True, 1.0, 1)
    """
    truth = Factors.of(factors, classes, bins)
    array = codes_of(_transformed(codes, rows), len(truth))
    units = np.flatnonzero(array.var(0) > active)
    if len(units) == 0:
        raise DataError(
            f"none of {array.shape[1]} units varies by more than {active:g} over these rows: the code is empty; if it "
            "is only small, write active=0"
        )
    array = array[:, units]
    still = factor_vae(array, truth, votes, seed)  # first, as it is the one that may refuse, and trees take longer
    told, found, separate = information(array, truth, bins), dci(array, truth, seed), sap(array, truth, seed)
    gaps = gap(told)
    return {
        "mig": float(gaps.mean()),
        "sap": float(separate.mean()),
        **found.scores(),
        "factor_vae": still,
        "beta_vae": beta_vae(array, truth, votes, seed) if len(truth.names) > 1 else 1.0,
        "by_factor": _by_factor(truth, units, told, gaps, separate, found),
        "by_unit": _by_unit(truth, units, found),
        "information": told.tolist(),
        "units": units.tolist(),
        "rows": len(truth),
    }


def _transformed(codes: Any, rows: Any) -> Any:
    if not hasattr(codes, "transform"):
        return codes
    if rows is None:
        raise QueryError("of a model, say which rows the factors tell of: disentanglement(model, factors, rows=images)")
    return codes.transform(rows)


def _by_factor(
    truth: Factors,
    units: NDArray[np.int64],
    told: NDArray[np.float64],
    gaps: NDArray[np.float64],
    separate: NDArray[np.float64],
    found: Dci,
) -> dict[str, dict[str, Any]]:
    best = told.argmax(0)
    return {
        name: {
            "mig": float(gaps[k]),
            "sap": float(separate[k]),
            "completeness": float(found.completeness[k]),
            "informativeness": float(found.informativeness[k]),
            "unit": int(units[best[k]]),
            "information": float(told[best[k], k]),
        }
        for k, name in enumerate(truth.names)
    }


def _by_unit(truth: Factors, units: NDArray[np.int64], found: Dci) -> dict[int, dict[str, Any]]:
    return {
        int(unit): {
            "disentanglement": float(found.disentanglement[j]),
            "weight": float(found.weight[j]),
            "factor": truth.names[int(found.importance[j].argmax())],
        }
        for j, unit in enumerate(units)
    }
