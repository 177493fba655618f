"""The contract of a kind of data, as a check that anyone can run on their own; see :mod:`vaery.core.check`."""

from __future__ import annotations

import json
from typing import Any

import torch
from torch import Tensor

from vaery.core.density import Density
from vaery.core.evidence import expand_mask, zeroed
from vaery.core.expect import expect
from vaery.core.field import Field, all_known
from vaery.core.random import Random

FUNCTIONS = ("looks_like", "describe", "read", "write", "encoder", "decoder", "suggest")
ADVICE = ("latent", "width", "depth", "dropout")
WIDTH, CONTEXT, DRAWS = 16, 3, 2


def check_kind(kind: Any, raw: Any, **options: Any) -> None:
    """Whether a kind of data keeps the contract of :class:`~vaery.core.field.Field` and of the functions beside it.

    It knows its own data; its field survives JSON; what is packed comes back, with and without gaps; what it tells of a
    row by itself hangs on that row; what is hidden has no influence; the decoder's density has the shapes of the field,
    is zero where nothing is known, keeps what is known bit for bit, and what it draws is raw data again. ``carry`` is
    for kinds whose fields can be visited before the latent.

    Args:
        kind: the module.
        raw: some rows of such data, ten or more.
        options: of its ``describe``.

    Raises:
        AssertionError: what was expected, and what came instead.
    """
    missing = [name for name in FUNCTIONS if not callable(getattr(kind, name, None))]
    expect(not missing, f"a kind has the functions {', '.join(FUNCTIONS)}; missing: {', '.join(missing)}")
    expect(bool(kind.looks_like(raw)), "looks_like must be true of the kind's own data")
    field = kind.describe(raw, **options)
    _check_description(field)
    value, known = _check_packing(field, raw)
    _check_advice(kind.suggest(field, len(value)))
    with torch.no_grad():
        _check_encoder(kind.encoder(field, WIDTH, 1, 0.0).eval(), field, value, known)
        _check_decoder(kind.decoder(field, CONTEXT, WIDTH, 1, 0.0).eval(), field, value, known)


def _check_description(field: Field) -> None:
    expect(isinstance(field, Field), f"describe must return a Field, got {type(field).__name__}")
    expect(isinstance(field.kind, str) and bool(field.kind), "a Field's class says its kind: kind: ClassVar[str]")
    expect(field.event[: len(field.mask)] == field.mask, f"mask {field.mask} must be how event {field.event} begins")
    again = type(field).from_json(json.loads(json.dumps(field.to_json())))
    expect(again == field, "a field must be the same after to_json and from_json")
    names = field.cell_names
    if names is not None:
        expect(len(names) == field.mask[0], f"{len(names)} cell names came for {field.mask[0]} cells")


def _check_packing(field: Field, raw: Any) -> tuple[Tensor, Tensor]:
    value, known = field.pack(raw)
    rows = len(value)
    expect(rows >= 10, f"ten rows or more are wanted, got {rows}")
    expect(value.shape[1:] == field.event, f"pack must give [rows, {field.event}], got {list(value.shape)}")
    expect(bool(value.double().isfinite().all()), "packed values must be finite")
    if known is not None:
        expect(known.dtype == torch.bool, f"known must be bool, got {known.dtype}")
        expect(known.shape == (rows, *field.mask), f"known must be [rows, {field.mask}], got {list(known.shape)}")
    known = all_known(field, rows) if known is None else known
    expect(not _at(value, ~known).any(), "unknown cells must be packed as zeros")
    _same(field, value, known, field.unpack(value, known), "unpack(pack(raw))")
    kept, _ = field.pack(field.unpack(value, known, like=raw, keep=True))
    expect(bool(torch.isclose(kept, value, rtol=1e-4, atol=1e-4).all()), "what is known in like must stay as it is")
    _same(field, value, known, field.unpack(value, known, like=raw, keep=True), "unpack(..., like=raw, keep=True)")
    holes = field.shown(value, known & field.hide(rows, Random(0)))
    _same(field, zeroed(value, holes), holes, field.unpack(zeroed(value, holes), holes), "unpack of rows with gaps")
    _check_traits(field, value, known)
    return value, known


