"""Members are found by the name of their file.

A family is a folder (``likelihoods``, ``priors``, ``posteriors``, ``objectives``, ``kinds``, ``jobs``), a member is a
file in it, and the file's name is the member's name: ``likelihoods/student.py`` holds the class ``Student`` and is
asked for as ``"student"``. Other packages add members through an entry point of the group ``vaery.<family>``; only a
name that is listed here is ever imported, so a name read from a file cannot run code.
"""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from vaery.core.errors import choice

ROOT = Path(__file__).parent.parent
FAMILIES = ("likelihoods", "priors", "posteriors", "objectives", "kinds", "jobs")


def class_name(name: str) -> str:
    """``logistic_mixture`` → ``LogisticMixture``: how a member's class is called, given its file."""
    return "".join(part.capitalize() for part in name.split("_"))


@cache
def members(family: str) -> tuple[str, ...]:
    """The names of all members of a family, our own and those of installed packages, sorted.

    >>> "normal" in members("likelihoods")
    True
    """
    if family not in FAMILIES:
        raise choice("family of members", family, FAMILIES)
    own = {m.name for m in pkgutil.iter_modules([str(ROOT / family)]) if not m.name.startswith("_")}
    return tuple(sorted(own | {point.name for point in entry_points(group=f"vaery.{family}")}))


@cache
def member(family: str, name: str) -> Any:
    """The member ``name`` of ``family``: a class (kinds: the module; jobs: the function).

    Raises:
        ChoiceError: nothing is called that; the message lists what there is.
    """
    if name not in members(family):
        raise choice(family.removesuffix("s"), name, members(family))
    if not _is_own(family, name):
        (point,) = (p for p in entry_points(group=f"vaery.{family}") if p.name == name)
        return point.load()
    module = importlib.import_module(f"vaery.{family}.{name}")
    if family == "kinds":
        return module
    return getattr(module, name if family == "jobs" else class_name(name))


def _is_own(family: str, name: str) -> bool:
    return any((ROOT / family / end).exists() for end in (f"{name}.py", f"{name}/__init__.py"))
