"""The demo: two small data sets, one model of each, every job, in pictures and beside simple methods."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

__all__ = ["run"]


def run(folder: str | os.PathLike[str] = "vaery-demo", quick: bool = False) -> Path:
    """Fit scikit-learn's digits and breast cancer table, ask every question, and leave a folder to look at.

    ``index.html`` shows it all; the pictures, the table (``table.md``, ``table.csv``) and the models
    (``digits.vaery``, ``cancer.vaery``, ``benign.vaery``) lie beside it. Nothing is downloaded. The same machine makes
    the same pictures again.

    Args:
        folder: where to; it is made if need be, and files of an earlier demo in it are replaced.
        quick: only check that everything works: seconds instead of two minutes, and bad pictures.

    Returns:
        The folder.

    Raises:
        MissingExtra: matplotlib is not installed.
    """
    from vaery.demo import cancer, cancer_pictures, data, digit_pictures, digits, pages
    from vaery.demo.settings import FULL, QUICK
    from vaery.report import comparison, style

    style.figure(1, 1)  # without matplotlib, say so before the work
    effort, started = (QUICK if quick else FULL), time.monotonic()
    out = Path(folder)
    out.mkdir(parents=True, exist_ok=True)

    rows, test = data.digits()
    test = test[: effort.held_out]
    say(f"digits: fitting one model to {len(rows)} pictures and their labels")
    of_digits = digits.fit(rows, effort)
    of_digits.save(out / "digits.vaery")
    say("digits: drawing, filling in, mapping, looking for odd ones")
    digit_shots = digit_pictures.draw(of_digits, rows, test, out, effort)
    say("digits: the same jobs beside simple methods")
    lines = digits.compare(of_digits, rows, test, effort)

    table, held_out = data.breast_cancer()
    say(f"tumours: fitting {len(table)} rows, then the benign ones among them")
    of_all, of_benign = cancer.fit(table, effort)
    of_all.save(out / "cancer.vaery")
    of_benign.save(out / "benign.vaery")
    say("tumours: ranking, making new ones, filling gaps, beside simple methods")
    tumour_shots = cancer_pictures.draw(of_all, of_benign, table, held_out, out)
    lines += cancer.compare(of_all, of_benign, table, held_out, effort)

    pages.write(out, digit_shots, tumour_shots, lines)
    say(f"\n{comparison.as_text(lines)}\n")
    say(f"Done in {time.monotonic() - started:.0f} s. Open {out / 'index.html'}\n\nTry next:")
    say("\n".join(f"  {line}" for line in pages.commands(out).splitlines()))
    return out


def say(text: str) -> None:
    """A line to standard error: standard output is left to whoever calls."""
    print(text, file=sys.stderr, flush=True)
