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
    return sorted({*_own(), *(entry.name for entry in _entries())})


@lru_cache(maxsize=64)
def model(name: str) -> ModelSpec:
    """The checked specification of a model; `ModelError` if there is none."""
    if name not in model_names():
        near = difflib.get_close_matches(name, model_names(), n=1)
        hint = f"did you mean '{near[0]}'? " if near else ""
        raise ModelError(
            f"there is no model '{name}'; {hint}models are {', '.join(model_names())}"
        )
    entries = {entry.value: entry for entry in _entries() if entry.name == name}
    origins = [f"{__name__}.{name}"] * (name in _own()) + list(entries)
    if len(origins) > 1:
        raise ModelError(f"{len(origins)} models are called '{name}': in "
                         + " and in ".join(origins))  # fmt: skip
    try:
        if entries:
            spec = entries[origins[0]].load()
        else:
            spec = getattr(importlib.import_module(origins[0]), "SPEC", None)
    except (ImportError, AttributeError, SyntaxError, TypeError, ValueError) as error:
        raise ModelError(
            f"the model '{name}' in {origins[0]} cannot be loaded: {error}"
        ) from error
    return _checked(spec, name, origins[0])


def _own() -> list[str]:
    """Names of the models of this package: its modules."""
    names = [module.name for module in pkgutil.iter_modules(__path__)]
    return [name for name in names if not name.startswith("_")]


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
