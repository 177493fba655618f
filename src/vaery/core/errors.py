"""Everything vaery raises on purpose.

::

    VaeryError
    ├── DataError (ValueError)        the data is at fault: names the row, column or file
    ├── QueryError (ValueError)       a question this model cannot be asked, and what to ask instead
    ├── ModelFileError (ValueError)   a .vaery file or checkpoint that is truncated, foreign or damaged
    ├── ChoiceError (ValueError)      an argument that names nothing, with what there is
    ├── MissingExtra (ImportError)    an optional library is not installed, with the line that installs it
    └── NotFitted (ValueError, AttributeError)   a job was asked of a model before fit
"""

from __future__ import annotations

from collections.abc import Iterable


class VaeryError(Exception):
    """The root of the tree: ``except VaeryError`` catches all that vaery raises on purpose."""


class DataError(VaeryError, ValueError):
    """The data is at fault. The message says where, what was expected, what came and what to write instead."""


class QueryError(VaeryError, ValueError):
    """This model cannot be asked that. The message says what it can be asked."""


class ModelFileError(VaeryError, ValueError):
    """The file is not a whole, undamaged vaery model."""


class ChoiceError(VaeryError, ValueError):
    """An argument names nothing there is."""


class MissingExtra(VaeryError, ImportError):
    """An optional library is needed. The message is the line that installs it."""


class NotFitted(VaeryError, ValueError, AttributeError):
    """The model has not been fitted yet."""


def choice(what: str, got: object, there_is: Iterable[object]) -> ChoiceError:
    """A :class:`ChoiceError` in the house's words: what was asked for, what there is, and the nearest name.

    >>> print(choice("column", "sise", ["size", "sort"]))
    no column is called 'sise'; there is: size, sort. Did you mean 'size'?
    >>> print(choice("column", "size", []))
    no column is called 'size'; there is none.
    """
    import difflib

    names = sorted(map(str, there_is))
    near = difflib.get_close_matches(str(got), names, n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    known = f": {', '.join(names)}" if names else " none"
    return ChoiceError(f"no {what} is called {got!r}; there is{known}.{hint}")


def extra(library: str, name: str, what_for: str) -> MissingExtra:
    """A :class:`MissingExtra` for ``library``, which comes with ``vaery[name]``."""
    return MissingExtra(f"{what_for} needs {library}: pip install 'vaery[{name}]'")
