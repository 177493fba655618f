"""Pages: one HTML file that holds its pictures and needs nothing else."""

from __future__ import annotations

import base64
import html
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path


@dataclass(frozen=True)
class Picture:
    """A picture with what to say about it.

    Attributes:
        path: of the PNG.
        heading: what is to be seen, in a few words.
        words: the same in a sentence or two.
        code: the line of Python that made it; empty: none.
        width: of the picture on the page, in CSS pixels at most.
    """

    path: Path
    heading: str
    words: str
    code: str = ""
    width: int = 860

    def html(self) -> str:
        """The picture as a part of a page, inlined."""
        wide = f"max-width:min(100%,{self.width}px)"
        code = f"<pre><code>{html.escape(self.code)}</code></pre>" if self.code else ""
        return (
            f"<figure><h3>{html.escape(self.heading)}</h3><p>{html.escape(self.words)}</p>"
            f'<img src="{inline(self.path)}" alt="{html.escape(self.heading)}" style="{wide}">'
            f"{code}</figure>"
        )


def inline(path: Path) -> str:
    """The PNG file as a data URI."""
    return f"data:image/png;base64,{base64.b64encode(path.read_bytes()).decode()}"


def page(title: str, parts: Sequence[str]) -> str:
    """A whole page of these parts, each of them HTML."""
    style = files("vaery.report").joinpath("page.css").read_text(encoding="utf-8")
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{html.escape(title)}</title>\n<style>\n{style}</style>\n</head>\n<body>\n<main>\n"
        + "\n".join(parts)
        + "\n</main>\n</body>\n</html>\n"
    )


def section(heading: str, words: str, *parts: str) -> str:
    """A heading, a paragraph and whatever comes below them."""
    return f"<section><h2>{html.escape(heading)}</h2><p>{html.escape(words)}</p>{''.join(parts)}</section>"


def code(text: str) -> str:
    """Lines of code or commands."""
    return f"<pre><code>{html.escape(text)}</code></pre>"
