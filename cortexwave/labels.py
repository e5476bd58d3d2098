"""What a recording says of itself: its attributes, and arrays as a labelled Dataset."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from cortexwave.backends.problem import Problem
from cortexwave.protocol.document import Protocol
from cortexwave.provenance import attributes as provenance
from cortexwave.provenance import sha256_of, sha256_of_file
from cortexwave.recording.layout import RecordingLayout
from cortexwave.schema import DIRECTION_CONVENTION, SCHEMA_VERSION, with_tables
from cortexwave.sheet.arrays import located


def attributes(
    protocol: Protocol, problem: Problem, backend: str | None, device: str | None
) -> dict[str, str | int | float]:
    """Root attributes of the recording of a run."""
    rounding = max(
        (lateral.taps.rounding for lateral in problem.couplings), default=0.0
    )
    attrs: dict[str, str | int | float] = {
        "title": protocol.title,
        "origin": "model",
        "model": problem.spec.name,
        "paper": problem.spec.paper,
        "backend": backend or protocol.run.backend,
        "device": device or protocol.run.device,
        "dtype": problem.dtype,
        "seed": problem.seed,
        "noise": protocol.run.noise,
        "dt": problem.dt,
        "delay_rounding": rounding,
        "schema_version": SCHEMA_VERSION,
        "direction_convention": DIRECTION_CONVENTION,
        "protocol_file": str(Path(protocol.source.file).absolute()),
        "protocol_sha256": sha256_of(protocol.text),
        **provenance(),
    }
    attrs["files"] = json.dumps(files_of(protocol))
    return attrs


def files_of(protocol: Protocol) -> dict[str, str]:
    """SHA-256 of every file that the protocol names, by the path it gives."""
    found: dict[str, str] = {}

    def look(node: Any) -> None:
        if isinstance(node, dict):
            path = node.get("path")
            if isinstance(path, str) and path not in found:
                found[path] = sha256_of_file(located(path, protocol.folder))
            for value in node.values():
                look(value)
        elif isinstance(node, list):
            for value in node:
                look(value)

    look(protocol.model_dump(mode="json"))
    return found


def labelled(
    values: Mapping[str, np.ndarray], layout: RecordingLayout,
    attrs: Mapping[str, Any], problem: Problem,
) -> xr.Dataset:  # fmt: skip
    """Arrays (trial, time, feature, y, x) as a recording."""
    dims = ["trial", "time", "feature", "y", "x"]
    kept = list(layout.dims)
    single = [dim for dim in dims if dim not in kept]
    axes = tuple(dims.index(dim) for dim in single)
    variables = {
        name: (kept, array.squeeze(axes),
               {"units": layout.fields[name].units,
                "long_name": layout.fields[name].long_name})
        for name, array in values.items()
    }  # fmt: skip
    coords: dict[str, Any] = {
        "time": ("time", layout.interval * np.arange(layout.frames), {"units": "s"}),
        "y": ("y", layout.y, {"units": "mm"}),
        "x": ("x", layout.x, {"units": "mm"}),
    }
    if "trial" in kept:
        coords["trial"] = ("trial", np.arange(problem.trials), {"units": "1"})
    if "feature" in kept:
        coords["feature"] = ("feature", np.arange(layout.features), {"units": "1"})
    complete = {"complete": 1, "n_valid": problem.frames * problem.trials}
    fields = xr.Dataset(variables, coords, {**attrs, **complete})
    return with_tables(fields, problem.drive.events(), problem.drive.drawn)
