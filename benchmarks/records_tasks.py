"""pairs and rating: what one kind of a record tells of another. Part of ``records.py``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from common import Clock, data
from image_task import Asked
from sklearn.metrics import roc_auc_score
from task import Task

RATE, BANDS, FRAMES, WINDOW = 8000, 32, 32, 256  # of the pictures that sounds are seen as
PAIRINGS = 5  # pictures that each training sound is paired with, one after the other
# Cells told by the latent alone: a step is quick, and the latent has to tell all that fields share.
QUICK_TO_LEARN = {"likelihood": {"image": "bernoulli", "sound": "normal"}, "batch": 64}


# ------------------------------------------------------------------ digits seen and heard


@dataclass(frozen=True)
class Pairs:
    """Pictures and sounds of the same digits."""

    train: dict[str, np.ndarray]
    train_digit: np.ndarray
    test: dict[str, np.ndarray]
    digit: np.ndarray

    def swapped(self, seed: int) -> dict[str, np.ndarray]:
        """Test rows, each with the sound of another digit."""
        rng = np.random.default_rng(4000 + seed)
        other = [rng.choice(np.flatnonzero(self.digit != digit)) for digit in self.digit]
        return {"image": self.test["image"], "sound": self.test["sound"][other]}


def pairs(asked: Asked, name: str) -> Task:
    """Cross coherence: how often what is drawn of one kind, given the other, is the same digit, by classifiers taught
    on real pictures and sounds; and how well rows with the sound of another digit are told from true ones."""
    methods = {"vaery": lambda s, seed: ours(asked, s, seed), "chance": lambda s, seed: chance(s, seed)}
    config = {**asked.config, "data": name, "pairings": PAIRINGS, "bands": BANDS, "frames": FRAMES, **QUICK_TO_LEARN}
    return Task("pairs", config, lambda seed: setting(asked, seed), methods, data=asked.name(name))


def setting(asked: Asked, seed: int) -> Pairs:
    """The official parts. A training sound is paired anew with pictures of its digit; test pairs are the loader's."""
    load = data(asked.data)
    parts = [load.mnist_with_speech(seed=seed + i) for i in range(asked.few(PAIRINGS, 1))]
    sounds = pictured(parts[0]["audio"])
    train = {"image": np.concatenate([part["image"] for part in parts]), "sound": np.concatenate([sounds] * len(parts))}
    test = load.mnist_with_speech(split="test")
    return Pairs(train, np.concatenate([part["digit"] for part in parts]),
                 {"image": test["image"], "sound": pictured(test["audio"])}, test["digit"])  # fmt: skip


def pictured(clips: list[np.ndarray]) -> np.ndarray:
    """Sounds as pictures ``[N, bands, frames]`` of bytes: logarithms of how loud each mel band is, 60 dB from black to
    white, the clip's whole length stretched to so many frames."""
    return np.stack([_picture(np.asarray(clip, float)) for clip in clips])


def _picture(clip: np.ndarray) -> np.ndarray:
    clip = np.pad(clip, (0, max(0, WINDOW - len(clip))))
    starts = np.linspace(0, len(clip) - WINDOW, FRAMES).astype(int)
    frames = np.stack([clip[start : start + WINDOW] for start in starts]) * np.hanning(WINDOW)
    power = np.abs(np.fft.rfft(frames)) ** 2 @ mel().T
    decibels = 10 * np.log10(power / power.max() + 1e-12)
    return np.rint(np.clip(decibels / 60 + 1, 0, 1) * 255).astype(np.uint8).T[::-1].copy()


def mel() -> np.ndarray:
    """``[bands, bins]`` triangles, evenly spread on the mel scale (O'Shaughnessy, 1987)."""
    top = 2595 * np.log10(1 + RATE / 2 / 700)
    edges = 700 * (10 ** (np.linspace(0, top, BANDS + 2) / 2595) - 1)
    bins = np.fft.rfftfreq(WINDOW, 1 / RATE)
    low, middle, high = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    return np.clip(np.minimum((bins - low) / (middle - low), (high - bins) / (high - middle)), 0, None)


def judges(s: Pairs, seed: int) -> dict[str, Any]:
    """A classifier for each kind, taught on the real training rows."""
    from sklearn.neural_network import MLPClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    made = {}
    for name, x in s.train.items():
        net = MLPClassifier((256,), early_stopping=True, max_iter=60, random_state=seed)
        made[name] = make_pipeline(StandardScaler(), net).fit(flat(x), s.train_digit)
    return made


def flat(x: Any) -> np.ndarray:
    return np.asarray(x, float).reshape(len(x), -1)


