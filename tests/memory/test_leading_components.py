"""An operator among more sites than can be paired: asked of leading components."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from cortexwave.errors import InputError
from cortexwave.memory.propagator import propagator
from cortexwave.memory.topographic import topographic_shift

STEP = 0.01  # s


def _field(values: np.ndarray) -> xr.DataArray:
    side = int(np.sqrt(values.shape[1]))
    places = 0.1 * np.arange(side)
    return xr.DataArray(
        values.reshape(-1, side, side),
        {"time": ("time", STEP * np.arange(len(values)), {"units": "s"}),
         "y": ("y", places, {"units": "mm"}), "x": ("x", places, {"units": "mm"})},
        ("time", "y", "x"), "E",
    )  # fmt: skip


@pytest.fixture(scope="module")
def rotation() -> xr.DataArray:
    """Two patterns of 36 x 36 sites that turn by 0.3 rad a frame and lose 5 %."""
    draw = np.random.default_rng(0)
    turn = 0.95 * np.array([[np.cos(0.3), -np.sin(0.3)], [np.sin(0.3), np.cos(0.3)]])
    state, states = np.zeros(2), []
    for _ in range(1500):
        state = turn @ state + draw.standard_normal(2)
        states.append(state)
    patterns = np.linalg.qr(draw.standard_normal((1296, 2)))[0]
    noise = 0.02 * draw.standard_normal((1500, 1296))
    return _field(np.array(states) @ patterns.T + noise)


def test_the_operator_of_a_few_patterns_is_found_among_many_sites(rotation):
    found = propagator(
        rotation, noise_correlation=0.0, rank=2, lags=3, draws=19, seed=0
    )
    one = found.sel(estimate="instrumental")
    # eigenvalues 0.95 exp(+-0.3 i); of 1500 frames, a tenth of which are independent
    # (0.95 ** 2 per frame), a modulus has an error of sqrt((1 - 0.95 ** 2) / 1500)
    # = 0.008
    np.testing.assert_allclose(one["modulus"], 0.95, atol=0.025)
    turn = np.abs(one["frequency"].values) * 2 * np.pi * STEP
    np.testing.assert_allclose(turn, 0.3, atol=0.025)
    assert found["p_signal"].item() == pytest.approx(1 / 20)
    assert found["operator"].dims == ("estimate", "component", "source_component")
    assert dict(found["direction"].sizes) == {"site": 1296, "component": 2}


def test_noise_among_many_sites_is_no_signal():
    noise = np.random.default_rng(1).standard_normal((600, 1296))
    found = propagator(_field(noise), noise_correlation=0.0, rank=2, lags=3, draws=39,
                       seed=0)  # fmt: skip
    assert found["p_signal"].item() > 0.05


def test_many_sites_without_a_rank_are_refused_with_what_is_due(rotation):
    with pytest.raises(InputError, match="rank is None; 1296 sites, more than 1000"):
        propagator(rotation, noise_correlation=0.0, lags=3, seed=0)
    with pytest.raises(InputError, match="1296 sites; shifts are tried among 1000"):
        topographic_shift(rotation, noise_correlation=0.0, rank=2, seed=0)
