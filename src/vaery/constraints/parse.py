"""Constraints as they are written: ``"start <= end"``, ``"total = price + tax"``, ``"unique(id)"``,
``"weight = weight(molecule)"``.

The text is read by Python's own parser and never run: of its tree only names, numbers, quoted texts, ``+ - * /`` and
one comparison are accepted.
"""

from __future__ import annotations

import ast
import keyword
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from vaery.core.errors import ChoiceError

OPERATORS = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/"}
COMPARISONS = {ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.NotEq: "!=", ast.Eq: "="}
BINDS = {"+": 1, "-": 1, "*": 2, "/": 2}  # how strongly
EXAMPLES = "write for instance 'start <= end', 'total = price + tax' or 'unique(id)'"
LONGEST = 1000  # characters of one constraint


@dataclass(frozen=True)
class Column:
    """The value of a column."""

    name: str

    def __str__(self) -> str:
        plain = self.name.isidentifier() and self.name.isascii() and not keyword.iskeyword(self.name)
        return self.name if plain else f"`{self.name}`"


@dataclass(frozen=True)
class Literal:
    """A number, or a text (a date, or a level)."""

    value: int | float | str

    def __str__(self) -> str:
        return repr(self.value)


@dataclass(frozen=True)
class Sum:
    """Two expressions and what is between them: ``+ - * /``."""

    op: str
    left: Expression
    right: Expression

    def __str__(self) -> str:
        return f"{_inside(self.left, self.op)} {self.op} {_inside(self.right, self.op, last=True)}"


Expression: TypeAlias = "Column | Literal | Sum"


@dataclass(frozen=True)
class Compare:
    """``left op right``, with ``op`` one of ``< <= > >= != =``."""

    op: str
    left: Expression
    right: Expression

    def __str__(self) -> str:
        return f"{self.left} {self.op} {self.right}"

    @property
    def columns(self) -> tuple[str, ...]:
        """The names in it, in order, each once."""
        return tuple(dict.fromkeys((*columns_of(self.left), *columns_of(self.right))))

    @property
    def computed(self) -> str | None:
        """The column that an equality computes."""
        return self.left.name if self.op == "=" and isinstance(self.left, Column) else None


@dataclass(frozen=True)
class Unique:
    """No two rows have the same values in these columns."""

    columns: tuple[str, ...]

    def __str__(self) -> str:
        return f"unique({', '.join(str(Column(name)) for name in self.columns)})"


@dataclass(frozen=True)
class Measure:
    """A column that is measured on a field beside it: ``weight = weight(molecule)``.

    It follows the field where it is not given itself, and what is asked of it holds for what is measured.
    """

    column: str
    what: str
    field: str

    def __str__(self) -> str:
        return f"{Column(self.column)} = {self.what}({Column(self.field)})"

    @property
    def columns(self) -> tuple[str, ...]:
        """The column; the field is none."""
        return (self.column,)


Constraint: TypeAlias = "Compare | Unique | Measure"


def columns_of(expression: Expression) -> Iterator[str]:
    """The names in an expression, in order."""
    if isinstance(expression, Column):
        yield expression.name
    elif isinstance(expression, Sum):
        yield from columns_of(expression.left)
        yield from columns_of(expression.right)


def parse_all(texts: Iterable[str] | str) -> tuple[Constraint, ...]:
    """Several constraints, or one."""
    listed = [texts] if isinstance(texts, str) else list(texts)
    return tuple(dict.fromkeys(constraint for text in listed for constraint in parse(text)))


