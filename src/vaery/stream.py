"""Sound as it comes: blocks in, blocks out, some tenths of a second behind.

A model's latent is of a whole sound. Here that sound is a window over the last moments: each window overlaps the one
before it by half, the model answers for each as if it were a recording, and answers are faded into each other. Nothing
of what comes after a window is needed, so what is said of a moment is final as soon as its second window has ended.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from vaery.core.errors import DataError, QueryError, choice
from vaery.kinds.audio import Sound

if TYPE_CHECKING:
    from vaery.model import VAE

JOBS = ("denoise", "impute", "reconstruct")
SECONDS = 0.5


class Stream:
    """A job of a model of sounds, done block by block.

    As many samples come out as go in, the same ones for any sizes of blocks. Samples that are known stay bit for bit
    where the job keeps them (``impute``: dropped frames are NaN or masked samples).

    Args:
        model: fitted to sounds, alone or beside other fields.
        job: ``"denoise"``, ``"impute"`` or ``"reconstruct"``.
        seconds: of a window; not longer than the sounds of the fit. Half of it is the least, and all of it the most
            that what comes out is behind what goes in, the time of the model not counted.
        rate: samples a second; ``None``: as in the fit.
        field: the name of the sounds; ``None``: the only ones there are.
        options: of the job, for each window; a seed among them.

    Raises:
        ChoiceError: there is no such job, or no such field.
        QueryError: the model knows no sounds, or several, or none as long as a window.

    >>> import vaery
    >>> hums = [Sound(np.sin(np.arange(800) * (0.1 + i / 100)).astype("float32"), 8000) for i in range(20)]
    >>> model = vaery.VAE(steps=10, width=16, latent=2).fit(hums)
    >>> stream = Stream(model, "reconstruct", seconds=0.05)
    >>> [len(stream.push(hums[0].samples[at : at + 300])) for at in (0, 300, 600)], len(stream.close())
    ([0, 400, 200], 200)
    """

    def __init__(
        self,
        model: VAE,
        job: str = "denoise",
        *,
        seconds: float = SECONDS,
        rate: int | None = None,
        field: str | None = None,
        **options: Any,
    ) -> None:
        if job not in JOBS:
            raise choice("job of streams", job, JOBS)
        self.model, self.job, self.options = model, job, {"seed": 0, **options}
        self.field, inside = _field(model, field)
        self.rate = rate or inside.rate
        self.half = max(1, round(seconds * self.rate / 2))
        if 2 * self.half > inside.seconds * self.rate:
            raise QueryError(
                f"seconds={seconds}: the longest sound that this model can hold has {inside.seconds:.2f} s; write "
                f"seconds={min(SECONDS, int(100 * inside.seconds) / 100)}"
            )
        self._waiting: np.ma.MaskedArray | None = None  # from the start of the next window on
        self._before: np.ndarray | None = None  # the last half of the last window's answer

    @property
    def delay(self) -> float:
        """Seconds that a sample waits at most until it comes out, the time of the model not counted."""
        return 2 * self.half / self.rate

    def push(self, block: Any) -> np.ndarray:
        """Samples ``[n]`` or ``[n, channels]``, any number of them → those that are final now, perhaps none.

        Raises:
            DataError: these are no samples, or of another form or type than those before.
        """
        waiting = self._with(block)
        out = [waiting.data[:0]]
        while len(waiting) >= 2 * self.half:
            answer = self._answer(waiting[: 2 * self.half])
            out.append(self._faded(answer[: self.half]))
            waiting, self._before = waiting[self.half :], answer[self.half :]
        self._waiting = waiting
        return np.concatenate(out)

    def close(self) -> np.ndarray:
        """The end: all that has not come out yet. The next block begins anew."""
        waiting, before = self._waiting, self._before
        if waiting is None:
            return np.zeros(0, np.float32)
        if before is not None and len(waiting) <= self.half:  # all of it has been in a window
            out = before[: len(waiting)]
        else:
            answer = self._answer(waiting)
            out = np.concatenate([self._faded(answer[: self.half]), answer[self.half :]])
        self._waiting = self._before = None
        return out

    def _with(self, block: Any) -> np.ma.MaskedArray:
        """What waits, and these samples after it."""
        samples = np.ma.asarray(block)
        if samples.ndim not in (1, 2) or samples.dtype.kind not in "fiu":
            raise DataError(
                f"a block of samples was expected, numbers [n] or [n, channels]; {samples.dtype} {list(samples.shape)} "
                "came"
            )
        if self._waiting is None:
            return samples.copy()
        if samples.shape[1:] != self._waiting.shape[1:] or samples.dtype != self._waiting.dtype:
            raise DataError(
                f"this block is {samples.dtype} {list(samples.shape)}, those before were {self._waiting.dtype} "
                f"{['n', *self._waiting.shape[1:]]}; write stream.close() before another recording begins"
            )
        return np.ma.concatenate([self._waiting, samples])

    def _answer(self, window: np.ma.MaskedArray) -> np.ndarray:
        """What the model makes of a window, as many samples of the same type."""
        if not len(window):
            return window.data
        asked = getattr(self.model, self.job)({self.field: [Sound(window, self.rate)]}, **self.options)
        return np.asarray((asked[self.field] if isinstance(asked, dict) else asked)[0].samples)

    def _faded(self, now: np.ndarray) -> np.ndarray:
        """The first half of an answer, and what the window before said of the same samples."""
        if self._before is None:
            return now
        share = ((np.arange(len(now)) + 0.5) / self.half).reshape(-1, *[1] * (now.ndim - 1))
        before = self._before[: len(now)].astype(np.float64)
        mixed = before + share * (now - before)  # exact where both say the same
        return (np.rint(mixed) if now.dtype.kind in "iu" else mixed).astype(now.dtype)


def _field(model: VAE, asked: str | None) -> tuple[str, Any]:
    """The name of the sounds, and what is known of them."""
    there: dict[str, Any] = {f.name: f for f in model.fields_ if f.kind == "audio"}
    if asked is not None and asked not in there:
        raise choice("field of sounds", asked, there)
    if not there:
        raise QueryError("this model knows no sounds: fit one to sounds")
    name = asked or next(iter(there))
    if asked is None and len(there) > 1:
        raise QueryError(f"several fields are sounds ({', '.join(there)}): write field={name!r}")
    return name, there[name]
