"""SAITS and BRITS of pypots, for so many seconds. Runs in the peers' environment, served as ``table_peers.py`` is."""

from __future__ import annotations

import time
from functools import partial
from typing import Any

import numpy as np
from table_peers import clock, seeded, serve

WINDOW, HOP = 48, 12
BATCH = 32


def windows(x: np.ndarray, hop: int) -> np.ndarray:
    """``[N, 48, C]``; the last one ends with the series."""
    starts = np.unique(np.append(np.arange(0, len(x) - WINDOW + 1, hop), len(x) - WINDOW))
    return np.stack([x[s : s + WINDOW] for s in starts])


def model(method: str, channels: int, epochs: int) -> Any:
    """At the sizes of pypots' own examples."""
    common = {"n_steps": WINDOW, "n_features": channels, "batch_size": BATCH, "epochs": epochs, "verbose": False}
    if method == "BRITS":
        from pypots.imputation import BRITS

        return BRITS(rnn_hidden_size=64, **common)
    from pypots.imputation import SAITS

    return SAITS(n_layers=2, d_model=128, n_heads=4, d_k=32, d_v=32, d_ffn=128, dropout=0.1, **common)


def impute(method: str, source: str, target: str, seconds: str, seed: str) -> dict[str, Any]:
    """One epoch is timed on a copy; then as many as the seconds allow."""
    seeded(seed)
    with np.load(source) as found:
        data = {name: found[name] for name in found.files}
    train = {"X": windows(data.pop("train"), HOP)}
    channels = train["X"].shape[-1]
    trial = {"X": train["X"][: max(BATCH, len(train["X"]) // 4)]}
    model(method, channels, 1).fit({"X": trial["X"][:BATCH]})
    start = time.perf_counter()
    model(method, channels, 1).fit(trial)
    epoch = (time.perf_counter() - start) * len(train["X"]) / len(trial["X"])
    epochs = max(1, int(float(seconds) / epoch))
    with clock() as took:
        made = model(method, channels, epochs)
        made.fit(train)
    np.savez(target, **{name: _filled(made, x) for name, x in data.items()})
    return {**took, "epochs": epochs}


def _filled(made: Any, x: np.ndarray) -> np.ndarray:
    """Windows that overlap by half; each step from the one in whose middle it is."""
    hop = WINDOW // 2
    starts = np.unique(np.append(np.arange(0, len(x) - WINDOW + 1, hop), len(x) - WINDOW))
    found = np.asarray(made.impute({"X": np.stack([x[s : s + WINDOW] for s in starts])})).reshape(
        -1, WINDOW, x.shape[1]
    )
    out, edge = np.zeros_like(x), WINDOW // 4
    for s, window in zip(starts, found, strict=True):
        low, high = (0 if s == 0 else edge), (WINDOW if s == starts[-1] else WINDOW - edge)
        out[s + low : s + high] = window[low:high]
    return np.where(np.isnan(x), out, x)


if __name__ == "__main__":
    serve(lambda: {name: partial(impute, name) for name in ("SAITS", "BRITS")})