def _check_traits(field: Field, value: Tensor, known: Tensor) -> None:
    seen = field.traits(value, known)
    if seen is None:
        return
    expect(seen.dim() == 2 and len(seen) == len(value), f"traits must be [rows, F], got {list(seen.shape)}")
    expect(bool(seen.isfinite().all()), "traits must be finite; ABSENT stands for what is not there")
    alone = field.traits(value[:1], known[:1])
    expect(alone is not None and torch.equal(alone, seen[:1]), "traits of a row must not hang on the other rows")


def _check_advice(advice: Any) -> None:
    missing = [name for name in ADVICE if name not in advice]
    expect(not missing, f"suggest must say {', '.join(ADVICE)}; missing: {', '.join(missing)}")


def _check_encoder(encoder: Any, field: Field, value: Tensor, known: Tensor) -> None:
    seen = known & field.hide(len(value), Random(1))
    features = encoder(zeroed(value, seen), seen)
    expect(features.shape == (len(value), WIDTH), f"an encoder gives [rows, width], got {list(features.shape)}")
    expect(bool(features.isfinite().all()), "features must be finite")
    expect(torch.equal(encoder(value, seen), features), "what is hidden must have no influence on the encoder")


def _check_decoder(decoder: Any, field: Field, value: Tensor, known: Tensor) -> None:
    rows, rng = len(value), Random(2)
    density: Density = decoder(rng.normal((DRAWS, rows, CONTEXT)))
    seen = known & field.hide(rows, rng)
    log_p = density.log_prob(value, seen)
    wanted = (DRAWS, rows, *field.mask)
    expect(tuple(log_p.shape) == wanted, f"log_prob must be {wanted}, got {tuple(log_p.shape)}")
    expect(not log_p[(~seen).expand(wanted)].any(), "log_prob must be exactly zero where nothing is known")
    expect(bool(log_p.isfinite().all()), "log_prob must be finite for the data itself")
    hidden = density.log_prob(zeroed(value, seen), seen)
    expect(torch.equal(log_p, hidden), "what is hidden must have no influence on log_prob")
    drawn = density.sample(rng, zeroed(value, seen), seen)
    expect(drawn.shape == (DRAWS, rows, *field.event), f"sample must be [S, B, E…], got {list(drawn.shape)}")
    kept = torch.where(expand_mask(seen, value.dim()), value.to(drawn.dtype), drawn[0])
    expect(torch.equal(drawn[0], kept), "known cells must come back from sample bit for bit")
    again, there = field.pack(field.unpack(drawn[0]))
    expect(again.shape == value.shape, "what is drawn must be raw data of as many rows again")
    expect(there is None or bool(there.all()), "what is drawn must have no gaps")
    weight = torch.full((DRAWS, rows), 1 / DRAWS)
    for how in ("mean", "median", "mode", 0.9):
        summary, _ = field.pack(field.summarise(drawn, weight, how))
        expect(summary.shape == value.shape, f"summarise by {how!r} must give raw data of as many rows")


def _same(field: Field, value: Tensor, known: Tensor, raw: Any, what: str) -> None:
    again, there = field.pack(raw)
    there = all_known(field, len(again)) if there is None else there
    expect(again.shape == value.shape, f"{what} must have as many rows, got {len(again)} for {len(value)}")
    certain = field.certain(value, known)
    known = known if certain is None else known | certain
    expect(torch.equal(there, known), f"{what} must have the gaps that went in")
    expect(bool(field.near(value, again).all()), f"{what} must pack to what it came from")


def _at(value: Tensor, cells: Tensor) -> Tensor:
    return value[expand_mask(cells, value.dim()).expand(value.shape)]
