"""A fitted model as one file, and back."""

from __future__ import annotations

import inspect
import os
import platform
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from vaery import __version__, storage
from vaery.advice import pick_device, spec
from vaery.build import Choices, build
from vaery.constraints.rules import Rules
from vaery.core.errors import ModelFileError, VaeryError
from vaery.gaps import words
from vaery.private import how_good, paragraph, plain
from vaery.schema import Schema

if TYPE_CHECKING:
    from vaery.model import VAE


def save(model: VAE, path: str | os.PathLike[str]) -> None:
    """Write ``model`` to one ``.vaery`` file."""
    manifest = {
        "vaery": __version__,
        "settings": _plain_settings(model),
        "schema": model.schema_.to_json(),
        "constraints": model.rules_.to_json(),
        "choices": model.choices_.to_json(),
        "plan": {**{k: v for k, v in model.plan_.items() if v != float("inf")}, "private": None},
        "history": model.history_,
        "trouble": model.trouble_,
        "calibration": model.calibration_,
        "private": model.private_,
        "versions": {"python": platform.python_version(), "torch": torch.__version__, "numpy": np.__version__},
    }
    storage.write(path, storage.jsonable(manifest), model.joint_.state_dict(), card(model))


def load(path: str | os.PathLike[str], device: str = "auto") -> VAE:
    """Read a model that :func:`save` wrote."""
    from vaery.model import VAE

    manifest, tensors = storage.read(path)
    try:
        schema, choices = Schema.from_json(manifest["schema"]), Choices.from_json(manifest["choices"])
        joint = build(schema.fields, choices)
        joint.load_state_dict(tensors, strict=True)
        known = inspect.signature(VAE).parameters
        model = VAE(**{k: v for k, v in manifest["settings"].items() if k in known})
        model.schema_, model.fields_, model.choices_ = schema, schema.fields, choices
        model.rules_ = Rules.from_json(manifest["constraints"]) if "constraints" in manifest else Rules()
        model.joint_ = joint.to(pick_device(device)).eval()
        for name in ("history", "trouble", "plan", "calibration"):
            setattr(model, f"{name}_", manifest[name])
        model.private_ = manifest.get("private")
    except (KeyError, TypeError, ValueError, RuntimeError, AttributeError, IndexError, VaeryError) as error:
        raise ModelFileError(
            f"{path}: the manifest and the weights do not make a model ({str(error).splitlines()[0]})"
        ) from error
    model.set_feature_names()
    return model


def info(model: VAE) -> dict[str, Any]:
    """What is in a model, as plain data."""
    fields = []
    for f in model.fields_:
        about: dict[str, Any] = {"name": f.name, "kind": f.kind, "event": list(f.event), "likelihood": f.likelihood}
        if f.cell_names is not None:
            about["columns"] = [str(name) for name in f.cell_names]
        fields.append(about)
    last = model.history_[-1] if model.history_ else {}
    return {
        "vaery": __version__,
        "fields": fields,
        "constraints": [str(constraint) for constraint in model.rules_.all],
        "gaps": words.about(model.joint_.fields, model.calibration_),
        "latent": list(model.choices_.latent),
        "prior": dict(model.choices_.prior),
        "members": len(model.joint_.members),
        "parameters": sum(p.numel() for p in model.joint_.parameters()),
        "rows": model.calibration_.get("rows"),
        "steps": last.get("step"),
        "seconds": last.get("seconds"),
        "held_out_bits": -model.held_out_bound() / np.log(2),
        "trouble": list(model.trouble_),
        "private": model.private_,
    }


def card(model: VAE) -> str:
    """The model card: what this is, in words."""
    about, count = info(model), len(model.joint_.members)
    several = f" It is a mixture of {count} members; these are the first one's steps." if count > 1 else ""
    lines = [
        "---", "library_name: vaery", "tags: [variational-autoencoder]", "---", "", "# A vaery model", "",
        f"Fitted on {about['rows']} rows with vaery {__version__}: {about['parameters']:,} parameters, "
        f"{about['steps']} steps, {how_good(about)}.{several}", "",
        "| field | kind | event | likelihood |", "|---|---|---|---|",
    ]  # fmt: skip
    lines += [f"| {f['name']} | {f['kind']} | {f['event']} | {f['likelihood']} |" for f in about["fields"]]
    if about["gaps"]:
        lines += ["", "Gaps:", "", *(f"* {gap['says']}" for gap in about["gaps"])]
    if about["private"] is not None:
        lines += ["", *paragraph(about["private"])]
    lines += [
        "",
        "Open it with `vaery.load(path)`. It answers every job: generate, impute, detect, embed, predict …",
        "",
    ]
    return "\n".join(lines)


def _plain_settings(model: VAE) -> dict[str, Any]:
    settings = model.get_params(deep=False)
    if not isinstance(settings["objective"], str):
        settings["objective"] = spec(settings["objective"])
    settings["private"] = plain(settings["private"])
    return settings
