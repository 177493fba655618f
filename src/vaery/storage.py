"""One ``.vaery`` file: an uncompressed zip of a manifest, safetensors and a readable card. No pickle, ever.

======================  =====================================================================================
``manifest.json``       format version, fields, choices, library versions, SHA-256 of every other member
``weights.safetensors`` every tensor, without a device
``README.md``           the model card, for people
======================  =====================================================================================

Checkpoints are the same container. Files are written beside their target, synced and renamed, so that a reader only
ever sees a whole one.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import secrets
import zipfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from torch import Tensor

from vaery.core.errors import ModelFileError

FORMAT = 1
MEMBERS = ("manifest.json", "weights.safetensors", "README.md")
LARGEST = {"manifest.json": 256 << 20, "weights.safetensors": 16 << 30, "README.md": 1 << 20}


def write(
    path: str | os.PathLike[str], manifest: Mapping[str, Any], tensors: Mapping[str, Tensor], card: str = ""
) -> None:
    """Write a model or a checkpoint, atomically.

    Args:
        path: the target; an existing file is replaced in one step.
        manifest: plain data.
        tensors: by name; they are stored without their device.
        card: text for people.
    """
    from safetensors.torch import save

    weights = save({name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()})
    members = {"weights.safetensors": weights, "README.md": card.encode()}
    digests = {name: hashlib.sha256(data).hexdigest() for name, data in members.items()}
    whole = {**manifest, "format": FORMAT, "digests": digests}
    members = {"manifest.json": json.dumps(whole, indent=1, allow_nan=False).encode(), **members}

    def fill(target: Path) -> None:
        with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
            for name, data in members.items():
                archive.writestr(_header(name), data)

    replace(Path(path), fill)


def jsonable(value: Any) -> Any:
    """Plain data for a manifest: numbers that are not finite become ``null``, arrays and tuples lists.

    >>> jsonable({"best": -math.inf, "sizes": (1, 2)})
    {'best': None, 'sizes': [1, 2]}
    """
    if hasattr(value, "tolist"):  # NumPy's and torch's numbers and arrays
        value = value.tolist()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(k): jsonable(v) for k, v in value.items()}
    return [jsonable(v) for v in value] if isinstance(value, list | tuple) else value


def _header(name: str) -> zipfile.ZipInfo:
    """A member's header without date or origin: same content, same bytes, on every system."""
    header = zipfile.ZipInfo(name)
    header.create_system = 3
    header.external_attr = 0o644 << 16
    return header


def replace(path: Path, fill: Callable[[Path], None]) -> None:
    """Let ``fill(temporary path)`` write a file, then put it in place in one step; nothing is left on failure.

    The temporary path lies beside the target and ends in the same suffix.
    """
    temporary = path.with_name(f".{path.stem}.{secrets.token_hex(4)}.tmp{path.suffix}")
    try:
        fill(temporary)
        with open(temporary, "rb+") as handle:
            os.fsync(handle.fileno())
        os.replace(temporary, path)
    except BaseException:
        with suppress(FileNotFoundError):
            temporary.unlink()
        raise
    with suppress(OSError):  # not every system lets a folder be synced
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def read(path: str | os.PathLike[str]) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Read what :func:`write` wrote: ``(manifest, tensors)``.

    Nothing in the file is believed before it is checked: not a name, not a size, not a number.

    Raises:
        FileNotFoundError: there is no such file.
        ModelFileError: it is not a whole, undamaged file of a format this version knows. One line says which.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load

    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"there is no file {path}")
    if not path.is_file():
        raise ModelFileError(f"{path} is a folder, not a vaery file")
    try:
        members = _members(path)
        manifest = _checked(members)
        return manifest, load(members["weights.safetensors"])
    except PermissionError:
        raise
    except _Refused as error:
        raise ModelFileError(f"{path}: {error}") from None
    except (zipfile.BadZipFile, SafetensorError, OSError, EOFError, ValueError, KeyError, RuntimeError) as error:
        # RuntimeError: an encrypted member, an unknown compression, or JSON nested too deeply to read
        raise ModelFileError(f"{path}: not a whole vaery file ({_line(error)})") from error


class _Refused(Exception):
    """What is wrong with a file, without its name."""


def _members(path: Path) -> dict[str, bytes]:
    """The three members and nothing else: known names, stored, of the size they claim, with the right CRC."""
    size = path.stat().st_size
    with zipfile.ZipFile(path) as archive:
        found = archive.infolist()
        names = [info.filename for info in found]
        if sorted(names) != sorted(MEMBERS):
            raise _Refused(f"not a vaery file: it holds {_line(', '.join(names[:5])) or 'nothing'}")
        for info in found:
            stored = info.compress_type == zipfile.ZIP_STORED and info.compress_size == info.file_size
            if not stored or info.file_size > min(size, LARGEST[info.filename]):
                raise _Refused(f"{info.filename} is compressed or too large; vaery did not write this")
        return {info.filename: archive.read(info) for info in found}


def _checked(members: Mapping[str, bytes]) -> dict[str, Any]:
    """The manifest, once it is known to speak of these very members."""
    manifest = json.loads(members["manifest.json"], parse_constant=_no_constant)
    if not isinstance(manifest, dict):
        raise _Refused("the manifest is not an object")
    if manifest.get("format") != FORMAT:
        raise _Refused(
            f"format {_line(repr(manifest.get('format')))} is not one this version reads ({FORMAT}); update vaery"
        )
    digests = manifest.get("digests")
    for name in MEMBERS[1:]:
        if not isinstance(digests, dict) or hashlib.sha256(members[name]).hexdigest() != digests.get(name):
            raise _Refused(f"{name} is not what the manifest says was written; the file is damaged")
    return manifest


def _no_constant(name: str) -> Any:
    raise _Refused(f"the manifest holds {name}, which is not a number")


def _line(error: object, most: int = 200) -> str:
    """Words from a file or about it, in one line that a terminal can show."""
    line = " ".join("".join(c if c.isprintable() else " " for c in str(error)).split())
    return line if len(line) <= most else f"{line[: most - 1]}…"
