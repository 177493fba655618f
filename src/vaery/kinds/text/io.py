"""Reading and writing texts: files with one on each line."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from vaery.core.errors import DataError

SUFFIXES = (".txt",)
WORDS = 4  # that the middle one of a column's texts has, at least
DIFFERENT = 0.2  # the share of texts that are, at least


class Texts(list):
    """Texts of a file: they are text even where they are short and repeat, as labels do."""

    kind = "text"


def looks_like(raw: Any) -> bool:
    """Whether this is text: a list of texts, or the path of a ``.txt`` file. Tables look first, so that a list of
    labels that repeat is theirs.

    >>> looks_like(["Good food.", "Bad service!"]), looks_like("reviews.txt"), looks_like([1, 2])
    (True, True, False)
    """
    from vaery.kinds.text.gaps import Partly, is_open

    if isinstance(raw, str | os.PathLike):
        return os.fspath(raw).lower().endswith(SUFFIXES)
    if not isinstance(raw, Sequence) or isinstance(raw, bytes) or not len(raw):
        return False
    texts = [text for text in raw if text is not None]
    return bool(texts) and all(isinstance(text, str | Partly) or is_open(text) for text in texts)


def picks(values: list[Any]) -> bool:
    """Whether a frame's column is text rather than categories: mostly several words, and mostly different.

    >>> picks(["The food was good.", None, "It came late, and cold."] * 3), picks(["New York", "San Diego"] * 9)
    (True, False)
    """
    texts = [value for value in values if value is not None]
    if not texts or not all(issubclass(sort, str) for sort in set(map(type, texts))):
        return False
    if len(set(texts)) < DIFFERENT * len(texts):  # asked first: of categories it is told at once
        return False
    words = sorted(len(text.split()) for text in texts)
    return words[len(words) // 2] >= WORDS


def read(path: Any) -> list[str]:
    """The lines of a text file in UTF-8, without their ends.

    Raises:
        DataError: it is not UTF-8, or holds nothing.
        FileNotFoundError: there is no such file.
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"there is no file {path}")
    try:
        with open(path, encoding="utf-8-sig", newline="\n") as file:
            texts = Texts(line.removesuffix("\n").removesuffix("\r") for line in file)
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not text in UTF-8 ({error}); save it as UTF-8, one text on each line") from error
    if not texts:
        raise DataError(f"{path} is empty; one text on each line was expected")
    return texts


def write(raw: Any, path: Any) -> None:
    """Texts to a file, one on each line; line ends inside of one become spaces, an unknown one is an empty line."""
    lines = ("" if text is None else " ".join(str(text).splitlines()) for text in raw)
    with open(path, "w", encoding="utf-8", newline="\n", errors="replace") as file:
        file.writelines(f"{line}\n" for line in lines)
