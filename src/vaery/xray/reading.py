"""Text that reads as numbers or dates."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

TRIED = 400  # distinct texts that are looked at before all are
MOST_OTHERS = 0.2  # the share of a column's rows that may be no number (date) in a column of numbers (dates)
WRITTEN = """
    % ‰ kg g mg µg lb lbs oz t km m cm mm µm mi ft in yd h hr hrs min mins s sec ms d day days w wk weeks mo months
    y yr yrs year years l ml cl dl gal gb mb kb tb k mio bn °c °f c f kw mw kwh mwh v a hz khz mhz ghz pa hpa kpa bar
    psi mph kmh km/h m/s usd eur gbp chf € $ £ ¥ bpm mmhg kcal kj cal"""
UNITS = frozenset(WRITTEN.split())
NUMBER = re.compile(
    r"\s*(?P<sign>[-+−]?)\s*(?P<money>[$€£¥₹]?)\s*"
    r"(?P<digits>\d{1,3}(?:[ ,.'’\u00a0\u202f]\d{3})+(?:[.,]\d+)?|\d+(?:[.,]\d+)?|[.,]\d+)"
    r"(?P<power>[eE][-+]?\d+)?\s*(?P<unit>[^\d\s.,][^\d\s]{0,5})?\s*"
)
CLOCK = r"(?:[T ]\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z| ?[AP]M)?)?"
DATES = {
    "year-month-day": (r"(?P<y>\d{4})[-/.](?P<m>\d{1,2})[-/.](?P<d>\d{1,2})" + CLOCK, True),
    "day or month first": (r"(?P<a>\d{1,2})[-/.](?P<b>\d{1,2})[-/.](?P<y>\d{4}|\d{2})" + CLOCK, True),
    "day month-name year": (r"(?P<d>\d{1,2})[- ](?P<name>[A-Za-z]{3,9})\.?[- ,]+(?P<y>\d{4}|\d{2})" + CLOCK, False),
    "month-name day year": (r"(?P<name>[A-Za-z]{3,9})\.?[- ](?P<d>\d{1,2}),?[- ]+(?P<y>\d{4})" + CLOCK, False),
}
MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]


@dataclass(frozen=True)
class Read:
    """What texts read as.

    Attributes:
        values: ``[levels]`` numbers (dates: days since 1970), NaN where a text reads as none.
        styles: how they are written (``"thousands separators"``, ``"unit kg"``, ``"day first"`` …) → levels in it.
    """

    values: NDArray[np.float64]
    styles: dict[str, int]


def as_numbers(texts: Sequence[str], counts: NDArray[np.int64]) -> Read | None:
    """Texts as numbers, if most rows are; ``None`` if they are no numbers.

    >>> as_numbers(["1,200", "3,400.5", "n/a"], np.array([5, 5, 1])).values
    array([1200. , 3400.5,    nan])
    """
    if not _worth_it(NUMBER, texts, counts):
        return None
    found = [NUMBER.fullmatch(text) for text in texts]
    comma = _decimal_comma([m["digits"] for m in found if m])
    values, styles = np.full(len(texts), np.nan), Counter[str]()
    for i, match in enumerate(found):
        unit = (match["unit"] or "").lower() if match else ""
        if match is None or (unit and unit not in UNITS):
            continue
        digits = re.sub(r"[ '’\u00a0\u202f]" + ("|[.]" if comma else "|,"), "", match["digits"])
        sign = "-" if match["sign"] in ("-", "−") else ""
        values[i] = float(f"{sign}{digits.replace(',', '.')}{match['power'] or ''}")
        styles.update(_styles(match, unit, comma))
    if counts[np.isnan(values)].sum() > MOST_OTHERS * counts.sum() or len(set(values[~np.isnan(values)])) < 2:
        return None
    return Read(values, dict(styles))


def _styles(match: re.Match[str], unit: str, comma: bool) -> set[str]:
    digits = match["digits"]
    found = {f"the sign {match['money']}"} if match["money"] else set()
    if unit:
        found.add(f"the unit {unit}")
    if re.search(r"\d[ ,.'’\u00a0\u202f]\d{3}\b", digits) and (("," in digits) if not comma else ("." in digits)):
        found.add("thousands separators")
    if comma and "," in digits:
        found.add("decimal commas")
    return found or {"plain"}


def _decimal_comma(digits: Sequence[str]) -> bool:
    """Whether commas stand before decimals: they never occur twice in a number nor always before three digits."""
    with_comma = [d for d in digits if "," in d]
    if not with_comma or any(d.count(",") > 1 or re.search(r",\d*\.", d) for d in with_comma):
        return False
    return any(len(d.rsplit(",", 1)[1]) != 3 for d in with_comma)


def as_dates(texts: Sequence[str], counts: NDArray[np.int64]) -> Read | None:
    """Texts as days since 1970, if most rows are dates; ``None`` if they are not.

    Whether the day or the month comes first is told by whichever goes beyond 12. Where each does in some rows both
    orders are in use, and nobody can tell for the others: both styles are then listed.

    >>> as_dates(["31/01/2020", "05/02/2020"], np.array([3, 3])).styles
    {'day first': 2}
    """
    forms = {name: re.compile(form) for name, (form, _) in DATES.items()}
    if not _worth_it(re.compile("|".join(re.sub(r"\?P<\w+>", "", f) for f, _ in DATES.values())), texts, counts):
        return None
    matched = [next(((n, m) for n, form in forms.items() if (m := form.fullmatch(t.strip()))), None) for t in texts]
    pairs = [(int(m["a"]), int(m["b"])) for hit in matched if hit and hit[0] == "day or month first" for m in [hit[1]]]
    day_first, month_first = sum(a > 12 for a, _ in pairs), sum(b > 12 for _, b in pairs)
    values, styles = np.full(len(texts), np.nan), Counter[str]()
    for i, hit in enumerate(matched):
        if hit is None:
            continue
        name, m = hit
        values[i] = _days(name, m, day_first >= month_first)
        if not np.isnan(values[i]):
            styles[_order(name, day_first, month_first)] += 1
    if counts[np.isnan(values)].sum() > MOST_OTHERS * counts.sum() or len(set(values[~np.isnan(values)])) < 2:
        return None
    return Read(values, dict(styles))


def _order(name: str, day_first: int, month_first: int) -> str:
    if name != "day or month first":
        return name
    if day_first and month_first:
        return "day first and month first, mixed"
    return "day first" if day_first else "month first" if month_first else "day or month first, nothing tells which"


def _days(name: str, m: re.Match[str], day_first: bool) -> float:
    """Days since 1970, or NaN for what is no day of the calendar."""
    year = int(m["y"]) + (0 if len(m["y"]) == 4 else 2000 if int(m["y"]) < 50 else 1900)
    if name == "day or month first":
        first, second = int(m["a"]), int(m["b"])
        day, month = (first, second) if (day_first and second <= 12) or first > 12 else (second, first)
    elif "name" in m.groupdict():
        word = m["name"][:3].lower()
        if word not in MONTHS:
            return np.nan
        day, month = int(m["d"]), MONTHS.index(word) + 1
    else:
        day, month = int(m["d"]), int(m["m"])
    try:
        return float(np.datetime64(f"{year:04d}-{month:02d}-{day:02d}", "D").astype(np.int64))
    except ValueError:
        return np.nan


def _worth_it(form: re.Pattern[str], texts: Sequence[str], counts: NDArray[np.int64]) -> bool:
    """Whether enough of some of the texts are of this form."""
    some: list[int] = np.argsort(-counts, kind="stable")[:TRIED].tolist()
    hits = sum(int(counts[i]) for i in some if form.fullmatch(texts[i].strip()))
    return hits > (1 - MOST_OTHERS) * counts[some].sum() * 0.9
