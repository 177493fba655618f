"""digits, codec and probe: what new sounds say, how old ones come back, what the latent holds. Part of ``audio.py``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Any

import numpy as np
from audio_classifier import Classifier
from audio_metrics import apart, padded, probed, seconds
from audio_opus import round_trip
from common import Clock
from image_task import Asked, loaded
from sklearn.decomposition import PCA
from task import Task

from vaery.kinds import audio as kind
from vaery.kinds.audio import Sound

RATE = 8000
EACH = 50  # new sounds for each digit
SPEAKERS = ("george", "jackson", "lucas", "nicolas", "theo", "yweweler")
COMPONENTS = 32  # of the PCA that stands for the simple way
CAREFUL = 0.7  # a temperature
USUAL: Mapping[str, Any] = MappingProxyType({})
FLAT: Mapping[str, Any] = MappingProxyType({"levels": 1})


@dataclass(frozen=True)
class Speech:
    """Spoken digits, as they are."""

    train: list[Sound]
    train_digits: np.ndarray
    test: list[Sound]
    test_digits: np.ndarray

    @property
    def rows(self) -> dict[str, Any]:
        """What ours is fitted to."""
        return {"sound": self.train, "digit": self.train_digits.astype(str)}


def speech(asked: Asked, name: str, without: str | None = None) -> Speech:
    """The official parts; or all recordings of five speakers, and those of the sixth."""
    found: Any = loaded(asked.data, name)
    part = (found.split == "test") if without is None else (found.speaker == without)
    return Speech(*_some(found[~part], asked.few(10**6, 200)), *_some(found[part], asked.few(10**6, 60)))


def _some(frame: Any, most: int) -> tuple[list[Sound], np.ndarray]:
    at = np.unique(np.linspace(0, len(frame) - 1, min(most, len(frame))).astype(int))
    frame = frame.iloc[at]
    return [Sound(samples, RATE) for samples in frame.samples], frame.digit.to_numpy().astype(int)


# ------------------------------------------------------------------ new sounds


@dataclass(frozen=True)
class Judged:
    """Speech, and who tells digits."""

    speech: Speech
    judge: Classifier

    def of(self, sounds: list[Sound], digits: np.ndarray) -> float:
        return float((self.judge.digits(sounds) == digits).mean())


def digits(asked: Asked, name: str) -> Task:
    """The share of new sounds, given the digit, in which a classifier of real clips hears that digit."""
    each = asked.few(EACH, 3)
    methods: dict[str, Callable[[Judged, int], dict[str, Any]]] = {
        "vaery": lambda s, seed: spoken(asked, name, s, seed, each),
        "vaery, temperature 0.7": lambda s, seed: spoken(asked, name, s, seed, each, temperature=CAREFUL),
        "vaery, one level": lambda s, seed: spoken(asked, name, s, seed, each, FLAT),
        "a Gaussian for each digit": lambda s, seed: gaussians(s, seed, each),
        "Griffin-Lim of real clips": lambda s, _: {"accuracy": s.of(there_and_back(s.speech), s.speech.test_digits)},
        "real rows": lambda s, _: {"accuracy": s.of(s.speech.test, s.speech.test_digits)},
    }
    judged = lambda seed: _judged(speech(asked, name), seed, asked.few(25, 1))
    return Task("digits", {**asked.config, "data": name, "each": each}, judged, methods, data=asked.name(name),
                ours=frozenset({"vaery", "vaery, temperature 0.7", "vaery, one level"}))  # fmt: skip


def _judged(s: Speech, seed: int, epochs: int) -> Judged:
    return Judged(s, Classifier.fitted(s.train, s.train_digits, seed, epochs))


def spoken(
    asked: Asked, name: str, s: Judged, seed: int, each: int, model: Mapping[str, Any] = USUAL, **options: Any
) -> dict[str, Any]:
    """Ours: sounds given the digit."""
    fitted, took = asked.fit(name, s.speech.rows, seed, **model)
    with Clock() as clock:
        made = [fitted.generate(each, given={"digit": str(k)}, seed=seed, **options)["sound"] for k in range(10)]
    heard = [s.of(part, np.full(each, k)) for k, part in enumerate(made)]
    length = sum(seconds(part) for part in made)
    return {**took, "accuracy": float(np.mean(heard)), "worst": min(heard), "real_time": length / clock.wall}


def there_and_back(s: Speech) -> list[Sound]:
    """What is left of real clips when only loudness is kept: nobody who models that can do better."""
    field = kind.describe(s.train)
    return field.unpack(*field.pack(s.test), like=s.test)


def gaussians(s: Judged, seed: int, each: int) -> dict[str, Any]:
    """The simple way: principal components of padded frames, a Gaussian for those of each digit, lengths among them."""
    field, rng = kind.describe(s.speech.train), np.random.default_rng(seed)
    value, _ = field.pack(s.speech.train)
    flat = value.flatten(1).numpy()
    pca = PCA(COMPONENTS, random_state=0).fit(flat)
    heard = []
    for k in range(10):
        z = pca.transform(flat[s.speech.train_digits == k])
        new = pca.inverse_transform(rng.multivariate_normal(z.mean(0), np.cov(z.T), each))
        made = padded(new.reshape(each, *field.event).astype(np.float32))
        heard.append(s.of(field.unpack(made), np.full(each, k)))
    return {"accuracy": float(np.mean(heard)), "worst": min(heard)}


# ------------------------------------------------------------------ old sounds


def codec(asked: Asked, name: str) -> Task:
    """How far the loudness of test clips is from what comes back, at which rate, and how fast."""
    methods: dict[str, Callable[[Speech, int], dict[str, Any]]] = {
        "vaery": lambda s, seed: coded(asked, name, s, seed),
        "vaery, one level": lambda s, seed: coded(asked, name, s, seed, FLAT),
        "Griffin-Lim of real clips": lambda s, _: {"distance": apart(s.test, there_and_back(s))},
        "Opus 8 kbit/s": lambda s, _: opus(s, 8000),
        "Opus 6 kbit/s": lambda s, _: opus(s, 6000),
    }
    deterministic = frozenset({"Griffin-Lim of real clips", "Opus 8 kbit/s", "Opus 6 kbit/s"})
    return Task("codec", {**asked.config, "data": name}, lambda _: speech(asked, name), methods, once=deterministic,
                data=asked.name(name), ours=frozenset({"vaery", "vaery, one level"}))  # fmt: skip


def coded(asked: Asked, name: str, s: Speech, seed: int, how: Mapping[str, Any] = USUAL) -> dict[str, Any]:
    """Ours: the posterior's mean, and the expected sound; a rate is what all latents tell of a clip, in bits, as
    bits-back coding of them would cost at least."""
    model, took = asked.fit(name, s.rows, seed, **how)
    rows, length = {"sound": s.test}, seconds(s.test)
    model.transform({"sound": s.test[:2]})
    with Clock() as read:
        model.transform(rows)
    with Clock() as both:
        back = model.reconstruct(rows)["sound"]
    found = model.explain(rows)
    told = (found["bits"] + sum(found["own"].values())) * len(s.test) / length
    return {**took, "distance": apart(s.test, back), "bits_per_second": told, "encode_real_time": length / read.wall,
            "decode_real_time": length / max(1e-9, both.wall - read.wall)}  # fmt: skip


def opus(s: Speech, rate: int) -> dict[str, Any]:
    back, bits, encode, decode = round_trip(s.test, RATE, rate)
    length = seconds(s.test)
    return {"distance": apart(s.test, back), "bits_per_second": bits, "encode_real_time": length / encode,
            "decode_real_time": length / decode}  # fmt: skip


# ------------------------------------------------------------------ the latent


def probe(asked: Asked, name: str) -> Task:
    """Logistic regression from the latent to the digit: fitted on five speakers, as the model was, and asked about the
    sixth, which the seed names."""
    methods: dict[str, Callable[[Speech, int], dict[str, Any]]] = {
        "vaery": partial(latent, asked, name, labels=True),
        "vaery, sounds alone": partial(latent, asked, name, labels=False),
        "log-mel PCA": lambda s, _: components(s),
    }
    return Task("probe", {**asked.config, "data": name}, lambda seed: speech(asked, name, SPEAKERS[seed % 6]), methods,
                data=asked.name(name), ours=frozenset({"vaery", "vaery, sounds alone"}))  # fmt: skip


def latent(asked: Asked, name: str, s: Speech, seed: int, labels: bool) -> dict[str, Any]:
    """Ours, fitted on the five speakers alone; digits of the five beside the sounds, or no digits at all."""
    rows = s.rows if labels else {"sound": s.train}
    model, took = asked.fit(f"{name} without {SPEAKERS[seed % 6]} {labels}", rows, seed)
    z = [model.transform({"sound": part}) for part in (s.train, s.test)]
    found = {**took, "accuracy": probed(z[0], s.train_digits, z[1], s.test_digits)}
    if labels:
        told = model.predict({"sound": s.test}, target="digit")
        found["told"] = float((told == s.test_digits.astype(str)).mean())
    return found


def components(s: Speech) -> dict[str, Any]:
    """As many principal components of padded log-mel frames as our latent has units."""
    field = kind.describe(s.train)
    flat = [np.concatenate([field.pack([sound])[0].flatten(1).numpy() for sound in part]) for part in (s.train, s.test)]
    pca = PCA(min(64, len(s.train) - 1), random_state=0).fit(flat[0])
    return {"accuracy": probed(pca.transform(flat[0]), s.train_digits, pca.transform(flat[1]), s.test_digits)}
