"""What a job's source says of it, read without running it: importing a job would import torch.

A job is a function named like its file, marked ``@job(takes=…, gives=…)``. Its keyword-only arguments become options,
the lines under ``Args:`` in its docstring their help.
"""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from vaery.core.job import FILLED
from vaery.core.members import ROOT, member

FILLED_IN = ("joint", "evidence", *FILLED)
PLAIN = {"int": int, "float": float, "str": str, "bool": bool}
SEVERAL = {"list", "List", "Sequence", "tuple", "Tuple", "Iterable"}
UNKNOWN: Any = object()  # a default that only running the source would tell


@dataclass(frozen=True)
class Option:
    """One keyword argument of a job.

    Attributes:
        name: of the argument.
        types: what it may be, of ``int``, ``float``, ``str``, ``bool``.
        default: its default; :data:`UNKNOWN` where that is not plain to see, :data:`inspect.Parameter.empty` where
            it must be given.
        choices: the words of a ``Literal``.
        several: it may be given several times.
        help: its line in the docstring.
    """

    name: str
    types: tuple[type, ...]
    default: Any
    choices: tuple[str, ...] = ()
    several: bool = False
    help: str = ""


@dataclass(frozen=True)
class JobSpec:
    """One job, as the command line sees it; ``takes`` and ``gives`` as in :class:`~vaery.core.job.Job`.

    Attributes:
        many: ``"dict"``, ``"list"``: the ways in which it may give several sets of records.
    """

    name: str
    takes: str
    gives: str
    help: str
    options: tuple[Option, ...]
    many: tuple[str, ...] = ()


def own_spec(name: str) -> JobSpec | None:
    """What our own job ``name`` says of itself; ``None`` if the file holds no job of that name."""
    path = ROOT / "jobs" / f"{name}.py"
    path = path if path.exists() else ROOT / "jobs" / name / "__init__.py"
    return parse(path.read_text(encoding="utf-8"), name)


def foreign_spec(name: str) -> JobSpec | None:
    """The same of a job of another package, which has to be imported for it."""
    function = inspect.unwrap(member("jobs", name))
    return parse(textwrap.dedent(inspect.getsource(function)), name, function.__name__)


def parse(source: str, name: str, function: str | None = None) -> JobSpec | None:
    """The job in ``source``: the function called ``function``, by default like the job."""
    module = ast.parse(source)
    constants = dict(_constants(module))
    for node in module.body:
        if isinstance(node, ast.FunctionDef) and node.name == (function or name):
            marks = _marks(node)
            if marks is None:
                return None
            summary, lines = docstring(ast.get_docstring(node) or "")
            pairs = zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True)
            options = [_option(arg, default, lines.get(arg.arg, ""), constants) for arg, default in pairs]
            returns = {ast.unparse(part).split("[")[0] for part in _union(node.returns)} if node.returns else set()
            many = tuple(sorted(returns & {"dict", "list"})) if marks["gives"] == "records" else ()
            return JobSpec(name, marks["takes"], marks["gives"], summary, tuple(o for o in options if o), many)
    return None


def _constants(module: ast.Module) -> Iterator[tuple[str, Any]]:
    """``NAME = literal`` lines: what a default may refer to."""
    for node in module.body:
        if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            value = _literal(node.value, {})
            if value is not UNKNOWN:
                yield node.targets[0].id, value


def _literal(node: ast.expr, constants: dict[str, Any]) -> Any:
    if isinstance(node, ast.Name):
        return constants.get(node.id, UNKNOWN)
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError):
        return UNKNOWN


def _marks(node: ast.FunctionDef) -> dict[str, str] | None:
    """The arguments of ``@job(...)``."""
    for decorator in node.decorator_list:
        if isinstance(decorator, ast.Call) and ast.unparse(decorator.func).split(".")[-1] == "job":
            marks = dict(zip(("takes", "gives"), (ast.literal_eval(arg) for arg in decorator.args), strict=False))
            return marks | {k.arg: ast.literal_eval(k.value) for k in decorator.keywords if k.arg}
    return None


