"""The report card as a page: verdicts on top, then pictures, then every number. Made from plain data alone."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

from vaery.report.card import explorer, pictures, tables
from vaery.report.page import page, section


def card(data: Mapping[str, Any]) -> str:
    """A whole page of what :meth:`vaery.evaluation.evaluation.Evaluation.to_dict` gives.

    Raises:
        MissingExtra: matplotlib is not installed.
    """
    jobs, views = data["jobs"], data.get("views", {})
    parts = [tables.head(data["about"]), tables.summary(jobs), tables.verdicts(jobs)]
    with tempfile.TemporaryDirectory() as folder:
        shots = {shot.path.stem: shot.html() for shot in pictures.draw(views, jobs, Path(folder))}
    of_rows = [name for name in shots if name in ("marginals", "pairs") or name.startswith("images-")]
    if of_rows:
        words = "Held-out rows beside rows that the model made up: column by column, and how columns hang together."
        parts.append(_section("real-and-made", "Real and made", words, shots, *of_rows))
    if "fills" in shots:
        words = "What was filled in where stretches had been hidden, beside what was there."
        parts.append(_section("fills", "Gaps filled", words, shots, "fills"))
    if "forecasts" in shots:
        words = "What was told of the steps after a window of known ones, beside what came."
        parts.append(_section("forecasts", "Steps to come", words, shots, "forecasts"))
    if "map" in views:
        words = (
            "Each point is a held-out row, placed by what the model encodes it as; rows that the model holds to be "
            "alike lie close together. Pick a column to colour by; point at a row to read it."
        )
        parts.append(_wrap("map", section("Map of the latent", words, explorer.draw(views["map"]))))
    if "oddest" in views:
        parts.append(_wrap("oddest", tables.oddest(views["oddest"], shots.get("surprise", ""))))
    if "calibration" in shots:
        words = "Whether probabilities and intervals mean what they say: on the diagonal, they do."
        parts.append(_section("calibration", "Calibration", words, shots, "calibration"))
    if "training" in shots:
        words = "How the surprise of rows held out of the fit went down. Flat at the end: more time would not help."
        parts.append(_section("training", "Training", words, shots, "training"))
    parts += [_wrap("numbers", tables.details(jobs)), tables.foot(data["about"])]
    css = files("vaery.report.card").joinpath("card.css").read_text(encoding="utf-8")
    return page("Report card", [f"<style>\n{css}</style>", *parts])


def _section(name: str, heading: str, words: str, shots: Mapping[str, str], *which: str) -> str:
    return _wrap(name, section(heading, words, *(shots[shot] for shot in which if shot in shots)))


def _wrap(name: str, inner: str) -> str:
    return f'<div id="{name}">{inner}</div>'
