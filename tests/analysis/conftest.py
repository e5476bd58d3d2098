"""Lines of sites with known movement, as recordings, for the tests of analysis."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

STEP, SPACING = 1e-2, 0.1  # s, mm: one site per step is 10 mm/s


def _on_a_line(values: np.ndarray) -> xr.Dataset:
    """(time, x) or (time, feature, x) as a recording named h."""
    dims = ("time", "feature", "y", "x") if values.ndim == 3 else ("time", "y", "x")
    at = {"time": STEP * np.arange(len(values)), "y": np.zeros(1),
          "x": SPACING * np.arange(values.shape[-1])}  # fmt: skip
    units = {"time": "s", "y": "mm", "x": "mm"}
    return xr.Dataset(
        {"h": (dims, values[..., None, :], {"units": "1"})},
        {name: (name, place, {"units": units[name]}) for name, place in at.items()},
    )


def _stream(steps: int, sites: int, towards: int = -1, seed: int = 0) -> np.ndarray:
    """White noise that enters at one end and moves one site per step, (time, x)."""
    noise = np.random.default_rng(seed).standard_normal(steps + sites)
    time, site = np.arange(steps)[:, None], np.arange(sites)
    return noise[time + (site if towards < 0 else sites - 1 - site)]


@pytest.fixture
def on_a_line() -> Callable[..., xr.Dataset]:
    return _on_a_line


@pytest.fixture
def stream() -> Callable[..., np.ndarray]:
    return _stream


# Outputs of other tools on known fields, and real recordings, beside the checkout.
_SHARED = Path(__file__).resolve().parents[3] / "shared"


def _beside(folder: str, name: str) -> Path:
    path = _SHARED / folder / name
    if not path.exists():
        pytest.skip(f"{folder}/{name} is not beside this checkout")
    return path


@pytest.fixture(scope="session")
def golden() -> Callable[[str], Path]:
    """The path of a file of other tools' outputs; skips where it is absent."""
    return lambda name: _beside("golden", name)


@pytest.fixture(scope="session")
def lab() -> Callable[[str], Path]:
    """The path of a real recording; skips where it is absent."""
    return lambda name: _beside("lab", name)
