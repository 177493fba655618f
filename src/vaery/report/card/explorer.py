"""The map of the latent: points that can be coloured by any column, in plain JavaScript, with nothing to load."""

from __future__ import annotations

import html
import json
from collections.abc import Mapping
from importlib.resources import files
from typing import Any

from vaery.report import style


def draw(view: Mapping[str, Any]) -> str:
    """The map as a part of a page."""
    options = "".join(f'<option value="{i}">{html.escape(c["name"])}</option>' for i, c in enumerate(view["columns"]))
    script = files("vaery.report.card").joinpath("map.js").read_text(encoding="utf-8")
    return (
        '<div class="map"><div class="top"><label>Colour by <select>'
        f'{options}</select></label><span class="key"></span></div>'
        '<div class="stage"><canvas height="560" role="img" aria-label="Map of the latent"></canvas>'
        f'<div class="tip"></div></div><small>{_how(view)}</small>'
        f'<script type="application/json" class="data">{embedded(dict(view) | {"colours": style.COLOURS})}</script>'
        f"<script>\n{script}</script></div>"
    )


def _how(view: Mapping[str, Any]) -> str:
    words = {"t-SNE": f"{view['units']} latent units, laid out by t-SNE: near means alike, far means little."}
    return words.get(view["how"], f"The latent: {view['how']}.")


def embedded(data: Any) -> str:
    """JSON that is safe inside of a script element: nothing in it can end the element.

    >>> embedded({"a": "</script>"})
    '{"a":"\\\\u003c/script>"}'
    """
    return json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")
