"""Who may import whom, and what nobody may call: the rules of the house, read from its source.

Inner folders know nothing of outer ones, and siblings do not know each other. Heavy libraries are imported inside the
function that needs them. Nothing unpickles, seeds a global generator or opens a connection.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

SRC = Path(__file__).parent.parent / "src" / "vaery"

FAMILIES = {"likelihoods", "priors", "posteriors", "objectives", "coding"}
ENGINE = {
    "adamw",
    "joint",
    "ensemble",
    "build",
    "train",
    "checkpoint",
    "gaps",
    "storage",
    "inference",
    "refine",
    "target",
}
ENGINE |= {"flags", "unseen"}  # what rows hold that no evidence can
ENGINE |= {"corruptions", "restore"}  # what pictures were before something happened to them
ENGINE |= {"surprise", "marginal", "oddness", "misfit", "coarse"}  # how improbable rows are
ENGINE |= {"reasons", "steps"}  # and why, and which of their steps
ENGINE |= {"held_out", "information"}  # how training does, and what the latent tells
ENGINE |= {"coverage"}  # whether intervals hold what they say
ENGINE |= {"private"}
ENGINE |= {"discriminator", "allowance"}  # whether made rows are real; how a time budget is shared out
ENGINE |= {"labels"}  # what few rows know, and what reads it off the others
FACE = {
    "",
    "model",
    "studies",
    "schema",
    "framed",
    "answer",
    "rowwise",
    "fit",
    "finish",
    "turns",
    "advice",
    "file",
    "progress",
    "constraints",
    "audit",
    "regime",
    "privately",
}
EDGES = {"cli", "studio", "scale", "sklearn", "report", "demo", "xray", "pool", "sdv", "stream"}

# What each part of the house may import of the others. A part may always import itself, and what "itself" is says
# `part_of`: a whole folder, but one file only of a family and one folder only of the kinds.
INNER = {"core", "nets"}
MAY_IMPORT: dict[str, set[str]] = {
    "core": set(),
    "nets": {"core"},
    **dict.fromkeys(FAMILIES, INNER),
    "kinds": INNER,
    "engine": INNER,
    "jobs": {"core", "engine", "coding"},
    "face": {*INNER, "engine", "jobs", "coding"},
    **{edge: {"core", "engine", "jobs", "face"} for edge in EDGES},
    # The report card tries a model through its public face and hands plain data to the page; so that it can be a method
    # of the model, the face may start it, as the command line starts the edges.
    "evaluation": {"core", "engine", "jobs", "face", "report"},
}
# So does a search: what it found can be drawn.
MAY_IMPORT["optimisation"] = MAY_IMPORT["evaluation"] | {"evaluation"}
MAY_IMPORT["face"] = MAY_IMPORT["face"] | {"evaluation", "optimisation"}
MAY_IMPORT["cli"] = MAY_IMPORT["cli"] | EDGES  # its commands start the other edges
MAY_IMPORT["demo"] = MAY_IMPORT["demo"] | {"report"}
MAY_IMPORT["xray"] = MAY_IMPORT["xray"] | {"report", "kinds"}  # it looks at columns before there is any model
MAY_IMPORT["stream"] = MAY_IMPORT["stream"] | {"kinds"}  # blocks of samples are sounds
PUBLIC = {"xray"}  # edges whose function is a public name: the face itself imports them, and no other part of it

LIGHT = {"torch", "numpy", *sys.stdlib_module_names}  # all that is imported before it is used …
# … save where the library is what the module is about
ALSO = {"model": {"sklearn"}, "sklearn": {"sklearn"}, "cli": {"typer"}}


@dataclass(frozen=True)
class Import:
    """One import: ``vaery.nets.mlp`` in ``jobs/score.py``, say."""

    path: str
    line: int
    name: str
    eager: bool  # it happens when the module is imported
    typing: bool  # under TYPE_CHECKING: it never happens

    def __str__(self) -> str:
        return f"{self.path}:{self.line} imports {self.name}"


def sources() -> list[tuple[str, str]]:
    """Every module's path in the package, and its text."""
    return [(p.relative_to(SRC).as_posix(), p.read_text(encoding="utf-8")) for p in sorted(SRC.rglob("*.py"))]


def imports(path: str, source: str) -> Iterator[Import]:
    """All imports of a module, wherever they stand."""
    yield from _imports(ast.parse(source), path, eager=True, typing=False)


def _imports(node: ast.AST, path: str, eager: bool, typing: bool) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            for alias in child.names:
                yield Import(path, child.lineno, alias.name, eager, typing)
        elif isinstance(child, ast.ImportFrom):
            assert child.level == 0, f"{path}:{child.lineno}: write imports in full, not relative"
            for name in _modules(child):
                yield Import(path, child.lineno, name, eager, typing)
        elif isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            yield from _imports(ast.Module(child.body, []), path, eager, typing=True)
            yield from _imports(ast.Module(child.orelse, []), path, eager, typing)
        else:
            inside = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            yield from _imports(child, path, eager and not inside, typing)