def parse(text: str) -> tuple[Constraint, ...]:
    """One text → one constraint, or several: ``a < b < c`` is two.

    Names that are no identifiers are put in backticks. ``=`` and ``==`` are the same.

    Raises:
        ChoiceError: it is no constraint; the message says what can be written.

    >>> [str(c) for c in parse("0 < `net price` <= 2 * (gross - 1)")]
    ['0 < `net price`', '`net price` <= 2 * (gross - 1)']
    >>> parse("unique(id)")
    (Unique(columns=('id',)),)
    """
    if not isinstance(text, str) or not text.strip() or len(text) > LONGEST:
        raise ChoiceError(f"{str(text)[:80]!r} is no constraint: {EXAMPLES}")
    source, names = _quoted(text)
    try:
        tree = ast.parse(source.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        hint = "; a name with spaces or signs goes in backticks: `net price` <= gross"
        raise ChoiceError(f"constraint {text!r} cannot be read: {EXAMPLES}{hint}") from None
    return _Reader(text, names).read(tree)


def _quoted(text: str) -> tuple[str, dict[str, str]]:
    """Text with every name in backticks replaced by an identifier, ``=`` by ``==``, and what the identifiers mean."""
    names: dict[str, str] = {}

    def plain(found: re.Match[str]) -> str:
        if found["name"] is not None:
            stand_in = f"_{len(names)}_quoted"
            names[stand_in] = found["name"]
            return f" {stand_in} "
        return "==" if found["equals"] else found[0]

    pattern = r"""`(?P<name>[^`]+)`|'[^'\n]*'|"[^"\n]*"|(?<![<>=!])(?P<equals>=)(?!=)"""
    return re.sub(pattern, plain, text), names


@dataclass
class _Reader:
    text: str
    names: dict[str, str]

    def read(self, tree: ast.expr) -> tuple[Constraint, ...]:
        if isinstance(tree, ast.Call):
            return (self.unique(tree),)
        if not isinstance(tree, ast.Compare):
            raise self.no("it compares nothing")
        if isinstance(tree.comparators[-1], ast.Call):
            return (self.measure(tree, tree.comparators[-1]),)
        sides = [self.expression(side) for side in (tree.left, *tree.comparators)]
        found = []
        for i, op in enumerate(tree.ops):
            if type(op) not in COMPARISONS:
                raise self.no(f"comparisons are {' '.join(COMPARISONS.values())}")
            found.append(self.checked(Compare(COMPARISONS[type(op)], sides[i], sides[i + 1])))
        return tuple(found)

    def checked(self, compare: Compare) -> Compare:
        if not compare.columns:
            raise self.no("it names no column")
        if compare.op != "=":
            return compare
        if not isinstance(compare.left, Column):
            raise self.no("an equality computes the column on its left: one column alone, as in 'total = price + tax'")
        if compare.left.name in columns_of(compare.right):
            raise self.no(f"{compare.left} cannot be computed from itself")
        return compare

    def unique(self, call: ast.Call) -> Unique:
        if not (isinstance(call.func, ast.Name) and call.func.id == "unique" and call.args and not call.keywords):
            raise self.no("the only function there is, is unique(column, …)")
        columns = [self.expression(argument) for argument in call.args]
        names = tuple(dict.fromkeys(c.name for c in columns if isinstance(c, Column)))
        if len(names) < len(columns):
            raise self.no("unique() takes names of columns, each once")
        return Unique(names)

    def measure(self, tree: ast.Compare, call: ast.Call) -> Measure:
        alone = isinstance(tree.left, ast.Name) and isinstance(call.func, ast.Name)
        one = len(tree.ops) == len(call.args) == 1 and not call.keywords and isinstance(call.args[0], ast.Name)
        if not (alone and one and isinstance(tree.ops[0], ast.Eq)):
            raise self.no("what is measured on a field is written as 'weight = weight(molecule)'")
        column, field = (self.expression(node) for node in (tree.left, call.args[0]))
        assert isinstance(column, Column)
        assert isinstance(field, Column)
        return Measure(column.name, ast.unparse(call.func), field.name)

    def expression(self, node: ast.expr, depth: int = 0) -> Expression:
        if depth > 50:
            raise self.no("it is nested too deeply")
        if isinstance(node, ast.Name):
            return Column(self.names.get(node.id, node.id))
        if isinstance(node, ast.Constant) and isinstance(node.value, int | float | str):
            if isinstance(node.value, float) and node.value - node.value != 0:
                raise self.no("a number in it is too large")
            return Literal(int(node.value) if isinstance(node.value, bool) else node.value)
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd):
            inner = self.expression(node.operand, depth + 1)
            if isinstance(node.op, ast.UAdd):
                return inner
            if isinstance(inner, Literal) and not isinstance(inner.value, str):
                return Literal(-inner.value)
            return Sum("*", Literal(-1), inner)
        if isinstance(node, ast.BinOp) and type(node.op) in OPERATORS:
            op = OPERATORS[type(node.op)]
            return Sum(op, self.expression(node.left, depth + 1), self.expression(node.right, depth + 1))
        raise self.no(f"{ast.unparse(node)!r} is neither a column, a number, a quoted text, nor + - * / of these")

    def no(self, why: str) -> ChoiceError:
        return ChoiceError(f"constraint {self.text!r}: {why}; {EXAMPLES}")


def _inside(part: Expression, op: str, last: bool = False) -> str:
    """An operand, in parentheses where it needs them."""
    weaker = isinstance(part, Sum) and BINDS[part.op] < BINDS[op] + last
    negative = isinstance(part, Literal) and not isinstance(part.value, str) and part.value < 0
    return f"({part})" if weaker or (negative and last) else str(part)
