"""Text as pieces: strings of bytes, every single byte among them, so that there is nothing that cannot be written."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Any

from vaery.core.errors import extra

BYTES = tuple(chr(i) for i in range(256))  # a piece is kept as text, one character (U+0000 to U+00FF) a byte
CHUNKS = {
    "bpe": re.compile(r" ?[^\W\d_]+| ?\d+| ?(?:[^\s\w]|_)+|\s+(?!\S)|\s+"),  # as GPT-2's (Radford et al., 2019)
    "words": re.compile(r" ?\S+|\s+(?!\S)|\s+"),
    "bytes": re.compile(r"(?s).+"),
}
LONG = 30  # bytes of a word that is looked for in others, at most
RARE = 2  # pieces of fewer occurrences are not learned


def chunks(text: str, cut: str, start: str = " ") -> Iterator[str]:
    """Words with the space before them, numbers, marks and gaps: no piece goes beyond one of these.

    A text starts as if there were a space before it, so that a first word is the same as any other; a part of a text
    need not (``start=""``).

    >>> list(chunks("Twice, 20 times", "bpe")), list(chunks("Twice, 20 times", "words"))
    ([' Twice', ',', ' 20', ' times'], [' Twice,', ' 20', ' times'])
    """
    return (found[0] for found in CHUNKS[cut].finditer(start + text)) if text else iter(())


def learn(texts: Iterable[str], cut: str, size: int) -> tuple[str, ...]:
    """The pieces of a vocabulary of at most ``size``, single bytes first.

    Args:
        texts: to learn from.
        cut: ``"bpe"``: pieces that occur often, by byte-pair encoding (Sennrich et al., 2016; the library
            ``tokenizers``); ``"words"``: whole words, the frequent ones; ``"bytes"``: nothing is learned.
        size: how many.

    Raises:
        MissingExtra: byte-pair encoding is asked for and ``tokenizers`` is not installed.
    """
    if cut == "bytes":
        return BYTES
    if cut == "bpe":
        return _byte_pairs(texts, size)
    count = Counter(as_piece(chunk) for text in texts for chunk in chunks(text, cut))
    frequent = sorted((piece for piece in count if len(piece) > 1), key=lambda piece: (-count[piece], piece))
    return (*BYTES, *frequent[: max(0, size - len(BYTES))])


def has_tokenizers() -> bool:
    """Whether pieces can be learned by byte-pair encoding here."""
    from importlib.util import find_spec

    return find_spec("tokenizers") is not None


def _byte_pairs(texts: Iterable[str], size: int) -> tuple[str, ...]:
    if not has_tokenizers():
        raise extra("tokenizers", "text", "byte-pair encoding (without it: tokens='bytes')")
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers

    level = pre_tokenizers.ByteLevel
    model: Any = Tokenizer(models.BPE())  # what its properties take is not what its types say that they hold
    model.pre_tokenizer = level(add_prefix_space=False, use_regex=False)
    trainer = trainers.BpeTrainer(
        vocab_size=max(size, len(BYTES)), min_frequency=RARE, show_progress=False, initial_alphabet=level.alphabet()
    )
    plain = (chunk.encode("utf-8", "replace").decode() for text in texts for chunk in chunks(text, "bpe"))
    model.train_from_iterator(plain, trainer)
    ranked = sorted(model.get_vocab().items(), key=lambda item: item[1])
    letters = _letters()
    found = ("".join(letters[letter] for letter in piece) for piece, _ in ranked)
    return (*BYTES, *(piece for piece in found if len(piece) > 1))


def _letters() -> dict[str, str]:
    """The letters that ``tokenizers`` writes bytes with → ours: visible characters stay, all others are moved up."""
    visible = [*range(ord("!"), ord("~") + 1), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    moved = [byte for byte in range(256) if byte not in visible]
    return {chr(byte): chr(byte) for byte in visible} | {chr(256 + i): chr(byte) for i, byte in enumerate(moved)}


def as_piece(text: str) -> str:
    """Text → its bytes, one character each."""
    return text.encode("utf-8", "surrogatepass").decode("latin-1")


def as_text(piece: str) -> str:
    """The inverse of :func:`as_piece`; bytes that are no text are left out."""
    data = piece.encode("latin-1")
    try:
        return data.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return data.decode("utf-8", "ignore")


class Cutter:
    """Cuts texts into pieces of a vocabulary, and puts them together again, exactly.

    Within a chunk neighbours are joined, the pair first that was learned first, as byte-pair encoding does.

    Args:
        pieces: of :func:`learn`.
        cut: likewise.
    """

    def __init__(self, pieces: Sequence[str], cut: str) -> None:
        self.pieces, self.cut = pieces, cut
        self.rank = {piece: i for i, piece in enumerate(pieces)}
        self._chunk = lru_cache(2**16)(self._joined)

    def encode(self, text: str, start: str = " ") -> list[int]:
        """The numbers of a text's pieces; see :func:`chunks`."""
        return [code for chunk in chunks(text, self.cut, start) for code in self._chunk(as_piece(chunk))]

    def decode(self, codes: Iterable[int]) -> str:
        """The text of these pieces; what :meth:`encode` gave comes back exactly."""
        return self.joined(codes).removeprefix(" ")

    def joined(self, codes: Iterable[int]) -> str:
        """As :meth:`decode`, with the space before the first word."""
        return as_text("".join(self.pieces[code] for code in codes))

    def _joined(self, chunk: str) -> tuple[int, ...]:
        if chunk in self.rank:
            return (self.rank[chunk],)
        if self.cut == "words":
            return self._fewest(chunk)
        parts = list(chunk)
        while len(parts) > 1 and self.cut == "bpe":
            ranks = [self.rank.get(a + b, len(self.rank)) for a, b in pairwise(parts)]
            best = min(ranks)
            if best == len(self.rank):
                break
            at = ranks.index(best)
            parts[at : at + 2] = [parts[at] + parts[at + 1]]
        return tuple(self.rank[part] for part in parts)

    def _fewest(self, chunk: str) -> tuple[int, ...]:
        """An unknown word, as few pieces as can be: known words in it, and single bytes."""
        best: list[tuple[int, ...]] = [()]
        for end in range(1, len(chunk) + 1):
            starts = [start for start in range(max(0, end - LONG), end) if chunk[start:end] in self.rank]
            start = min(starts, key=lambda start: len(best[start]))
            best.append((*best[start], self.rank[chunk[start:end]]))
        return best[-1]


@lru_cache(8)
def cutter(pieces: tuple[str, ...], cut: str) -> Cutter:
    """The :class:`Cutter` of a vocabulary, made once."""
    return Cutter(pieces, cut)
