"""The report as a page: findings as cards, with a small picture where there is something to see."""

from __future__ import annotations

import html
from collections.abc import Iterator

from vaery.report.page import page, section
from vaery.xray.finding import SEVERITIES, Finding, Histogram
from vaery.xray.findings import Findings, evidence
from vaery.xray.text import HEADINGS
from vaery.xray.words import places, plural, share

WIDTH, HEIGHT = 320, 90
WORDS = {
    "error": "These falsify what is made of the table.",
    "warning": "Most likely wrong: look at these.",
    "note": "Good to know.",
}
STYLE = """<style>
.xray { display: grid; grid-template-columns: minmax(0, 1fr) auto; gap: 4px 26px; align-items: start;
  margin-bottom: 16px; padding: 16px 22px; background: #fff; border-radius: 10px;
  border: 1px solid #e3e7ec; border-left: 5px solid #94a4a2; }
.xray.error { border-left-color: #bd1f01; } .xray.warning { border-left-color: #ffa90e; }
.xray p { margin: 0 0 6px; } .xray p + p { color: #5b6876; font-size: 15px; }
.xray svg { max-width: 100%; height: auto; } .xray .do { color: #16202c !important; }
@media (max-width: 700px) { .xray { grid-template-columns: minmax(0, 1fr); } }
</style>"""


def whole(found: Findings) -> str:
    """The page, in HTML."""
    return page("X-ray of a table", list(body(found)))


def body(found: Findings) -> Iterator[str]:
    """Its parts."""
    yield STYLE
    size = f"{plural(found.rows, 'row')} × {plural(len(found.columns), 'column')}"
    yield f"<header><h1>X-ray of a table</h1><p>{size}: {found.verdict}.</p></header>"
    for severity in SEVERITIES:
        some = [card(finding) for finding in found if finding.severity == severity]
        if some:
            yield section(f"{HEADINGS[severity]} ({len(some)})", WORDS[severity], *some)
    yield section("Columns", "What each of them holds.", _columns(found))
    yield "<footer><p>Rows are counted from zero. Made by vaery xray.</p></footer>"


def card(finding: Finding) -> str:
    """One finding."""
    small = [evidence(finding)] if finding.evidence else []
    small += [places(finding.rows, finding.count)] if finding.rows else []
    lines = f"<p><b>{html.escape(finding.finding)}</b></p>"
    lines += "".join(f"<p>{html.escape(text)}</p>" for text in small)
    lines += f'<p class="do">→ {html.escape(finding.suggestion)}</p>'
    picture = f"<div>{svg(finding.picture)}</div>" if finding.picture is not None else ""
    return f'<article class="xray {finding.severity}"><div>{lines}</div>{picture}</article>'


def svg(picture: Histogram) -> str:
    """Bars: all rows in grey, those that are meant in red; the height is the square root, so that few are seen."""
    top = max(picture.counts) ** 0.5 or 1.0
    wide = WIDTH / len(picture.counts)
    bars = ""
    for i, (count, marked) in enumerate(zip(picture.counts, picture.marked, strict=True)):
        for number, colour in ((count, "#c4ccd4"), (marked, "#bd1f01")):
            if number:
                high = max(2.0, HEIGHT * number**0.5 / top)
                place = f'x="{i * wide:.1f}" y="{HEIGHT - high:.1f}" width="{wide - 1:.1f}" height="{high:.1f}"'
                bars += f'<rect {place} fill="{colour}"/>'
    words = f'y="{HEIGHT + 15}" font-size="12" fill="#5b6876"'
    ends = f'<text x="0" {words}>{html.escape(picture.low)}</text>'
    ends += f'<text x="{WIDTH}" text-anchor="end" {words}>{html.escape(picture.high)}</text>'
    box = f'viewBox="0 0 {WIDTH} {HEIGHT + 20}" width="{WIDTH}" height="{HEIGHT + 20}"'
    return f'<svg {box} role="img" aria-label="histogram, the rows that are meant in red">{bars}{ends}</svg>'


def _columns(found: Findings) -> str:
    head = "".join(f"<th>{name}</th>" for name in ("column", "is", "missing", "distinct", "holds"))
    rows = ""
    for c in found.columns:
        cells = (c["column"], c["sort"], share(c["missing"]) if c["missing"] else "", f"{c['distinct']:,}", c["holds"])
        rows += "<tr>" + "".join(f"<td>{html.escape(str(cell))}</td>" for cell in cells) + "</tr>"
    return f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>'
