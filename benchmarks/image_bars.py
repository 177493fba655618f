"""Whether the rules of ``image_rules.py`` were kept. Part of ``write.py``."""

from __future__ import annotations

import table_bars
from bars import Bar
from common import Results
from image_rules import DETAILS, MEDIANS, RULES

SCRIPT = "images.py"


def quality(results: Results) -> list[Bar]:
    """A row for each rule about whose images and minutes anything was measured."""
    found = []
    for rule in RULES:
        every, about = table_bars.collect(results, rule.task, SCRIPT)
        cells = {name: methods for name, methods in every.items() if name == rule.only}
        tables, means = table_bars.averaged(cells, rule.metric)
        if means and rule.task in MEDIANS:
            means = {m: {**v, "mean": cells[tables[0]][m][rule.metric]["median"]} for m, v in means.items()}
        if means:
            found.append(table_bars.bar(rule, tables, means, table_bars.beside(cells, rule), about))
    return found


def details(results: Results) -> list[tuple[str, list[str], list[list[str]]]]:
    """Every method on all images."""
    return [(f"images: {title}", head, rows) for title, head, rows in table_bars.details(results, DETAILS, SCRIPT)]
