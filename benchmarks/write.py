"""Write BENCHMARKS.md from the results. Nothing in it is typed by hand.

python benchmarks/write.py [--check]      # --check: only say whether it is up to date
"""

from __future__ import annotations

import argparse
import sys
from typing import Any

import audio_rules
import bars
import image_bars
import label_rules
import molecule_rules
import music_rules
import records_rules
import series_rules
import table_bars
import text_rules
from bars import Bar
from common import ROOT, Results

TARGET = ROOT / "BENCHMARKS.md"

HEAD = """# Benchmarks

Written by `python benchmarks/write.py` from `benchmarks/results/`; not edited by hand. How each number is made is in
[benchmarks/README.md](benchmarks/README.md). Numbers are means over seeds or rounds ± one standard deviation; a verdict
is *won*, *lost* or *tie* (the means are no further apart than the larger of the two deviations), and *open* where ours
or what the bar names was not run yet. The letter of a row
says where, when and with what it was measured; the sources are at the end.
"""


class Sources:
    """Commands, dates, machines and versions, each with a letter."""

    def __init__(self) -> None:
        self.found: dict[str, str] = {}

    def letter(self, about: dict[str, Any]) -> str:
        text = describe(about)
        if text not in self.found:
            self.found[text] = letters(len(self.found))
        return self.found[text]

    def lines(self) -> list[str]:
        return [f"* **{letter}**: {text}" for text, letter in self.found.items()]


def letters(n: int) -> str:
    """a, b … z, aa, ab …"""
    return (letters(n // 26 - 1) if n >= 26 else "") + chr(ord("a") + n % 26)


def describe(about: dict[str, Any]) -> str:
    """Where a number came from, in a sentence."""
    versions = ", ".join(f"{k} {v}" for k, v in about["versions"].items())
    peers = ", ".join(f"{k} {v}" for k, v in about.get("peers", {}).items() if k not in about["versions"])
    threads = f"{about['threads']} thread" + ("s" if about["threads"] != 1 else "")
    return (
        f"`{about['command']}`, {about['date']}, vaery {about['vaery']}, {about['machine']}, {threads}, "
        f"Python {about['python']}, {versions}; peers: {peers or 'none'}"
        + (f"; {about['note']}" if "note" in about else "")
    )


def table(head: list[str], rows: list[list[str]]) -> list[str]:
    """A Markdown table."""
    line = lambda cells: "| " + " | ".join(cells) + " |"
    return [line(head), line(["---"] * len(head)), *(line(row) for row in rows), ""]


def bar_table(found: list[Bar], sources: Sources) -> list[str]:
    """Bars, in the order they came."""
    head = ["data", "metric", "bar", "vaery", "peers", "baselines", "verdict", "from"]
    rows = [
        [b.data, b.metric, b.bar, b.ours, b.peers or "–", b.baselines or "–", b.verdict, sources.letter(b.about)]
        for b in found
    ]
    return table(head, rows)


def tally(found: list[Bar]) -> str:
    """How many bars were won, tied and lost, and which were lost; and how many are open, because ours was not run."""
    count = lambda word: sum(bar.verdict.startswith(word) for bar in found)
    lost = "; ".join(f"{bar.data}, {bar.metric}" for bar in found if bar.verdict.startswith("lost"))
    still = f", {count('open')} open" if count("open") else ""
    return f"{count('won')} won, {count('tie')} tied, {count('lost')} lost{' (' + lost + ')' if lost else ''}{still}."


def compose() -> str:
    quality, speed, sources = bars.quality(Results("adult")), bars.speed(Results("speed")), Sources()
    tables, images = table_bars.quality(Results("tables")), image_bars.quality(Results("images"))
    molecules = image_bars.quality(Results("molecules"), molecule_rules.RULES, (), molecule_rules.SCRIPT)
    music = image_bars.quality(Results("music"), music_rules.RULES, (), music_rules.SCRIPT)
    labels = image_bars.quality(Results("labels"), label_rules.RULES, (), label_rules.SCRIPT)
    lines = [HEAD]
    if tables:
        lines += ["## Tables", "", tally(tables), "", *bar_table(tables, sources)]
    if images:
        lines += ["## Images", "", tally(images), "", *bar_table(images, sources)]
    if molecules:
        lines += ["## Molecules", "", tally(molecules), "", *bar_table(molecules, sources)]
    if labels:
        lines += ["## Few labels", "", tally(labels), "", *bar_table(labels, sources)]
    if music:
        lines += ["## Music", "", tally(music), "", *bar_table(music, sources)]
    sound = image_bars.quality(Results("audio"), audio_rules.RULES, (), audio_rules.SCRIPT)
    if sound:
        lines += ["## Sound", "", tally(sound), "", *bar_table(sound, sources)]
    records = image_bars.quality(Results("records"), records_rules.RULES, (), records_rules.SCRIPT)
    if records:
        lines += ["## Records of several kinds", "", tally(records), "", *bar_table(records, sources)]
    series = image_bars.quality(Results("series"), series_rules.RULES, (), series_rules.SCRIPT)
    if series:
        lines += ["## Sensor series", "", tally(series), "", *bar_table(series, sources)]
    texts = text_rules.quality(Results("text"))
    if texts:
        lines += ["## Texts", "", tally(texts), "", *bar_table(texts, sources)]
    if quality:
        lines += ["## Quality on adult", "", tally(quality), "", *bar_table(quality, sources)]
    if speed:
        lines += ["## Speed and size", "", tally(speed), "", *bar_table(speed, sources)]
    details = bars.details(Results("adult")) + table_bars.details(Results("tables"))
    details += image_bars.details(Results("images"))
    details += image_bars.details(Results("molecules"), molecule_rules.DETAILS, molecule_rules.SCRIPT, "molecules")
    details += image_bars.details(Results("labels"), label_rules.DETAILS, label_rules.SCRIPT, "few labels")
    details += image_bars.details(Results("music"), music_rules.DETAILS, music_rules.SCRIPT, "music")
    details += image_bars.details(Results("audio"), audio_rules.DETAILS, audio_rules.SCRIPT, "sound")
    details += image_bars.details(Results("records"), records_rules.DETAILS, records_rules.SCRIPT, "records")
    details += image_bars.details(Results("series"), series_rules.DETAILS, series_rules.SCRIPT, "series")
    details += text_rules.details(Results("text"))
    if details:
        lines += ["## Every method", "", *[line for title, head, rows in details for line in detail(title, head, rows)]]
    lines += ["## Sources", "", *(sources.lines() or ["Nothing has been measured yet."]), ""]
    return "\n".join(lines)


def detail(title: str, head: list[str], rows: list[list[str]]) -> list[str]:
    return [f"### {title}", "", *table(head, rows)]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if BENCHMARKS.md is out of date")
    text = compose()
    if parser.parse_args().check:
        return 0 if TARGET.exists() and TARGET.read_text() == text else 1
    TARGET.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
