"""Tables that nothing is wrong with, for tests that plant something in them."""

from __future__ import annotations

import numpy as np
import pandas as pd


def clean(seed: int, rows: int) -> pd.DataFrame:
    """Correlated numbers with light and heavy tails, counts, amounts that are often zero, prices, dates, categories,
    gaps at random: all that an alarm must not be raised by."""
    rng = np.random.default_rng(seed)
    common = rng.normal(size=rows)
    noise = lambda scale: scale * rng.normal(size=rows)
    city = rng.choice(["Bonn", "Köln", "Trier", "Mainz", "Ulm"], rows, p=[0.4, 0.3, 0.15, 0.1, 0.05])
    shift = np.select([city == "Köln", city == "Ulm"], [0.4, -0.7], 0.0)
    income = np.exp(10 + 0.6 * common + 0.3 * shift + noise(0.5)).round(-1)
    table = pd.DataFrame(
        {
            "customer": np.arange(rows) + 1000,
            "age": np.clip(45 + 12 * common + noise(8), 18, None).round().astype(int),
            "height": (172 + noise(9)).round(1),
            "weight": (75 + 9 * common + noise(9)).round(1),
            "income": income,
            "rent": (0.25 * income * np.exp(noise(0.3))).round(2),
            "student_t": rng.standard_t(3, rows),
            "pareto": rng.pareto(1.5, rows) + 1,
            "cauchy": rng.standard_cauchy(rows),
            "lognormal": np.exp(noise(1.2)),
            "waiting": rng.exponential(3, rows).round(2),
            "visits": rng.poisson(np.exp(0.5 + 0.5 * common)),
            "donation": np.where(rng.random(rows) < 0.7, 0.0, np.exp(3 + noise(1.0))).round(2),
            "price": rng.integers(1, 200, rows) - 0.01,
            "two_peaks": np.where(rng.random(rows) < 0.3, 40 + noise(3), 62 + noise(4)),
            "share": rng.beta(2, 5, rows).round(3),
            "balance": (common * 900 + 400 * rng.standard_t(4, rows)).round(2),
            "rating": rng.integers(1, 6, rows),
            "day": pd.Timestamp("2021-01-01") + pd.to_timedelta(rng.integers(0, 900, rows), "D"),
            "city": city,
            "product": np.array([f"item {i}" for i in range(40)])[np.minimum(rng.zipf(1.6, rows), 40) - 1],
            "member": rng.random(rows) < 0.3 + 0.2 * np.tanh(common),
            "plan": np.where(common + noise(0.7) > 0.5, "gold", "basic"),
        }
    )
    for name in ("weight", "rent", "city", "rating", "day"):
        table[name] = table[name].mask(rng.random(rows) < 0.06)
    return table