def _modules(node: ast.ImportFrom) -> set[str]:
    """The modules that ``from a import b`` imports: ``a.b`` where that is one of ours, else ``a``."""
    base = node.module or ""
    found = set()
    for alias in node.names:
        full = f"{base}.{alias.name}"
        place = SRC.joinpath(*full.split(".")[1:])
        ours = base.split(".")[0] == "vaery" and (place.is_dir() or place.with_suffix(".py").exists())
        found.add(full if ours else base)
    return found


def part_of(module: str) -> tuple[str, str]:
    """(part of the house, which one of its siblings) of ``"jobs.score"``; what has no siblings is one of a kind."""
    first, _, rest = module.partition(".")
    sibling = rest.split(".")[0]
    if first in FAMILIES or first in ("jobs", "kinds"):
        return first, sibling
    if first in ENGINE:
        return "engine", ""
    if first in FACE:
        return "face", ""
    if first in MAY_IMPORT:
        return first, ""
    raise AssertionError(f"vaery.{module} has no place in the house: add {first!r} to a layer in tests/test_layers.py")


def module_of(path: str) -> str:
    """``kinds/table/__init__.py`` → ``kinds.table``."""
    return path.removesuffix(".py").removesuffix("__init__").rstrip("/").replace("/", ".")


def outward(found: Import) -> bool:
    """Whether an import of ours goes where it may not."""
    if not (found.name == "vaery" or found.name.startswith("vaery.")):
        return False
    here, there = part_of(module_of(found.path)), part_of(found.name.removeprefix("vaery").lstrip("."))
    if here == there or (here[0] == there[0] and not there[1]):  # "" is the folder itself, which is empty
        return False
    if found.path == "__init__.py" and there[0] in PUBLIC:
        return False
    return there[0] not in MAY_IMPORT[here[0]]


def heavy(found: Import) -> bool:
    """Whether an import is of a library that should wait until a function needs it; core goes without altogether."""
    library = found.name.split(".")[0]
    if library in ("vaery", *LIGHT) or found.typing:
        return False
    part = module_of(found.path).split(".")[0]
    return part == "core" or (found.eager and library not in ALSO.get(part, ()))


ALL = [found for path, source in sources() for found in imports(path, source)]


def test_every_module_has_a_place():
    assert len(sources()) > 50
    assert {part_of(module_of(path))[0] for path, _ in sources()} >= {"core", "nets", "kinds", "engine", "jobs", "face"}


def test_imports_point_inward():
    assert not [str(found) for found in ALL if outward(found)]


def test_heavy_libraries_wait_inside_functions():
    assert not [str(found) for found in ALL if heavy(found)]


@pytest.mark.parametrize(
    ("path", "source", "rule"),
    [
        ("core/field.py", "from vaery.joint import Joint", outward),
        ("core/field.py", "from vaery.nets.mlp import MLP", outward),
        ("core/field.py", "def f():\n    import scipy", heavy),
        ("core/field.py", "import pandas as pd", heavy),
        ("nets/mlp.py", "from vaery.likelihoods.normal import Normal", outward),
        ("likelihoods/student.py", "from vaery.likelihoods.normal import Normal", outward),
        ("likelihoods/student.py", "from vaery.likelihoods import normal", outward),
        ("likelihoods/student.py", "from scipy.special import stdtr", heavy),
        ("priors/normal.py", "from vaery.posteriors.gaussian import Gaussian", outward),
        ("kinds/image/field.py", "from vaery.kinds.table.field import TableField", outward),
        ("kinds/image/field.py", "from vaery.likelihoods.normal import Normal", outward),
        ("kinds/image/io.py", "if True:\n    from PIL import Image", heavy),
        ("kinds/table/io.py", "import pyarrow.csv", heavy),
        ("joint.py", "def f():\n    from vaery.likelihoods.normal import Normal", outward),
        ("train.py", "from vaery.jobs.score import score", outward),
        ("train.py", "from vaery.kinds import table", outward),
        ("jobs/detect.py", "from vaery.jobs.score import score", outward),
        ("jobs/detect.py", "from vaery.model import VAE", outward),
        ("model.py", "from vaery.cli.app import app", outward),
        ("fit.py", "def f():\n    from vaery.report import page", outward),
        ("report/page.py", "from vaery.cli.text import plain", outward),
        ("demo/data.py", "from vaery.cli.text import plain", outward),
        ("report/page.py", "import matplotlib.pyplot", heavy),
        ("__init__.py", "from vaery.cli import main", outward),
        ("model.py", "from vaery.xray import xray", outward),
        ("xray/run.py", "from vaery.cli.text import plain", outward),
    ],
)
def test_each_rule_can_be_broken(path, source, rule):
    assert any(rule(found) for found in imports(path, source))


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("jobs/detect.py", "from vaery.inference import sliced\nfrom vaery.core.job import job"),
        ("kinds/image/io.py", "def f():\n    from PIL import Image\nfrom vaery.kinds.image.field import ImageField"),
        ("fit.py", "from vaery.jobs.score import score"),
        ("cli/demo.py", "def f():\n    from vaery.demo import run"),
        ("core/choose.py", "if TYPE_CHECKING:\n    from vaery.core.stop import Stop"),
    ],
)
def test_what_is_allowed_passes(path, source):
    assert not [str(found) for found in imports(path, source) if outward(found) or heavy(found)]


