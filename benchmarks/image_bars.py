"""Whether the rules of ``image_rules.py`` were kept. Part of ``write.py``."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import table_bars
from bars import OURS, Bar
from common import Results
from image_rules import DETAILS, MEDIANS, RULES
from table_rules import Rule

SCRIPT = "images.py"


def quality(
    results: Results, rules: Sequence[Rule] = RULES, medians: Collection[str] = MEDIANS, script: str = SCRIPT
) -> list[Bar]:
    """A row for each rule about whose data and minutes anything was measured; one that names no data is of the mean."""
    found = []
    for rule in rules:
        every, about = table_bars.collect(results, rule.task, script)
        cells = {name: methods for name, methods in every.items() if rule.only in (name, "")}
        tables, means = table_bars.averaged(cells, rule.metric)
        if means and rule.task in medians:
            means = {m: {**v, "mean": cells[tables[0]][m][rule.metric]["median"]} for m, v in means.items()}
        others = {m: v for m, v in means.items() if m != OURS}
        means = {**others, OURS: means[rule.by]} if rule.by in means else others
        if means:
            found.append(table_bars.bar(rule, tables, means, table_bars.beside(cells, rule), about))
    return found


def details(
    results: Results, shown: Mapping[str, Sequence[str]] = DETAILS, script: str = SCRIPT, of: str = "images"
) -> list[tuple[str, list[str], list[list[str]]]]:
    """Every method on all data."""
    return [(f"{of}: {title}", head, rows) for title, head, rows in table_bars.details(results, shown, script)]
