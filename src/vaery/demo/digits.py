"""The digits: one model of pictures and labels, and each job on held-out digits beside simple methods."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from vaery import VAE
from vaery.demo import baselines
from vaery.demo.data import Digits, with_halves_hidden, with_oddities
from vaery.demo.settings import DIGITS, SAME, Effort, call
from vaery.report.comparison import Comparison

NAME = "handwritten digits"
FIT = f"""from sklearn.datasets import load_digits
from vaery import VAE

digits = load_digits()
{call(DIGITS)}
model.fit({{"image": digits.images, "label": digits.target}})"""


def fit(rows: Digits, effort: Effort) -> VAE:
    """One model of both fields, the picture and its label."""
    model = VAE(**DIGITS, **SAME, steps=effort.digit_steps)
    return model.fit({"image": rows.images, "label": rows.labels}, verbose=True)


def compare(model: VAE, rows: Digits, test: Digits, effort: Effort) -> list[Comparison]:
    """Each job on held-out digits, beside simple methods."""
    return [
        fill_halves(model, rows, test),
        make_again(model, rows, test),
        read_labels(model, rows, test),
        embed(model, rows, test),
        *draw_new(model, rows, test, effort),
        find_odd(model, rows, test),
    ]


def fill_halves(model: VAE, rows: Digits, test: Digits) -> Comparison:
    """Root mean squared error of hidden halves."""
    seen = with_halves_hidden(test.images)
    gaps = np.where(seen.mask, np.nan, seen.data).reshape(len(test), -1).astype(np.float64)
    hidden, truth = np.isnan(gaps), test.flat

    def error(filled: Any) -> float:
        return baselines.rmse(np.asarray(filled).reshape(len(test), -1)[hidden], truth[hidden])

    return Comparison(
        NAME, "fill in the hidden half", "error of hidden pixels, 0 to 16", "low",
        error(model.impute({"image": seen})["image"]),
        (
            ("mean image", error(baselines.fill_with_mean(rows.flat, gaps))),
            ("PCA", error(baselines.fill_linearly(rows.flat, gaps, components=40))),
            ("kNN", error(baselines.fill_from_neighbours(rows.flat, gaps, k=10))),
        ),
        digits=2,
    )  # fmt: skip


def make_again(model: VAE, rows: Digits, test: Digits) -> Comparison:
    """Root mean squared error of reconstructions."""
    again = np.asarray(model.reconstruct({"image": test.images})["image"], dtype=np.float64).reshape(len(test), -1)
    size = model.transform({"image": test.images[:1]}).shape[1]
    linear = baselines.compress_linearly(rows.flat, test.flat, size)[2]
    return Comparison(
        NAME, "reconstruct", f"error of pixels, 0 to 16, from {size} numbers", "low",
        baselines.rmse(again, test.flat),
        (("mean image", baselines.rmse(np.broadcast_to(rows.flat.mean(0), again.shape), test.flat)),
         (f"PCA with {size}", baselines.rmse(linear, test.flat))),
        digits=2,
        note="PCA is the best linear method for just this; our latent also has to be a place to draw new digits from.",
    )  # fmt: skip


def read_labels(model: VAE, rows: Digits, test: Digits) -> Comparison:
    """Accuracy of labels that were hidden."""
    guess = model.predict({"image": test.images}, target="label")
    linear = baselines.logistic_regression(rows.flat, rows.labels)
    return Comparison(
        NAME, "read the label", "accuracy", "high",
        float(np.mean(guess == test.labels)),
        (("logistic regression", float(linear.score(test.flat, test.labels))),
         ("kNN", baselines.accuracy_of_neighbours(rows.flat, rows.labels, test.flat, test.labels, k=3))),
    )  # fmt: skip


def embed(model: VAE, rows: Digits, test: Digits) -> Comparison:
    """Accuracy of the ten nearest neighbours in the latent."""
    here, there = model.transform({"image": rows.images}), model.transform({"image": test.images})
    size = here.shape[1]
    scores, others, _ = baselines.compress_linearly(rows.flat, test.flat, size)
    return Comparison(
        NAME, "embed", f"accuracy of 10 nearest neighbours among {size} numbers", "high",
        baselines.accuracy_of_neighbours(here, rows.labels, there, test.labels),
        ((f"PCA with {size}", baselines.accuracy_of_neighbours(scores, rows.labels, others, test.labels)),),
        note="Ours met the labels of the rows it was fitted to; PCA looks at pictures only.",
    )  # fmt: skip


def new_digits(model: VAE, each: int) -> Digits:
    """``each`` new digits of every class."""
    made = [model.generate(each, given={"label": label}, seed=label)["image"] for label in range(10)]
    return Digits(np.concatenate(made), np.repeat(np.arange(10), each))


def draw_new(model: VAE, rows: Digits, test: Digits, effort: Effort) -> list[Comparison]:
    """Whether new digits are what was asked for, look like real ones, and teach what real ones teach."""
    rng = np.random.default_rng(0)
    made = new_digits(model, effort.each)
    loose = [baselines.independent_columns(rows.flat[rows.labels == d], effort.each, rng) for d in range(10)]
    noise, name = Digits(np.concatenate(loose).reshape(made.images.shape), made.labels), "independent pixels"
    judge = baselines.logistic_regression(rows.flat, rows.labels)
    some = rng.permutation(len(made))[: len(test)]

    def taught_by(digits: Digits) -> float:
        return baselines.accuracy_of_neighbours(digits.flat, digits.labels, test.flat, test.labels, k=3)

    return [
        Comparison(
            NAME, "draw a digit that was asked for", "share that a classifier of real digits reads as asked", "high",
            float(judge.score(made.flat, made.labels)), ((name, float(judge.score(noise.flat, made.labels))),),
            note="Independent pixels add up to the right class for a linear classifier, but do not look like it.",
        ),
        Comparison(
            NAME, "draw digits like real ones", "how well boosted trees tell them apart, 0.5 is not at all", "low",
            baselines.told_apart(test.flat, made[some].flat),
            ((name, baselines.told_apart(test.flat, noise[some].flat)),),
        ),
        Comparison(
            NAME, "teach with drawn digits", "accuracy on real digits of kNN that knows only drawn ones", "high",
            taught_by(made), ((name, taught_by(noise)),),
            note=f"Taught by the real digits it has {taught_by(rows):.3f}.",
        ),
    ]  # fmt: skip


def find_odd(model: VAE, rows: Digits, test: Digits) -> Comparison:
    """How well odd digits rank above ordinary ones."""
    from sklearn.metrics import roc_auc_score

    mixed, odd = with_oddities(test, np.random.default_rng(0))
    oddness = model.detect({"image": mixed.images}, reasons=0)["oddness"]
    return Comparison(
        NAME, "find the odd ones", f"AUROC for {int(odd.sum())} digits turned or glued from two", "high",
        float(roc_auc_score(odd, oddness)),
        (("PCA error", float(roc_auc_score(odd, baselines.linear_error(rows.flat, mixed.flat, components=30)))),
         ("kNN distance", float(roc_auc_score(odd, baselines.distance_to_neighbours(rows.flat, mixed.flat))))),
    )  # fmt: skip


def pixel_bits(model: VAE, rows: Digits) -> NDArray[np.float64]:
    """``[N, 8, 8]`` bits of surprise in each pixel, of digits with their labels."""
    from vaery.core.random import Random
    from vaery.surprise import shares

    evidence = model.schema_.pack({"image": rows.images, "label": rows.labels})
    found = shares(model.joint_, evidence, rng=Random(0, model.joint_.device, share_rows=True))
    return found.cells["image"].cpu().numpy().astype(np.float64).reshape(rows.images.shape)
