"""Recordings with known answers, made by formula, for the tests of the view."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import xarray as xr

from cortexwave import schema

FLASHES = [
    {"onset": 0.005, "duration": 0.010, "stimulus": "digits", "item": "3"},
    {"onset": 0.025, "duration": 0.005, "stimulus": "digits", "item": "1"},
]


def _recorded(
    values: np.ndarray,
    dims: tuple[str, ...] = ("time", "y", "x"),
    *,
    units: str = "1",
    name: str = "h",
    rows: list[dict] | None = None,
    **attrs: object,
) -> xr.Dataset:
    """1 ms a frame, 0.4 mm a site."""
    sizes = dict(zip(dims, values.shape, strict=True))
    coords = {"time": ("time", np.arange(sizes["time"]) * 1e-3, {"units": "s"})}
    for axis in ("y", "x"):
        if axis in sizes:
            at = np.arange(sizes[axis]) * 0.4
            coords[axis] = (axis, at, {"units": "mm"})
    fields = xr.Dataset({name: (dims, values, {"units": units})}, coords, attrs)
    events = None if rows is None else schema.events_table(rows)
    return schema.with_tables(fields, events, None)


@pytest.fixture
def recorded() -> Callable[..., xr.Dataset]:
    """Values with the coordinates, units and events that the schema asks for."""
    return _recorded


@pytest.fixture
def sheet() -> xr.Dataset:
    """A Gaussian of height 1 Hz, at frame k centred on row 5, column 3 + k / 2."""
    time = np.arange(40)[:, None, None]
    row, column = np.mgrid[:24, :32]
    values = np.exp(-((row - 5) ** 2 + (column - 3 - time / 2) ** 2) / 8)
    return _recorded(values, units="Hz", name="rate", rows=FLASHES, title="A bump",
                     backend="reference")  # fmt: skip


@pytest.fixture
def ring() -> xr.Dataset:
    """A Gaussian of height 1 on a ring, centred on site 4 + k at frame k."""
    time, site = np.arange(30)[:, None], np.arange(64)
    away = (site - 4 - time + 32) % 64 - 32
    values = np.exp(-(away**2) / 18)[:, None, :]
    return _recorded(values, rows=FLASHES, title="A ring", backend="torch")