def ours(asked: Asked, s: Pairs, seed: int) -> dict[str, Any]:
    model, took = asked.fit("pairs", s.train, seed, **QUICK_TO_LEARN)
    judge = judges(s, seed)
    found: dict[str, Any] = {f"judge_{n}": judge[n].score(flat(s.test[n]), s.digit) for n in judge}
    with Clock() as clock:
        for given, asked_for in (("image", "sound"), ("sound", "image")):
            drawn = model.impute({given: s.test[given]}, draws=1, seed=seed)[0][asked_for]
            found[f"{asked_for}_given_{given}"] = float((judge[asked_for].predict(flat(drawn)) == s.digit).mean())
        new = model.generate(len(s.digit), seed=seed)
        heard, seen = (judge[n].predict(flat(new[n])) for n in ("sound", "image"))
        found["together"] = float((heard == seen).mean())
    with Clock() as looking:
        for what, by in (("auroc", "fields"), ("auroc_by_row", "row")):
            looked = (model.detect(rows, by=by, reasons=0) for rows in (s.swapped(seed), s.test))
            odd = np.concatenate([np.asarray(told["oddness"]) for told in looked])
            found[what] = float(roc_auc_score(np.repeat([1, 0], len(s.digit)), odd))
    return {**took, **found, "draw_seconds": clock.wall, "detect_seconds": looking.wall}


def chance(s: Pairs, seed: int) -> dict[str, Any]:
    """Rows of another pair, at random."""
    other = np.random.default_rng(seed).permutation(len(s.digit))
    agree = float((s.digit[other] == s.digit).mean())
    return {"sound_given_image": agree, "image_given_sound": agree, "together": agree, "auroc": 0.5}


# ------------------------------------------------------------------ reviews and their ratings


def rating(asked: Asked, name: str) -> Task:
    """The rating of a review from all else, and from some of it: the share of test rows that is told right."""
    methods = {
        "vaery": lambda s, seed: rated(asked, s, seed),
        "logistic regression": lambda s, _: regression(s),
        "most frequent": lambda s, _: {"accuracy": float((s["test"].rating == s["train"].rating.mode()[0]).mean())},
    }
    config = {**asked.config, "data": name}
    return Task("rating", config, lambda _: reviews(asked), methods, data=asked.name(name))


def reviews(asked: Asked) -> dict[str, Any]:
    """The official parts; what is chosen by is left to each method. Title and review are one text."""
    table = data(asked.data).clothing_reviews()
    text = (
        (table.title.fillna("") + ". " + table.review.fillna("")).str.strip(". ").str.replace(r"\s+", " ", regex=True)
    )
    table = table.drop(columns=["title"]).assign(review=text.where(text.str.len() > 0, None))
    table = table.assign(clothing_id=table.clothing_id.astype(str))
    parts = {p: table[table.split.isin(names)].drop(columns="split").reset_index(drop=True)
             for p, names in (("train", ("train", "valid")), ("test", ("test",)))}  # fmt: skip
    return {p: part.head(400) for p, part in parts.items()} if asked.quick else parts


LEFT_OUT = {"accuracy": [], "no_text": ["review"], "no_table": ["recommended", "age", "positive_feedback", "division",
            "department", "class_name", "clothing_id"], "no_recommended": ["recommended"]}  # fmt: skip


def rated(asked: Asked, s: dict[str, Any], seed: int) -> dict[str, Any]:
    model, took = asked.fit("reviews", s["train"], seed, kind={"review": "text"}, columns={"rating": "categorical"})
    found = {}
    with Clock() as clock:
        for name, gone in LEFT_OUT.items():
            rows = s["test"].drop(columns=["rating"]).assign(**dict.fromkeys(gone))
            found[name] = float(
                (np.asarray(model.predict(rows, target="rating")) == s["test"].rating.to_numpy()).mean()
            )
    return {**took, **found, "predict_seconds": clock.wall}


def regression(s: dict[str, Any]) -> dict[str, Any]:
    """TF-IDF of words and pairs of words beside one-hot columns and numbers; how strongly it is held back is chosen on
    the training rows. Taught anew for each set of columns that is left out."""
    from sklearn.compose import ColumnTransformer
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GridSearchCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    found = {}
    for name, gone in LEFT_OUT.items():
        numbers = [c for c in ("age", "positive_feedback") if c not in gone]
        names = [c for c in ("recommended", "division", "department", "class_name", "clothing_id") if c not in gone]
        parts: list[Any] = [
            ("numbers", StandardScaler(), numbers),
            ("names", OneHotEncoder(handle_unknown="ignore"), names),
        ]
        if "review" not in gone:
            parts.append(("text", TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True), "review"))
        line = make_pipeline(ColumnTransformer(parts), LogisticRegression(max_iter=2000))
        model = GridSearchCV(line, {"logisticregression__C": [0.1, 1, 10, 100]}, cv=4)
        x, y = (part.assign(review=part.review.fillna("")).fillna("?") for part in (s["train"], s["test"]))
        model.fit(x, x.rating)
        found[name] = float((model.predict(y) == y.rating.to_numpy()).mean())
    return found
