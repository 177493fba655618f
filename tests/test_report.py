"""Pictures, comparisons and pages."""

import base64
import csv
import io
import re
import subprocess
import sys
from html.parser import HTMLParser

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from PIL import Image

from vaery.core.errors import MissingExtra
from vaery.report import charts, comparison, page, style
from vaery.report.comparison import Comparison
from vaery.report.sheet import Sheet, offsets, rectangles

LINES = [
    Comparison("digits", "fill <in>", "error", "low", 1.234, (("mean", 3.0), ("kNN", 1.5)), digits=2),
    Comparison("digits", "read", "accuracy", "high", 0.91, (("logistic regression", 0.97),), note="a & b"),
    Comparison("table", "find", "AUROC", "high", 0.9501, (("PCA", 0.9499),), digits=2),
]


class Tags(HTMLParser):
    """Every tag with its attributes, and whether tags are closed in the order they were opened."""

    VOID = ("meta", "img", "br")

    def __init__(self, text):
        super().__init__()
        self.seen, self.open = [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.seen.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


# ------------------------------------------------------------------ sheets


@given(
    st.integers(0, 12),
    st.floats(0, 1),
    st.dictionaries(st.integers(0, 11), st.floats(0, 2), max_size=3),
)
def test_tiles_lie_as_far_apart_as_asked(count, gap, breaks):
    at = offsets(count, gap, breaks)
    assert len(at) == count + 1
    for i in range(1, count):
        assert at[i] - at[i - 1] - 1 == pytest.approx(gap + breaks.get(i, 0.0))
    if count:
        assert at[-1] == at[-2] + 1


@given(arrays(bool, array_shapes(min_dims=2, max_dims=2, max_side=9)))
def test_rectangles_cover_a_mask_once(mask):
    covered = np.zeros(mask.shape, dtype=int)
    for top, left, bottom, right in rectangles(mask):
        covered[top:bottom, left:right] += 1
    assert np.array_equal(covered, mask.astype(int))


def test_half_a_picture_is_one_rectangle():
    mask = np.zeros((8, 8), dtype=bool)
    mask[:, 4:] = True
    assert rectangles(mask) == [(0, 4, 8, 8)]


def sheet(shade):
    made = Sheet(2, 3, tile=0.5, left=0.5)
    made.image(0, 0, np.full((4, 4), shade), 16)
    made.veil(0, 1, np.eye(4, dtype=bool))
    made.frame(1, 2)
    made.row_words(0, "real")
    made.column_words(0, "3")
    made.words_over(0, 2, "all")
    made.words_right(1, "9")
    made.words_below(1, 0, "a 3")
    return made


def test_a_sheet_has_the_size_and_the_shades_asked_for(tmp_path):
    for shade, grey in ((0, 255), (16, 0x16)):
        path = sheet(shade).save(tmp_path / "sheet.png")
        with Image.open(path) as picture:
            wide, high = (round(inches * style.DPI) for inches in (0.5 + 3.2 * 0.5 + 0.1, 0.1 + 2.1 * 0.5 + 0.1))
            assert picture.size == (wide, high)
            middle = picture.convert("RGB").getpixel((round(0.75 * style.DPI), round(0.35 * style.DPI)))
            assert middle[0] == grey


def test_the_same_picture_is_the_same_bytes(tmp_path):
    one, two, other = (sheet(s).save(tmp_path / f"{i}.png").read_bytes() for i, s in enumerate((3, 3, 12)))
    assert one == two
    assert one != other


# ------------------------------------------------------------------ charts


def test_medoids_are_members_of_their_group():
    rng = np.random.default_rng(0)
    points, groups = rng.normal(size=(50, 2)), rng.integers(0, 4, 50)
    found = charts.medoids(points, groups, 5)
    assert groups[found[:4]].tolist() == [0, 1, 2, 3]
    assert found[4] == -1


def test_a_map_writes_every_group_but_empty_ones(tmp_path):
    figure = charts.scatter([[0, 0], [1, 1], [5, 5]], [0, 0, 2], ["a", "b", "c"])
    assert [text.get_text() for text in figure.axes[0].texts] == ["a", "c"]
    assert style.save(figure, tmp_path / "map.png").stat().st_size > 1000


def test_histograms_share_their_bins_and_count_everything():
    axes = style.figure(3, 2).add_axes((0, 0, 1, 1))
    charts.histograms(axes, [[0.0, 1.0, 2.0], [10.0]], ["a", "b"], [style.BLUE, style.RED], bins=5)
    heights = [bar.get_height() for bar in axes.patches]
    assert len(heights) == 10
    assert sum(heights) == 4
    assert heights[9] == 1


def test_a_matrix_names_rows_and_columns():
    axes = style.figure(3, 2).add_axes((0.2, 0.1, 0.7, 0.6))
    charts.matrix(axes, [[0.0, 1.0, 4.0], [2.0, 2.0, 2.0]], ["x", "y"], ["a", "b", "c"])
    assert [t.get_text() for t in axes.get_xticklabels()] == ["a", "b", "c"]
    assert [t.get_text() for t in axes.get_yticklabels()] == ["x", "y"]
    assert axes.images[0].get_clim() == (0, 4)


@given(st.floats(1e-6, 1e7))
def test_numbers_are_short_and_near(value):
    shown = charts.number(value)
    assert "e" not in shown
    assert float(shown) == pytest.approx(value, rel=0.006)


def test_colours_stand_out_from_white_and_from_one_another():
    colours = np.array([[int(c[i : i + 2], 16) for i in (1, 3, 5)] for c in style.COLOURS])
    apart = np.abs(colours[:, None] - colours[None]).sum(-1)
    assert apart[~np.eye(10, dtype=bool)].min() > 60
    assert (765 - colours.sum(1)).min() > 120


def test_matplotlib_is_asked_for_late_and_left_as_it_was():
    code = """
import sys
import vaery.report.charts, vaery.report.sheet, vaery.report.page, vaery.report.comparison, vaery.demo
assert "matplotlib" not in sys.modules, "import"
import matplotlib
before = dict(matplotlib.rcParams)
vaery.report.charts.scatter([[0, 0]], [0], ["a"])
assert "matplotlib.pyplot" not in sys.modules, "pyplot"
assert dict(matplotlib.rcParams) == before, "settings"
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_without_matplotlib_the_line_that_installs_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MissingExtra, match=re.escape("pip install 'vaery[plots]'")):
        style.figure(1, 1)


# ------------------------------------------------------------------ comparisons


def test_who_won():
    assert [line.winner for line in LINES] == ["vaery", "logistic regression", "tie"]
    assert LINES[0].best_other == ("kNN", 1.5)
    assert comparison.tally(LINES) == "vaery won 1 of 3 and tied 1."


@given(st.floats(-5, 5), st.lists(st.floats(-5, 5), min_size=1, max_size=4), st.sampled_from(["low", "high"]))
def test_nobody_beats_the_winner(ours, others, best):
    line = Comparison("d", "j", "m", best, ours, tuple((f"m{i}", v) for i, v in enumerate(others)))
    values = dict(line.others) | {"vaery": ours, "tie": ours}
    top = max([ours, *others]) if best == "high" else min([ours, *others])
    assert values[line.winner] == pytest.approx(top, abs=1.1e-3)


def test_csv_has_every_number_in_full():
    rows = list(csv.DictReader(io.StringIO(comparison.as_csv(LINES))))
    assert len(rows) == sum(1 + len(line.others) for line in LINES)
    assert float(rows[0]["value"]) == LINES[0].ours
    assert [row["method"] for row in rows if row["won"] == "1"] == ["vaery", "logistic regression"]


def test_markdown_marks_the_winner_and_says_the_notes():
    text = comparison.as_markdown(LINES)
    table = [line for line in text.splitlines() if line.startswith("|")]
    assert {line.count("|") for line in table} == {len(comparison.HEAD) + 1}
    assert "**1.23**" in table[2]
    assert "logistic regression **0.970**" in table[3]
    assert "**" not in table[4]
    assert "- read (digits): a & b" in text


def test_the_terminal_shows_each_line_once():
    text = comparison.as_text(LINES)
    assert len(text.splitlines()) == 1 + 2 + len(LINES) + 2
    assert text.count("digits") == text.count("table") == 1
    assert re.search(r"fill <in> +1.23 +1.50 kNN +low +vaery$", text, re.MULTILINE)


def test_html_is_escaped_closed_and_marks_one_winner_a_line():
    text = comparison.as_html(LINES)
    tags = Tags(text)
    assert not tags.open
    assert "fill &lt;in&gt;" in text
    assert [a["class"] for t, a in tags.seen if t == "span"].count("method won") == 2
    assert sum(t == "tr" for t, _ in tags.seen) == 1 + len(LINES) + 2


# ------------------------------------------------------------------ pages


def test_a_page_holds_its_pictures_and_needs_nothing_else(tmp_path):
    path = sheet(5).save(tmp_path / "a.png")
    shown = page.Picture(path, "new <digits>", "words", code='model.generate(given={"label": 3})')
    text = page.page("title & more", [page.section("h", "p", page.code("a < b"), shown.html())])
    tags = Tags(text)
    assert not tags.open
    (image,) = [a for t, a in tags.seen if t == "img"]
    assert base64.b64decode(image["src"].removeprefix("data:image/png;base64,")) == path.read_bytes()
    assert image["alt"] == "new <digits>"
    assert not re.search(r"https?:|url\(|@import|<script|<link", text)
    assert "a &lt; b" in text
