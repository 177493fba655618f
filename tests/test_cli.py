"""The command line: what it reads, what it writes, what it refuses, and how it ends."""

import csv
import inspect
import io
import json
import os
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given as examples
from hypothesis import strategies as st
from typer.testing import CliRunner

from vaery import storage
from vaery.cli import given, text
from vaery.cli.app import app
from vaery.cli.fit import aimed, parse_settings
from vaery.cli.jobs import INPUTS, told_apart
from vaery.cli.spec import FILLED_IN, UNKNOWN, own_spec, parse
from vaery.core.errors import DataError, ModelFileError, QueryError
from vaery.core.members import member, members
from vaery.core.query import Between, OneOf
from vaery.model import read
from vaery.progress import watcher
from vaery.train import Progress

JOBS = members("jobs")


def vaery(*words: Any) -> Any:
    """Run a command here."""
    result = CliRunner().invoke(app, [str(word) for word in words])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def done(*words: Any) -> Any:
    result = vaery(*words)
    assert result.exit_code == 0, result.output
    return result


def refused(code: int, *words: Any) -> str:
    """The words on standard error; nothing went to standard output."""
    result = vaery(*words)
    assert result.exit_code == code, result.output
    assert result.stdout == ""
    assert "Traceback" not in result.stderr
    if code == 1:
        assert result.stderr.startswith("vaery: ")
        assert result.stderr.count("\n") == 1
    return result.stderr


def only(folder: Path) -> list[str]:
    return sorted(os.listdir(folder))


def python(source: str, *arguments: Any, **options: Any) -> Any:
    words = [sys.executable, "-c", source, *map(str, arguments)]
    return subprocess.run(words, capture_output=True, text=True, timeout=120, **options)


# ------------------------------------------------------------------ light

HEAVY = (
    "torch",
    "numpy",
    "pandas",
    "sklearn",
    "scipy",
    "pyarrow",
    "polars",
    "PIL",
    "zuko",
    "vaery.model",
    "vaery.jobs",
)
LIGHT = f"""
import sys
from vaery.cli import main
sys.argv = ["vaery", *sys.argv[1:]]
try:
    main()
except SystemExit as end:
    assert end.code == 0, end
found = [name for name in sys.modules if name.startswith({HEAVY!r})]
assert not found, found
"""


@pytest.mark.parametrize("words", [["--help"], ["--version"], ["fit", "--help"], ["generate", "--help"]], ids=" ".join)
def test_help_is_light(words):
    ran = python(LIGHT, *words)
    assert ran.returncode == 0, ran.stderr


def test_the_test_of_lightness_can_fail():
    ran = python("import torch\n" + LIGHT, "--help")
    assert "AssertionError" in ran.stderr


# ------------------------------------------------------------------ commands are jobs


def test_the_commands_are_the_jobs_and_a_few_more():
    shown = done("--help").stdout.partition("Commands:")[2]
    names = {line.split()[0] for line in shown.splitlines() if line.strip()}
    assert names == {"fit", "info", "audit", "xray", "report", "traversals", "map", "optimise", "demo", *JOBS}


@pytest.mark.parametrize("name", JOBS)
def test_what_is_read_from_the_source_is_what_runs(name):
    spec, function = own_spec(name), member("jobs", name)
    assert spec is not None
    assert (spec.takes, spec.gives) == (function.job.takes, function.job.gives)
    assert spec.takes in INPUTS
    parameters = inspect.signature(function).parameters
    for option in spec.options:
        assert parameters[option.name].kind is inspect.Parameter.KEYWORD_ONLY
        assert option.default is UNKNOWN or option.default == parameters[option.name].default, option.name
        assert option.help, f"{name}: the docstring says nothing of {option.name}"
    missing = set(parameters) - {option.name for option in spec.options} - set(FILLED_IN)
    assert not {p for p in missing if parameters[p].default is inspect.Parameter.empty}, "cannot be asked at all"


@pytest.mark.parametrize("name", JOBS)
def test_every_command_has_a_page_of_help(name):
    page = done(name, "--help").stdout
    for option in own_spec(name).options:
        flag = f"-{option.name}" if len(option.name) == 1 else "--" + option.name.replace("_", "-")
        assert flag in page
    flags = [word.strip(",") for line in page.splitlines() for word in line.split()[:2] if word.startswith("--")]
    assert {"--json", "--seed", "--device", "--force", "--out"} <= set(flags)
    assert len(flags) == len(set(flags)), "an option of the job has the name of an option of every command"


