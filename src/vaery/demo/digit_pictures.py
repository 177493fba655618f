"""The digits in pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vaery import VAE
from vaery.demo.data import SHADES, Digits, with_halves_hidden
from vaery.demo.digits import new_digits, pixel_bits
from vaery.demo.latent_pictures import mosaic, units
from vaery.demo.settings import Effort
from vaery.report import charts, style
from vaery.report.page import Picture
from vaery.report.sheet import Sheet

NOISE = 3.0  # standard deviation, in shades of grey
UNSURE = 0.03  # a label less likely than this is not mentioned


def draw(model: VAE, rows: Digits, test: Digits, folder: Path, effort: Effort) -> list[Picture]:
    """All pictures of the digits, written to ``folder``."""
    return [
        new(model, rows, folder),
        half_hidden(model, test, folder),
        without_noise(model, test, folder),
        interpolation(model, test, folder),
        strangest(model, test, folder),
        on_a_map(model, rows, test, folder, effort),
        mosaic(model, rows, test, folder, effort),
        units(model, test, folder),
        reconstructions(model, test, folder),
    ]


def new(model: VAE, rows: Digits, folder: Path) -> Picture:
    """New digits of each class, under one real one."""
    count = 6
    made = new_digits(model, count)
    sheet = Sheet(count + 1, 10, left=0.95, top=0.4, row_breaks={1: 0.35}, tile=0.7)
    for label in range(10):
        sheet.column_words(label, str(label), fontsize=style.LARGE, fontweight="bold")
        sheet.image(0, label, rows.images[np.flatnonzero(rows.labels == label)[0]], SHADES)
        sheet.frame(0, label)
        for row in range(count):
            sheet.image(row + 1, label, made.images[made.labels == label][row], SHADES)
            sheet.frame(row + 1, label)
    sheet.row_words(0, "real", color=style.SOFT)
    sheet.row_words(1, "new", color=style.BLUE, fontweight="bold")
    return Picture(
        sheet.save(folder / "digits-new.png"),
        "New digits, drawn on request",
        "Nobody wrote these. Each column was asked for by its label; the top row is a real digit for comparison. "
        "All pictures have 8 × 8 pixels.",
        'model.generate(6, given={"label": 3})',
    )


def half_hidden(model: VAE, test: Digits, folder: Path, draws: int = 6) -> Picture:
    """Halves of digits, completed in several ways."""
    chosen, seen = _ambiguous(model, test, 6)
    filled = model.impute({"image": seen}, draws=draws)
    belief = beliefs(model, seen)
    sheet = Sheet(len(chosen), draws + 2, tile=0.78, top=0.42, right=1.7, column_breaks={1: 0.4, draws + 1: 0.4})
    for i, row in enumerate(chosen):
        sheet.image(i, 0, seen[i], SHADES)
        sheet.veil(i, 0, seen.mask[i])
        sheet.frame(i, 0, style.INK, 1.2)
        for j in range(draws):
            sheet.image(i, j + 1, np.asarray(filled[j]["image"])[i], SHADES)
            sheet.frame(i, j + 1)
        sheet.image(i, draws + 1, test.images[row], SHADES)
        sheet.frame(i, draws + 1, style.INK, 1.2)
        sheet.words_right(i, believed(belief[i]))
    sheet.column_words(0, "seen")
    sheet.words_over(1, draws, "filled in, six times", color=style.BLUE, fontweight="bold")
    sheet.column_words(draws + 1, "truth")
    return Picture(
        sheet.save(folder / "digits-half-hidden.png"),
        "Half a digit, finished in several ways",
        "The model sees only the half that is not hatched. Where that half leaves it open what the digit is, "
        "the answers differ; at the right is how likely the model holds each digit to be.",
        'model.impute({"image": half_hidden}, draws=6)\nmodel.predict_proba({"image": half_hidden}, target="label")',
    )


def _ambiguous(model: VAE, test: Digits, count: int) -> tuple[NDArray[np.int64], Any]:
    """Digits of which one half could well be two digits, the right one among them: one for each of some classes."""
    seen = with_halves_hidden(test.images)
    belief = beliefs(model, seen)
    order = np.argsort(-belief, 1, kind="stable")
    among = (order[:, :2] == test.labels[:, None]).any(1)
    doubt = np.where(among, np.sort(belief, 1)[:, -2], -1.0)
    best = [max(np.flatnonzero(test.labels == label), key=lambda i: doubt[i]) for label in np.unique(test.labels)]
    chosen = np.array(sorted(best, key=lambda i: -doubt[i])[:count])
    return chosen, seen[chosen]


def beliefs(model: VAE, images: Any) -> NDArray[np.float64]:
    """``[N, 10]`` how likely each label is, in the order of the digits."""
    field: Any = model.schema_["label"]
    (column,) = field.columns  # the model keeps labels in an order of its own
    return np.asarray(model.predict_proba({"image": images}, target="label"))[:, np.argsort(column.levels)]


def believed(probabilities: NDArray[np.float64]) -> str:
    """The likeliest labels, with how likely they are.

    >>> believed(np.array([0.01, 0.25, 0.74]))
    '2: 74 %   1: 25 %'
    """
    order = np.argsort(-probabilities, kind="stable")[:2]
    return "   ".join(f"{i}: {probabilities[i]:.0%}".replace("%", " %") for i in order if probabilities[i] > UNSURE)


def without_noise(model: VAE, test: Digits, folder: Path) -> Picture:
    """Noisy digits, and what they were."""
    chosen = [int(np.flatnonzero(test.labels == label)[1]) for label in range(10)]
    rng = np.random.default_rng(0)
    noisy = np.clip(np.rint(test.images + rng.normal(0, NOISE, test.images.shape)), 0, SHADES)
    found = np.asarray(model.denoise({"image": noisy})["image"])
    sheet = Sheet(3, len(chosen), tile=0.78, left=1.25)
    for i, which in enumerate(chosen):
        for row, images in enumerate((noisy, found, test.images)):
            sheet.image(row, i, images[which], SHADES)
            sheet.frame(row, i)
    sheet.row_words(0, "noisy")
    sheet.row_words(1, "noise gone", color=style.BLUE, fontweight="bold")
    sheet.row_words(2, "real")
    found_noise = float(np.median(model.strength_))
    was, left = (float(np.sqrt(np.mean((images - test.images) ** 2))) for images in (noisy, found))
    return Picture(
        sheet.save(folder / "digits-without-noise.png"),
        "Noise, taken off again",
        f"Noise of {NOISE:g} shades of {SHADES:g} was added to held-out digits. The model was told neither how much "
        f"nor the labels; it found {found_noise:.1f}. Pixels were off by {was:.1f} shades, now by {left:.1f}.",
        "model.denoise(noisy)",
    )


def interpolation(model: VAE, test: Digits, folder: Path, steps: int = 9) -> Picture:
    """The way from one digit to another."""
    pairs = [(0, 6), (1, 4), (3, 8), (7, 9), (2, 5)]
    first = lambda label, nth: int(np.flatnonzero(test.labels == label)[nth])
    start = np.array([first(a, 0) for a, _ in pairs])
    end = np.array([first(b, 1) for _, b in pairs])
    way = model.interpolate({"image": test.images[start]}, {"image": test.images[end]}, steps=steps)
    way = np.asarray(way["image"]).reshape(len(pairs), steps, *test.images.shape[1:])
    sheet = Sheet(len(pairs), steps + 2, tile=0.72, gap=0.08, top=0.42, column_breaks={1: 0.35, steps + 1: 0.35})
    for i in range(len(pairs)):
        for column, row in ((0, start[i]), (steps + 1, end[i])):
            sheet.image(i, column, test.images[row], SHADES)
            sheet.frame(i, column, style.INK, 1.2)
        for j in range(steps):
            sheet.image(i, j + 1, way[i, j], SHADES)
            sheet.frame(i, j + 1)
    sheet.column_words(0, "real")
    sheet.words_over(1, steps, "on the way", color=style.BLUE, fontweight="bold")
    sheet.column_words(steps + 1, "real")
    return Picture(
        sheet.save(folder / "digits-interpolation.png"),
        "From one digit to another",
        "Each digit is a point in a space of a few numbers. These strips walk in a straight line from one point "
        "to another; half-way the label changes, too. What is passed on the way still looks like a digit.",
        "model.interpolate(a, b, steps=9)",
    )


def strangest(model: VAE, test: Digits, folder: Path, count: int = 9) -> Picture:
    """The digits that the model finds hardest to believe, and their pixels that are to blame."""
    surprise = -model.score_samples({"image": test.images, "label": test.labels})
    worst = np.argsort(-surprise, kind="stable")[:count]
    bits = pixel_bits(model, test)
    excess = (bits[worst] - bits.mean(0)).clip(min=0.0)
    sheet = Sheet(2, count, tile=0.92, left=1.05, bottom=0.5)
    for i, row in enumerate(worst):
        sheet.image(0, i, test.images[row], SHADES)
        sheet.frame(0, i)
        sheet.image(1, i, excess[i], float(np.quantile(excess, 0.995)), colours=style.heat())
        sheet.frame(1, i)
        sheet.words_below(1, i, f"a {test.labels[row]}\n{surprise[row] / np.log(2):.0f} bits")
    sheet.row_words(0, "digit")
    sheet.row_words(1, "surprise", color=style.RED)
    usual = float(np.median(surprise)) / np.log(2)
    return Picture(
        sheet.save(folder / "digits-strangest.png"),
        "The strangest digits, and why",
        f"Of {len(test)} held-out digits these surprise the model most: the usual is {usual:.0f} bits. "
        "The darker the red, the more a pixel surprises beyond what is usual there.",
        "model.detect(digits)    # bits, oddness, p_value, outlier, reasons",
    )


def on_a_map(model: VAE, rows: Digits, test: Digits, folder: Path, effort: Effort) -> Picture:
    """Every digit as a point, those that are alike close together."""
    from sklearn.manifold import TSNE

    images = np.concatenate([test.images, rows.images])[: effort.mapped]
    labels = np.concatenate([test.labels, rows.labels])[: effort.mapped]
    points = TSNE(init="pca", perplexity=30, random_state=0, max_iter=500).fit_transform(
        model.transform({"image": images})
    )
    figure = charts.scatter(points, labels, [str(i) for i in range(10)])
    return Picture(
        style.save(figure, folder / "digits-map.png"),
        "A map of all digits",
        f"{len(images)} digits, each a dot, placed by what the model sees in the picture alone. "
        "The colour is the label, which it was not shown here.",
        'points = model.transform({"image": images})    # then drawn in two dimensions by t-SNE',
        width=620,
    )


def reconstructions(model: VAE, test: Digits, folder: Path, count: int = 10) -> Picture:
    """Digits, squeezed through the latent and made again."""
    chosen = np.array([np.flatnonzero(test.labels == label)[1] for label in range(10)])[:count]
    again = np.asarray(model.reconstruct({"image": test.images[chosen]})["image"])
    sheet = Sheet(2, count, tile=0.78, left=1.25)
    for i, row in enumerate(chosen):
        sheet.image(0, i, test.images[row], SHADES)
        sheet.frame(0, i)
        sheet.image(1, i, again[i], SHADES)
        sheet.frame(1, i)
    size = model.transform({"image": test.images[:1]}).shape[1]
    sheet.row_words(0, "real")
    sheet.row_words(1, "made again", color=style.BLUE, fontweight="bold")
    return Picture(
        sheet.save(folder / "digits-reconstructed.png"),
        f"64 pixels in {size} numbers",
        f"Held-out digits, told in {size} numbers each and made again from these. "
        "What is typical stays, stray marks are smoothed away.",
        "model.reconstruct(digits)",
    )
