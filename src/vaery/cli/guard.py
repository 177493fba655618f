"""From exceptions to exit codes: 0 done, 1 the data or the model is at fault, 2 wrong usage, 130 interrupted."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import typer

from vaery.cli.text import warn
from vaery.core.errors import VaeryError


@contextmanager
def guarded() -> Iterator[None]:
    """What is at fault in one line on standard error, without a traceback. A traceback means a bug."""
    try:
        yield
    except BrokenPipeError:  # whoever was reading has seen enough: typer ends quietly
        raise
    except (VaeryError, OSError) as error:
        warn(words(error))
        raise typer.Exit(1) from None
    except MemoryError as error:
        warn(f"not enough memory ({words(error)}); take fewer rows at a time")
        raise typer.Exit(1) from None
    except KeyboardInterrupt:
        warn("interrupted")
        raise typer.Exit(130) from None


@contextmanager
def usage(parameter: str | None = None) -> Iterator[None]:
    """A ``ValueError`` inside is wrong usage (of ``parameter``)."""
    try:
        yield
    except VaeryError:
        raise
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint=parameter) from None


def words(error: BaseException) -> str:
    """An exception for people: the system's errors name the file first."""
    if isinstance(error, OSError) and error.strerror:
        where = f"{error.filename}: " if error.filename is not None else ""
        return f"{where}{error.strerror.lower()}"
    return str(error) or type(error).__name__


def check_device(device: str) -> str:
    """``device``, if this machine has it.

    Raises:
        ValueError: it has not.
    """
    if device in ("auto", "cpu"):
        return device
    import torch

    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, NotImplementedError):  # torch built without CUDA asserts
        raise ValueError(
            f"{device!r} is no device of this machine; write auto, cpu or, where there is one, cuda"
        ) from None
    return device
