"""How well a score of every time step finds labelled stretches: AUC-PR, and the volume under its surface (VUS-PR).

No point adjustment: a stretch counts by its steps, and not as found as a whole once any of them is (Kim et al., 2022,
on what that does to scores that are noise).
"""

from __future__ import annotations

import numpy as np
from sklearn.metrics import average_precision_score

WIDTHS = 11  # buffers between none and the widest, of which the volume is the mean
THRESHOLDS = 250


def auc_pr(score: np.ndarray, label: np.ndarray) -> float:
    """The mean precision over recalls, step by step."""
    return float(average_precision_score(label.astype(bool), score))


def vus_pr(score: np.ndarray, label: np.ndarray, buffer: int) -> float:
    """The volume under the surface of range-based precision and recall, over buffers of up to ``buffer`` steps
    (Paparrizos et al., 2022; the variant of TSB-AD, Liu and Paparrizos, 2024, at every tenth width).

    Args:
        score: ``[T]``, higher is odder.
        label: ``[T]`` 0 or 1.
        buffer: steps around an anomaly that count in part.
    """
    return float(np.mean([_range_pr(score, label, int(w)) for w in np.linspace(0, buffer, WIDTHS)]))


def _range_pr(score: np.ndarray, label: np.ndarray, width: int) -> float:
    """The area under precision and recall where the neighbours of an anomaly count in part."""
    soft, hard = _softened(label, width), label > 0
    stretches = _stretches(soft > 0)
    ordered = np.sort(score)[::-1]
    cuts = ordered[np.linspace(0, len(score) - 1, THRESHOLDS).astype(int)]
    recall, precision = [0.0], [1.0]
    for cut in cuts:
        found = score >= cut
        hit = soft * found
        counted = hard.sum() + hit[~hard].sum()
        touched = np.mean([found[a:b].any() for a, b in stretches])
        recall.append(min(hit.sum() / ((hard.sum() + counted) / 2), 1.0) * touched)
        precision.append(hit.sum() / max(1, found.sum()))
    return float(np.dot(np.diff(recall), precision[1:]))


def _softened(label: np.ndarray, width: int) -> np.ndarray:
    """Labels that fall off by a root over ``width / 2`` steps before and after each stretch."""
    soft = label.astype(float)
    for start, stop in _stretches(label > 0):
        after = np.arange(stop, min(stop + width // 2, len(label)))
        before = np.arange(max(start - width // 2, 0), start)
        soft[after] += np.sqrt(1 - (after - stop + 1) / max(1, width))
        soft[before] += np.sqrt(1 - (start - before) / max(1, width))
    return np.minimum(soft, 1.0)


def _stretches(on: np.ndarray) -> list[tuple[int, int]]:
    edges = np.flatnonzero(np.diff(np.concatenate([[0], on.astype(int), [0]])))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))


def buffer_of(values: np.ndarray) -> int:
    """The lag from 3 to 300 at which a series ``[T]`` is most like itself; 125 where there is none."""
    x = np.nan_to_num(values[:20_000] - np.nanmean(values[:20_000]))
    power = np.abs(np.fft.rfft(x, 2 * len(x))) ** 2
    found = np.fft.irfft(power)[:300] / max(float(power.mean()), 1e-12)
    peaks = np.flatnonzero((found[1:-1] > found[:-2]) & (found[1:-1] > found[2:])) + 1
    peaks = peaks[peaks >= 3]
    return int(peaks[found[peaks].argmax()]) if len(peaks) else 125
