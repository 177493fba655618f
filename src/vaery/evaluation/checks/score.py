"""Score: how many bits a row takes, beside columns one by one."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vaery.evaluation.bootstrap import per_row
from vaery.evaluation.layout import Layout, Rows
from vaery.evaluation.measure import compared
from vaery.evaluation.setting import Setting
from vaery.evaluation.tested import Tested

COUNTS = ("poisson", "negative_binomial", "zero_inflated")  # families of whole numbers, which are not scaled
MOST = 2000  # rows that a column's own density is made of
GREY = 1.0  # how many made-up pixels, as grey as all pixels are, go with the real ones

Floats = NDArray[np.float64]


def score(setting: Setting) -> Tested | None:
    """Bits that held-out rows take under the model, and under each column's own density."""
    if not comparable(setting.layout):
        return None
    bits, seconds = setting.ask("score", setting.rows)
    ours = -np.asarray(bits, dtype=np.float64) / math.log(2)
    theirs = setting.crossed(lambda fit, asked: independent_bits(setting.layout, fit, asked))
    measure = compared("bits a row", "low", per_row(ours), {"columns one by one": per_row(theirs)}, len(ours),
                       setting.rng("score"), digits=2,
                       note="in the data's own units; each bit less makes a row twice as likely")  # fmt: skip
    return Tested("score", "the surprise of rows never seen", (measure,), len(ours), seconds,
                  notes=(setting.learned_from,))  # fmt: skip


def comparable(layout: Layout) -> bool:
    """Whether every field has a density that columns (or pixels) one by one can be held against."""
    images = _images(layout).values()
    return all(f.levels > 0 and (f.likelihood != "bernoulli" or f.levels == 1) for f in images)


def _images(layout: Layout) -> dict[str, Any]:
    """The fields that are pictures, by name."""
    return {name: layout.schema[name] for name in layout.images}


def independent_bits(layout: Layout, fit: Rows, asked: Rows) -> Floats:
    """``[N]`` bits of each row, its columns and pixels taken one by one, each with a density learned from ``fit``.

    Of a column: the shares of its levels (with half a row more for each), and of the rest a kernel density estimate
    (Silverman, 1986) on the very scale that the model works on. Of a pixel: the shares of its greys.
    """
    known, new = (layout.schema.pack(layout.raw(rows)) for rows in (fit, asked))
    nats, images = np.zeros(len(asked)), _images(layout)
    for field in layout.schema.fields:
        a, b = known.values[field.name].numpy(), new.values[field.name].numpy()
        if field.name in images:
            nats += pixel_nats(a, b, images[field.name].levels)
            continue
        here = [_mask(part.known[field.name], len(x), x.shape[1]) for part, x in ((known, a), (new, b))]
        slope = field.log_jacobian(new.values[field.name])
        own = np.zeros(b.shape[:2]) if slope is None else slope.numpy()
        for i, cell in enumerate(field.cells or ()):
            there = cell_nats(cell, a[here[0][:, i], i], b[:, i]) + own[:, i]
            nats += np.where(here[1][:, i], there, 0.0)
    return -nats / math.log(2)


def _mask(known: Any, rows: int, columns: int) -> NDArray[np.bool_]:
    return np.ones((rows, columns), dtype=bool) if known is None else known.numpy()


def cell_nats(cell: Any, fit: Floats, asked: Floats) -> Floats:
    """``[N]`` log-density of packed cells ``[N, 2]`` (code, number) under those of one column ``[M, 2]``."""
    codes = max(1, cell.codes)
    counts = np.bincount(fit[:, 0].astype(int), minlength=codes)[:codes] + 0.5
    nats = np.log(counts / counts.sum())[np.clip(asked[:, 0].astype(int), 0, codes - 1)]
    if cell.family is None:
        return nats
    own = fit[fit[:, 0] >= cell.levels, 1][:MOST].astype(np.float64)
    is_number = asked[:, 0] >= cell.levels
    return nats + np.where(is_number, kernel_nats(own, asked[:, 1].astype(np.float64), cell.family in COUNTS), 0.0)


def kernel_nats(fit: Floats, asked: Floats, counted: bool = False) -> Floats:
    """Log-density at ``asked`` of a Gaussian kernel estimate on ``fit``; of whole numbers: of the unit around each.

    A hundredth of it is a wide normal, so that nothing is impossible.
    """
    from scipy.stats import norm

    middle, sd = (float(fit.mean()), float(fit.std())) if len(fit) else (0.0, 1.0)
    sd = max(sd, 1e-3)
    quarter = float(np.subtract(*np.quantile(fit, [0.75, 0.25]))) / 1.34 if len(fit) else sd
    width = max(0.9 * min(sd, quarter or sd) * max(1, len(fit)) ** -0.2, 1e-3 * sd)  # Silverman's rule of thumb
    centres = fit if len(fit) else np.array([middle])

    def density(centre: Floats, scale: float) -> Floats:
        z = asked[:, None] - centre[None, :]
        if counted:
            return (norm.cdf((z + 0.5) / scale) - norm.cdf((z - 0.5) / scale)).mean(1)
        return norm.pdf(z / scale).mean(1) / scale

    mixed = 0.99 * density(centres, width) + 0.01 * density(np.array([middle]), 4 * sd)
    return np.log(np.maximum(mixed, 1e-300))


def pixel_nats(fit: NDArray[Any], asked: NDArray[Any], levels: int) -> Floats:
    """``[N]`` log-probability of pictures, pixel by pixel."""
    flat, new = fit.reshape(len(fit), -1).astype(int), asked.reshape(len(asked), -1).astype(int)
    overall = (np.bincount(flat.ravel(), minlength=levels + 1) + 0.5) / (flat.size + 0.5 * (levels + 1))
    nats = np.zeros(len(new))
    for i in range(flat.shape[1]):
        counts = np.bincount(flat[:, i], minlength=levels + 1) + GREY * overall
        nats += np.log(counts / counts.sum())[new[:, i]]
    return nats
