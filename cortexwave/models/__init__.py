"""One file per model: its SPEC, its paper. A new file here is a new model.

Models of other packages come in by the entry-point group `cortexwave.models`:
each entry point names a `ModelSpec`.
"""

from __future__ import annotations

import difflib
import importlib
import pkgutil
from functools import lru_cache
from importlib import metadata

from cortexwave.errors import ModelError
from cortexwave.sheet.spec import ModelSpec

ENTRY_POINTS = "cortexwave.models"


def model_names() -> list[str]:
    """Names of all models, of this package and of others that are installed."""
    own = [module.name for module in pkgutil.iter_modules(__path__)]
    return sorted({*own, *(entry.name for entry in _entries())})


@lru_cache(maxsize=64)
def model(name: str) -> ModelSpec:
    """The checked specification of a model; `ModelError` if there is none."""
    if name not in model_names():
        near = difflib.get_close_matches(name, model_names(), n=1)
        hint = f"did you mean '{near[0]}'? " if near else ""
        raise ModelError(
            f"there is no model '{name}'; {hint}models are {', '.join(model_names())}"
        )
    for entry in _entries():
        if entry.name == name:
            return _checked(entry.load(), name, entry.value)
    module = importlib.import_module(f"{__name__}.{name}")
    return _checked(getattr(module, "SPEC", None), name, module.__name__)


def _entries() -> metadata.EntryPoints:
    return metadata.entry_points(group=ENTRY_POINTS)


def _checked(spec: object, name: str, origin: str) -> ModelSpec:
    if not isinstance(spec, ModelSpec):
        raise ModelError(f"{origin} holds no ModelSpec named SPEC, but {spec!r}")
    if spec.name != name:
        raise ModelError(
            f"{origin}: the model calls itself '{spec.name}', not '{name}'"
        )
    spec.check()
    return spec
