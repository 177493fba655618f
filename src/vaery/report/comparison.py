"""Comparisons: one job, one number of ours, the same number of simple methods beside it, and who won."""

from __future__ import annotations

import csv
import html
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Best = Literal["low", "high"]


@dataclass(frozen=True)
class Comparison:
    """One line of the table.

    Attributes:
        data: the data set.
        job: what was asked, in plain words.
        measure: what the numbers are, and of what.
        best: whether ``"low"`` or ``"high"`` numbers are good.
        ours: our number.
        others: (name of the method, its number), the simplest first.
        digits: after the point.
        note: what a fair reader should know.
    """

    data: str
    job: str
    measure: str
    best: Best
    ours: float
    others: tuple[tuple[str, float], ...]
    digits: int = 3
    note: str = ""

    @property
    def winner(self) -> str:
        """``"vaery"``, the name of the best other method, or ``"tie"``: equal to the digits shown.

        >>> Comparison("d", "j", "m", "low", 0.12, (("mean", 0.30), ("kNN", 0.11)), digits=2).winner
        'kNN'
        """
        sign, (name, value) = (1 if self.best == "high" else -1), self.best_other
        ours, theirs = round(sign * self.ours, self.digits), round(sign * value, self.digits)
        return "tie" if ours == theirs else "vaery" if ours > theirs else name

    @property
    def best_other(self) -> tuple[str, float]:
        """The best of the other methods."""
        return max(self.others, key=lambda other: other[1] if self.best == "high" else -other[1])

    def show(self, value: float) -> str:
        """A number of this line, as it is printed."""
        return f"{value:.{self.digits}f}"


HEAD = ("data", "job", "measured on held-out rows", "vaery", "simple methods", "won")


def tally(lines: Sequence[Comparison]) -> str:
    """How many were won, in a sentence.

    >>> tally([Comparison("d", "j", "m", "high", 1.0, (("mean", 0.0),))])
    'vaery won 1 of 1.'
    """
    won, tied = (sum(line.winner == who for line in lines) for who in ("vaery", "tie"))
    return f"vaery won {won} of {len(lines)}" + (f" and tied {tied}." if tied else ".")


def cells(line: Comparison) -> tuple[str, ...]:
    """The line as words, in the order of ``HEAD``."""
    arrow = "higher" if line.best == "high" else "lower"
    others = ", ".join(f"{name} {line.show(value)}" for name, value in line.others)
    return line.data, line.job, f"{line.measure} ({arrow} is better)", line.show(line.ours), others, line.winner


def as_markdown(lines: Sequence[Comparison]) -> str:
    """A Markdown table, the winner's number in bold, notes below."""
    rows = [HEAD, ("---",) * len(HEAD)]
    for line in lines:
        data, job, measure, ours, _, winner = cells(line)
        others = ", ".join(f"{n} {_bold(line.show(v), n == winner)}" for n, v in line.others)
        rows.append((data, job, measure, _bold(ours, winner == "vaery"), others, winner))
    body = "\n".join("| " + " | ".join(row) + " |" for row in rows)
    notes = "".join(f"\n- {line.job} ({line.data}): {line.note}" for line in lines if line.note)
    return f"{body}\n\n{tally(lines)}\n{notes}\n"


def as_text(lines: Sequence[Comparison]) -> str:
    """A table for a terminal."""
    rows = [("", "vaery", "best simple method", "good is", "won")]
    for i, line in enumerate(lines):
        name, value = line.best_other
        if i == 0 or line.data != lines[i - 1].data:
            rows.append((line.data, "", "", "", ""))
        rows.append((f"  {line.job}", line.show(line.ours), f"{line.show(value)} {name}", line.best, line.winner))
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    body = "\n".join("  ".join(word.ljust(w) for word, w in zip(row, widths, strict=True)).rstrip() for row in rows)
    return f"{body}\n\n{tally(lines)}"


def as_csv(lines: Sequence[Comparison]) -> str:
    """One line for each method of each comparison, in full precision."""
    out = io.StringIO()
    write = csv.writer(out, lineterminator="\n").writerow
    write(("data", "job", "measure", "best", "method", "value", "won"))
    for line in lines:
        for name, value in (("vaery", line.ours), *line.others):
            write((line.data, line.job, line.measure, line.best, name, repr(float(value)), int(name == line.winner)))
    return out.getvalue()


def as_html(lines: Sequence[Comparison]) -> str:
    """A table for a page, the winner's number marked."""
    head = "".join(f"<th>{html.escape(name)}</th>" for name in HEAD[1:-1])
    body, data = "", ""
    for line in lines:
        if line.data != data:
            data = line.data
            body += f'<tr class="group"><td colspan="{len(HEAD) - 2}">{html.escape(data)}</td></tr>'
        body += f"<tr>{_html_cells(line)}</tr>"
    return f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _html_cells(line: Comparison) -> str:
    _, job, measure, *_ = cells(line)
    methods = [("vaery", line.ours), *line.others]
    marked = [_method(name, line.show(value), name == line.winner) for name, value in methods]
    note = f"<small>{html.escape(line.note)}</small>" if line.note else ""
    return (
        f"<td><b>{html.escape(job)}</b>{note}</td><td>{html.escape(measure)}</td>"
        f"<td>{marked[0]}</td><td>{' '.join(marked[1:])}</td>"
    )


def _method(name: str, value: str, won: bool) -> str:
    label = "" if name == "vaery" else f"{html.escape(name)} "
    return f'<span class="{"method won" if won else "method"}">{label}{value}{" ✓" if won else ""}</span>'


def _bold(text: str, yes: bool) -> str:
    return f"**{text}**" if yes else text
