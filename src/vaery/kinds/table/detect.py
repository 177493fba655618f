"""Detection: what a column is, found by looking at its values."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vaery.core.errors import ChoiceError, DataError, choice
from vaery.kinds.table import arrays, words
from vaery.kinds.table.arrays import Array
from vaery.kinds.table.column import COUNTS, SORTS, Column
from vaery.kinds.table.encode import native
from vaery.kinds.table.lattice import lattice_of
from vaery.kinds.table.scale import Floats, Scale, normal_scores, standard

SPIKE = 0.05  # a value that holds a larger share of a column is a level
HEAP, CONTRAST = 0.002, 3.0  # so is one that holds this share and so many times as many rows as values beside it
BESIDE = 4  # distinct values on either side that it is compared with
EVIDENCE = 20  # in fewer rows than this, or fewer than EVIDENCE / 4 repeats, a share says nothing
FEW_VALUES = 20  # at most so many distinct values, each five times on average, are levels
DECIMALS = 4  # at most so many decimals are looked for
LARGEST = 1e300  # numbers beyond it are as good as infinite: their differences would be
FLOOR, CEILING = -6, 0  # powers of two between which a density's smallest width is chosen
AS_LEVELS = ("categorical", "bernoulli", "ordinal", "factored")
SINGLE_PRECISION = ("float32", "Float32", "float", "float[pyarrow]", "<f4")
RESOLUTION = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}


def describe_column(
    array: Array,
    name: str,
    dtype: str = "",
    *,
    asked: str | Sequence[Any] | None = None,
    family: str | None = None,
    order: Sequence[Any] | None = None,
    categories: tuple[Any, ...] | None = None,
) -> Column:
    """What a column is.

    Args:
        array: its values.
        name: of the column.
        dtype: what the container calls it; kept for the way back.
        asked: a sort (one of ``SORTS``) that overrules what is found, or the levels of an ordinal column, in order.
        family: the member of ``likelihoods`` its numbers follow; ``None``: a mixture.
        order: the levels in order, where the container knows it (an ordered categorical).
        categories: the container's list of categories, kept for the way back.

    Raises:
        DataError: infinite values, or an override that the values do not allow.
        ChoiceError: ``asked`` or ``family`` names nothing there is.
    """
    if isinstance(asked, str):
        if asked not in SORTS or asked == "constant":
            raise choice(f"sort of column (asked for {name!r})", asked, [s for s in SORTS if s != "constant"])
    elif asked is not None:
        order, asked = list(asked), "ordinal"
    if family in AS_LEVELS:
        asked, family = asked or ("ordinal" if family == "ordinal" else "categorical"), None
    known = arrays.known(array)
    nulls = 1 - float(known.mean())
    base = Column(name, "constant", arrays.type_name(array), dtype, nulls=nulls, categories=categories)
    if categories is not None and family is None:
        asked = asked or "categorical"
    counted = base.counted
    if family is not None and not (counted or not known.any()):
        raise ChoiceError(f"column {name!r} does not hold numbers, so {family!r} cannot be its likelihood")
    if not known.any() and order is None:
        return base
    if order is not None or asked in ("categorical", "ordinal", "boolean") or not counted:
        return _levelled(base, array, known, asked, order)
    if asked == "datetime" and not arrays.is_time(base.type):
        raise _unlike(base, asked)
    return _counted(base, array, known, asked, family)


def _unlike(base: Column, asked: str) -> DataError:
    instead = "pandas.to_datetime" if asked == "datetime" else "pandas.to_numeric"
    return DataError(
        f"column {base.name!r} was asked to be {asked}, but it holds {base.type}: convert it first, for instance with "
        f"{instead}"
    )


# ---------------------------------------------------------------------- levels


def _levelled(
    base: Column, array: Array, known: NDArray[np.bool_], asked: str | None, order: Sequence[Any] | None
) -> Column:
    """Levels only, the most frequent first; in order, if there is one."""
    if asked in ("numeric", "integer", "datetime"):
        raise _unlike(base, asked)
    values, counts = _count(base, array, known)
    if order is not None:
        values, counts = _in_order(base, values, counts, order)
    elif asked == "ordinal":
        if not base.counted:
            raise DataError(
                f"column {base.name!r} was asked to be ordinal, but the order of its levels is not known: write "
                f"columns={{{base.name!r}: {sorted(map(str, values))[:8]!r}}} with the levels in their order"
            )
        values, counts = _sorted_by(values, counts, lambda v, n: v)
    elif base.type == "bool":
        values, counts = _sorted_by(values, counts, lambda v, n: v)
    else:
        values, counts = _sorted_by(values, counts, lambda v, n: (-n, str(v)))
    ordered = order is not None or asked == "ordinal"
    if asked == "boolean" and len(values) > 2:
        raise DataError(f"column {base.name!r} was asked to be boolean, but it holds {len(values)} different values")
    truth = asked == "boolean" or base.type == "bool"
    sort = "constant" if len(values) < 2 else "ordinal" if ordered else "boolean" if truth else "categorical"
    return replace(base, sort=sort, levels=tuple(values), shares=_shares(counts), ordered=ordered and len(values) > 2)


def _count(base: Column, array: Array, known: NDArray[np.bool_]) -> tuple[list[Any], list[int]]:
    if base.counted:
        x = native(base, array, known)[known]
        values, counts = np.unique(x, return_counts=True)
        whole = x.dtype.kind == "f" and bool((values == np.rint(values)).all()) and base.type == "int64"
        return [int(v) if whole else v for v in values.tolist()], counts.tolist()
    codes, found = arrays.levels(array)
    counts = np.bincount(codes[codes >= 0], minlength=len(found)).tolist()
    text = [v.decode("latin-1") if isinstance(v, bytes) else v for v in found]
    return [v for v, n in zip(text, counts, strict=True) if n], [n for n in counts if n]


def _in_order(base: Column, values: list[Any], counts: list[int], order: Sequence[Any]) -> tuple[list[Any], list[int]]:
    """The levels as listed, seen or not."""
    found = dict(zip(values, counts, strict=True))
    listed = list(dict.fromkeys(order))
    beyond = [v for v in values if v not in set(listed)]
    if beyond:
        raise DataError(
            f"column {base.name!r} holds {beyond[0]!r}, which is not among the levels that were listed for it "
            f"({', '.join(map(repr, listed[:12]))}): add it there, or leave such cells empty"
        )
    return listed, [found.get(v, 0) for v in listed]


def _sorted_by(values: list[Any], counts: list[int], key: Any) -> tuple[list[Any], list[int]]:
    pairs = sorted(zip(values, counts, strict=True), key=lambda pair: key(*pair))
    return [v for v, _ in pairs], [n for _, n in pairs]


def _shares(counts: Sequence[int], total: float | None = None) -> tuple[float, ...]:
    total = float(sum(counts)) if total is None else total
    return tuple(float(f"{n / total if total else 1 / len(counts):.6g}") for n in counts)


# ---------------------------------------------------------------------- numbers and times


def _counted(base: Column, array: Array, known: NDArray[np.bool_], asked: str | None, family: str | None) -> Column:
    base = replace(base, local=_midnights(array))
    x = native(base, array, known)[known]
    size = np.abs(x.astype(np.float64))
    if (size > LARGEST).any():
        raise words.infinite(base.name, int(known.nonzero()[0][size.argmax()]), float(x[size.argmax()]))
    base = _own_units(base, x, single=base.dtype in SINGLE_PRECISION)
    x = native(base, array, known)[known]
    values, counts = np.unique(x, return_counts=True)
    plain, lattice = asked in ("numeric", "integer", "datetime"), base.decimals is not None
    is_level = _is_level(values, counts, plain=plain, family=family, lattice=lattice)
    if family in (None, "mixture"):
        base, off = lattice_of(base, values, np.where(is_level, 0, counts))
        is_level |= off
    levels = values[is_level].tolist()
    base = replace(base, levels=tuple(levels), shares=_shares(counts[is_level].tolist(), float(counts.sum())))
    numbers = x[~np.isin(x, values[is_level])] if is_level.any() else x
    base = replace(base, sort=_sort(base, len(values)), rest=float(f"{len(numbers) / len(x):.6g}"))
    return _modelled(base, base.own(numbers), base.own(x), family)


def _sort(base: Column, distinct: int) -> str:
    if distinct == 1:
        return "constant"
    if arrays.is_time(base.type):
        return "datetime"
    return "integer" if base.decimals == 0 else "numeric"


def _own_units(base: Column, x: NDArray[Any], single: bool) -> Column:
    """The origin, step and decimals that a column's values share."""
    if arrays.is_time(base.type):
        step = next(s for s in _steps(base.type) if not (x % s).any())
        return replace(base, origin=int(x.min()) // step * step, step=step, decimals=0)
    if x.dtype.kind == "i":
        large = max(abs(int(x.min())), abs(int(x.max()))) > 2**53
        return replace(base, origin=int(x.min()) if large else 0, decimals=0)
    for decimals in range(DECIMALS + 1):
        with np.errstate(over="ignore", invalid="ignore"):
            near = np.rint(x * 10.0**decimals) / 10.0**decimals
            near, same = (near.astype(np.float32), x.astype(np.float32)) if single else (near, x)
        if np.abs(x).max() < 2**53 / 10**decimals and bool((near == same).all()):
            return replace(base, decimals=decimals)
    return base


def _midnights(array: Array) -> bool:
    """Times with a zone that are all midnight there: dates, that is."""
    if not arrays.type_name(array).startswith("timestamp") or array.type.tz is None:
        return False
    local = arrays.local_clock(array)
    return not (arrays.native(local)[arrays.known(array)] % (86_400 * RESOLUTION[array.type.unit])).any()


def _steps(kind: str) -> list[int]:
    """Days, hours, minutes, seconds … in counts of a time type's unit, the coarsest first."""
    unit = kind.split("[")[1].rstrip("]").split(",")[0]
    if unit == "day":
        return [1]
    second = RESOLUTION[unit]
    longer = [86_400 * second, 3_600 * second, 60 * second]
    return longer + [second // per for per in (1, 10**3, 10**6, 10**9) if second >= per]


def _is_level(
    values: NDArray[Any], counts: NDArray[np.int64], plain: bool, family: str | None, lattice: bool
) -> NDArray[np.bool_]:
    """Which values are levels: all where there are few, else those that hold much of the column, or (on a lattice,
    where the others have probabilities too) far more of it than their neighbours."""
    rows = int(counts.sum())
    if family not in (None, "mixture"):
        return np.zeros(len(values), dtype=bool)
    few = len(values) <= FEW_VALUES and 5 * len(values) <= rows
    if len(values) == 1 or (few and not plain and family is None):
        return np.ones(len(values), dtype=bool)
    spike = (counts > SPIKE * rows) & (counts >= EVIDENCE / 4) & (rows >= EVIDENCE)
    if lattice:
        spike |= (counts >= max(EVIDENCE, HEAP * rows)) & (counts >= CONTRAST * _beside(counts))
    if plain:
        return spike & ~spike.all()
    return np.ones(len(values), dtype=bool) if (~spike).sum() <= 1 else spike


def _beside(counts: NDArray[np.int64]) -> Floats:
    """How many rows a value's neighbours hold: the median over the nearest distinct values.

    People round: in hours worked a week 20, 30 and 60 stand far above 19, 31 and 59. No smooth density can follow
    that, and anyone can see where it fails.
    """
    padded = np.pad(counts.astype(np.float64), BESIDE, constant_values=np.nan)
    around = [np.roll(padded, shift)[BESIDE:-BESIDE] for shift in range(-BESIDE, BESIDE + 1) if shift]
    return np.nanmedian(np.stack(around), axis=0) if len(counts) > 1 else np.zeros(len(counts))


def _modelled(base: Column, numbers: Floats, everything: Floats, family: str | None) -> Column:
    """The family and scale of the values that are not levels.

    Where all values are levels, another number may still come one day (an eleventh child where ten were the most):
    it is then a very unlikely code, with a plain normal for its value, and not an error.
    """
    if len(numbers) == 0:
        scale, ends = standard(everything), everything
        return replace(base, family=family or "normal", scale=scale, low=float(ends.min()), high=float(ends.max()))
    ends = {"low": float(numbers.min()), "high": float(numbers.max())}
    if family in COUNTS:
        return replace(base, family=family, options=_count_options(base, numbers), **ends)
    if family == "logistic_mixture" and base.decimals == 0 and base.step == 1 and base.origin == 0:
        return replace(base, family=family, options={k: int(v) for k, v in ends.items()}, **ends)
    if family is not None and family != "mixture":
        scale, options = standard(numbers), {}
        return replace(base, family=family, scale=scale, options=options, **ends)
    scale = normal_scores(numbers)
    options = {"components": 8, "floor": _floor(base, scale, numbers)}
    return replace(base, family="mixture", scale=scale, options=options, **ends)


def _count_options(base: Column, numbers: Floats) -> dict[str, Any]:
    """A start near the mean; a power of two, so that few columns need a call of their own."""
    if base.type not in arrays.NUMBERS or base.decimals != 0 or base.origin or (numbers < 0).any():
        raise DataError(
            f"column {base.name!r} does not hold counts (whole numbers from zero): choose another likelihood for "
            "it, for instance 'mixture' or 'student'"
        )
    return {"mean": 2.0 ** round(math.log2(max(float(numbers.mean()), 0.1)))}


def _floor(base: Column, scale: Scale, numbers: Floats) -> float:
    """The smallest width of a component: about half the usual distance of neighbours, so that whole numbers do not
    become spikes of endless height; a power of two, so that columns can share a call."""
    if base.decimals is None:
        return 2.0**FLOOR
    some = numbers if len(numbers) <= 10_000 else numbers[:: len(numbers) // 10_000]
    slope = float(np.median(scale.log_slope(some, base.half)))
    exponent = math.ceil(slope / math.log(2) + math.log2(base.half)) if math.isfinite(slope) else FLOOR
    return 2.0 ** min(max(exponent, FLOOR), CEILING)
