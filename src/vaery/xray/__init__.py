"""The X-ray of a table: what is in it, and what is wrong with it, before any model is fitted to it.

Importing this is light; what looks at the data is imported when the first table comes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vaery.xray.findings import Findings


def xray(data: Any) -> Findings:
    """What is in a table, and what is wrong with it. There is nothing to set.

    It says what each column holds and then lists findings: codes that stand for missing values, slips of units, rows
    that are there twice, columns that follow from others, values that cannot be, patterns of gaps … Every finding has
    a severity (``"error"``: this falsifies results; ``"warning"``: look at this; ``"note"``: good to know), the columns
    and rows it is about, evidence, a sentence and a suggestion. Nothing is changed.

    Large tables are looked at whole where that is quick, and on a fixed sample of rows where it is not; the same table
    gives the same findings, except for those of the model that looks for suspicious cells, which is given a time.

    Args:
        data: a table file (of a CSV file its text is looked at, too), a database, or anything tabular: a pandas,
            polars or Arrow frame, a 2-D array, a list of dicts.

    Returns:
        A :class:`~vaery.xray.findings.Findings`: prints as a report; ``.to_frame()``, ``.to_dict()``, ``.to_html()``.

    Raises:
        DataError: there is no table, or it has no rows or no columns.
        FileNotFoundError: there is no such file.

    >>> ages = [31, 45, 28, 52, 39, 61, 44, 35, 57, 48] * 10 + [999] * 5
    >>> xray([{"age": age, "city": "Bonn" if age % 2 else "Köln"} for age in ages])["age"][0].finding
    "'age' holds 999 in 5 rows, far from all other values (28 to 61): it looks like a code for a missing value"
    """
    from vaery.xray.run import run

    return run(data)
