"""Progress of a fit, on standard error: a bar at a terminal and in a notebook, a line now and then elsewhere."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

if TYPE_CHECKING:
    from vaery.train import Progress

Item = TypeVar("Item")

SILENT = 2.0  # seconds: what is over sooner says nothing
EVERY = 10.0  # seconds between two lines where there is no terminal


@contextmanager
def watcher(verbose: bool | None = None) -> Iterator[Callable[[Progress], None]]:
    """Somebody to tell a fit's :class:`~vaery.train.Progress` to.

    Args:
        verbose: ``None``: show it once the fit takes longer than two seconds; ``True``: from the start;
            ``False``: never.

    >>> with watcher(verbose=False) as watch:
    ...     watch(None)
    """
    shown: Shown | None = None
    start = time.monotonic()

    def watch(progress: Progress) -> None:
        nonlocal shown
        if verbose is False or (verbose is None and time.monotonic() - start < SILENT):
            return
        if shown is None:
            shown = show()
        shown.update(progress)

    try:
        yield watch
    finally:
        if shown is not None:
            shown.close()


def teller(what: str) -> Callable[[float], None]:
    """Somebody to tell the share that is done to, who says it with the time left, once that is more than two seconds.

    >>> teller("score")(0.5)
    """
    start = said = time.monotonic()

    def tell(share: float) -> None:
        nonlocal said
        now = time.monotonic()
        if 0 < share < 1 and now - start > SILENT and now - said > (EVERY if said > start else 0):
            said = now
            print(f"{what}: {share:.0%}, {duration((now - start) / share * (1 - share))} left", file=sys.stderr)

    return tell


def tracked(items: Sequence[Item], what: str) -> Iterator[Item]:
    """The items, with a word on how far this is and how long it will take, once that is more than two seconds.

    >>> list(tracked(range(3), "score"))
    [0, 1, 2]
    """
    tell = teller(what)
    for i, item in enumerate(items):
        tell(i / len(items))
        yield item


class Shown(Protocol):
    """Where progress is shown."""

    def update(self, progress: Progress) -> None: ...

    def close(self) -> None: ...


def show() -> Shown:
    """A bar where it can move, lines where it cannot."""
    from rich.console import Console

    console = Console(stderr=True)
    moves = console.is_jupyter or (console.is_terminal and not console.is_dumb_terminal)
    return Bar(console) if moves else Lines()


class Bar:
    """A bar with the time left and the held-out bound.

    Args:
        console: of rich.
    """

    def __init__(self, console: Any) -> None:
        from rich import progress as rich

        text = rich.TextColumn("{task.description}"), rich.BarColumn(), rich.TextColumn("{task.fields[words]}")
        self.bar = rich.Progress(*text, console=console, auto_refresh=False)
        self.task = self.bar.add_task("fit", total=1.0, words="")
        self.bar.start()

    def update(self, progress: Progress) -> None:
        self.bar.update(self.task, completed=progress.share, words=words(progress), refresh=True)

    def close(self) -> None:
        self.bar.stop()


class Lines:
    """A line at once, and then one every :data:`EVERY` seconds."""

    def __init__(self) -> None:
        self.said = -math.inf

    def update(self, progress: Progress) -> None:
        now = time.monotonic()
        if now - self.said >= EVERY:
            self.said = now
            print(f"fit: {words(progress)}", file=sys.stderr, flush=True)

    def close(self) -> None:
        pass


def words(progress: Progress) -> str:
    """How far, how good, how long still.

    >>> from vaery.train import Progress
    >>> words(Progress(share=0.25, seconds_left=75.0, step=100, bound=-2.0 * math.log(2)))
    '25 %, step 100, 1 min 15 s left, held-out 2.000 bits a row'
    """
    said = [f"{math.floor(100 * progress.share)} %", f"step {progress.step:,}"]
    if math.isfinite(progress.seconds_left):
        said.append(f"{duration(progress.seconds_left)} left")
    if math.isfinite(progress.bound):
        said.append(f"held-out {bits(progress.bound):.3f} bits a row")
    return ", ".join(said)


def bits(bound: float) -> float:
    """A bound in nats as the length of a code in bits: lower is better."""
    return -bound / math.log(2)


def duration(seconds: float) -> str:
    """Seconds for people.

    >>> duration(9.2), duration(75), duration(7384)
    ('9 s', '1 min 15 s', '2 h 03 min')
    """
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
