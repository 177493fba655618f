"""Differentially private training: what is asked for, and what the stated ε covers.

DP-SGD (Abadi, Chu, Goodfellow, McMahan, Mironov, Talwar and Zhang, 2016): every row is in a step's batch by a coin of
its own, its gradient is clipped, Gaussian noise is added to the sum, and an accountant adds up what steps give away.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from vaery.core.errors import ChoiceError

COVERS = (
    "the weights, and the scores that p-values are read from: whether any one row was in the data changes the "
    "probability of any outcome by a factor of at most exp(epsilon), save for a probability of delta"
)
LEAVES_OUT = (
    "the description of the columns (names, types, levels and their shares, quantiles, smallest and largest values), "
    "constraints, and the number of rows: these were read from the data as it is"
)


@dataclass(frozen=True)
class Private:
    """What is asked of private training.

    Attributes:
        epsilon: the most that one row may show: all probabilities within a factor of exp(epsilon).
        delta: but for this probability; ``None``: a tenth of one over the number of rows.
        clip: the longest that one row's gradient may be.
        seed: of the noise; ``None``: from the operating system, kept nowhere. For tests: who knows the seed can take
            the noise out again.
    """

    epsilon: float
    delta: float | None = None
    clip: float = 1.0
    seed: int | None = None

    @classmethod
    def of(cls, asked: Any) -> Private | None:
        """From ``VAE(private=…)``: ``None``, an ε, or a mapping.

        Raises:
            ChoiceError: it is none of these, or a number makes no sense.

        >>> Private.of(3), Private.of({"epsilon": 1.0, "clip": 0.5}).clip
        (Private(epsilon=3.0, delta=None, clip=1.0, seed=None), 0.5)
        """
        if asked is None or isinstance(asked, cls):
            return asked
        if isinstance(asked, Mapping):
            known = [f.name for f in fields(cls)]
            if unknown := [str(k) for k in asked if k not in known]:
                raise ChoiceError(f"private= has no {', '.join(unknown)}; there is: {', '.join(known)}")
            if "epsilon" not in asked:
                raise ChoiceError(
                    "private= says no epsilon; write private=3.0 or private={'epsilon': 3.0, 'clip': 1.0}"
                )
            asked = dict(asked)
        else:
            asked = {"epsilon": asked}
        for name, value in asked.items():
            whole = name == "seed"
            if (value is None and name in ("delta", "seed")) or (whole and type(value) is int and value >= 0):
                continue
            if whole or isinstance(value, bool) or not isinstance(value, int | float):
                raise ChoiceError(f"private={{{name!r}: {value!r}}}: a {'seed' if whole else 'number'} was expected")
            asked[name] = float(value)
        return cls(**asked)._checked()

    def _checked(self) -> Private:
        if not 0 < self.epsilon < math.inf:
            raise ChoiceError(f"epsilon={self.epsilon} is no privacy budget; write a number above 0, for instance 3.0")
        if not 0 < self.clip < math.inf:
            raise ChoiceError(f"clip={self.clip} is no length of a gradient; write a number above 0, for instance 1.0")
        if self.delta is not None and not 0 < self.delta < 1:
            raise ChoiceError(f"delta={self.delta} is no probability; write a small number above 0, or leave it out")
        return self

    def settled(self, rows: int) -> Private:
        """With δ decided for so many rows.

        Raises:
            ChoiceError: δ is one over the number of rows, or more: publishing a row at random would keep that.
        """
        delta = 0.1 / rows if self.delta is None else self.delta
        if delta >= 1 / rows:
            raise ChoiceError(
                f"delta={delta:g} promises nothing for {rows} row(s): handing out one of them at random would keep it; "
                f"write less than {1 / rows:.1g}, or leave delta out for {0.1 / rows:.1g}"
            )
        return replace(self, delta=delta)


def small(advice: Mapping[str, Any]) -> dict[str, Any]:
    """A kind's advice on sizes, for noisy gradients: noise grows with the number of weights, and is drop-out enough."""
    return {**advice, "width": min(128, advice["width"]), "depth": min(2, advice["depth"]), "dropout": 0.0}


def sentence(report: Mapping[str, Any]) -> str:
    """What a report says, in one sentence.

    >>> sentence({"epsilon": 2.9981, "delta": 1e-5, "seeded": False})
    'trained with differential privacy: epsilon = 2.998 at delta = 1e-05, for one row'
    """
    told = f"trained with differential privacy: epsilon = {report['epsilon']:.4g} at delta = {report['delta']:.2g}"
    return f"{told}, for one row" + (" (not from those who know the seed of the noise)" if report["seeded"] else "")


def paragraph(report: Mapping[str, Any]) -> list[str]:
    """What a report says, at length: lines for a model card."""
    return [
        f"This model was {sentence(report)}, by {report['steps']} steps of DP-SGD on {report['rate']:.3g} of the rows "
        f"each, gradients clipped at {report['clip']:g}, noise {report['noise']:.4g} times that "
        f"(accountant: Opacus, {report['accountant']}).",
        "",
        f"It covers {report['covers']}.",
        f"It does not cover {report['leaves_out']}.",
    ]


def how_good(about: Mapping[str, Any]) -> str:
    """How well a model fits, in words; of a private one nobody measured it."""
    if about.get("private") is not None:
        return "held-out bound not measured, as that would look at rows"
    return f"held-out bound {about['held_out_bits']:.2f} bits a row"


def plain(asked: Any) -> dict[str, Any] | None:
    """What was asked for, for a model file: without the seed, with which the noise could be taken out again."""
    private = Private.of(asked)
    return None if private is None else {k: v for k, v in asdict(private).items() if k != "seed"}
