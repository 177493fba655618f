"""The report card's words and tables."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from typing import Any

from vaery.report.page import section

TITLES = {
    "generate": "Make new rows", "impute": "Fill gaps", "predict": "Predict columns", "detect": "Find errors",
    "score": "Say how likely a row is",
}  # fmt: skip
MARKS = {"better": "good", "same": "even", "do not use it for this": "bad", "kept": "good", "missed": "bad", "": "none"}
WHOLE = "the row as a whole"
SIGNS = {"good": "✓ ", "even": "= ", "bad": "✗ ", "none": ""}


def esc(value: Any) -> str:
    """Text of the data as text of a page; ``str`` of whatever it is."""
    return html.escape(str(value))


def head(about: Mapping[str, Any]) -> str:
    """What was evaluated."""
    fitted = f" The model was fitted to {about['fitted_rows']:,} rows." if about.get("fitted_rows") else ""
    some = "" if about["rows"] == about["rows_given"] else f", drawn from {about['rows_given']:,}"
    what = "steps" if about.get("steps") else "rows"
    learn = (
        ""
        if about.get("steps")
        else "Simple methods learned from one half of these rows and answered for the other."
        if about.get("train") is None
        else f"Simple methods learned from {about['train']:,} training rows."
    )
    return (
        f"<header><h1>Report card</h1><p>What this model is good for, tried on {about['rows']:,} {what} it never saw"
        f"{some}, beside the simple methods anybody would try first.{fitted} {learn}</p></header>"
    )


def summary(jobs: Mapping[str, Any]) -> str:
    """What to use it for and what not, in a few plain words."""
    said = {
        "better": "Use it to",
        "same": "No better than a simple method to",
        "do not use it for this": "Do not use it to",
    }
    lines = []
    for verdict, words in said.items():
        names = [_phrase(name) for name, job in jobs.items() if job["verdict"] == verdict]
        if names:
            lines.append(f'<li class="{MARKS[verdict]}"><b>{words}</b> {esc(", ".join(names))}</li>')
    return f'<ul class="summary">{"".join(lines)}</ul>'


def _phrase(job: str) -> str:
    title = TITLES.get(job, job)
    return title[:1].lower() + title[1:]


def verdicts(jobs: Mapping[str, Any]) -> str:
    """The table on top: a line for each job."""
    rows = "".join(_verdict(job) for job in jobs.values())
    words = (
        "“Better” and “do not use it for this” are said only where the difference to the best simple method is larger "
        "than chance: 95 % of the resampled rows agree. All else is “same”."
    )
    head = "".join(f"<th>{name}</th>" for name in ("job", "verdict", "vaery", "best simple method", "time"))
    table = (
        f'<div class="wide"><table class="verdicts"><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>'
    )
    return f'<div id="verdicts">{section("Verdicts", words, table)}</div>'


def _verdict(job: Mapping[str, Any]) -> str:
    told = [m for m in job["measures"] if m["verdict"] in ("better", "same", "do not use it for this")]
    missed = [m for m in job["measures"] if m["verdict"] == "missed"]
    notes = "".join(
        f"<small class=bad>{esc(m['name'])}: {number(m['ours'], m)}, promised {m['best']} {m['goal']:g}</small>"
        for m in missed
    )
    lines = [
        f'<tr><td rowspan="{max(1, len(told))}"><b>{esc(TITLES.get(job["job"], job["job"]))}</b>'
        f"<small>{esc(job['question'])}</small>{notes}</td>"
        f'<td rowspan="{max(1, len(told))}">{pill(job["verdict"])}</td>'
    ]
    for i, m in enumerate(told):
        rival, value = best_other(m)
        mark = MARKS[m["verdict"]]
        cells = (
            f'<td><span class="number {mark}">{number(m["ours"], m)}</span><small>{esc(m["name"])}</small></td>'
            f'<td><span class="number">{number(value, m)}</span><small>{esc(rival)}</small></td>'
        )
        cells += f'<td rowspan="{len(told)}">{speed(job)}</td></tr>' if i == 0 else "</tr>"
        lines.append(cells if i == 0 else f'<tr class="more">{cells}')
    return "".join(lines if told else [*lines, f"<td></td><td></td><td>{speed(job)}</td></tr>"])


def details(jobs: Mapping[str, Any]) -> str:
    """Every number of every job."""
    return section("All numbers", "Every measure of every job, with the 95 % interval that its verdict rests on.",
                   *(_detail(job) for job in jobs.values()))  # fmt: skip


def _detail(job: Mapping[str, Any]) -> str:
    head = "".join(f"<th>{n}</th>" for n in ("measured", "vaery", "others", "ahead by (95 %)", "verdict"))
    rows = "".join(_measure(m) for m in job["measures"])
    notes = "".join(f"<p class=note>{esc(note)}.</p>" for note in job["notes"])
    return (
        f"<h3>{esc(TITLES.get(job['job'], job['job']))} {pill(job['verdict'])}</h3>{notes}"
        f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>{_columns(job)}'
    )


def _measure(m: Mapping[str, Any]) -> str:
    arrow = {"low": "lower is better", "high": "higher is better"}.get(m["best"], f"promised: {m['best']} {m['goal']}")
    reading = not m["others"] and m["goal"] is None
    note = "; ".join(part for part in ("for reading" if reading else arrow, m["note"]) if part)
    others = "".join(f'<span class="method">{esc(k)} <b>{number(v, m)}</b></span> ' for k, v in m["others"].items())
    others += "".join(f'<span class="method aside">{esc(k)} {number(v, m)}</span> ' for k, v in m["beside"].items())
    ahead = (
        ""
        if m["low"] is None
        else f"{number(m['low'], m, m['goal'] is None)} … {number(m['high'], m, m['goal'] is None)}"
    )
    if m["goal"] is not None and ahead:
        ahead = f"<small>lies in</small>{ahead}"
    return (
        f"<tr><td>{esc(m['name'])}<small>{esc(note)}</small></td><td><b>{number(m['ours'], m)}</b></td>"
        f'<td>{others}</td><td class="nums">{ahead}</td><td>{pill(m["verdict"]) if m["verdict"] else ""}</td></tr>'
    )


def _columns(job: Mapping[str, Any]) -> str:
    """What came of each column, folded away; by measure, the best first."""
    if not job["columns"]:
        return ""
    parts = []
    for name in dict.fromkeys(c["measure"] for c in job["columns"]):
        mine = [c for c in job["columns"] if c["measure"] == name]
        mine.sort(key=lambda c: (list(MARKS).index(c["verdict"]), c["column"]))
        methods = list(mine[0]["others"])
        head = "".join(f"<th>{esc(n)}</th>" for n in ("column", "vaery", *methods, "verdict"))
        body = "".join(
            f"<tr><td>{esc(c['column'])}</td>{_cell(c['vaery'])}{''.join(_cell(c['others'][m]) for m in methods)}"
            f"<td>{pill(c['verdict']) if c['verdict'] else ''}</td></tr>"
            for c in mine
        )
        parts.append(f"<h4>{esc(name)}</h4><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>")
    return f"<details><summary>Column by column</summary><div class=wide>{''.join(parts)}</div></details>"


def _cell(value: float | None) -> str:
    return f'<td class="nums">{"–" if value is None else f"{value:.3f}"}</td>'


# ---------------------------------------------------------------------- odd rows


def oddest(view: Mapping[str, Any], picture: str) -> str:
    """The oddest rows, each with what is to blame."""
    words = (
        f"Of {view['of']:,} held-out rows these are the oddest; the usual row has {view['usual']:.0f} bits. Listed is "
        "what is to blame, with the bits against it, and what the model had expected there. Rows are numbered from 0, "
        "as they were handed in."
    )
    worst = max((r["bits"] for row in view["rows"] for r in row["reasons"]), default=1.0)
    cards = "".join(_odd(i, row, worst) for i, row in enumerate(view["rows"]))
    return section("The oddest rows, and why", words, picture, f'<div class="odd">{cards}</div>')


def _odd(i: int, row: Mapping[str, Any], worst: float) -> str:
    reasons = {r["cell"]: r for r in row["reasons"]}
    lines = "".join(_reason(r, worst) for r in row["reasons"])
    rest = ", ".join(
        f"{esc(name)} <b>{esc(value)}</b>" for name, value in row["values"].items() if value and name not in reasons
    )
    return (
        f'<article><h4>{i + 1}. row {row["row"]} <span class="bits">{row["bits"]:.0f} bits</span> '
        f"<small>p = {row['p_value']:.2g}</small></h4><ul>{lines}</ul><p>{rest}</p></article>"
    )


def _reason(reason: Mapping[str, Any], worst: float) -> str:
    share = max(0.02, min(1.0, reason["bits"] / worst))
    value = f" = <b>{esc(str(reason['value']))}</b>" if reason["value"] is not None else ""
    expected = f" <small>expected {esc(str(reason['expected']))}</small>" if reason["expected"] is not None else ""
    expected += f" <small>{esc(reason['why'])}</small>" if reason.get("why") else ""
    return (
        f'<li><span class="bar" style="width:{90 * share:.0f}px"></span><span class="b">{reason["bits"]:.1f}</span>'
        f"<span>{esc(WHOLE if reason['cell'] == 'together' else reason['cell'])}{value}{expected}</span></li>"
    )


# ---------------------------------------------------------------------- small parts


def foot(about: Mapping[str, Any]) -> str:
    """What a fair reader should know."""
    notes = "".join(f"<li>{esc(note)}</li>" for note in about["notes"])
    target = f", target {esc(about['target'])}" if about.get("target") else ""
    return (
        f"<footer>{f'<ul>{notes}</ul>' if notes else ''}<p>Made by vaery {esc(about['vaery'])} in "
        f"{about['seconds']:.0f} s, seed {about['seed']}{target}. This page holds rows of the data it was made from: "
        "whoever may not see those may not see the page.</p></footer>"
    )


def pill(verdict: str) -> str:
    """A verdict in its colour, and with a sign for those who do not see colours."""
    mark = MARKS[verdict]
    return f'<span class="pill {mark}">{SIGNS[mark]}{esc(verdict)}</span>'


def best_other(m: Mapping[str, Any]) -> tuple[str, float]:
    """The best simple method of a measure."""
    return max(m["others"].items(), key=lambda other: other[1] if m["best"] == "high" else -other[1])


def number(value: float | None, m: Mapping[str, Any], sign: bool = False) -> str:
    """A number of this measure, as it is printed."""
    return "–" if value is None else f"{value:{'+' if sign else ''}.{m['digits']}f}".replace("-", "−")


def speed(job: Mapping[str, Any]) -> str:
    """How long it took, and how many rows that is in a second."""
    seconds = max(job["seconds"], 1e-9)
    rate = job["rows"] / seconds
    rows: Sequence[str] = (f"{rate:,.0f}" if rate >= 10 else f"{rate:.1f}", "rows a second")
    return f"<span class=number>{job['seconds']:.1f} s</span><small>{' '.join(rows)}</small>"
