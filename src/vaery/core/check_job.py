"""The contract of a job, as a check that anyone can run on their own; see :mod:`vaery.core.check`."""

from __future__ import annotations

import inspect
import re
import types
import typing
from collections.abc import Callable, Mapping
from typing import Any, get_args, get_type_hints

import torch
from torch import Tensor

from vaery.core.evidence import Evidence
from vaery.core.expect import expect
from vaery.core.job import FILLED, Gives, Job, Points, Takes
from vaery.core.random import Random

PLAIN = (int, float, str, bool, type(None))


def check_job(function: Callable[..., Any], joint: Any = None, evidence: Any = None, **options: Any) -> None:
    """Whether a job keeps the contract of :func:`vaery.core.job.job`.

    It is marked, its first arguments are ``(joint, evidence)``, the rest is by keyword, options are plain, and its
    docstring has a first line of its own and a line for each option. With a joint and evidence it is run, too: it gives
    what it says, the same for the same seed, and for arrays the same for a row in whatever batch it comes.

    Args:
        function: the job.
        joint: a model to run it on; ``None``: it is not run.
        evidence: what the job takes (a pair for ``"two rows"``).
        options: of the job.

    Raises:
        AssertionError: what was expected, and what came instead.
    """
    spec = getattr(function, "job", None)
    expect(isinstance(spec, Job), "a job must be marked with @job(takes=…, gives=…)")
    assert isinstance(spec, Job)
    expect(spec.takes in get_args(Takes), f"takes must be one of {get_args(Takes)}, got {spec.takes!r}")
    expect(spec.gives in get_args(Gives), f"gives must be one of {get_args(Gives)}, got {spec.gives!r}")
    _check_docstring(function, _check_signature(function, spec))
    if joint is not None:
        _check_answers(function, spec, joint, evidence, options)


def _check_signature(function: Callable[..., Any], spec: Job) -> list[str]:
    """The names of the options."""
    parameters = inspect.signature(function).parameters
    first = [name for name, p in parameters.items() if p.kind is not inspect.Parameter.KEYWORD_ONLY]
    wanted = ["joint"] if spec.takes == "nothing" else ["joint", "evidence"]
    expect(first == wanted, f"the arguments by position must be {wanted}, got {first}; put * behind them")
    expect("rng" in parameters, "all draws come from rng: a job must have the keyword argument rng")
    options = [name for name in parameters if name not in (*wanted, *FILLED)]
    hints = get_type_hints(function)
    for name in options:
        hint = hints.get(name)
        parts = get_args(hint) if typing.get_origin(hint) in (typing.Union, types.UnionType) else (hint,)
        expect(
            all(part in PLAIN for part in parts),
            f"option {name}: int, float, str, bool or a union of these, got {hint}",
        )
        default = parameters[name].default
        fits = default is inspect.Parameter.empty or type(default) in parts
        expect(fits, f"option {name}: its default {default!r} is not of its type {hint}")
    return options


def _check_docstring(function: Callable[..., Any], options: list[str]) -> None:
    text = inspect.getdoc(function) or ""
    paragraph = text.split("\n\n")[0]
    expect(
        bool(paragraph) and "\n" not in paragraph, "the docstring's first line is the help: one line, then an empty one"
    )
    found = re.search(r"^Args:\n((?: {4}.*\n?|\n)*)", text, re.MULTILINE)
    named = re.findall(r"^ {4}(\w+): ", found[1], re.MULTILINE) if found else []
    expect(named == options, f"'Args:' must explain the options {options}, one line each, in this order; got {named}")


def _check_answers(
    function: Callable[..., Any], spec: Job, joint: Any, evidence: Any, options: Mapping[str, Any]
) -> None:
    taken = () if spec.takes == "nothing" else (evidence,)
    ask = lambda *taken: function(joint, *taken, rng=Random(3, joint.device, share_rows=True), **options)
    once, again = ask(*taken), ask(*taken)
    wanted: dict[str, tuple[type, ...]] = {
        "records": (Evidence, Points, list, dict),
        "array": (Tensor,),
        "column": (dict,),
        "frame": (dict,),
        "report": (dict,),
    }
    what = type(once).__name__
    expect(isinstance(once, wanted[spec.gives]), f"gives={spec.gives!r} is one of {wanted[spec.gives]}, got {what}")
    expect(_equal(once, again), "the same seed must give the same answer")
    if spec.gives == "array" and spec.takes == "rows":
        alone = ask(evidence[slice(0, 1)])
        expect(
            torch.allclose(alone, once[:1], 1e-4, 1e-4), "a row's answer must not depend on the other rows of the batch"
        )


def _equal(a: Any, b: Any) -> bool:
    if isinstance(a, Tensor):
        return torch.equal(a, b)
    if isinstance(a, Evidence | Points):
        return _equal(a.values, b.values)
    if isinstance(a, Mapping):
        return a.keys() == b.keys() and all(_equal(a[k], b[k]) for k in a)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(_equal, a, b))
    return a == b