SOURCE = '''
from vaery.core.job import job
FEW = 3
LATER = compute()

@job("given", gives="records", keep=True)
@torch.no_grad()
def wish(joint, evidence, *, rng, calibration, must: str, n: int = 1, share: float | None = None,
         how: str | float = "mean", few: int = FEW, later: int = LATER, sure: bool = True,
         pick: Literal["a", "b"] = "a", names: Sequence[str] = (), tensor: Tensor = None,
         old: "Optional[int]" = None) -> Points | list[Evidence]:
    """Wish for ``x`` of :class:`~vaery.core.field.Field`.

    More words.

    Args:
        n: how many,
            in all.
        must, share: one of two.
    """
'''


def test_a_source_is_read_without_running_it():
    spec = parse(SOURCE, "wish")
    assert spec is not None
    assert (spec.takes, spec.gives, spec.many) == ("given", "records", ("list",))
    assert spec.help == "Wish for x of Field.\n\nMore words."
    found = {o.name: (o.types, o.default, o.choices, o.several) for o in spec.options}
    assert found == {
        "must": ((str,), inspect.Parameter.empty, (), False),
        "n": ((int,), 1, (), False),
        "share": ((float,), None, (), False),
        "how": ((str, float), "mean", (), False),
        "few": ((int,), 3, (), False),
        "later": ((int,), UNKNOWN, (), False),
        "sure": ((bool,), True, (), False),
        "pick": ((str,), "a", ("a", "b"), False),
        "names": ((str,), (), (), True),
        "old": ((int,), None, (), False),
    }
    said = {o.name: o.help for o in spec.options}
    assert (said["n"], said["must"], said["share"]) == ("How many, in all.", "One of two.", "One of two.")


def test_a_file_without_a_job_is_no_command():
    assert parse("def wish(): ...", "wish") is None
    assert parse("x = 1", "wish") is None


# ------------------------------------------------------------------ what is typed


def test_conditions():
    found = given.parse(
        ["sex=Female", "age=30..40", "colour=red,blue", "born=2001-05-17..", "x=..-1.5", "e=a=b", "on=True", "n=1,2"]
    )
    assert found == {
        "sex": ("Female",),
        "age": (Between(30, 40), Between("30", "40")),
        "colour": (OneOf(("red", "blue")),),
        "born": (Between("2001-05-17", None),),
        "x": (Between(None, -1.5), Between(None, "-1.5")),
        "e": ("a=b",),
        "on": (True, "True"),
        "n": (OneOf((1, 2)), OneOf(("1", "2"))),
    }
    assert given.parse(['a="1,2..3"', 'b="x,y",z', 'c=""', "d=1..b", "size=small..large"]) == {
        "a": ("1,2..3",),
        "b": (OneOf(("x,y", "z")),),
        "c": ("",),
        "d": (Between("1", "b"),),
        "size": (Between("small", "large"),),
    }


def test_the_model_says_what_a_condition_means():
    def ask(asked: dict[str, Any]) -> None:
        ((name, condition),) = asked.items()
        if name == "nosuch" or isinstance(condition, str) != (name == "zip"):
            raise QueryError(f"not {condition!r}")

    assert given.settle(given.parse(["zip=3", "age=3"]), ask) == {"zip": "3", "age": 3}
    with pytest.raises(QueryError, match="not 3; read as text: not '3'"):
        given.settle(given.parse(["nosuch=3"]), ask)
    with pytest.raises(QueryError, match=r"^not 'x'$"):
        given.settle(given.parse(["nosuch=x"]), ask)


@pytest.mark.parametrize("bad", ["sex", "=3", "sex=", "age=..", "age=40..30", "age=,"])
def test_conditions_that_cannot_be_read_say_so(bad):
    with pytest.raises(ValueError, match=r"write|between|one_of"):
        given.parse([bad])


def test_a_column_is_given_once():
    with pytest.raises(ValueError, match="twice"):
        given.parse(["a=1", "a=2"])


