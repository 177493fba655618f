"""Reading and writing images: folders, picture files and arrays."""

from __future__ import annotations

import warnings
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from vaery.core.errors import DataError
from vaery.kinds.image.arrays import known_values, to_array
from vaery.kinds.image.pictures import as_bytes, grid, picture

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".pgm", ".ppm")
ARRAYS = (".npy", ".npz")
CELL = ".png"  # what a file ends in that stands for a cell of a table
NAMED = 5  # files that a message names at most


def is_picture(path: Any) -> bool:
    """Whether this is the path of a picture file, by its suffix."""
    return Path(path).suffix.lower() in SUFFIXES


def looks_like_folder(path: Any) -> bool:
    """Whether this is a folder of picture files, or of folders of these."""
    folder = Path(path)
    try:
        return folder.is_dir() and bool(_pictures(folder) or _classes(folder))
    except OSError:
        return False


def array_shape(path: Any) -> tuple[int, ...] | None:
    """The shape of the array in a ``.npy`` file, or of the first of at least 3-D in a ``.npz``, from its head alone."""
    path = Path(path)
    if path.suffix.lower() not in ARRAYS or not path.is_file():
        return None
    try:
        if path.suffix.lower() == ".npy":
            with open(path, "rb") as handle:
                return _head(handle)
        with zipfile.ZipFile(path) as archive:
            shapes = [_head(archive.open(name)) for name in archive.namelist() if name.endswith(".npy")]
        return next((shape for shape in shapes if len(shape) > 2), None)
    except (OSError, ValueError, EOFError, zipfile.BadZipFile):
        return None


def _head(handle: Any) -> tuple[int, ...]:
    version = np.lib.format.read_magic(handle)
    reader = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    return reader(handle)[0]


def read(path: Any) -> dict[str, np.ndarray]:
    """Read images from a folder, a picture file, a list of these files, a ``.npy`` or a ``.npz`` file.

    Args:
        path: a folder with pictures, or with one folder of pictures for each class; files are taken in the order of
            their names.

    Returns:
        ``{"image": array}``; with ``"label"``, the folders' names, where there are classes. A ``.npz`` file's arrays
        come under their own names, a single one as ``"image"``; ``known``, as :func:`write` leaves it, is the mask.

    Raises:
        DataError: nothing to read there, a file that cannot be read, or one of another size than the first.
        FileNotFoundError: there is no such file or folder.
    """
    if isinstance(path, list | tuple):
        return {"image": read_files(path)}
    path = Path(path)
    if path.is_dir():
        return _read_folder(path)
    if not path.exists():
        raise FileNotFoundError(f"there is no file or folder {path}")
    if path.suffix.lower() not in ARRAYS:
        return {"image": read_files([path])}
    return _read_arrays(path)


def _read_folder(folder: Path) -> dict[str, np.ndarray]:
    files, classes = _pictures(folder), _classes(folder)
    if files and classes:
        raise DataError(
            f"{folder} holds pictures ({files[0].name} …) and folders of pictures ({classes[0].name} …); "
            "give one folder with pictures only, or with one folder for each class"
        )
    if classes:
        parts = {c.name: _pictures(c) for c in classes}
        labels = np.array([name for name, group in parts.items() for _ in group])
        return {"image": read_files([file for group in parts.values() for file in group]), "label": labels}
    if not files:
        raise DataError(f"{folder} holds no pictures; files ending in {', '.join(SUFFIXES)} were expected")
    return {"image": read_files(files)}


