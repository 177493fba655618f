"""The pages are true: their code runs, their commands exist, their links lead somewhere, and nothing is left out.

Python blocks of a page run one after the other in one namespace, ``vaery`` lines of ``sh`` blocks in a folder with the
files they speak of. Fits are cut down to a few steps. ``docs/extending.md`` is different: its files are installed as a
package, with its entry points, and used from a Python of their own.
"""

from __future__ import annotations

import ast
import inspect
import re
import runpy
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_digits
from typer.testing import CliRunner

import vaery
from vaery.cli.app import app
from vaery.core.members import FAMILIES, members
from vaery.kinds import audio, music

ROOT = Path(__file__).parent.parent
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
STEPS = 12  # of every fit on a page, however long the page says
MADE_LATER: tuple[str, ...] = ()


class Block(NamedTuple):
    """A fenced block of a page."""

    language: str
    text: str
    line: int


def blocks(page: Path) -> list[Block]:
    """All fenced blocks of a page, in order."""
    text = page.read_text(encoding="utf-8")
    found = re.finditer(r"^```(\w*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return [Block(m[1], m[2], text[: m.start()].count("\n") + 2) for m in found]


def commands(block: Block) -> Iterator[list[str]]:
    """The ``vaery`` lines of a block, as words."""
    if block.language == "sh":
        for line in block.text.replace("\\\n", " ").splitlines():
            words = shlex.split(line, comments=True)
            if words and words[0] == "vaery":
                yield words[1:]


name_of = lambda path: path.relative_to(ROOT).as_posix()
each_page = pytest.mark.parametrize("page", PAGES, ids=name_of)


@pytest.fixture
def quick(monkeypatch):
    """Fits of a few steps, whatever was asked for."""
    import vaery.fit

    whole = vaery.fit.make_plan
    few = lambda *args: replace(whole(*args), steps=STEPS, seconds=None, evaluations=2)
    monkeypatch.setattr(vaery.fit, "make_plan", few)


@pytest.fixture
def desk(tmp_path, monkeypatch, quick):
    """A folder to work in, with the tables, the pictures, the music and the texts that the pages speak of."""
    monkeypatch.chdir(tmp_path)
    music.write([scale(i) for i in range(20)], "tunes")
    music.write([scale(0)], "start.mid")
    audio.write({"sound": beeps(24), "label": ["up", "down"] * 12}, "words")
    people(240).to_csv("adult.csv", index=False)
    people(120, seed=1).to_csv("held_out.csv", index=False)
    molecules = [f"{'C' * n}C({end})=O" for n in range(12) for end in "NOC"]
    pd.DataFrame({"smiles": molecules, "logP": np.arange(36) / 9}).to_csv("molecules.csv", index=False)
    images = load_digits().images.astype(np.uint8)
    np.save("digits.npy", images)
    np.save("small.npy", images[:20, ::2, ::2, None])
    food = [f"The {what} was {how}." for what in ("food", "soup", "tea") for how in ("good", "cold", "late", "fine")]
    Path("reviews.txt").write_text("\n".join(food * 3 + ["Never again!"] * 4) + "\n", encoding="utf-8")
    return tmp_path


def scale(start: int) -> music.Piece:
    """Notes that go up by a semitone in each eighth."""
    roll = np.zeros((16, 1, 128), np.uint8)
    roll[range(16), 0, range(60 + start % 5, 76 + start % 5)] = 1
    return music.Piece(roll, grid=2)


def beeps(count: int) -> list[audio.Sound]:
    """Short sines, each of its own pitch."""
    t = np.arange(1600) / 8000
    return audio.sounds([0.3 * np.sin(2 * np.pi * (400 + 20 * i) * t) for i in range(count)], rate=8000)


def people(rows: int, seed: int = 0) -> pd.DataFrame:
    """Invented people, some of their cells empty."""
    rng = np.random.default_rng(seed)
    table = pd.DataFrame(
        {
            "age": rng.integers(17, 80, rows),
            "workclass": rng.choice(["Private", "State-gov", "Self-emp"], rows),
            "education": rng.choice(["HS-grad", "Bachelors", "Masters"], rows),
            "occupation": rng.choice(["Sales", "Adm-clerical", "Craft-repair"], rows),
            "relationship": rng.choice(["Husband", "Wife", "Not-in-family"], rows),
            "sex": rng.choice(["Female", "Male"], rows),
            "hours_per_week": np.clip(rng.normal(40, 12, rows).round(), 1, 99).astype(int),
            "income": rng.choice(["<=50K", ">50K"], rows, p=[0.75, 0.25]),
        }
    )
    return table.mask(rng.random(table.shape) < 0.05).assign(age=table.age)


# ------------------------------------------------------------------ code


PYTHON = [page for page in PAGES if page.name != "extending.md" and any(b.language == "python" for b in blocks(page))]
SHELL = [page for page in PAGES if any(True for b in blocks(page) for _ in commands(b))]


@pytest.mark.parametrize("page", PYTHON, ids=name_of)
def test_python_runs(page, desk):
    space: dict[str, object] = {"__name__": page.stem}
    for block in (b for b in blocks(page) if b.language == "python"):
        exec(compile("\n" * (block.line - 1) + block.text, str(page), "exec"), space)


@pytest.mark.parametrize("page", [p for p in SHELL if p.name != "extending.md"], ids=name_of)
def test_commands_run(page, desk):
    for words in (words for block in blocks(page) for words in commands(block)):
        if words[0] == "demo":
            continue  # minutes of work, and tested by itself
        ran = CliRunner().invoke(app, words, catch_exceptions=False)
        assert ran.exit_code == 0, f"vaery {shlex.join(words)}: {ran.stderr}"
        for out in (words[i + 1] for i, word in enumerate(words) if word in ("-o", "--out")):
            stem, dot, suffix = out.partition(".")
            assert list(desk.glob(f"{stem}*{dot}{suffix}")), f"vaery {shlex.join(words)} wrote no {out}"


@each_page
def test_commands_and_their_options_exist(page):
    for words in (words for block in blocks(page) for words in commands(block)):
        if words[0] in ("alike",):
            continue  # the job that docs/extending.md adds
        help_page = CliRunner().invoke(app, [words[0], "--help"])
        assert help_page.exit_code == 0, f"{page.name}: there is no command vaery {words[0]}"
        for option in (word for word in words if re.fullmatch(r"--?[a-z][a-z-]*", word)):
            assert re.search(rf"(?<![\w-]){option}\b", help_page.stdout), (
                f"{page.name}: vaery {words[0]} has no {option}"
            )


@each_page
def test_make_targets_exist(page):
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    asked = [line.split()[1] for b in blocks(page) for line in b.text.splitlines() if line.startswith("make ")]
    assert set(asked) <= set(targets)


@each_page
def test_other_blocks_are_well_formed(page):
    for block in blocks(page):
        assert block.language in ("", "python", "sh", "toml", "json"), f"{page.name}:{block.line}"
        if block.language == "python":
            ast.parse(block.text)


@pytest.mark.parametrize("path", EXAMPLES, ids=name_of)
def test_examples_run(path, desk, capsys):
    runpy.run_path(str(path), run_name="__main__")
    assert capsys.readouterr().out


@pytest.mark.parametrize("path", EXAMPLES, ids=name_of)
def test_examples_fit_a_page(path):
    source = path.read_text(encoding="utf-8")
    assert len(source.splitlines()) <= 60
    assert ast.get_docstring(ast.parse(source))


# ------------------------------------------------------------------ docs/extending.md


def install(page: Path, folder: Path) -> None:
    """The files a page shows, as an installed package with the entry points it shows."""
    points: dict[str, dict[str, str]] = {}
    for block in blocks(page):
        if block.language == "toml":
            points |= tomllib.loads(block.text)["project"]["entry-points"]
        elif path := file_of(block):
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(block.text, encoding="utf-8")
    (folder / "my_package" / "__init__.py").touch()
    about = folder / "my_package-0.1.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: my_package\nVersion: 0.1\n")
    lines = [f"[{group}]\n" + "".join(f"{k} = {v}\n" for k, v in named.items()) for group, named in points.items()]
    (about / "entry_points.txt").write_text("\n".join(lines))