def test_a_new_file_must_be_given_a_place():
    with pytest.raises(AssertionError, match="no place in the house"):
        part_of("helpers")


# ------------------------------------------------------------------ what nobody may do

UNSAFE = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "marshal", "shelve"}  # reading runs code
NETWORK = {"socket", "ssl", "http", "urllib.request", "ftplib", "smtplib", "requests", "httpx", "aiohttp", "urllib3"}
CODE = {"eval", "exec", "compile", "__import__"}
GLOBAL_STREAMS = ("torch.manual_seed", "torch.cuda.manual_seed", "torch.seed", "numpy.random.", "np.random.", "random.")
GENERATORS = ("default_rng", "Generator", "SeedSequence", "PCG64", "Philox", "BitGenerator", "RandomState")
MAY_SEED = {"core/random.py", "train.py"}  # inside `isolated`, which leaves the global stream as it was
ON_THE_NET = {"studio", "scale"}


def named(path: str, names: set[str]) -> bool:
    return any(path == name or path.startswith(f"{name}.") for name in names)


def forbidden(path: str, source: str) -> Iterator[str]:
    """What a module does that no module may, in words."""
    for found in imports(path, source):
        if named(found.name, UNSAFE):
            yield f"{found}: what it reads can run code; storage.py and JSON do not"
        if named(found.name, NETWORK) and (found.eager or module_of(path).split(".")[0] not in ON_THE_NET):
            yield f"{found}: nothing here opens a connection by itself"
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call):
            yield from (f"{path}:{node.lineno}: {why}" for why in _calls(path, node))


def _calls(path: str, node: ast.Call) -> Iterator[str]:
    name = ast.unparse(node.func)
    if name in CODE:
        yield f"{name}() runs text as code"
    if name in ("torch.load", "torch.save", "torch.jit.load"):
        yield f"{name}() is pickle: use storage.py"
    pickled = [k for k in node.keywords if k.arg == "allow_pickle"]
    if any(not (isinstance(k.value, ast.Constant) and k.value.value is False) for k in pickled):
        yield "allow_pickle must be False"
    if any(k.arg == "shell" for k in node.keywords) or name in ("os.system", "os.popen"):
        yield f"{name}() starts a shell"
    drawn = name.startswith(GLOBAL_STREAMS) and name.split(".")[-1] not in GENERATORS
    if drawn and path not in MAY_SEED:
        yield f"{name}() touches a global stream: take a vaery.core.random.Random"


@pytest.mark.parametrize("path", [path for path, _ in sources()])
def test_nothing_forbidden(path):
    assert not list(forbidden(path, (SRC / path).read_text(encoding="utf-8")))


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("storage.py", "import pickle"),
        ("storage.py", "def f():\n    from joblib import load"),
        ("storage.py", "state = torch.load(path)"),
        ("storage.py", "np.load(path, allow_pickle=True)"),
        ("storage.py", "np.load(path, allow_pickle=flag)"),
        ("core/members.py", "member = eval(name)"),
        ("cli/app.py", "subprocess.run(line, shell=True)"),
        ("jobs/score.py", "torch.manual_seed(0)"),
        ("jobs/score.py", "np.random.seed(0)"),
        ("jobs/score.py", "x = numpy.random.rand(3)"),
        ("jobs/score.py", "x = random.random()"),
        ("kinds/table/io.py", "def f():\n    from urllib.request import urlopen"),
        ("studio/app.py", "import http.server"),
    ],
)
def test_each_deed_is_seen(path, source):
    assert list(forbidden(path, source))


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("storage.py", "np.load(path, allow_pickle=False)"),
        ("demo/data.py", "rng = np.random.default_rng(0)\nx = rng.random(3)"),
        ("train.py", "torch.manual_seed(seed)"),
        ("kinds/table/sql.py", "from urllib.parse import urlsplit"),
        ("train.py", "joint.eval()"),
        ("kinds/table/io.py", "re.compile('a')"),
    ],
)
def test_what_is_harmless_passes(path, source):
    assert not list(forbidden(path, source))
