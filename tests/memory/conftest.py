"""Recordings whose one-step operator is known, for the tests of propagators."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import xarray as xr
from scipy.signal import lfilter

from cortexwave.memory.driven import Driven, driven_from

STEP, SPACING = 1e-3, 0.4  # s, mm: one site per step is 400 mm/s


def _array(values: np.ndarray) -> xr.DataArray:
    """(time, x) or (trial, time, x) with coordinates."""
    values = values if values.ndim == 3 else values[None]
    _, frames, sites = values.shape
    at = {"time": ("time", STEP * np.arange(frames), {"units": "s"}),
          "x": ("x", SPACING * np.arange(sites), {"units": "mm"})}  # fmt: skip
    return xr.DataArray(values, at, ("trial", "time", "x"), "h", {"units": "1"})


def _ring(sites: int, frames: int, seed: int, *, shift: float = 1.0) -> np.ndarray:
    """x(t + 1) = 0.98 S x(t) + white noise, S the shift by `shift` sites on a ring.

    Each spatial frequency k is an autoregression with 0.98 exp(-2 pi i k shift).
    """
    pushed = np.random.default_rng(seed).standard_normal((frames + 400, sites))
    pushed = np.fft.rfft(pushed, axis=1)
    turns = 0.98 * np.exp(-2j * np.pi * np.fft.rfftfreq(sites) * shift)
    modes = [lfilter([1], [1, -turn], mode)
             for turn, mode in zip(turns, pushed.T, strict=True)]  # fmt: skip
    return np.fft.irfft(np.array(modes), sites, axis=0).T[400:]


def _coloured(
    shape: tuple[int, int], seed: int, correlation: float = 0.9
) -> np.ndarray:
    """Noise of unit variance and autocorrelation `correlation`^lag, sites apart."""
    white = np.random.default_rng(seed).standard_normal((shape[0] + 300, shape[1]))
    scale = np.sqrt(1 - correlation**2)
    return lfilter([scale], [1, -correlation], white, axis=0)[300:]


@pytest.fixture
def array() -> Callable[..., xr.DataArray]:
    return _array


@pytest.fixture
def ring() -> Callable[..., np.ndarray]:
    return _ring


@pytest.fixture
def coloured() -> Callable[..., np.ndarray]:
    return _coloured


@pytest.fixture
def items_held() -> Callable[..., tuple[xr.DataArray, xr.DataArray]]:
    return _items_held


def _items_held(
    how: str, seed: int, *, trials: int = 160, hidden: bool = True, held: float = 1.0
) -> tuple[xr.DataArray, xr.DataArray]:
    """Four items of two signs in eight directions, through a random basis, and noise.

    "shift": each step takes an item's two directions to the next two, around.
    "slots": each item has its own two, and stays. "leak": all have the same two.
    """
    draw = np.random.default_rng(seed)
    step = 0.97 * (np.roll(np.eye(8), 2, axis=0) if how == "shift" else np.eye(8))
    items = draw.choice([-1.0, 1.0], (trials, 4, 2))
    state, states = np.zeros((trials, 8)), []
    for frame in range(16):
        state = state @ step.T + 0.3 * draw.standard_normal(state.shape)
        if frame < 4:
            first = 2 * frame if how == "slots" else 0
            state[:, first : first + 2] += held * items[:, frame]
        states.append(state)
    basis = np.linalg.qr(draw.standard_normal((8, 8)))[0] if hidden else np.eye(8)
    seen = np.stack(states, axis=1) @ basis.T
    seen += 0.5 * draw.standard_normal(seen.shape)
    onset = ("rank", STEP * np.arange(4), {"units": "s"})
    return _array(seen), xr.DataArray(
        items, {"onset": onset}, ("trial", "rank", "input")
    )


LINE = 20  # sites of the driven systems


def _linear_system(kind: str) -> tuple[np.ndarray, np.ndarray]:
    """Operator and unit input: open delay line, ring that keeps 0.9, leaky 0.9."""
    first = np.eye(LINE)[0]
    shift = np.roll(np.eye(LINE), 1, axis=0)
    return {
        "delay": (np.diag(np.ones(LINE - 1), -1), first),
        "ring": (0.9 * shift, first),
        "leaky": (0.9 * np.eye(LINE), np.full(LINE, LINE**-0.5)),
    }[kind]


def _driven_system(kind: str, *, noise: float, values: int, seed: int) -> Driven:
    """x(t+1) = A x(t) + v u(t) + noise, u white of unit variance, after 300 values."""
    moves, enters = _linear_system(kind)
    draw = np.random.default_rng(seed)
    drive = draw.standard_normal(values + 300)
    pushed = noise * draw.standard_normal((values + 300, LINE))
    state, states = np.zeros(LINE), np.empty((values + 300, LINE))
    for step, value in enumerate(drive):
        state = moves @ state + enters * value + pushed[step]
        states[step] = state
    places = np.stack([0.5 * np.arange(LINE), np.zeros(LINE)], axis=1)
    return driven_from(states[300:], drive[300:], tick=0.01, positions=places,
                       sources=[[0.0, 0.0]])  # fmt: skip


@pytest.fixture
def linear_system() -> Callable[[str], tuple[np.ndarray, np.ndarray]]:
    return _linear_system


@pytest.fixture
def driven_system() -> Callable[..., Driven]:
    return _driven_system
