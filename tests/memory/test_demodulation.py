"""A recording read in pieces has the phasors of the whole."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.signal
import xarray as xr

from cortexwave import schema
from cortexwave.memory import demodulation
from cortexwave.memory.features import phasor_trials

RATE, BAND, WINDOW = 200.0, (6.0, 14.0), (-0.1, 0.2)
ONSETS = [(0.3, 0), (0.35, 1), (1.7, 0), (2.2, 1), (2.3, 0), (0.1, 1)]


def recorded(*, trials):
    """Noise of three sites beside a constant; windows at the start and overlapping."""
    draw = np.random.default_rng(2)
    values = 5 + draw.standard_normal((2, 500, 3)).cumsum(axis=1) / 10
    rows = [
        {"onset": onset, "duration": 0.0, "kind": "flash", "trial": trial * trials,
         "stimulus": "ab"[k % 2]}
        for k, (onset, trial) in enumerate(ONSETS)
    ]  # fmt: skip
    dims = ("trial", "time", "x") if trials else ("time", "x")
    fields = xr.Dataset(
        {"u": (dims, values if trials else values[0], {"units": "1"})},
        {"time": ("time", np.arange(500) / RATE, {"units": "s"}),
         "x": ("x", 0.4 * np.arange(3), {"units": "mm"})},
    )  # fmt: skip
    return values, schema.with_tables(fields, schema.events_table(rows), None)


@pytest.mark.parametrize("at_once", [3, 300, 10**6])  # 1, 100 and all frames
@pytest.mark.parametrize("trials", [0, 1])
def test_windows_read_in_pieces_are_those_of_the_whole(trials, at_once, monkeypatch):
    monkeypatch.setattr(demodulation, "AT_ONCE", at_once)
    values, recording = recorded(trials=trials)
    with pytest.warns(UserWarning, match="1 of 6 events are left out"):
        found = phasor_trials(recording, band=BAND, window=WINDOW)
    # the definition, of the whole course at once
    clock = np.arange(500) / RATE
    turn = np.exp(-2j * np.pi * 10.0 * clock)[:, None]
    low = scipy.signal.butter(4, 4.0, fs=RATE, output="sos")
    whole = 2 * turn.conj() * scipy.signal.sosfilt(
        low, (values - values[:, :1]) * turn, axis=1
    )  # fmt: skip
    by_row = {
        row: whole[trial * trials, round((onset - 0.1) * RATE) :][:61]
        for row, (onset, trial) in enumerate(ONSETS)
    }
    due = np.stack([by_row[row] for row in found.event])
    # less a mean, as of every readout's trials; filtered sample by sample, so that
    # pieces change nothing but the last digit
    apart = found.values - due
    np.testing.assert_allclose(apart, apart.mean(axis=(0, 1), keepdims=True)
                               + 0 * apart, rtol=0, atol=1e-12)  # fmt: skip
    assert found.event.size >= 4
