"""Engines: each module here has `blocks(problem, start=None)` and is one engine.

A new module here is a new engine; it is held to the step contract of
`cortexwave.backends.problem` by the contract tests.
"""

from __future__ import annotations

import difflib
import importlib
import pkgutil
from types import ModuleType

from cortexwave.errors import InputError

_CONTRACT = "problem"


def backend_names() -> list[str]:
    """Names of all engines, whether or not what they need is installed."""
    return sorted(
        module.name
        for module in pkgutil.iter_modules(__path__)
        if module.name != _CONTRACT and not module.name.startswith("_")
    )


def backend(name: str) -> ModuleType:
    """The module of an engine; `InputError` if there is none, or it cannot be used."""
    if name not in backend_names():
        near = difflib.get_close_matches(name, backend_names(), n=1)
        hint = f"did you mean '{near[0]}'? " if near else ""
        raise InputError(
            f"there is no engine '{name}'; {hint}engines are "
            f"{', '.join(backend_names())}"
        )
    try:
        return importlib.import_module(f"{__name__}.{name}")
    except ImportError as error:
        raise InputError(
            f"the engine '{name}' needs a package that is not there: {error}; "
            "`cortexwave doctor` says what to type"
        ) from error