def _read_arrays(path: Path) -> dict[str, np.ndarray]:
    try:
        with open(path, "rb") as handle:
            loaded = np.load(handle, allow_pickle=False)
            arrays = {"image": loaded} if isinstance(loaded, np.ndarray) else {k: loaded[k] for k in loaded.files}
    except (ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise DataError(
            f"{path} is not an array that can be read ({error}); numbers written by numpy.save were expected"
        ) from error
    known = arrays.pop("known", None) if "image" in arrays else None
    if len(arrays) == 1:
        arrays = {"image": next(iter(arrays.values()))}
    if not arrays:
        raise DataError(f"{path} holds no array")
    if known is not None:
        arrays["image"] = np.ma.MaskedArray(arrays["image"], mask=~known.astype(bool))
    return arrays


def _pictures(folder: Path) -> list[Path]:
    files = (f for f in folder.iterdir() if is_picture(f) and not f.name.startswith("."))
    return sorted(f for f in files if f.is_file())


def _classes(folder: Path) -> list[Path]:
    return sorted(f for f in folder.iterdir() if f.is_dir() and not f.name.startswith(".") and _pictures(f))


def read_files(paths: Sequence[Any], rows: Sequence[int] | None = None) -> np.ndarray:
    """Equal pictures as one array; grey and colour together become colour, 8 and 16 bits together 16.

    All files that cannot be read are named at once, so that they can be put right at once; with their ``rows`` where
    they come from a column.
    """
    images, broken, turned, files = [], [], [], [Path(path) for path in paths]
    for i, file in enumerate(files):
        try:
            image, plain = _read_file(file)
        except (DataError, FileNotFoundError) as error:
            if rows is None and isinstance(error, FileNotFoundError):
                raise
            broken.append(f"{error}" if rows is None else f"row {rows[i]}: {error}")
            continue
        images.append(image)
        turned += [] if plain else [file]
    if broken:
        more = f" (and {len(broken) - NAMED} more)" if len(broken) > NAMED else ""
        raise DataError("; ".join(broken[:NAMED]) + more + "; remove what cannot be read, or write it anew")
    if turned:
        warnings.warn(f"{len(turned)} pictures in CMYK or the like were read as RGB: {turned[0]} …", stacklevel=2)
    for file, image in zip(files, images, strict=True):
        if image.shape[:2] != images[0].shape[:2]:
            (height, width), (h, w) = images[0].shape[:2], image.shape[:2]
            raise DataError(
                f"{file} has {h} × {w} pixels (height × width), {files[0]} has {height} × {width}: all images of a "
                "field must be of equal size; resize or crop them first, for instance with "
                f"PIL.ImageOps.fit(image, ({width}, {height}))"
            )
    colours = max(image.shape[2] if image.ndim == 3 else 1 for image in images)
    return np.stack([_with_channels(image, colours) for image in _of_one_depth(images)])


def _of_one_depth(images: list[np.ndarray]) -> list[np.ndarray]:
    """Black and white among grey, 8 bits among 16: the same brightness on the finer scale."""
    found = {image.dtype.name for image in images}
    if len(found) == 1 or not found <= {"bool", "uint8", "uint16"}:
        return images
    top = 65535 if "uint16" in found else 255
    finest = np.uint16 if top > 255 else np.uint8
    steps = {"bool": top, "uint8": top // 255, "uint16": 1}
    return [image.astype(finest) * finest(steps[image.dtype.name]) for image in images]


def _read_file(file: Path) -> tuple[np.ndarray, bool]:
    """A picture, and whether its colours are as they are in the file."""
    from PIL import Image, ImageOps

    if not file.exists():
        raise FileNotFoundError(f"there is no file {file}")
    try:
        with Image.open(file) as image:
            image, plain = ImageOps.exif_transpose(image), True
            if image.mode in ("P", "PA", "LA", "La", "RGBa"):
                clear = "A" in image.mode.upper() or "transparency" in image.info
                image = image.convert("RGBA" if clear else "RGB")
            elif image.mode not in ("1", "L", "RGB", "RGBA", "F") and not image.mode.startswith("I"):
                image, plain = image.convert("RGB"), False
            return np.array(image), plain
    except (OSError, SyntaxError, ValueError, EOFError, Image.DecompressionBombError) as error:
        raise DataError(f"{file} cannot be read as a picture ({error})") from error


def _with_channels(image: np.ndarray, channels: int) -> np.ndarray:
    """A picture with this many channels: grey is repeated, full opacity is added."""
    if channels == 1:
        return image
    image = image[..., None].repeat(3, -1) if image.ndim == 2 else image
    if image.shape[-1] == channels:
        return image
    opaque = np.iinfo(image.dtype).max if image.dtype.kind in "iu" else 1
    return np.concatenate([image, np.full_like(image[..., :1], opaque)], -1)


def write(raw: Any, path: Any) -> None:
    """Write images: to ``.npy`` or ``.npz`` as they are, to a picture file (several: as a grid), else into a folder.

    A folder gets one PNG an image, numbered; with labels, one folder a class. Bytes and booleans are written exactly,
    grey whole numbers beyond 255 as 16 bits; other numbers are scaled to bytes. Unknown pixels are black in a PNG; a
    ``.npz`` file remembers which they are, and a ``.npy`` file of floats holds NaN there.

    Args:
        raw: an array, or ``{"image": array, "label": labels}``.
        path: of the file or folder.
    """
    path, parts = Path(path), dict(raw) if isinstance(raw, Mapping) else {"image": raw}
    array = to_array(parts["image"])
    if path.suffix.lower() in ARRAYS:
        _write_arrays(path, array, parts)
        return
    pixels = as_bytes(array)
    if is_picture(path):
        (picture(pixels[0]) if len(array) == 1 else grid(array)).save(path)
        return
    for i, image in enumerate(pixels):
        folder = path / str(parts["label"][i]) if "label" in parts else path
        folder.mkdir(parents=True, exist_ok=True)
        picture(image).save(folder / f"{i:0{max(5, len(str(len(pixels))))}d}.png")


def write_one(image: Any, path: Path) -> None:
    """Write a picture ``[H, W]`` or ``[H, W, C]`` to a file, as :func:`write` does."""
    picture(as_bytes(to_array(image)[None])[0]).save(path)


def _write_arrays(path: Path, array: np.ndarray, parts: Mapping[str, Any]) -> None:
    known = known_values(array)
    plain = np.ma.filled(array, np.nan if array.dtype.kind == "f" else 0)
    if path.suffix.lower() == ".npy":
        np.save(path, plain, allow_pickle=False)
        return
    rest = {name: np.asarray(part) for name, part in parts.items() if name != "image"}
    np.savez(path, allow_pickle=False, image=plain, **rest, **({} if known is None else {"known": known}))
