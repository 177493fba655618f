"""vaery: one model of your data that answers every question.

>>> import vaery                                        # light: torch is imported at the first use
>>> sorted(vaery.__all__)[:4]
['VAE', 'VaeryError', '__version__', 'between']
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from vaery.xray import xray  # light; imported here, as the folder would take the place of the function otherwise

__version__ = "0.1.0.dev0"
__all__ = ["VAE", "VaeryError", "__version__", "between", "describe", "errors", "load", "one_of", "read", "xray"]

if TYPE_CHECKING:
    from vaery.core import errors
    from vaery.core.errors import VaeryError
    from vaery.core.query import between, one_of
    from vaery.model import VAE, describe, load, read

_HOME = {
    "VAE": "vaery.model",
    "VaeryError": "vaery.core.errors",
    "between": "vaery.core.query",
    "describe": "vaery.model",
    "load": "vaery.model",
    "one_of": "vaery.core.query",
    "read": "vaery.model",
    "xray": "vaery.xray",
}


def __getattr__(name: str) -> Any:
    if name == "errors":
        return importlib.import_module("vaery.core.errors")
    if name in _HOME:
        return getattr(importlib.import_module(_HOME[name]), name)
    raise AttributeError(f"module 'vaery' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