@examples(st.integers() | st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_come_as_numbers(number):
    found, as_text = given.value(repr(number))
    assert (found, as_text) == (number, repr(number))
    assert type(found) is type(number)


@examples(st.text(st.characters(exclude_characters='"'), min_size=1))
def test_quoted_text_comes_as_it_is(words):
    assert given.parse([f'a="{words}"'])["a"] == (words,)


@pytest.mark.parametrize("words", ["007", "nan", "inf", "1e999", "1_000", "-", ".", "e5", "1.2.3", "2020-01-01", "٣"])
def test_what_is_no_plain_number_stays_text(words):
    assert given.value(words) == (words,)


def test_settings():
    assert parse_settings(["prior.name=mixture", "prior.components=5", "budget=5m", "none=null", "x=None"]) == {
        "prior": {"name": "mixture", "components": 5},
        "budget": "5m",
        "none": None,
        "x": None,
    }
    for bad in ("latent", "=3"):
        with pytest.raises(ValueError, match="key=value"):
            parse_settings([bad])
    with pytest.raises(ValueError, match="already"):
        parse_settings(["prior=normal", "prior.name=mixture"])


def test_values_of_several_types_are_told_apart():
    assert told_apart("0.9", (str, float)) == 0.9
    assert told_apart("mean", (str, float)) == "mean"
    assert told_apart("true", (bool, str)) is True
    assert told_apart("3", (str,)) == "3"


def test_a_target_must_be_there():
    frame = pd.DataFrame({"a": [1], "b": [2]})
    assert aimed(frame, "a", "x.csv") == {}
    assert aimed(pd.DataFrame({"a": ["u", "v", None, None, None]}), "a", "x.csv") == {"target": "a"}
    assert aimed({"image": np.zeros((1, 8, 8)), "label": np.zeros(1)}, "label", "x") == {"target": "label"}
    with pytest.raises(DataError, match=r"x\.csv: there is no column 'c'; there is: a, b"):
        aimed(frame, "c", "x.csv")


# ------------------------------------------------------------------ what is written: a model that answers at once


class Stub:
    """Stands in for a fitted model: it remembers what it was asked, and answers what it was told to."""

    def __init__(self, answer: Any, kinds: dict[str, str]) -> None:
        self.answer, self.asked = answer, []
        self.schema_ = SimpleNamespace(framed=False, given=lambda asked: None)
        self.fields_ = [SimpleNamespace(name=name, kind=kind) for name, kind in kinds.items()]

    def run(self, job: str, *raw: Any, **options: Any) -> Any:
        self.asked.append((job, raw, options))
        if isinstance(self.answer, BaseException):
            raise self.answer
        return self.answer

    def write(self, raw: Any, path: Path) -> None:
        raw.to_csv(path, index=False)


@pytest.fixture
def stub(monkeypatch, tmp_path):
    """``stub(answer, field=kind)`` becomes the model in every file."""
    monkeypatch.chdir(tmp_path)

    def put(answer: Any = FRAME, **kinds: str) -> Stub:
        found = Stub(answer, kinds or {"table": "table"})
        monkeypatch.setattr("vaery.model.load", lambda path, device="auto": found)
        return found

    return put


FRAME = pd.DataFrame({"a": [1, 2], "b": ["x", None]})
CSV = "a,b\n1,x\n2,\n"


def test_a_job_is_asked_what_was_typed(stub):
    model = stub()
    done("generate", "m.vaery", "-n", "7", "--given", "sex=Female", "--given", "age=30..40", "--seed", "3")
    assert model.asked == [("generate", (), {"n": 7, "seed": 3, "given": {"sex": "Female", "age": Between(30, 40)}})]
    done("interpolate", "m.vaery", "a.csv", "sql://b")
    assert model.asked[-1] == ("interpolate", ("a.csv", "sql://b"), {"seed": None})
    done("impute", "m.vaery", "r.csv", "--how", "mode")
    assert model.asked[-1] == ("impute", ("r.csv",), {"how": "mode", "seed": None})


def test_defaults_stay_with_the_job(stub):
    model = stub()
    done("generate", "m.vaery")
    assert model.asked == [("generate", (), {"given": {}, "seed": None})]


def test_a_frame_goes_to_standard_output_or_a_file(stub):
    stub()
    assert done("generate", "m.vaery").stdout == CSV
    result = done("generate", "m.vaery", "-o", "new.csv")
    assert result.stdout == ""
    assert result.stderr == "vaery: wrote new.csv\n"
    assert Path("new.csv").read_text() == CSV
    assert only(Path()) == ["new.csv"]


def test_json(stub):
    stub(pd.DataFrame({"a": [1.5, np.nan], "t": [pd.Timestamp("2020-01-02"), pd.NaT], "n": np.array([1, 2], np.int8)}))
    about = json.loads(done("generate", "m.vaery", "--json").stdout)
    assert about["result"] == [{"a": 1.5, "t": "2020-01-02T00:00:00", "n": 1}, {"a": None, "t": None, "n": 2}]
    assert (about["command"], about["model"]) == ("generate", "m.vaery")
    about = json.loads(done("generate", "m.vaery", "--json", "-o", "new.csv").stdout)
    assert about["out"] == ["new.csv"]
    assert "result" not in about


LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
JSON = st.recursive(LEAVES, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=10)


@examples(JSON)
def test_json_is_strict_and_one_line(value):
    def refuse(name: str) -> None:
        raise AssertionError(name)

    written = text.to_json(value)
    assert "\n" not in written
    assert text.to_json(json.loads(written, parse_constant=refuse)) == written


def test_arrays(stub):
    stub(np.array([0.5, -1.0]))
    assert done("score", "m.vaery", "r.csv").stdout == "score\n0.5\n-1.0\n"
    done("score", "m.vaery", "r.csv", "-o", "s.npy")
    assert np.array_equal(np.load("s.npy"), [0.5, -1.0])
    stub(np.array([[1, 2], [3, 4]]))
    assert done("embed", "m.vaery", "r.csv").stdout == "embed_0,embed_1\n1,2\n3,4\n"
    assert json.loads(done("embed", "m.vaery", "r.csv", "--json").stdout)["result"] == [[1, 2], [3, 4]]
    stub(np.array(["x", None], dtype=object))
    assert done("predict", "m.vaery", "r.csv", "--target", "b").stdout.splitlines()[:2] == ["b", "x"]
    done("predict", "m.vaery", "r.csv", "--target", "b", "-o", "p.npy")
    assert np.load("p.npy").tolist() == ["x", "None"]


@pytest.mark.parametrize("name", ["s.csv", "s.tsv", "s.jsonl", "s.parquet", "s.feather", "s.b.csv.gz", "S.CSV"])
def test_tables_are_written_by_their_suffix(stub, name):
    frame = pd.DataFrame({"bits": [0.5, 2.0], "outlier": [True, False]})
    stub(frame)
    done("detect", "m.vaery", "r.csv", "-o", name)
    pd.testing.assert_frame_equal(read(name), frame)
    assert only(Path()) == [name]


def test_packed_files_are_numbered_before_the_whole_suffix(stub):
    stub([FRAME, FRAME])
    asked = ["impute", "m.vaery", "r.csv", "-o", "out.csv.gz"]
    done(*asked)
    assert only(Path()) == ["out.1.csv.gz", "out.2.csv.gz"]
    assert "out.1.csv.gz is there already" in refused(1, *asked)


def test_reports(stub):
    report = {"sentence": "2 of 4", "units": [{"kl_bits": float("inf")}]}
    stub(report)
    done("explain", "m.vaery", "r.csv", "-o", "e.json")
    expected = {"sentence": "2 of 4", "units": [{"kl_bits": None}]}
    assert json.loads(Path("e.json").read_text()) == expected
    assert json.loads(done("explain", "m.vaery", "r.csv").stdout) == expected


def test_reasons_in_a_csv_are_json(stub):
    stub(pd.DataFrame({"bits": [1.0], "reasons": [[{"cell": "a", "bits": np.float32(0.5)}]]}))
    (row,) = csv.DictReader(io.StringIO(done("detect", "m.vaery", "r.csv").stdout))
    assert json.loads(row["reasons"]) == [{"cell": "a", "bits": 0.5}]


def test_several_results_are_several_files(stub):
    stub([FRAME] * 12)
    done("impute", "m.vaery", "r.csv", "--draws", "12", "-o", "out.csv")
    assert only(Path()) == [f"out.{i:02d}.csv" for i in range(1, 13)]
    stub({"low": FRAME, "high": FRAME})
    done("impute", "m.vaery", "r.csv", "--interval", "0.9", "-o", "iv.csv")
    assert {"iv.low.csv", "iv.high.csv"} <= set(only(Path()))
    assert done("impute", "m.vaery", "r.csv").stdout == f"{CSV}\n{CSV}"


def test_pictures_go_to_a_folder_or_an_array(stub):
    images = np.arange(128, dtype=np.uint8).reshape(2, 8, 8)
    stub({"image": images, "label": np.array(["x", "y"])}, image="image", label="table")
    done("generate", "m.vaery", "-o", "pics")
    assert sorted(str(p.relative_to("pics")) for p in Path("pics").rglob("*.png")) == ["x/00000.png", "y/00001.png"]
    done("generate", "m.vaery", "-o", "pics.npz")
    assert np.array_equal(np.load("pics.npz")["image"], images)
    assert "-o" in refused(2, "generate", "m.vaery")
    assert "can be written as" in refused(2, "generate", "m.vaery", "-o", "pics.csv")


# ------------------------------------------------------------------ nothing is lost


@pytest.mark.parametrize("there", ["out.csv", "out.3.csv", "out.low.csv"])
def test_nothing_is_overwritten_and_nothing_is_done(stub, there):
    model = stub({"low": FRAME, "high": FRAME})
    Path(there).write_text("precious")
    asked = ["impute", "m.vaery", "r.csv", "--interval", "0.9", "-o", "out.csv"]
    assert f"{there} is there already" in refused(1, *asked)
    assert model.asked == []
    assert only(Path()) == [there]
    done(*asked, "--force")
    assert Path("out.low.csv").read_text() == CSV
    assert there == "out.low.csv" or Path(there).read_text() == "precious"


def test_a_name_that_could_not_be_foreseen_is_not_overwritten_either(stub):
    stub({"no word-like name": FRAME})
    Path("out.no word-like name.csv").write_text("precious")
    assert "is there already" in refused(1, "impute", "m.vaery", "r.csv", "-o", "out.csv")
    assert Path("out.no word-like name.csv").read_text() == "precious"


def test_a_plain_question_is_not_stopped_by_neighbours(stub):
    stub()
    Path("out.test.csv").touch()
    done("impute", "m.vaery", "r.csv", "-o", "out.csv")


def test_folders_are_overwritten_only_where_all_in_them_is_ours(stub):
    images = np.zeros((2, 8, 8), np.uint8)
    stub(images, image="image")
    asked = ["generate", "m.vaery", "-o", "pics"]
    done(*asked)
    assert "is there already" in refused(1, *asked)
    done(*asked, "--force")
    assert only(Path("pics")) == ["00000.png", "00001.png"]
    assert only(Path()) == ["pics"]
    Path("pics/holiday.jpg").touch()
    assert "holiday.jpg" in refused(1, *asked, "--force")
    assert only(Path("pics")) == ["00000.png", "00001.png", "holiday.jpg"]
    Path("dir.csv").mkdir()
    assert "is a folder" in refused(1, "embed", "m.vaery", "r.csv", "-o", "dir.csv", "--force")


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_writer_that_fails_leaves_what_was_there(stub, monkeypatch, error):
    stub()
    Path("out.csv").write_text("old")

    def fail(self: Any, raw: Any, path: Path) -> None:
        path.write_text("half")
        raise error

    monkeypatch.setattr(Stub, "write", fail)
    code = 130 if isinstance(error, KeyboardInterrupt) else 1
    refused(code, "generate", "m.vaery", "-o", "out.csv", "--force")
    assert Path("out.csv").read_text() == "old"
    assert only(Path()) == ["out.csv"]


def test_files_appear_whole(stub, monkeypatch):
    stub()
    seen = []
    replace = os.replace

    def watch(source: Any, target: Any) -> None:
        seen.append((Path(source).read_text(), Path(target).exists()))
        replace(source, target)

    monkeypatch.setattr(os, "replace", watch)
    done("generate", "m.vaery", "-o", "out.csv")
    assert seen == [(CSV, False)]


def test_the_demo_has_a_folder_of_its_own(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    ran = []
    monkeypatch.setattr("vaery.demo.run", lambda folder, quick: ran.append((folder, quick)))
    assert json.loads(done("demo", "--quick", "--json").stdout)["out"] == ["vaery-demo"]
    Path("mine").mkdir()
    Path("mine/thesis.txt").touch()
    assert "is there already" in refused(1, "demo", "-o", "mine")
    done("demo", "-o", "mine", "--force")
    assert "is a file" in refused(1, "demo", "-o", "mine/thesis.txt")
    assert ran == [(Path("vaery-demo"), True), (Path("mine"), False)]


# ------------------------------------------------------------------ how it ends


@pytest.mark.parametrize(
    "error",
    [
        DataError("row 3, column 'a': text\nwhere numbers are"),
        QueryError("ask something else"),
        ModelFileError("m.vaery: damaged"),
        FileNotFoundError(2, "No such file or directory", "r.csv"),
        PermissionError(13, "Permission denied", "r.csv"),
        IsADirectoryError("r is a folder"),
        MemoryError(),
    ],
)
def test_what_is_at_fault_is_one_line(stub, error):
    stub(error)
    said = refused(1, "score", "m.vaery", "r.csv")
    assert "Errno" not in said
    if isinstance(error, OSError) and error.filename:
        assert said.startswith("vaery: r.csv: ")


def test_an_interrupt_is_130(stub):
    stub(KeyboardInterrupt())
    assert refused(130, "score", "m.vaery", "r.csv") == "vaery: interrupted\n"


def test_a_bug_is_not_hidden(stub):
    stub(ZeroDivisionError())
    with pytest.raises(ZeroDivisionError):
        vaery("score", "m.vaery", "r.csv")


WRONG = [
    ["nosuch"], ["generate"], ["generate", "m.vaery", "-n", "many"], ["generate", "m.vaery", "--given", "age"],
    ["generate", "m.vaery", "--given", "age=4..3"], ["generate", "m.vaery", "--nosuch"], ["score", "m.vaery"],
    ["score", "m.vaery", "r.csv", "-o", "s.xyz"],
    ["score", "m.vaery", "r.csv", "-o", "s.parquet.gz"], ["score", "m.vaery", "r.csv", "--device", "toaster"],
    ["interpolate", "m.vaery", "a.csv"], ["predict", "m.vaery", "r.csv"],
    ["explain", "m.vaery", "r.csv", "-o", "e.csv"],
    ["fit", "d.csv"], ["fit", "d.csv", "-o", "m", "--resume"], ["fit", "d.csv", "-o", "m", "--set", "nosuch=1"],
    ["fit", "d.csv", "-o", "m", "--set", "latent"], ["fit", "d.csv", "-o", "m", "--epochs", "0"],
    ["fit", "d.csv", "-o", "m", "--device", "cuda:99"],
]  # fmt: skip


@pytest.mark.parametrize("words", WRONG, ids=" ".join)
def test_wrong_usage_is_2(stub, words):
    model = stub()
    assert "Error: " in refused(2, *words)
    assert model.asked == []
    assert only(Path()) == []


def test_no_model_no_data(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert "m.vaery" in refused(1, "generate", "m.vaery")
    assert "m.vaery" in refused(1, "info", "m.vaery")
    assert "d.csv" in refused(1, "fit", "d.csv", "-o", "m.vaery")
    Path("m.vaery").write_bytes(b"PK not really")
    assert "m.vaery" in refused(1, "generate", "m.vaery", "-o", "x.csv")
    assert "nowhere" in refused(1, "fit", "d.csv", "-o", "nowhere/m.vaery")
    assert "nowhere" in refused(1, "generate", "m.vaery", "-o", "nowhere/x.csv")
    assert only(tmp_path) == ["m.vaery"]


# ------------------------------------------------------------------ jobs of other packages

OTHER = '''
print("imported")
from vaery.core.job import job

@job(takes="nothing", gives="report")
def weigh(joint, *, rng, heavy: bool = False):
    """Weigh the model.

    Args:
        heavy: more than it is.
    """
    return {"parameters": sum(p.numel() for p in joint.parameters()) * (1 + heavy)}
'''


@pytest.fixture
def other_package(tmp_path):
    """An installed package with a job, for a process of its own."""
    site = tmp_path / "site"
    (site / "other-1.dist-info").mkdir(parents=True)
    (site / "other-1.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: other\nVersion: 1\n")
    (site / "other-1.dist-info" / "entry_points.txt").write_text("[vaery.jobs]\nweigh = other:weigh\n")
    (site / "other.py").write_text(OTHER)
    return {**os.environ, "PYTHONPATH": str(site)}


def test_jobs_of_other_packages_are_imported_when_asked_for(other_package, model):
    main = "from vaery.cli import main; main()"
    listed = python(main, "--help", env=other_package)
    assert "weigh" in listed.stdout
    assert "imported" not in listed.stdout
    ran = python(TWICE, "weigh", "--help", "--", "weigh", model, "--heavy", env=other_package)
    assert ran.stdout.startswith("imported\n")
    assert "More than it is." in ran.stdout
    parameters = json.loads(done("info", model, "--json").stdout)["parameters"]
    assert json.loads(ran.stdout[ran.stdout.index("{\n") :]) == {"parameters": 2 * parameters}


TWICE = """
import sys
from vaery.cli import main
middle = sys.argv.index("--")
for sys.argv in (sys.argv[:middle], [sys.argv[0], *sys.argv[middle + 1 :]]):
    try:
        main()
    except SystemExit as end:
        assert end.code == 0, end
"""


# ------------------------------------------------------------------ from end to end


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    rng = np.random.default_rng(0)
    n = 120
    frame = pd.DataFrame({"sex": rng.choice(["Female", "Male"], n), "age": rng.integers(18, 80, n)})
    frame["income"] = (frame["age"] * 500 + rng.normal(0, 3000, n)).round(2)
    frame.loc[rng.random(n) < 0.1, "income"] = np.nan
    path = tmp_path_factory.mktemp("data") / "people.csv"
    frame.to_csv(path, index=False)
    return path


@pytest.fixture(scope="module")
def model(data, tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "m.vaery"
    done("fit", data, "-o", path, "--epochs", 2, "--quiet", "--set", "width=16")
    return path


def weights(path):
    with zipfile.ZipFile(path) as archive:
        return archive.read("weights.safetensors")


def test_fit_says_what_it_did(data, tmp_path):
    result = done("fit", data, "-o", tmp_path / "m.vaery", "--epochs", 1, "--target", "income", "--set", "width=16")
    assert "120 rows, 3 columns" in result.stdout
    assert "held-out bits a row" in result.stdout
    assert "latent" in result.stdout
    assert only(tmp_path) == ["m.vaery"]


def test_fit_in_json_and_quietly(data, tmp_path, model):
    path = tmp_path / "m.vaery"
    about = json.loads(done("fit", data, "-o", path, "--epochs", 2, "--json", "--set", "width=16").stdout)
    assert (about["command"], about["model"], about["rows"]) == ("fit", str(path), 120)
    assert np.isfinite(about["held_out_bits"])
    assert about["seconds"] > 0
    assert weights(path) == weights(model)  # the same seed, the same bits
    assert "is there already" in refused(1, "fit", data, "-o", path, "--epochs", 1)
    result = done("fit", data, "-o", path, "--epochs", 2, "--seed", 1, "--force", "--quiet", "--set", "width=16")
    assert result.output == ""
    assert weights(path) != weights(model)


def test_bad_data_leaves_no_model(tmp_path, data):
    (tmp_path / "none.csv").write_text("a,b\n")
    assert "no rows" in refused(1, "fit", tmp_path / "none.csv", "-o", tmp_path / "m.vaery")
    assert "'wage'" in refused(1, "fit", data, "-o", tmp_path / "m.vaery", "--target", "wage")
    assert "soon" in refused(1, "fit", data, "-o", tmp_path / "m.vaery", "--budget", "soon")
    assert only(tmp_path) == ["none.csv"]


def test_info(model):
    about = json.loads(done("info", model, "--json").stdout)
    assert about["fields"][0]["columns"] == ["sex", "age", "income"]
    assert about["versions"]["torch"]
    assert about["bytes"] == model.stat().st_size
    said = done("info", model).stdout
    assert "sex, age, income" in said
    assert "held-out bits a row" in said


def test_jobs_from_end_to_end(model, data, tmp_path):
    new = tmp_path / "new.csv"
    done("generate", model, "-n", 30, "--given", "sex=Female", "--given", "age=30..40", "--seed", 1, "-o", new)
    frame = pd.read_csv(new)
    assert frame.columns.tolist() == ["sex", "age", "income"]
    assert len(frame) == 30
    assert set(frame["sex"]) == {"Female"}
    assert frame["age"].between(30, 40).all()
    again = done("generate", model, "-n", 30, "--given", "sex=Female", "--given", "age=30..40", "--seed", 1).stdout
    assert again == new.read_text()

    before = pd.read_csv(data)
    filled = pd.read_csv(io.StringIO(done("impute", model, data).stdout))
    assert not filled.isna().any().any()
    known = before["income"].notna()
    pd.testing.assert_frame_equal(filled[known], before[known])

    rows = json.loads(done("detect", model, data, "--json").stdout)["result"]
    assert len(rows) == 120
    assert set(rows[0]) == {"bits", "oddness", "p_value", "outlier", "reasons"}
    assert len(json.loads(done("score", model, data, "--json").stdout)["result"]) == 120
    done("embed", model, data, "-o", tmp_path / "z.npy")
    assert np.load(tmp_path / "z.npy").shape[0] == 120
    assert "'wage'" in refused(1, "predict", model, data, "--target", "wage")
    assert "'wage'" in refused(1, "generate", model, "--given", "wage=3")


def test_a_reader_that_has_seen_enough(model):
    """``vaery generate … | head -1`` ends without a traceback."""
    main = "from vaery.cli import main; main()"
    words = [sys.executable, "-c", main, "generate", str(model), "-n", "6000"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "sex,age,income\n"
        process.stdout.close()
        assert "Traceback" not in process.stderr.read()


FIT = ["--epochs", "25", "--seed", "5", "--set", "width=16"]


def start_fit(data, out, checkpoint, *more):
    """A fit in a process of its own, once its first checkpoint is there."""
    main = "from vaery.cli import main; main()"
    words = [sys.executable, "-c", main, "fit", data, "-o", out, "--checkpoint", checkpoint, *FIT, *more]
    process = subprocess.Popen(list(map(str, words)), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while not (checkpoint / "checkpoint.vaery").exists():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return process


def test_a_killed_fit_goes_on_as_if_nothing_had_been(data, tmp_path):
    whole, killed, checkpoint = tmp_path / "whole.vaery", tmp_path / "killed.vaery", tmp_path / "checkpoint"
    done("fit", data, "-o", whole, "--checkpoint", tmp_path / "other", *FIT)
    with start_fit(data, killed, checkpoint) as process:
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    assert not killed.exists()
    step = storage.read(checkpoint / "checkpoint.vaery")[0]["checkpoint"]["step"]
    assert 0 < step < 25

    assert "--resume" in refused(1, "fit", data, "-o", killed, "--checkpoint", checkpoint, *FIT)
    done("fit", data, "-o", killed, "--checkpoint", checkpoint, "--resume", *FIT)
    assert weights(killed) == weights(whole)


def test_an_interrupted_fit_leaves_a_model(data, tmp_path):
    out = tmp_path / "m.vaery"
    with start_fit(data, out, tmp_path / "checkpoint", "--epochs", "400") as process:
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 0, said
    assert "interrupted at step" in said
    assert len(pd.read_csv(io.StringIO(done("generate", out, "-n", 3).stdout))) == 3


# ------------------------------------------------------------------ progress


def progress(share=0.5, bound=-1.0):
    return Progress(share=share, seconds_left=30.0, step=10, bound=bound)


@pytest.fixture
def clock(monkeypatch):
    """A clock that is set by hand."""
    now = SimpleNamespace(time=100.0)
    monkeypatch.setattr(time, "monotonic", lambda: now.time)
    return now


def test_progress_waits_two_seconds_and_then_says_a_line_every_ten(capsys, clock):
    with watcher() as watch:
        for seconds in (0.5, 1.9, 2.1, 5, 12, 12.2, 23):
            clock.time = 100 + seconds
            watch(progress(seconds / 40))
    said = capsys.readouterr()
    assert said.out == ""
    assert [line.split(",")[0] for line in said.err.splitlines()] == ["fit: 5 %", "fit: 30 %", "fit: 57 %"]
    assert "30 s left, held-out 1.443 bits a row" in said.err


def test_progress_can_be_asked_for_or_forbidden(capsys, clock):
    with watcher(verbose=True) as watch:
        watch(progress(bound=float("nan")))
    assert capsys.readouterr().err == "fit: 50 %, step 10, 30 s left\n"
    with watcher(verbose=False) as watch:
        clock.time += 99
        watch(progress())
    assert capsys.readouterr().err == ""


def test_progress_is_a_bar_at_a_terminal(monkeypatch):
    from rich.console import Console

    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=120)
    monkeypatch.setattr("rich.console.Console", lambda **_: console)
    with watcher(verbose=True) as watch:
        watch(progress(0.25))
        watch(progress(0.75))
    assert "25 %" in screen.getvalue()
    assert "75 %, step 10, 30 s left, held-out 1.443 bits a row" in screen.getvalue()
    assert "━" in screen.getvalue()


def test_the_bar_closes_when_a_fit_fails(monkeypatch):
    closed = []
    monkeypatch.setattr("vaery.progress.show", lambda: SimpleNamespace(update=print, close=lambda: closed.append(1)))

    def failing_fit() -> None:
        with watcher(verbose=True) as watch:
            watch(progress())
            raise DataError("x")

    with pytest.raises(DataError):
        failing_fit()
    assert closed == [1]
