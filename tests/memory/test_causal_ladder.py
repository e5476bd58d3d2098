"""A model taken apart: memory and wave go or stay as each rung must have it."""

import numpy as np
import pytest
import xarray as xr
from scipy.signal import lfilter

from cortexwave import schema
from cortexwave.errors import InputError
from cortexwave.memory.causal_ladder import causal_ladder, relabelled

TICK = 0.02  # s
SITES = 20
STEPS = 1500


def recorded(states, drive, tick=TICK):
    """States (time, site) of a line under one drive, which enters at its first site."""
    steps, sites = states.shape
    patch = np.full((1, sites), -1)
    patch[0, 0] = 0
    fields = xr.Dataset(
        {"h": (("time", "y", "x"), states[:, None, :], {"units": "1"})},
        {"time": ("time", tick * np.arange(steps), {"units": "s"}),
         "y": ("y", [0.0], {"units": "mm"}),
         "x": ("x", np.arange(sites) * 1.0, {"units": "mm"})},
    )  # fmt: skip
    table = xr.Dataset(
        {"values": (("trial", "clock", "patch"), drive[None, :, None], {"units": "1"}),
         "patch": (("y", "x"), patch, {"units": "1"})},
        {"clock": ("clock", tick * np.arange(steps), {"units": "s"})},
    )  # fmt: skip
    return schema.with_tables(fields, None, table)


def drawn(seed=0, steps=STEPS + SITES):
    return np.random.default_rng(seed).standard_normal(steps)


def delay_line(drive, sites=SITES):
    """Site i holds u[t - 1 - i]: a frame has felt the values before it, not its own."""
    return np.stack(
        [drive[sites - 1 - i : drive.size - 1 - i] for i in range(sites)], axis=1
    )


@pytest.fixture(scope="module")
def rungs():
    drive = drawn()
    line, shown = delay_line(drive), drive[SITES:]
    cut = line.copy()
    cut[:, SITES // 2 :] = 0.0
    intact = recorded(line, shown)
    return {
        "intact": intact,
        "relabelled": relabelled(intact, seed=4),
        "turned round": recorded(line[:, ::-1], shown),
        "cut": recorded(cut, shown),
        "all at once": recorded(np.repeat(line[:, :1], SITES, axis=1), shown),
    }


@pytest.fixture(scope="module")
def ladder(rungs):
    return causal_ladder(rungs, lags=24, band=(2.0, 20.0), seed=1, surrogates=99)


def test_an_intact_line_of_n_sites_remembers_n_values(ladder):
    # each site holds one value exactly; a ridge of 1e-9 and the threshold cost < 0.01
    assert float(ladder["capacity"].sel(rung="intact")) == pytest.approx(20, abs=0.02)
    assert float(ladder["span"].sel(rung="intact")) == pytest.approx(0.4, abs=5e-4)


def test_relabelling_takes_the_topography_and_leaves_the_memory(ladder):
    row = ladder.sel(rung="relabelled")
    # the same numbers in another order: only rounding differs
    assert float(row["memory_loss"]) == pytest.approx(0, abs=1e-6)
    assert float(row["wave_loss"]) > 0.8
    assert bool(row["matched"])


def test_a_wave_turned_round_is_no_loss_of_either(ladder):
    row = ladder.sel(rung="turned round")
    assert float(row["memory_loss"]) == pytest.approx(0, abs=1e-6)
    assert float(row["wave_loss"]) == pytest.approx(0, abs=1e-6)


def test_a_cut_in_the_middle_costs_half_of_both(ladder):
    row = ladder.sel(rung="cut")
    assert float(row["memory_loss"]) == pytest.approx(0.5, abs=0.005)
    assert float(row["active"]) == 0.5
    # a shorter line resolves direction less well: not exactly a half
    assert float(row["wave_loss"]) == pytest.approx(0.5, abs=0.15)


def test_a_drive_of_all_sites_at_once_leaves_one_value_and_no_wave(ladder):
    row = ladder.sel(rung="all at once")
    assert float(row["capacity"]) == pytest.approx(1, abs=0.01)
    assert float(row["wave_loss"]) == pytest.approx(1, abs=0.01)
    assert bool(row["matched"])


def test_rungs_whose_sites_differ_are_named_as_no_fair_comparison():
    drive = drawn()
    line, shown = delay_line(drive), drive[SITES:]
    louder = {"intact": recorded(line, shown), "louder": recorded(2 * line, shown)}
    found = causal_ladder(louder, lags=22, band=(2.0, 20.0), seed=1, surrogates=99)
    assert float(found["power_ratio"].sel(rung="louder")) == pytest.approx(4)
    assert not bool(found["matched"].sel(rung="louder"))
    assert "louder" in found.attrs["reason"]


def test_the_timescale_is_that_of_a_leaky_site():
    # AR(1) with a = 0.9: the autocorrelation 0.9**k is 1/e at k = 1/ln(1/0.9) = 9.49
    inputs = np.random.default_rng(0).standard_normal((5000, 9))
    leaky = lfilter([1.0], [1.0, -0.9], inputs, axis=0)
    rows = {name: recorded(leaky, inputs[:, 0]) for name in ("one", "two")}
    found = causal_ladder(rows, lags=5, band=(2.0, 20.0), seed=1, surrogates=99)
    # sd of the correlation at that lag over 45,000 values: about 0.015, of a slope of
    # 0.039 per value, so 0.4 values or 4 %; 10 % is 2.5 of them
    assert float(found["timescale"][0]) == pytest.approx(9.49 * TICK, rel=0.1)


def test_one_rung_or_two_clocks_are_refused(rungs):
    with pytest.raises(InputError, match="at least one that lacks"):
        causal_ladder({"intact": rungs["intact"]}, lags=5, band=(2.0, 20.0), seed=1)
    drive = drawn()
    slower = recorded(delay_line(drive), drive[SITES:], tick=2 * TICK)
    with pytest.raises(InputError, match="one clock"):
        causal_ladder(
            {"intact": rungs["intact"], "slower": slower},
            lags=5, band=(2.0, 10.0), seed=1, surrogates=99,
        )  # fmt: skip


def test_a_recording_without_a_drive_says_so(rungs):
    bare = rungs["intact"].drop_vars(["drive_values", "drive_patch", "clock"])
    with pytest.raises(InputError, match="drive"):
        causal_ladder({"intact": bare, "b": bare}, lags=5, band=(2.0, 20.0), seed=1)


def test_relabelling_keeps_every_site_and_moves_the_drive_with_them(rungs):
    intact, mixed = rungs["intact"], rungs["relabelled"]
    a = np.sort(intact["h"].values.reshape(STEPS, -1), axis=1)
    b = np.sort(mixed["h"].values.reshape(STEPS, -1), axis=1)
    np.testing.assert_array_equal(a, b)
    entry = int(np.flatnonzero(mixed["drive_patch"].values[0] == 0)[0])
    np.testing.assert_array_equal(mixed["h"].values[:, 0, entry],
                                  intact["h"].values[:, 0, 0])  # fmt: skip
