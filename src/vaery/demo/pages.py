"""What the demo leaves behind: a page to open, and the table as Markdown and CSV."""

from __future__ import annotations

import html
from collections.abc import Sequence
from pathlib import Path

from vaery.demo import cancer, digits
from vaery.report import comparison, page
from vaery.report.comparison import Comparison
from vaery.report.page import Picture

NEXT = (
    "vaery info {folder}/digits.vaery",
    "vaery generate {folder}/cancer.vaery -n 100 --given diagnosis=malignant -o new.csv",
    "vaery fit your-table.csv -o your-table.vaery",
)


def write(
    folder: Path, of_digits: Sequence[Picture], of_tumours: Sequence[Picture], lines: Sequence[Comparison]
) -> None:
    """``index.html``, ``table.md`` and ``table.csv``."""
    (folder / "table.md").write_text(comparison.as_markdown(lines), encoding="utf-8")
    (folder / "table.csv").write_text(comparison.as_csv(lines), encoding="utf-8")
    (folder / "index.html").write_text(index(folder, of_digits, of_tumours, lines), encoding="utf-8")


def index(
    folder: Path, of_digits: Sequence[Picture], of_tumours: Sequence[Picture], lines: Sequence[Comparison]
) -> str:
    """The page."""
    return page.page(
        "vaery: one model, every job",
        [
            "<header><h1>One model, every job</h1>"
            "<p>A minute ago, this computer fitted one model to 1,347 handwritten digits and one to a small table of "
            "tumours. Everything below is an answer of these models about rows they had never seen.</p></header>",
            page.section(
                "Handwritten digits", "One model of the picture and its label, fitted by this:", page.code(digits.FIT)
            ),
            *(picture.html() for picture in of_digits),
            page.section(
                "A table of tumours",
                "Thirty measurements of 569 breast tumours, and the diagnosis. A table is fitted in the same way:",
                page.code(cancer.FIT),
            ),
            *(picture.html() for picture in of_tumours),
            page.section(
                "How good is it?",
                "Each job on held-out rows, beside what anybody would try first. The best is marked. "
                "Simple methods are built for one job each, and on small data they are hard to beat; "
                f"here one model did them all. {comparison.tally(lines)}",
                comparison.as_html(lines),
            ),
            page.section(
                "What next?", "Ask the fitted models for more, or fit your own data.", page.code(commands(folder))
            ),
            f"<footer>Also in this folder: {_files(folder)}.</footer>",
        ],
    )


def commands(folder: Path) -> str:
    """Three lines to try next."""
    return "\n".join(line.format(folder=folder) for line in NEXT)


def _files(folder: Path) -> str:
    names = ("digits.vaery", "cancer.vaery", "benign.vaery", "table.md", "table.csv")
    return ", ".join(f"<code>{html.escape(name)}</code>" for name in names) + " and every picture as PNG"
