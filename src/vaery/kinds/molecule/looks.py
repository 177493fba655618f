"""Whether texts are SMILES, told by looking: by their grammar first, which is cheap, and by RDKit only then."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from vaery.kinds.molecule.smiles import allowing, canonical, installed

SAMPLE = 60  # texts that are looked at
NEARLY_ALL = 0.8  # of them must be SMILES
TELLING = 0.5  # of them must hold what words and codes do not: bonds, branches, rings, brackets
TOKENS = re.compile(r"(?:\[[^\[\]\s]+\]|Br|Cl|[BCNOPSFIbcnops*]|[=#$:/\\.-]|[()]|%\d\d|\d)+")
MARKS = re.compile(r"[=#()\[\]\d@]")
BRACKETS = re.compile(r"\[[^\]]*\]")
RING = re.compile(r"%\d\d|\d")


def is_smiles(values: Any) -> bool:
    """Whether a sequence of texts (and gaps) is nearly all SMILES.

    Words and codes of a few letters may be SMILES, too (``"C"``, ``"NO"``): so half of them must differ, and half must
    hold marks of structure. Without RDKit the grammar alone decides.

    >>> is_smiles(["yes", "no", "CO"]), is_smiles(["N", "S", "C", "N"])
    (False, False)
    """
    texts = _sample(values)
    if not texts or 2 * len(set(texts)) < len(texts):
        return False
    like = [text for text in texts if has_grammar(text)]
    if len(like) < NEARLY_ALL * len(texts) or sum(map(bool, map(MARKS.search, like))) < TELLING * len(texts):
        return False
    if not installed():
        return True
    with allowing():
        return sum(canonical(text) is not None for text in like) >= NEARLY_ALL * len(texts)


def has_grammar(text: str) -> bool:
    """Whether a text could be SMILES: its tokens are, branches are closed and ring bonds come in pairs.

    >>> has_grammar("CC(=O)Oc1ccccc1"), has_grammar("CO2"), has_grammar("hello")
    (True, False, False)
    """
    if not TOKENS.fullmatch(text):
        return False
    plain, depth = BRACKETS.sub("C", text), 0
    for mark in re.findall(r"[()]", plain):
        depth += 1 if mark == "(" else -1
        if depth < 0:
            return False
    rings = RING.findall(plain)
    return depth == 0 and all(rings.count(ring) % 2 == 0 for ring in set(rings))


def _sample(values: Any) -> Sequence[str]:
    """Texts from all over; none if anything else than texts and gaps is there."""
    step = max(1, len(values) // SAMPLE)
    some = [value for value in values[::step] if value is not None and not _is_nan(value)]
    return [text.strip() for text in some] if all(isinstance(value, str) for value in some) else []


def _is_nan(value: Any) -> bool:
    return isinstance(value, float) and value != value