def _option(arg: ast.arg, default: ast.expr | None, line: str, constants: dict[str, Any]) -> Option | None:
    """An option, or nothing for what cannot be typed at a command line."""
    if arg.arg in FILLED_IN or arg.annotation is None:
        return None
    types, choices, several = _types(arg.annotation)
    if not types:
        return None
    value = inspect.Parameter.empty if default is None else _literal(default, constants)
    return Option(arg.arg, types, value, choices, several, line)


def _types(annotation: ast.expr) -> tuple[tuple[type, ...], tuple[str, ...], bool]:
    """The plain types of an annotation, the words of its ``Literal``, and whether it takes several."""
    types: dict[type, None] = {}
    choices: list[str] = []
    several = False
    for part in _union(annotation):
        if isinstance(part, ast.Name) and part.id in PLAIN:
            types[PLAIN[part.id]] = None
        elif isinstance(part, ast.Subscript):
            outer, inner = ast.unparse(part.value).split(".")[-1], part.slice
            items = inner.elts if isinstance(inner, ast.Tuple) else [inner]
            if outer == "Literal":
                choices += [str(ast.literal_eval(item)) for item in items]
                types[str] = None
            elif outer in SEVERAL and isinstance(items[0], ast.Name) and items[0].id in PLAIN:
                types[PLAIN[items[0].id]] = None
                several = True
    return tuple(types), tuple(choices), several


def _union(annotation: ast.expr) -> Iterator[ast.expr]:
    """The members of ``A | B``, ``Optional[A]`` and ``Union[A, B]``."""
    if isinstance(annotation, ast.BinOp) and isinstance(annotation.op, ast.BitOr):
        yield from _union(annotation.left)
        yield from _union(annotation.right)
    elif isinstance(annotation, ast.Subscript) and ast.unparse(annotation.value).split(".")[-1] in (
        "Optional",
        "Union",
    ):
        inner = annotation.slice
        for part in inner.elts if isinstance(inner, ast.Tuple) else [inner]:
            yield from _union(part)
    elif isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
        yield from _union(ast.parse(annotation.value, mode="eval").body)
    else:
        yield annotation


def docstring(text: str) -> tuple[str, dict[str, str]]:
    """A Google-style docstring → its description, and the line of each argument.

    >>> docstring('''Fill gaps.
    ...
    ... Args:
    ...     how: ``"mean"`` or
    ...         ``"mode"``.
    ...     draws: how many.
    ...
    ... Returns:
    ...     Rows.
    ... ''')
    ('Fill gaps.', {'how': '"mean" or "mode".', 'draws': 'How many.'})
    """
    described: list[str] = []
    arguments: dict[str, str] = {}
    section, names = "", []
    for line in text.splitlines():
        heading = re.fullmatch(r"([A-Z][A-Za-z ]*):", line)
        if heading:
            section, names = heading[1], []
        elif not section:
            described.append(line)
        elif section == "Args" and (found := re.match(r" {4}(\w[\w, *]*): (.*)", line)):
            names = [name.strip(" *") for name in found[1].split(",")]
            arguments |= dict.fromkeys(names, found[2])
        elif section == "Args" and names and line.strip():
            arguments |= {name: f"{arguments[name]} {line.strip()}" for name in names}
    description = "\n".join(described).split("\n>>>")[0].strip()
    return _plain(description), {name: _plain(line) for name, line in arguments.items()}


def _plain(text: str) -> str:
    """Without the marks of reStructuredText."""
    text = re.sub(r":\w+(?::\w+)*:`~?(?:[^`<]*\.)?([^`<.]+)`", r"\1", text)
    text = re.sub(r"``([^`]*)``", r"\1", text)
    return text[:1].upper() + text[1:]
