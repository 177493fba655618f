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
import os
import zipfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from torch import Tensor

from vaery.core.errors import ModelFileError

FORMAT = 1
MEMBERS = ("manifest.json", "weights.safetensors", "README.md")
LARGEST = {"manifest.json": 256 << 20, "weights.safetensors": 16 << 30, "README.md": 1 << 20}


def write(path: str | os.PathLike[str], manifest: Mapping[str, Any], tensors: Mapping[str, Tensor], card: str = "") -> None:
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
    whole = {"format": FORMAT, **manifest, "digests": digests}
    members = {"manifest.json": json.dumps(whole, indent=1, allow_nan=False).encode(), **members}

    def fill(target: Path) -> None:
        with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
            for name, data in members.items():
                archive.writestr(zipfile.ZipInfo(name), data)  # a fixed date: same content, same bytes

    replace(Path(path), fill)


def replace(path: Path, fill: Any) -> None:
    """Let ``fill(temporary path)`` write a file, then put it in place in one step; nothing is left on failure."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
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

    Raises:
        FileNotFoundError: there is no such file.
        ModelFileError: it is not a whole, undamaged file of a format this version knows. One line says which.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load

    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}")
    try:
        members = _members(path)
        manifest = json.loads(members["manifest.json"])
        if not isinstance(manifest, dict):
            raise ModelFileError(f"{path}: the manifest is not an object")
        if manifest.get("format") != FORMAT:
            raise ModelFileError(f"{path}: format {manifest.get('format')!r} is not one this version reads ({FORMAT}); update vaery")
        for name in MEMBERS[1:]:
            if hashlib.sha256(members[name]).hexdigest() != manifest.get("digests", {}).get(name):
                raise ModelFileError(f"{path}: {name} is not what the manifest says was written; the file is damaged")
        return manifest, load(members["weights.safetensors"])
    except (zipfile.BadZipFile, SafetensorError, UnicodeDecodeError, json.JSONDecodeError, EOFError, OSError) as error:
        raise ModelFileError(f"{path}: not a whole vaery file ({error})") from error
    except (RecursionError, NotImplementedError, KeyError, ValueError, OverflowError) as error:
        if isinstance(error, ModelFileError):
            raise
        raise ModelFileError(f"{path}: not a whole vaery file ({error})") from error


def _members(path: Path) -> dict[str, bytes]:
    """The three members and nothing else: known names, stored, of the size they claim, with the right CRC."""
    size = path.stat().st_size
    with zipfile.ZipFile(path) as archive:
        found = archive.infolist()
        names = [info.filename for info in found]
        if sorted(names) != sorted(MEMBERS):
            raise ModelFileError(f"{path}: not a vaery file: it holds {', '.join(names[:5]) or 'nothing'}")
        for info in found:
            if info.compress_type != zipfile.ZIP_STORED or info.file_size > min(size, LARGEST[info.filename]):
                raise ModelFileError(f"{path}: {info.filename} is compressed or too large; vaery did not write this")
        return {info.filename: archive.read(info) for info in found}
