"""The field of molecules: symbols of SELFIES, one after the other."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from vaery.core.errors import DataError, QueryError
from vaery.core.field import Field
from vaery.core.random import Random
from vaery.core.tokens import END, FIRST, PAD
from vaery.kinds.molecule.smiles import Molecule, allowing, canonical, from_symbols, molecule

OPEN, STOP, NOTHING = "[?]", "[end]", "[nop]"  # in a pattern: not known, the end, after the end
GAPS = ("nan", "<NA>", "NaT")  # how values that are none look
SHOWN = 3  # rows that a warning names


class InvalidMoleculeWarning(UserWarning):
    """Some rows hold no molecule that can be read; they count as unknown. To have an error instead, write
    ``warnings.simplefilter("error", vaery.kinds.molecule.InvalidMoleculeWarning)``."""


@dataclass(frozen=True)
class MoleculeField(Field):
    """Molecules. ``E = M = (L,)``: codes of SELFIES symbols, see :mod:`vaery.core.tokens`.

    Raw data is a list of SMILES, ``None`` where a molecule is not known; what comes back is canonical. A molecule of
    which only some symbols are known is written as its SELFIES with ``[?]`` for a symbol that is not known (and
    ``[end]`` for the end); what comes after the last symbol is not known either. So ``"[C][C][?]"`` is what begins with
    two carbons; ``("[C][C]", ...)`` says the same.

    Attributes:
        symbols: of the data, the commonest first; the code of the first is 2.
        length: L, one more than the symbols of the longest molecule.
        bonds: sort of atom → the most bonds it has in the data; more are never drawn.
    """

    kind: ClassVar[str] = "molecule"
    symbols: tuple[str, ...]
    length: int
    bonds: Mapping[str, int]

    @property
    def event(self) -> tuple[int, ...]:
        return (self.length,)

    @property
    def mask(self) -> tuple[int, ...]:
        return (self.length,)

    @property
    def codes(self) -> int:
        """How many codes there are, nothing and the end among them."""
        return FIRST + len(self.symbols)

    # ------------------------------------------------------------------ raw → packed

    def pack(self, raw: Any) -> tuple[Tensor, Tensor | None]:
        """SMILES as codes. Rows that hold no molecule are unknown, and a warning names them.

        Raises:
            DataError: a molecule has a symbol that was never seen, more bonds than any atom of its sort, or is longer
                than all; the message names the row.
        """
        texts = as_texts(raw, self.name)
        value = torch.zeros(len(texts), self.length, dtype=torch.int32)
        known = torch.ones(len(texts), self.length, dtype=torch.bool)
        code = {symbol: FIRST + i for i, symbol in enumerate(self.symbols)} | {STOP: END, NOTHING: PAD}
        wrong: dict[int, str] = {}
        with allowing():
            for row, text in enumerate(texts):
                found = None if text is None else pattern(text) or molecule(text)
                if found is None or isinstance(found, str):
                    known[row] = False
                    wrong |= {} if found is None else {row: found}
                    continue
                symbols = self._fitting(found, row, str(text))
                places = [i for i, symbol in enumerate(symbols) if symbol != OPEN]
                value[row, places] = torch.tensor([code[symbols[i]] for i in places], dtype=torch.int32)
                if isinstance(found, list):
                    known[row] = False
                    known[row, places] = True
        warn(self.name, texts, wrong)
        return value, None if bool(known.all()) else known

    def _fitting(self, found: Molecule | list[str], row: int, text: str) -> list[str]:
        """The symbols of a molecule, if this field can hold it."""
        symbols = found if isinstance(found, list) else [*found.symbols, STOP]
        there = {*self.symbols, OPEN, STOP, NOTHING}
        new = next((symbol for symbol in symbols if symbol not in there), None)
        bonds = [] if isinstance(found, list) else found.bonds
        more = next((f"{atom} with {most} bonds" for atom, most in bonds if most > self.bonds.get(atom, 0)), None)
        if len(symbols) > self.length:
            why = f"has {len(symbols) - 1} symbols, where the longest of the fit had {self.length - 1}"
        elif new or more:
            why = f"holds {new or more}, which no molecule of the fit did"
        else:
            return symbols
        raise DataError(
            f"{self.name}: row {row}, {shown(text)}, {why}; leave it out, or fit on molecules like it as well"
        )

    # ------------------------------------------------------------------ packed → raw

    def unpack(
        self,
        value: Tensor,
        known: Tensor | None = None,
        like: Any = None,
        keep: bool = False,
        given: Mapping[str, Any] | None = None,
    ) -> list[str | None]:
        """Canonical SMILES, all of which RDKit reads; ``None`` where nothing is known, a pattern where only some is.

        ``keep``: those that are known in ``like`` as they are there.
        """
        rows = value.detach().cpu().long().tolist()
        seen: list[Any] = [None] * len(rows) if known is None else known.cpu().tolist()
        with allowing(self.bonds, others=1):
            made = [self._text(row, cells) for row, cells in zip(rows, seen, strict=True)]
            if keep and like is not None:
                own = as_texts(like, self.name)
                kept = [text is not None and canonical(text) is not None for text in own]
                made = [a if there else b for a, b, there in zip(own, made, kept, strict=True)]
        return made

    def _text(self, codes: list[int], seen: list[bool] | None) -> str | None:
        if seen is None or all(seen):
            ends = next((i for i, code in enumerate(codes) if code < FIRST), len(codes))
            return from_symbols([self.symbols[code - FIRST] for code in codes[:ends]])
        if not any(seen):
            return None
        names = [NOTHING, STOP, *self.symbols]
        last = len(seen) - 1 - seen[::-1].index(True)
        written = [names[code] if there else OPEN for code, there in zip(codes, seen, strict=True)][: last + 1]
        return "".join(written) + (OPEN if all(seen[: last + 1]) else "")

    def summarise(
        self, value: Tensor, weight: Tensor, how: str | float, like: Any = None, keep: bool = False
    ) -> list[str | None]:
        """The molecule with most weight, whatever is asked: molecules have no mean and no order."""
        best = []
        for row in range(value.shape[1]):
            votes: dict[tuple[int, ...], float] = {}
            for codes, w in zip(value[:, row].tolist(), weight[:, row].tolist(), strict=True):
                votes[tuple(codes)] = votes.get(tuple(codes), 0.0) + w
            best.append(max(votes, key=votes.__getitem__))
        packed = torch.tensor(best, dtype=value.dtype).view(value.shape[1], self.length)
        return self.unpack(packed, like=like, keep=keep)

    def parts(self, value: Tensor, known: Tensor | None = None) -> list[list[tuple[str, list[int]]]]:
        """The symbols of each row, with their places: what can be a reason for a row to be odd."""
        seen = value >= FIRST if known is None else known & (value >= FIRST)
        return [
            [(self.symbols[code - FIRST], [i]) for i, (code, there) in enumerate(zip(*row, strict=True)) if there]
            for row in zip(value.tolist(), seen.tolist(), strict=True)
        ]

    # ------------------------------------------------------------------ questions

    def given(self, asked: Any) -> tuple[Tensor | None, Tensor | None, None]:
        """One molecule, or the pattern of one.

        Raises:
            QueryError: a range or a set was asked for, or what is no molecule.
        """
        if not isinstance(asked, str) and not is_beginning(asked):
            raise QueryError(
                f"{self.name} can be given as a SMILES, as SELFIES with {OPEN} where it is open, or as its beginning, "
                f'("[C][C]", ...); not as {asked!r}'
            )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", InvalidMoleculeWarning)
            value, known = self.pack([asked])
        if known is not None and not bool(known.any()):
            raise QueryError(f"{self.name} was given {asked!r}, which is no molecule that can be read")
        return value, known, None

    def hide(self, rows: int, rng: Random) -> Tensor:
        """What to leave visible in training, ``[rows, L]``: half of the molecules whole, of the others a beginning or
        random symbols."""
        sort = rng.uniform((rows, 1))
        beginning = torch.arange(self.length, device=rng.device) < rng.uniform((rows, 1)) * self.length
        return (sort < 0.5) | torch.where(sort < 0.75, beginning, super().hide(rows, rng))

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> MoleculeField:
        values: dict[str, Any] = {k: v for k, v in data.items() if k != "kind"}
        return cls(**{**values, "symbols": tuple(data["symbols"]), "bonds": dict(data["bonds"])})


def pattern(text: str) -> list[str] | None:
    """The symbols of a molecule of which some are open; ``None``: this is none such."""
    if OPEN not in text:
        return None
    return [part + "]" if part != "." else part for part in text.replace(".", ".]").split("]") if part]


def is_beginning(item: Any) -> bool:
    """Whether this is the beginning of a SELFIES, ``("[C][C]", ...)``."""
    return isinstance(item, tuple) and len(item) == 2 and isinstance(item[0], str) and item[1] is ...


def as_texts(raw: Any, name: str) -> list[str | None]:
    """A column of SMILES (or RDKit molecules), from whatever it comes in; ``None`` where there is nothing."""
    items: Sequence[Any] = raw.tolist() if hasattr(raw, "tolist") else list(raw)
    made = []
    for row, item in enumerate(items):
        if type(item).__module__.startswith("rdkit."):
            from rdkit import Chem

            item = Chem.MolToSmiles(item)
        item = item[0] + OPEN if is_beginning(item) else item
        if not (item is None or isinstance(item, str) or str(item) in GAPS):
            raise DataError(f"{name}: row {row} holds {item!r} ({type(item).__name__}); a SMILES was expected")
        made.append(item.strip() if isinstance(item, str) else None)
    return made


def warn(name: str, texts: Sequence[str | None], wrong: Mapping[int, str]) -> None:
    """Say which rows hold no molecule."""
    if not wrong:
        return
    some = "; ".join(f"row {row}, {shown(str(texts[row]))}, {why}" for row, why in list(wrong.items())[:SHOWN])
    more = f" and {len(wrong) - SHOWN:,} more" if len(wrong) > SHOWN else ""
    warnings.warn(
        f"{name}: {len(wrong):,} of {len(texts):,} molecules cannot be used and count as unknown: {some}{more}",
        InvalidMoleculeWarning,
        stacklevel=3,
    )


def shown(text: str, most: int = 60) -> str:
    """A SMILES in a message, shortened."""
    return repr(text if len(text) <= most else text[: most - 1] + "…")


def describe(raw: Any, name: str = "molecule", likelihood: str = "autoregressive") -> MoleculeField:
    """Look at molecules: which symbols there are, how long they are and which bonds atoms have.

    Raises:
        DataError: there is none that can be read; the message says what is wrong with the first.
        MissingExtra: RDKit or selfies is not installed.
    """
    texts = as_texts(raw, name)
    counts: dict[str, int] = {}
    bonds: dict[str, int] = {}
    longest, wrong = 0, ""
    with allowing():
        for row, text in enumerate(texts):
            found = None if text is None else molecule(text)
            if not isinstance(found, Molecule):
                wrong = wrong or f": row {row}, {shown(str(text))}, {found or 'is empty'}"
                continue
            symbols = found.symbols
            longest = max(longest, len(symbols))
            for symbol in symbols:
                counts[symbol] = counts.get(symbol, 0) + 1
            bonds |= {atom: most for atom, most in found.bonds if most > bonds.get(atom, 0)}
    if not counts:
        raise DataError(f"{name}: no molecule can be read{wrong}; SMILES were expected, for instance 'CCO'")
    symbols = tuple(sorted(counts, key=lambda symbol: (-counts[symbol], symbol)))
    return MoleculeField(name, likelihood, symbols, longest + 1, dict(sorted(bonds.items())))
