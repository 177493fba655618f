"""The field of molecules: symbols of SELFIES, one after the other."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, TypeGuard

import torch
from torch import Tensor

from vaery.core.errors import DataError, QueryError
from vaery.core.field import Field
from vaery.core.random import Random
from vaery.core.tokens import END, FIRST
from vaery.kinds.molecule.pieces import cut, names
from vaery.kinds.molecule.raw import InvalidMoleculeWarning, Opened, as_texts, is_beginning, shown, warn
from vaery.kinds.molecule.rewrite import rewritten
from vaery.kinds.molecule.smiles import Molecule, allowing, canonical, decoded, filled, molecule, split

OPEN, STOP, NOTHING, BAR = "[?]", "[end]", "[nop]", "|"  # not known, the end, after the end, between pieces
ATOM = re.compile(r"\[(?P<bond>[=#/\\]?)\d*(?P<sort>[A-Z][a-z]?)@{0,2}(H\d*)?([+-]\d+)?\]")  # a symbol that is one


@dataclass(frozen=True)
class MoleculeField(Field):
    """Molecules. ``E = M = (L,)``: codes of pieces of their SELFIES, see :mod:`vaery.core.tokens`.

    Raw data is a list of SMILES, ``None`` where a molecule is not known; what comes back is canonical.
    ``("[C][C]", ...)`` is a molecule of which only the beginning is known, as SELFIES. One of which any other pieces
    are known is written with a bar between pieces and ``[?]`` for those that are not.

    Attributes:
        symbols: of SELFIES in the data, the commonest first; the code of the first is 2.
        pairs: codes that stand side by side so often that together they have a code of their own (:mod:`.pieces`).
        length: L, of the longest molecule in pieces and a quarter more.
        bonds: sort of atom → the most bonds it has in the data; more are never drawn.
        varied: whether training sees half of them written from another atom on.
    """

    kind: ClassVar[str] = "molecule"
    symbols: tuple[str, ...]
    pairs: tuple[tuple[int, int], ...]
    length: int
    bonds: Mapping[str, int]
    varied: bool = False

    @property
    def event(self) -> tuple[int, ...]:
        return (self.length,)

    @property
    def mask(self) -> tuple[int, ...]:
        return (self.length,)

    @property
    def codes(self) -> int:
        """How many codes there are, nothing and the end among them."""
        return FIRST + len(self.symbols) + len(self.pairs)

    @cached_property
    def pieces(self) -> list[str]:
        """What each code is made of."""
        return [NOTHING, STOP, *names(self.symbols, self.pairs)]

    # ------------------------------------------------------------------ raw → packed

    def pack(self, raw: Any) -> tuple[Tensor, Tensor | None]:
        """SMILES as codes. Rows that hold no molecule are unknown, and a warning names them.

        Raises:
            DataError: a molecule has a symbol that was never seen, more bonds than any atom of its sort, or is too
                long; the message names the row.
        """
        texts = as_texts(raw, self.name)
        whole: dict[int, list[int]] = {}  # row → symbols
        partly: dict[int, list[int]] = {}
        wrong: dict[int, str] = {}
        with allowing():
            for row, text in enumerate(texts):
                if text is None:
                    continue
                if isinstance(text, Opened):
                    partly[row] = self._opened(text, row)
                    continue
                found = molecule(text)
                if isinstance(found, str):
                    wrong[row] = found
                else:
                    whole[row] = self._codes(found.symbols, row, text, found.bonds)
        warn(self.name, texts, wrong)
        return self._placed(len(texts), whole, partly)

    def _placed(
        self, rows: int, whole: Mapping[int, list[int]], partly: Mapping[int, list[int]]
    ) -> tuple[Tensor, Tensor | None]:
        """Codes by row, of whole molecules without their end and of others with -1 where they are open."""
        value = torch.zeros(rows, self.length, dtype=torch.int32)
        known = torch.zeros(rows, self.length, dtype=torch.bool)
        for row, codes in zip(whole, cut(list(whole.values()), self._first, self.pairs), strict=True):
            self._check(len(codes) < self.length, row, f"is {len(codes)} pieces long, where {self.length - 1} fit")
            value[row, : len(codes) + 1] = torch.tensor([*codes, END], dtype=torch.int32)
            known[row] = True
        for row, codes in partly.items():
            self._check(len(codes) <= self.length, row, f"is {len(codes)} pieces long, where {self.length} fit")
            part = torch.tensor(codes, dtype=torch.int32)
            value[row, : len(codes)], known[row, : len(codes)] = part.clamp(min=0), part >= 0
        return value, None if bool(known.all()) else known

    @property
    def _first(self) -> int:
        return FIRST + len(self.symbols)

    def _codes(self, symbols: Sequence[str], row: int, text: str, bonds: Any = ()) -> list[int]:
        """Codes of symbols, if this field knows them."""
        code = self._code
        new = next((symbol for symbol in symbols if symbol not in code), None)
        more = self._more(bonds)
        self._check(not (new or more), row, f"{shown(text)}, holds {new or more}, which no molecule of the fit did")
        return [code[symbol] for symbol in symbols]

    def _more(self, bonds: Iterable[tuple[str, int]]) -> str | None:
        """The first atom with more bonds than any of its sort in the data."""
        return next((f"{atom} with {most} bonds" for atom, most in bonds if most > self.bonds.get(atom, 0)), None)

    @cached_property
    def _code(self) -> dict[str, int]:
        return {symbol: FIRST + i for i, symbol in enumerate(self.symbols)}

    def _opened(self, text: Opened, row: int) -> list[int]:
        """Codes of a molecule of which some is open, -1 there."""
        if BAR not in text:
            return cut([self._codes(split(text), row, text)], self._first, self.pairs)[0]
        code = {piece: i for i, piece in enumerate(self.pieces)} | {OPEN: -1}
        pieces = [piece for piece in text.split(BAR) if piece]
        new = next((piece for piece in pieces if piece not in code), None)
        self._check(new is None, row, f"{shown(text)}, holds {new}, which no molecule of the fit did")
        return [code[piece] for piece in pieces]

    def _check(self, fine: bool, row: int, why: str) -> None:
        if not fine:
            raise DataError(f"{self.name}: row {row}, {why}; leave it out, or fit on molecules like it as well")

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
        whole = [True] * len(rows) if known is None else known.all(1).tolist()
        drawn = iter(self._drawn([codes for codes, there in zip(rows, whole, strict=True) if there]))
        seen: list[Any] = [None] * len(rows) if known is None else known.cpu().tolist()
        made: list[str | None] = [
            next(drawn) if there else self._open(codes, cells)
            for codes, there, cells in zip(rows, whole, seen, strict=True)
        ]
        if not keep or like is None:
            return made
        with allowing():
            own = as_texts(like, self.name)
            return [a if a is not None and canonical(a) is not None else b for a, b in zip(own, made, strict=True)]

    def _drawn(self, rows: list[list[int]]) -> list[str]:
        """Canonical SMILES of any codes, each of which can be packed again.

        Where what SELFIES makes of them cannot be packed, since it takes symbols that no molecule of the fit had, it
        may be that an atom has too few neighbours, as is common: hydrogens fill it up. Or it has a number of bonds that
        none of its sort has, as a sulphur of three, which SELFIES allows since it may have six: then it is a carbon
        instead. Where that is not it, or RDKit refuses the molecule (of random codes of the symbols of NCI, one in a
        thousand), symbols are dropped from the end until it can.
        """
        symbols = [self.spelled(codes) for codes in rows]
        made, left = [""] * len(rows), list(range(len(rows)))
        while left:
            with allowing(self.bonds, others=1):
                texts = [decoded(symbols[row]) for row in left]
            with allowing():
                found = [molecule(text) for text in texts]
                pairs = zip(texts, found, strict=True)
                found = [one if self._fits(one) else molecule(filled(text) or text) for text, one in pairs]
            wrong = []
            for row, one in zip(left, found, strict=True):
                if self._fits(one):
                    made[row] = one.smiles
                else:
                    symbols[row] = self._mended(symbols[row], one)
                    wrong.append(row)
            left = wrong
        return made

    def spelled(self, codes: Sequence[int]) -> list[str]:
        """The symbols of a whole molecule's codes, up to its end."""
        ends = next((i for i, code in enumerate(codes) if code < FIRST), len(codes))
        return split("".join(self.pieces[code] for code in codes[:ends]))

    def written(self, symbols: Sequence[str]) -> list[int] | None:
        """The inverse of :meth:`spelled`, up to the full length; ``None``: a symbol is new, or it is too long."""
        if any(symbol not in self._code for symbol in symbols):
            return None
        (codes,) = cut([[self._code[symbol] for symbol in symbols]], self._first, self.pairs)
        return [*codes, END, *[0] * (self.length - len(codes) - 1)] if len(codes) < self.length else None

    def _mended(self, symbols: list[str], found: Molecule | str) -> list[str]:
        """Symbols that are nearer to a molecule that can be packed: with a carbon for the last atom of a sort that
        cannot be as it was drawn, or without the last of all."""
        sorts = set() if isinstance(found, str) else self._odd(found)
        for place in reversed(range(len(symbols))):
            atom = ATOM.fullmatch(symbols[place])
            if atom and atom["sort"] in sorts and symbols[place] != (carbon := f"[{atom['bond']}C]"):
                return [*symbols[:place], carbon, *symbols[place + 1 :]]
        return symbols[:-1]

    def _odd(self, found: Molecule) -> set[str]:
        """The sorts of atoms that no molecule of the fit had so."""
        new = [atom["sort"] for s in found.symbols if s not in self._code and (atom := ATOM.fullmatch(s))]
        return {*new, *(re.split(r"[+-]", sort)[0] for sort, most in found.bonds if most > self.bonds.get(sort, 0))}

    def _fits(self, found: Molecule | str) -> TypeGuard[Molecule]:
        """Whether it is a molecule that can be packed."""
        if isinstance(found, str):
            return False
        symbols = found.symbols
        if any(symbol not in self._code for symbol in symbols) or self._more(found.bonds):
            return False
        codes = [self._code[symbol] for symbol in symbols]
        return len(codes) < self.length or len(cut([codes], self._first, self.pairs)[0]) < self.length

    def _open(self, codes: list[int], seen: list[bool]) -> str | None:
        """A molecule of which not all is known."""
        if not any(seen):
            return None
        last = len(seen) - seen[::-1].index(True)
        cells = [self.pieces[c] if there else OPEN for c, there in zip(codes[:last], seen, strict=False)]
        return Opened(BAR.join(cells) + BAR)

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

    def named_parts(self, value: Tensor, known: Tensor | None = None) -> list[list[tuple[str, list[int]]]]:
        """The pieces of each row, with their places: what can be a reason for a row to be odd."""
        seen = value >= FIRST if known is None else known & (value >= FIRST)
        return [
            [(self.pieces[code], [i]) for i, (code, there) in enumerate(zip(*row, strict=True)) if there]
            for row in zip(value.tolist(), seen.tolist(), strict=True)
        ]

    @property
    def measures(self) -> Mapping[str, Callable[[Any], list[float]]]:
        """The properties that RDKit computes."""
        from vaery.kinds.molecule.properties import COLUMNS, measured, read

        return {name: lambda raw, name=name: measured(name, read(raw)) for name in COLUMNS}

    def traits(self, value: Tensor, known: Tensor) -> Tensor:
        """Descriptors of whole molecules; of those that are not known as a whole there are none."""
        from vaery.kinds.molecule.traits import traits

        whole = known.all(1).tolist()
        found = self.unpack(value, None)
        return traits([text if there else None for text, there in zip(found, whole, strict=True)])

    # ------------------------------------------------------------------ questions

    def given(self, asked: Any) -> tuple[Tensor | None, Tensor | None, None]:
        """One molecule, or the beginning of one.

        Raises:
            QueryError: a range or a set was asked for, or what is no molecule.
        """
        if not isinstance(asked, str) and not is_beginning(asked):
            raise QueryError(
                f'{self.name} can be given as a SMILES, or as the beginning of its SELFIES, ("[C][C]", ...); not as '
                f"{asked!r}"
            )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", InvalidMoleculeWarning)
            value, known = self.pack([asked])
        if known is not None and not bool(known.any()):
            raise QueryError(f"{self.name} was given {asked!r}, which is no molecule that can be read")
        return value, known, None

    @property
    def varies(self) -> bool:
        return self.varied

    def vary(self, value: Tensor, known: Tensor | None, rng: Random) -> tuple[Tensor, Tensor | None]:
        """Half of the molecules written from another atom on, where that was asked for."""
        return rewritten(self, value, known, rng) if self.varied else (value, known)

    def hide(self, rows: int, rng: Random) -> Tensor:
        """What to leave visible in training, ``[rows, L]``: half of the molecules whole, of the others a beginning or
        random symbols."""
        sort = rng.uniform((rows, 1))
        beginning = torch.arange(self.length, device=rng.device) < rng.uniform((rows, 1)) * self.length
        return (sort < 0.5) | torch.where(sort < 0.75, beginning, super().hide(rows, rng))

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> MoleculeField:
        values: dict[str, Any] = {k: v for k, v in data.items() if k != "kind"}
        pairs = tuple((left, right) for left, right in data["pairs"])
        return cls(**{**values, "symbols": tuple(data["symbols"]), "pairs": pairs, "bonds": dict(data["bonds"])})
