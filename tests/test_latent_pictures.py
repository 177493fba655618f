"""The latent in pictures: what is on them is what it should be, pixel by pixel where that can be told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from sklearn.datasets import load_digits
from typer.testing import CliRunner

from vaery import VAE, load
from vaery.cli.app import app
from vaery.core.errors import ChoiceError, DataError, QueryError
from vaery.evaluation.latent.colours import OTHER, colouring
from vaery.evaluation.latent.map import mosaic, principal, sample
from vaery.evaluation.latent.tiles import tiles
from vaery.evaluation.latent.traversals import spread
from vaery.report import style

DIGITS = load_digits()
IMAGES = DIGITS.images[:300].astype(np.uint8)
RUNNER = CliRunner()


@pytest.fixture(scope="module")
def model() -> VAE:
    objective = {"name": "elbo", "beta": 0.05}
    return VAE(latent=4, objective=objective, steps=200, width=64, random_state=0).fit({"image": IMAGES})


def size(path: Path) -> tuple[int, int]:
    with Image.open(path) as picture:
        assert picture.format == "PNG"
        return picture.size


# ------------------------------------------------------------------ traversals


def test_traversals_show_what_explain_decodes(model: VAE, tmp_path: Path) -> None:
    drawing = model.traversals({"image": IMAGES}, units=3, steps=5, reach=1.5)
    report = model.explain({"image": IMAGES}, steps=5, reach=1.5, most=3)
    assert drawing.about["units"] == report["traversals"]["units"]
    np.testing.assert_array_equal(drawing.about["records"], report["traversals"]["records"]["image"])
    assert drawing.about["bits"] == sorted(drawing.about["bits"], reverse=True)  # those that tell most on top
    np.testing.assert_allclose(drawing.about["offsets"], [-1.5, -0.75, 0, 0.75, 1.5], atol=1e-6)
    pictures = drawing.figure.axes[0].images
    assert len(pictures) == len(drawing.about["units"]) * (5 + 1)
    words = [text.get_text() for text in drawing.figure.axes[0].texts]
    assert {"−1.5", "0", "+1.5", "changes"} <= set(words)
    assert size(drawing.save(tmp_path / "t.png"))[0] > 600
    again = model.traversals({"image": IMAGES}, units=3, steps=5, reach=1.5).save(tmp_path / "again.png")
    assert again.read_bytes() == (tmp_path / "t.png").read_bytes()
    assert drawing._repr_png_()[:4] == b"\x89PNG"


def test_traversals_start_from_a_row(model: VAE) -> None:
    drawing = model.traversals({"image": IMAGES}, units=2, steps=3, around=7)
    report = model.explain({"image": IMAGES}, steps=3, reach=2.0, around=7, most=2)
    np.testing.assert_array_equal(drawing.about["records"], report["traversals"]["records"]["image"])
    everywhere = model.traversals({"image": IMAGES}, units=2, steps=3)
    starts, middles = (d.about["records"].reshape(-1, 3, 64)[:, 1] for d in (drawing, everywhere))
    assert (starts == starts[0]).all()  # every unit's way leads through the same picture
    assert (starts[0] != middles[0]).any()
    assert any("row 7" in text.get_text() for text in drawing.figure.axes[0].texts)


def test_where_it_changes() -> None:
    way = np.zeros((1, 3, 2, 2, 3), dtype=np.uint8)
    way[0, 1, 0, 1] = 90
    way[0, 2, 1, 1] = (30, 60, 90)
    assert spread(way).tolist() == [[[0, 90], [0, 60]]]


def test_what_cannot_be_drawn_is_said(model: VAE) -> None:
    table = VAE(steps=5, random_state=0).fit(np.random.default_rng(0).normal(size=(60, 3)))
    for ask in (table.traversals, table.map):
        with pytest.raises(QueryError, match="holds no images"):
            ask(np.zeros((5, 3)))
    with pytest.raises(QueryError, match="holds no images; those that do: image"):
        model.map({"image": IMAGES}, field="label")
    with pytest.raises(QueryError, match="no such row"):
        model.traversals({"image": IMAGES}, around=300)
    empty = VAE(latent=2, objective={"name": "elbo", "beta": 500.0, "warmup": 0.0}, refine=False, steps=60)
    with pytest.raises(QueryError, match="None of the 2 latent units"):
        empty.fit(IMAGES).traversals(IMAGES)


# ------------------------------------------------------------------ the map


def test_a_map_places_rows_by_their_principal_components(model: VAE, tmp_path: Path) -> None:
    drawing = model.map({"image": IMAGES}, labels=DIGITS.target[:300], across=10, coordinates="pca")
    z = model.transform({"image": IMAGES}).astype(float)
    two = z @ np.linalg.eigh(np.cov(z.T))[1][:, ::-1][:, :2]  # by another road
    where = drawing.about["coordinates"]
    for axis in range(2):
        assert abs(np.corrcoef(where[:, axis], two[:, axis])[0, 1]) > 0.9999
    assert "first principal component" in drawing.about["axes"][0]
    assert size(drawing.save(tmp_path / "m.png"))[0] == round(9 * style.DPI)


def test_given_coordinates_and_the_pictures_that_stand_there(model: VAE) -> None:
    """Nine rows on a grid of three by three, each picture of one shade: the canvas has each where it belongs."""
    shade = np.arange(1, 10)
    images = np.full((9, 8, 8), 16, dtype=np.uint8) * 0 + shade[:, None, None].astype(np.uint8)
    images[:, 0, 0] = 16  # so that all are on one scale of brightness
    x, y = np.meshgrid([0.0, 1.0, 2.0], [0.0, 1.0, 2.0])
    drawing = model.map({"image": images}, coordinates=np.column_stack([x.ravel(), y.ravel()]), across=3)
    assert drawing.about["shown"].tolist() == list(range(9))
    canvas = np.asarray(drawing.figure.axes[0].images[0].get_array())
    pitch = len(canvas) // 3
    middle = canvas[pitch // 2 :: pitch, pitch // 2 :: pitch, 0][:3, :3]
    expected = np.rint(shade * 255 / 16).reshape(3, 3)[::-1]  # up is more
    assert np.abs(middle - expected).max() <= 1


def test_in_each_square_is_the_row_nearest_its_middle() -> None:
    where = np.random.default_rng(0).normal(size=(500, 2))
    cells, side = mosaic(where, 12)
    assert side == pytest.approx(np.ptp(where, axis=0).max() / 12)
    low = where.min(0)
    at = np.minimum(np.floor((where - low) / side), 11).astype(int)
    assert set(cells) == {(int(a), int(b)) for a, b in at}
    for (a, b), row in cells.items():
        here = np.flatnonzero((at == [a, b]).all(1))
        middle = low + (np.array([a, b]) + 0.5) * side
        assert row == here[np.square(where[here] - middle).sum(1).argmin()]
    assert mosaic(np.zeros((5, 2)), 4)[0] == {(0, 0): 0}  # all at one place


def test_principal_components_have_a_fixed_sign_and_take_one_unit_too() -> None:
    z = np.random.default_rng(0).normal(size=(50, 3)) * [3.0, 2.0, 1.0]
    one, other = principal(z)[0], principal(-z)[0]
    np.testing.assert_allclose(one, -other)
    where, words = principal(z[:, :1])
    assert where.shape == (50, 2)
    assert np.ptp(where[:, 1]) == pytest.approx(0)
    assert "100 %" in words[0]


def test_more_rows_than_asked_for_are_sampled(model: VAE) -> None:
    drawing = model.map({"image": IMAGES}, most=40, seed=3, labels=np.arange(300))
    assert len(drawing.about["rows"]) == 40
    assert set(drawing.about["shown"]) <= set(drawing.about["rows"])
    np.testing.assert_array_equal(drawing.about["rows"], sample(300, 40, 3))
    assert not np.array_equal(sample(300, 40, 3), sample(300, 40, 4))


def test_neighbours_stay_together(model: VAE) -> None:
    drawing = model.map({"image": IMAGES[:60]}, across=6)
    assert "t-SNE" in drawing.about["axes"][0]
    assert drawing.about["coordinates"].shape == (60, 2)


def test_a_field_that_colours_does_not_place(model: VAE) -> None:
    both = VAE(latent=2, steps=20, random_state=0).fit({"image": IMAGES, "label": DIGITS.target[:300].astype(str)})
    rows = {"image": IMAGES, "label": DIGITS.target[:300].astype(str)}
    coloured, plain = both.map(rows, labels="label"), both.map({"image": IMAGES})
    np.testing.assert_array_equal(coloured.about["coordinates"], plain.about["coordinates"])
    assert not np.array_equal(both.map(rows).about["coordinates"], plain.about["coordinates"])
    assert [text.get_text() for text in coloured.figure.texts].count("7") == 1  # the legend


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"labels": [1, 2]}, DataError, r"labels= must be \[300\]"),
        ({"labels": "kind"}, ChoiceError, "no field of labels is called 'kind'; there is: image"),
        ({"coordinates": "umap"}, ChoiceError, "'umap'; there is: pca, tsne"),
        ({"coordinates": np.zeros((300, 3))}, DataError, r"coordinates= must be \[300, 2\]"),
        ({"coordinates": np.full((300, 2), np.nan)}, DataError, "row 0 are not finite"),
        ({"across": 1}, QueryError, "at least 2 pictures wide"),
    ],
)
def test_what_a_map_cannot_be_made_of(model: VAE, options: dict[str, Any], error: type, words: str) -> None:
    with pytest.raises(error, match=words):
        model.map({"image": IMAGES}, **options)
    with pytest.raises(QueryError, match="at least 3"):
        model.map({"image": IMAGES[:2]})


# ------------------------------------------------------------------ tiles and colours


@pytest.mark.parametrize("shape", [(3, 8, 8), (3, 8, 6), (3, 5, 9, 1), (3, 8, 8, 3), (3, 8, 8, 4)])
def test_tiles_of_any_layout(shape: tuple[int, ...]) -> None:
    images = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    (made,) = tiles(images)
    side = max(shape[1:3])
    assert made.shape == (3, side, side, 3)
    assert made.dtype == np.uint8


def test_tiles_share_one_scale_and_hidden_pixels_are_seen() -> None:
    dark, bright = np.full((1, 8, 8), 20, np.uint8), np.full((1, 8, 8), 200, np.uint8)
    first, second = tiles(dark, bright)
    assert (int(first[0, 0, 0, 0]), int(second[0, 0, 0, 0])) == (20, 200)
    assert int(tiles(dark, bright, invert=True)[0][0, 0, 0, 0]) == 235
    hidden = np.ma.masked_array(dark, np.ones_like(dark, dtype=bool))
    assert len(set(tiles(hidden, bright)[0][0, 0, 0].tolist())) == 3  # a colour, and no grey


def colours_of(labels: NDArray[Any]) -> list[tuple[int, ...]]:
    return [tuple(int(c) for c in row) for row in colouring(labels).rgb]


def test_colours() -> None:
    few = colours_of(np.array([10, 2, 10]))
    assert few[0] == few[2] != few[1]
    assert [name for name, _ in colouring(np.array([10, 2, 10])).names] == ["2", "10"]  # as numbers, not as texts
    many = np.array([f"n{i}" for i in range(30) for _ in range(30 - i)])
    found = colouring(many)
    assert [name for name, _ in found.names] == [*(f"n{i}" for i in range(9)), OTHER]
    assert colours_of(many)[-1] == (213, 219, 226)
    shades = colouring(np.linspace(-1, 1, 50))
    assert shades.ends == (-1.0, 1.0)
    assert len({tuple(row) for row in shades.rgb.tolist()}) > 40


# ------------------------------------------------------------------ the command line


def test_commands(model: VAE, tmp_path: Path) -> None:
    model.save(tmp_path / "m.vaery")
    np.save(tmp_path / "rows.npy", IMAGES)
    file, rows = str(tmp_path / "m.vaery"), str(tmp_path / "rows.npy")
    out = tmp_path / "t.png"
    ran = RUNNER.invoke(app, ["traversals", file, rows, "-o", str(out), "--units", "2", "--steps", "3", "--json"])
    assert ran.exit_code == 0, ran.stderr
    said = json.loads(ran.stdout)
    assert said["command"] == "traversals"
    assert len(said["units"]) == 2
    direct = load(file).traversals(rows, units=2, steps=3)
    assert out.read_bytes() == direct.save(tmp_path / "direct.png").read_bytes()
    ran = RUNNER.invoke(app, ["map", file, rows, "-o", str(tmp_path / "map.png"), "--across", "8"])
    assert ran.exit_code == 0, ran.stderr
    assert size(tmp_path / "map.png")[0] == round(9 * style.DPI)
    assert RUNNER.invoke(app, ["map", file, rows, "-o", str(out)]).exit_code == 1  # it is there already
    assert RUNNER.invoke(app, ["map", file, rows, "-o", str(tmp_path / "m.jpg")]).exit_code == 2
    assert RUNNER.invoke(app, ["map", file, rows, "-o", str(tmp_path / "n.png"), "--labels", "x"]).exit_code == 1
    assert not (tmp_path / "n.png").exists()