def file_of(block: Block) -> str | None:
    """The path that a block says it is, in its first line."""
    found = re.match(r"# (\w+(?:/\w+)*\.py)\n", block.text)
    return found[1] if found and block.language == "python" else None


def script(page: Path) -> str:
    """What the page does with its files: its other Python blocks and its commands, in order."""
    lines = ["import torch", "torch.set_num_threads(1)"]
    for block in blocks(page):
        if block.language == "python" and not file_of(block):
            lines.append(block.text)
        for words in commands(block):
            lines.append("from vaery.cli.app import app")
            lines.append(f"assert not app({words!r}, standalone_mode=False)")
    return "\n".join(lines)


def test_what_extending_shows_works(tmp_path):
    page = ROOT / "docs" / "extending.md"
    install(page, tmp_path)
    work = tmp_path / "work"
    work.mkdir()
    (work / "use.py").write_text(script(page), encoding="utf-8")
    ran = subprocess.run(
        [sys.executable, "-W", "error::DeprecationWarning:my_package", "use.py"],
        cwd=work,
        env={"PYTHONPATH": str(tmp_path), "OMP_NUM_THREADS": "1", "PATH": ""},
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert ran.returncode == 0, ran.stderr
    assert len(pd.read_csv(work / "more.csv")) == 3


def test_extending_shows_a_likelihood_a_job_and_a_kind_whole():
    page = ROOT / "docs" / "extending.md"
    files = {file_of(block) for block in blocks(page)} - {None}
    kinds = ROOT / "src" / "vaery" / "kinds"
    assert {f"my_package/dna/{name}.py" for name in ("__init__", "field", "nets", "io")} <= files
    assert all((kind / f"{n}.py").exists() for kind in kinds.iterdir() if kind.is_dir() and kind.name != "__pycache__"
               for n in ("__init__", "field", "nets", "io"))  # fmt: skip
    for path in files:
        (source,) = (b.text for b in blocks(page) if file_of(b) == path)
        assert ast.get_docstring(ast.parse(source)), path


# ------------------------------------------------------------------ nothing is left out


@pytest.mark.parametrize("family", FAMILIES)
def test_every_member_is_in_choosing(family):
    text = (ROOT / "docs" / "choosing.md").read_text(encoding="utf-8")
    missing = [name for name in members(family) if f"`{name}`" not in text]
    assert not missing, f"docs/choosing.md says nothing of these {family}: {', '.join(missing)}"


def test_every_argument_is_in_choosing():
    text = (ROOT / "docs" / "choosing.md").read_text(encoding="utf-8")
    arguments = [*inspect.signature(vaery.VAE).parameters, "budget", "epochs", "checkpoint", "resume"]
    missing = [name for name in arguments if not re.search(rf"\b{name}\b", text)]
    assert not missing, f"docs/choosing.md says nothing of: {', '.join(missing)}"


@pytest.mark.parametrize("page", ["README.md", "docs/cli.md"])
def test_every_job_is_on_the_page(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    missing = [name for name in members("jobs") if not re.search(rf"\b{name.split('_')[0]}\b", text)]
    assert not missing, f"{page} says nothing of: {', '.join(missing)}"


def test_every_command_is_on_the_page():
    said = {words[0] for block in blocks(ROOT / "docs" / "cli.md") for words in commands(block)}
    shown = CliRunner().invoke(app, ["--help"]).stdout.partition("Commands:")[2]
    assert {line.split()[0] for line in shown.splitlines() if line.startswith("  ") and line[2] != " "} == said


# ------------------------------------------------------------------ links


@each_page
def test_links_lead_somewhere(page):
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    for target in re.findall(r"\]\(([^)]+)\)", text):
        if re.match(r"https?://", target):
            continue
        path, _, anchor = target.partition("#")
        place = (page.parent / path).resolve() if path else page
        if place.is_relative_to(ROOT) and name_of(place).startswith(MADE_LATER):
            continue
        assert place.exists(), f"{page.name}: {target} leads nowhere"
        if anchor:
            titles = re.findall(r"^#+ (.*)$", place.read_text(encoding="utf-8"), re.MULTILINE)
            slugs = {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}
            assert anchor in slugs, f"{page.name}: {target}"


@each_page
def test_packages_are_installed_by_name_alone(page):
    """No page sends anybody to a particular host for packages."""
    assert not re.search(r"--(extra-)?index-url|--find-links", page.read_text(encoding="utf-8"))


# ------------------------------------------------------------------ docstrings


def public() -> Iterator[tuple[str, object]]:
    """What people can call: what ``vaery`` lists, and the methods and properties of its classes."""
    for name in vaery.__all__:
        thing = getattr(vaery, name)
        if inspect.ismodule(thing):
            yield from (
                (f"errors.{k}", v) for k, v in vars(thing).items() if getattr(v, "__module__", "") == thing.__name__
            )
        elif callable(thing):
            yield name, thing
        if inspect.isclass(thing):
            for attribute in (a for a in dir(thing) if not a.startswith("_")):
                found = getattr(thing, attribute)
                if callable(found) and getattr(found, "__module__", "").startswith("vaery"):
                    yield f"{name}.{attribute}", found


@pytest.mark.parametrize(("name", "thing"), list(public()), ids=lambda value: value if isinstance(value, str) else "")
def test_what_is_public_is_explained(name, thing):
    text = inspect.getdoc(thing) or ""
    assert len(text.split()) >= 3, f"vaery.{name} has no docstring"
    assert not text.startswith(" ")


def test_public_lists_enough_to_mean_something():
    names = [name for name, _ in public()]
    assert {"VAE", "VAE.fit", "VAE.generate", "VAE.save", "load", "between", "errors.DataError"} <= set(names)


SOURCES = sorted((ROOT / "src" / "vaery").rglob("*.py"))


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_modules_classes_and_functions_are_explained(path):
    """Methods that fill in an abstract one leave the words to it, and a function of one line speaks for itself."""
    module = ast.parse(path.read_text(encoding="utf-8"))
    missing = [] if ast.get_docstring(module) or not module.body else ["the module"]
    for node in module.body:
        named = isinstance(node, ast.ClassDef | ast.FunctionDef) and not node.name.startswith("_")
        if named and len(node.body) > 1 and not ast.get_docstring(node):
            missing.append(node.name)
    assert not missing
