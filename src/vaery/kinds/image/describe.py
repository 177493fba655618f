"""Looking at images: what a field has to know of them."""

from __future__ import annotations

from typing import Any

import numpy as np

from vaery.core.density import Family
from vaery.core.errors import ChoiceError, DataError, choice
from vaery.core.members import member, members
from vaery.kinds.image.arrays import channels_last, known_values, layout_of, to_array
from vaery.kinds.image.field import ON_LEVELS, ImageField
from vaery.kinds.image.levels import grey_levels

# How far a pixel sees those before it, at most; in small pictures that would be all, and leave the latent idle.
WIDEST = 3
FEW = 400  # pictures; so few are moved a little in training, …
LARGE = 16  # … if their sides have so many pixels: smaller ones are blurred by it
BINARIZE = ("threshold", "dynamic")  # ways from grey to black and white


def describe(
    raw: Any, name: str = "image", likelihood: str | None = None, net: str = "auto", varied: bool | str = "auto"
) -> ImageField:
    """Look at images: their size, layout and scale.

    Args:
        raw: ``[N, H, W]``, ``[N, H, W, C]`` or ``[N, C, H, W]`` of any numeric dtype (NaN or masked: unknown), a
            folder, a list of files or of equal arrays.
        name: of the field.
        likelihood: ``"local"``: pixels in reading order, each given those near by; or a member of ``likelihoods``:
            pixels independent given the latent. ``"threshold"``, ``"dynamic"``: local, of black and white made of grey:
            cut at half, or (in training) drawn anew at each step. ``None``: local where there are levels (``bernoulli``
            for two of them, ``logistic_mixture`` for more), ``normal`` for continuous values.
        net: ``"mlp"``, ``"conv"`` or ``"auto"``.
        varied: whether training sees most of them moved, turned and stretched a little; ``"auto"``: where they are few.

    Raises:
        DataError: no images, unequal sizes, unreadable files, infinite values.
        ChoiceError: the likelihood or net does not exist, or does not fit these values.

    >>> describe(np.zeros((2, 8, 8), np.uint8) + np.arange(8, dtype=np.uint8) * 36).likelihood
    'logistic_mixture'
    """
    if net not in ("auto", "mlp", "conv"):
        raise choice("net", net, ("auto", "mlp", "conv"))
    if varied not in ("auto", True, False):
        raise choice("varied", varied, ("auto", True, False))
    array = to_array(raw)
    layout = layout_of(array.shape)
    data, seen = np.asarray(np.ma.getdata(array)), known_values(array)
    rows, height, width, channels = channels_last(data, layout).shape
    if min(data.shape) == 0 or (seen is not None and not seen.any()):
        raise DataError(f"{name}: no pixel is known in an array of shape {data.shape}; at least one image was expected")
    values = data.ravel() if seen is None else data[seen]
    _check_finite(data, name)
    levels, low, high = grey_levels(values)
    binarize = likelihood if likelihood in BINARIZE else ""
    if binarize and not levels:
        raise ChoiceError(f"{name}: likelihood={likelihood!r} is for grey levels, and these values are continuous")
    local = likelihood in (None, "local", *BINARIZE)
    window = max(1, min(WIDEST, min(height, width) // 8)) if local and levels else 0
    if binarize:
        likelihood = "bernoulli"
    elif local:
        likelihood = "normal" if not levels else "bernoulli" if levels == 1 else "logistic_mixture"
    _check_likelihood(likelihood, levels, low, high, name)
    mean, sd = _moments(channels_last(data, layout), None if seen is None else channels_last(seen, layout))
    if levels:
        step = (high - low) / levels
        mean, sd = [(m - low) / step for m in mean], [s / step for s in sd]
    sd = [s if s > 1e-6 * max(1.0, abs(m)) else 1.0 for m, s in zip(mean, sd, strict=True)]
    return ImageField(
        name=name,
        likelihood=likelihood,
        height=height,
        width=width,
        channels=channels,
        layout=layout,
        dtype=data.dtype.name,
        levels=levels,
        low=low,
        high=high,
        mean=tuple(mean),
        sd=tuple(sd),
        net=net,
        window=window,
        binarize=binarize,
        varied=(rows <= FEW and min(height, width) >= LARGE) if varied == "auto" else bool(varied),
    )


def _check_finite(data: np.ndarray, name: str) -> None:
    if data.dtype.kind == "f" and not np.isfinite(data.sum()) and np.isinf(data).any():
        at = [int(i) for i in np.argwhere(np.isinf(data))[0]]
        raise DataError(f"{name}: image {at[0]} is infinite at {at[1:]}; write NaN where a pixel is not known")


def _check_likelihood(likelihood: str, levels: int, low: float, high: float, name: str) -> None:
    family = member("likelihoods", likelihood)
    if not (isinstance(family, type) and issubclass(family, Family)):
        raise choice("likelihood of images", likelihood, set(members("likelihoods")) - {likelihood})
    if levels == 0 and likelihood == "bernoulli" and (low < 0 or high > 1):
        raise DataError(
            f"{name}: bernoulli needs values from 0 to 1, these go from {low:g} to {high:g}; use likelihood='normal'"
        )
    if levels == 0 and likelihood in ON_LEVELS and likelihood != "bernoulli":
        raise ChoiceError(
            f"{name}: {likelihood} is for whole grey levels, and these values are continuous; use 'normal'"
        )
    if likelihood in ("categorical", "ordinal") and levels > 255:
        raise ChoiceError(
            f"{name}: {likelihood} is for at most 256 levels, and these have {levels + 1}; use 'logistic_mixture'"
        )


def _moments(data: np.ndarray, seen: np.ndarray | None, block: int = 256) -> tuple[list[float], list[float]]:
    """Mean and standard deviation of each channel of ``[N, H, W, C]``, in double precision, some images at a time."""
    count, total, squares = (np.zeros(data.shape[-1]) for _ in range(3))
    origin = np.array([float(data[..., c][... if seen is None else seen[..., c]].flat[0]) if _any(seen, c) else 0.0
                       for c in range(data.shape[-1])])  # fmt: skip
    for at in range(0, len(data), block):
        part = data[at : at + block].astype(np.float64) - origin
        if seen is not None:
            part = np.where(seen[at : at + block], part, 0.0)
        count += part[..., 0].size if seen is None else seen[at : at + block].sum((0, 1, 2))
        total += part.sum((0, 1, 2))
        squares += (part**2).sum((0, 1, 2))
    mean = total / np.maximum(count, 1)
    variance = np.maximum(squares / np.maximum(count, 1) - mean**2, 0.0)
    return (mean + origin).tolist(), np.sqrt(variance).tolist()


def _any(seen: np.ndarray | None, channel: int) -> bool:
    return seen is None or bool(seen[..., channel].any())
