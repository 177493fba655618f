"""Looking at texts: what a field has to know of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from vaery.core.errors import DataError, choice
from vaery.core.members import member
from vaery.kinds.text.field import TextField
from vaery.kinds.text.pieces import CHUNKS, cutter, has_tokenizers, learn

HEADROOM = 1.25  # how much longer than all texts of the fit another one may be
LONGEST = 1000  # pieces of a text, at most
LARGEST = {"bpe": 4000, "words": 12_000, "bytes": 256}  # vocabularies, at most
EVIDENCE = 100  # bytes of text for each piece that is learned, at least
MOST = 50_000  # texts that pieces are learned from, at most
QUANTILES = 21  # numbers that stand for how long texts are


def describe(
    raw: Sequence[Any], name: str = "text", likelihood: str = "autoregressive", net: str = "auto", tokens: str = "auto"
) -> TextField:
    """Look at texts: how they are best cut into pieces, and how many pieces they have.

    Args:
        raw: texts; ``None``: not known.
        name: of the field.
        likelihood: ``"autoregressive"``.
        net: ``"recurrent"``, ``"transformer"`` or ``"auto"`` (recurrent).
        tokens: ``"bpe"`` (pieces learned by byte-pair encoding), ``"words"``, ``"bytes"``, or ``"auto"``: byte-pair
            encoding where the library ``tokenizers`` is there and texts are enough to learn pieces from.

    Raises:
        DataError: no text is known, one is too long, or something else than text stands among them.
        ChoiceError: there is no such likelihood, net or way to cut.
        MissingExtra: ``tokens="bpe"`` without ``tokenizers``.
    """
    member("likelihoods", likelihood)
    if likelihood != "autoregressive":
        raise choice("likelihood of text", likelihood, ["autoregressive"])
    if net not in ("auto", "recurrent", "transformer"):
        raise choice("net of text", net, ("auto", "recurrent", "transformer"))
    if tokens not in ("auto", *CHUNKS):
        raise choice("way to cut text", tokens, ("auto", *CHUNKS))
    texts = [text for text in raw if text is not None]
    for row, text in enumerate(raw):
        if text is not None and not isinstance(text, str):
            raise DataError(f"{name}: row {row} holds {text!r}; a text was expected, or None where it is not known")
    if not texts:
        raise DataError(f"{name}: none of {len(raw)} texts is known; at least one was expected")
    cut = tokens if tokens != "auto" else "bpe" if has_tokenizers() else "bytes"
    size = sum(map(len, texts)) // EVIDENCE + 256 if cut == "bpe" else LARGEST[cut]
    pieces = learn(texts[:: len(texts) // MOST + 1], cut, min(LARGEST[cut], size))
    lengths = [len(cutter(pieces, cut).encode(text)) for text in texts]
    if max(lengths) > LONGEST:
        raise DataError(
            f"{name}: a text of {max(lengths)} pieces ({texts[int(np.argmax(lengths))][:40]!r} …) is too long; at most "
            f"{LONGEST} were expected: cut texts into sentences or paragraphs"
        )
    spread = np.quantile(lengths, np.linspace(0, 1, QUANTILES)).round().astype(int)
    return TextField(
        name=name,
        likelihood=likelihood,
        cut=cut,
        pieces=pieces,
        length=min(LONGEST, round(HEADROOM * max(lengths)) + 4) + 1,
        lengths=tuple(spread.tolist()),
        net="recurrent" if net == "auto" else net,
    )
