"""Waves as events: made episodes are found as what they are, and noise is not."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from cortexwave import synthetic
from cortexwave.analysis.event_table import COLUMNS
from cortexwave.analysis.events import find_waves
from cortexwave.analysis.reduced import Cells
from cortexwave.analysis.sites import sites_of
from cortexwave.analysis.wave_fields import wave_field
from cortexwave.errors import InputError

BAND = (5.0, 40.0)
SITES = synthetic.lattice_sites((10, 10), spacing=0.4)
TIME = {"duration": 8.0, "rate": 500.0}
COUNT = 39


def _episodes() -> xr.Dataset:
    return synthetic.mixture(
        synthetic.plane_wave(SITES, direction=30, frequency=15.0, speed=90.0,
                             window=(1.0, 1.4), **TIME),
        synthetic.radial_wave(SITES, centre=(1.4, 2.2), spread="out", frequency=12.0,
                              wavelength=4.0, window=(2.2, 2.6), **TIME),
        synthetic.rotating_wave(SITES, centre=(1.8, 1.7), handedness=-1,
                                frequency=10.0, window=(3.4, 3.8), **TIME),
        synthetic.spiral_wave(SITES, centre=(1.8, 1.7), handedness=1, spread="in",
                              frequency=10.0, wavelength=4.0, window=(4.6, 5.0),
                              **TIME),
        synthetic.synchronous(SITES, frequency=15.0, window=(5.6, 6.0), **TIME),
        synthetic.standing_wave(SITES, direction=0, frequency=15.0, wavelength=4.0,
                                window=(6.6, 7.0), **TIME),
    )  # fmt: skip


@pytest.fixture(scope="module")
def events() -> xr.Dataset:
    noisy = synthetic.with_noise(_episodes(), snr_db=0, seed=1)
    return find_waves(wave_field(noisy, band=BAND), seed=0, count=COUNT)


def _of(events: xr.Dataset, kind: str) -> xr.Dataset:
    found = events.isel(event=events["kind"].values == kind)
    assert found.sizes["event"] == 1
    return found.isel(event=0)


def test_the_table_has_its_columns_with_units(events):
    for name, unit in COLUMNS.items():
        assert events[name].attrs.get("units", "") == unit


@pytest.mark.parametrize(
    ("kind", "start", "end"),
    [("plane", 1.0, 1.4), ("source", 2.2, 2.6), ("rotating", 3.4, 3.8),
     ("spiral", 4.6, 5.0), ("synchronous", 5.6, 6.0), ("standing", 6.6, 7.0)],
)  # fmt: skip
def test_each_episode_is_found_once_when_it_was(events, kind, start, end):
    found = _of(events, kind)
    # ramps of 0.1 s at both ends, the 5 Hz end of the band rings for about as long
    assert float(found["start"]) == pytest.approx(start, abs=0.1)
    assert float(found["end"]) == pytest.approx(end, abs=0.1)
    assert float(found["score"]) > 0.85


@pytest.mark.parametrize("kind", ["plane", "source", "rotating", "spiral"])
def test_what_travels_is_above_fields_without_lags(events, kind):
    found = _of(events, kind)
    assert bool(found["is_wave"])
    assert 1 / (COUNT + 1) <= float(found["p"]) <= 0.05


@pytest.mark.parametrize("kind", ["synchronous", "standing"])
def test_what_does_not_travel_is_not_tested(events, kind):
    found = _of(events, kind)
    assert not bool(found["is_wave"])
    assert np.isnan(float(found["p"]))


def test_the_plane_wave_has_its_speed_and_direction(events):
    found = _of(events, "plane")
    # at 0 dB: 5 degrees and 10 % are asked
    assert float(found["direction"]) == pytest.approx(30, abs=5)
    assert float(found["speed"]) == pytest.approx(90, rel=0.1)
    assert float(found["wavelength"]) == pytest.approx(6, rel=0.1)
    assert float(found["frequency"]) == pytest.approx(15, rel=0.02)


def test_centres_senses_and_spreads_are_those_that_were_made(events):
    source, rotating, spiral = (
        _of(events, k) for k in ("source", "rotating", "spiral")
    )
    for found, centre in ((source, (1.4, 2.2)), (rotating, (1.8, 1.7)),
                          (spiral, (1.8, 1.7))):  # fmt: skip
        # a pixel is 0.4 mm
        assert abs(float(found["x"]) - centre[0]) < 0.4
        assert abs(float(found["y"]) - centre[1]) < 0.4
    assert [int(e["handedness"]) for e in (source, rotating, spiral)] == [0, -1, 1]
    assert [str(e["spread"].item()) for e in (source, rotating, spiral)] == [
        "out", "", "in"
    ]  # fmt: skip
    assert float(rotating["score"]) > 0.95


def test_a_clean_wave_is_described_though_no_surrogate_can_tell_it_apart():
    """Of one frequency all along, its reverse is as good a wave: the verdict needs net
    lags, the table does not."""
    made = synthetic.plane_wave(SITES, direction=-60, frequency=15.0, speed=90.0,
                                duration=3.0, rate=250.0)  # fmt: skip
    found = _of(find_waves(wave_field(made, band=BAND), seed=0, count=19), "plane")
    assert float(found["direction"]) == pytest.approx(-60, abs=0.5)
    assert float(found["speed"]) == pytest.approx(90, rel=0.01)
    assert not bool(found["is_wave"])


def test_clean_waves_together_tell_what_one_of_them_does_not():
    time = {"duration": 16.0, "rate": 200.0}
    draw = np.random.default_rng(0)
    waves = [
        synthetic.plane_wave(SITES, direction=draw.uniform(-180, 180), frequency=12.0,
                             wavelength=6.0, amplitude=10.0, window=(at, at + 0.6),
                             **time)
        for at in np.arange(1.0, 15.0, 1.5)
    ]  # fmt: skip
    noise = synthetic.smooth_noise(SITES, length=0.0, seed=0, **time)
    made = synthetic.mixture(noise, *waves)
    found = find_waves(wave_field(made, band=BAND), seed=0, count=19)
    assert found.attrs["p_together"] == pytest.approx(0.05)
    quiet = find_waves(wave_field(noise, band=BAND), seed=0, count=19)
    assert quiet.attrs["p_together"] > 0.05


@pytest.mark.parametrize("seed", range(3))
def test_what_stands_in_noise_is_not_cut_up_into_waves(seed):
    """Each half of a standing wave follows 0.64 of it, and noise decides for one."""
    time = {"duration": 2.5, "rate": 250.0}
    standing = synthetic.standing_wave(
        SITES, direction=60.0 * seed, frequency=12.0, wavelength=4.0, amplitude=2**0.5,
        window=(0.9, 1.6), **time,
    )  # fmt: skip
    noise = synthetic.smooth_noise(SITES, length=0.0, seed=seed, **time)
    made = synthetic.mixture(standing, noise)
    found = find_waves(wave_field(made, band=BAND), seed=0, count=19)
    inside = (found["start"] < 1.4) & (found["end"] > 1.1)  # without its ramps
    assert set(found["kind"].values[inside.values]) == {"standing"}


def test_the_same_seed_gives_the_same_table():
    field = wave_field(_episodes().isel(time=slice(0, 1500)), band=BAND)
    first, again = (find_waves(field, seed=3, count=19) for _ in range(2))
    xr.testing.assert_identical(first, again)


def test_electrodes_give_the_events_of_the_lattice_they_stand_on():
    made = _episodes().isel(time=slice(400, 1000))
    stacked = made.stack(channel=("y", "x"))
    x, y = stacked["x"].values, stacked["y"].values
    electrodes = stacked.drop_vars(["channel", "x", "y"]).assign_coords(
        x=("channel", x, {"units": "mm"}), y=("channel", y, {"units": "mm"})
    )
    on_lattice, scattered = (
        find_waves(wave_field(each, band=BAND), seed=0, count=19)
        for each in (made, electrodes.transpose("time", "channel"))
    )
    assert on_lattice.sizes["event"] > 0
    for name in ("start", "end", "score", "mass", "speed", "direction"):
        # sums in another order; the climb stops at 1e-4
        np.testing.assert_allclose(scattered[name], on_lattice[name], rtol=1e-3)


@pytest.mark.parametrize("unison", [0.0, 1.5])
def test_smooth_noise_has_no_waves_with_or_without_a_common_signal(unison):
    noise = synthetic.smooth_noise(SITES, length=0.8, seed=5, **TIME)
    noise["signal"] = noise["signal"] + unison * noise["signal"].isel(y=0, x=0)
    found = find_waves(wave_field(noise, band=BAND), seed=1, count=19)
    assert not found["is_wave"].any()


def test_trials_and_features_are_told_apart():
    made = _episodes().isel(time=slice(300, 900))
    quiet = synthetic.smooth_noise(SITES, duration=1.2, rate=500.0, length=0.0, seed=2)
    values = np.stack([quiet["signal"].values, made["signal"].values])
    coords = {name: made[name] for name in ("time", "y", "x")}
    several = xr.Dataset(
        {"signal": (("trial", "time", "y", "x"), values, {"units": "uV"})}, coords
    )
    found = find_waves(wave_field(several, band=BAND), seed=0, count=19)
    planes = found.isel(event=found["kind"].values == "plane")
    assert 1 in planes["trial"].values[planes["score"].values > 0.95]
    assert "trial_label" not in found
    named = several.assign_coords(trial=["before", "after"])
    again = find_waves(wave_field(named, band=BAND), seed=0, count=19)
    expected = np.array(["before", "after"])[again["trial"].values]
    np.testing.assert_array_equal(again["trial_label"].values, expected)


def test_a_large_lattice_is_averaged_to_fewer_sites():
    draw = np.random.default_rng(0)
    cells = Cells.of(sites_of(_made(40, 30)["signal"]))
    values = draw.standard_normal((3, 1200)) + 0j
    values[:, :3] = np.nan  # dead sites are left out of the mean
    coarse = cells.averaged(values)
    assert cells.pitch == pytest.approx((1.2, 1.2))
    assert coarse.shape[1] == len(cells.positions) <= 256
    lattice = values.reshape(3, 40, 30)
    at = np.argmin(np.hypot(*(cells.positions - (4 * 0.4, 4 * 0.4)).T))
    np.testing.assert_allclose(coarse[:, at], lattice[:, 3:6, 3:6].mean(axis=(1, 2)))
    np.testing.assert_allclose(coarse[:, 0], lattice[:, 1:3, :3].mean(axis=(1, 2)))


def test_a_wave_on_a_large_lattice_is_followed_on_its_cells():
    sites = synthetic.lattice_sites((40, 30), spacing=0.2)
    made = synthetic.radial_wave(sites, centre=(3.1, 4.4), spread="out", frequency=15.0,
                                 wavelength=6.0, duration=2.0, rate=200.0)  # fmt: skip
    found = _of(find_waves(wave_field(made, band=BAND), seed=0, count=19), "source")
    # cells are 0.6 mm
    assert float(found["x"]) == pytest.approx(3.1, abs=0.1)
    assert float(found["y"]) == pytest.approx(4.4, abs=0.1)
    assert float(found["wavelength"]) == pytest.approx(6.0, rel=0.02)


def _made(rows: int, columns: int) -> xr.Dataset:
    sites = synthetic.lattice_sites((rows, columns), spacing=0.4)
    return synthetic.plane_wave(sites, direction=0, frequency=15.0, speed=90.0,
                                duration=1.0, rate=200.0)  # fmt: skip


def test_a_line_of_sites_is_refused():
    field = wave_field(_made(1, 30), band=BAND)
    with pytest.raises(InputError, match="stands on a line"):
        find_waves(field, seed=0, count=19)


def test_too_few_surrogates_for_alpha_are_refused():
    field = wave_field(_made(5, 5), band=BAND)
    with pytest.raises(InputError, match=r"count is 10: p of 0\.05 needs 19"):
        find_waves(field, seed=0, count=10)


def test_what_is_no_wave_field_is_refused():
    with pytest.raises(InputError, match="wave_field makes one"):
        find_waves(_made(5, 5), seed=0)


@pytest.mark.parametrize("shortest", [0.79, 4.01, 1e6, -1.0, np.nan])
def test_a_shortest_wavelength_of_aliases_or_beyond_the_array_is_refused(shortest):
    """Two pitches of 0.4 mm are Nyquist's; 5 sites span 2 mm, and no plane twice as
    long as that has a template."""
    field = wave_field(_made(5, 5), band=BAND)
    with pytest.raises(InputError, match=r"shortest is .* 0\.8 mm, .* to 4 mm"):
        find_waves(field, seed=0, count=19, shortest=shortest)


@pytest.mark.parametrize("shortest", [0.8, 4.0])
def test_the_limits_of_the_shortest_wavelength_themselves_are_looked_for(shortest):
    field = wave_field(_made(5, 5), band=BAND)
    found = find_waves(field, seed=0, count=19, shortest=shortest)
    assert found.attrs["shortest_wavelength"] == pytest.approx(shortest)


@pytest.mark.parametrize("segment", [0.01, 0.99, 0.0, np.nan, np.inf])
def test_a_segment_shorter_than_a_window_of_the_surrogates_is_refused(segment):
    field = wave_field(_made(5, 5), band=BAND)
    with pytest.raises(InputError, match=r"segment is .* 5 Hz it is 1 s or longer"):
        find_waves(field, seed=0, count=19, segment=segment)


def test_a_segment_of_one_window_is_taken():
    field = wave_field(_made(5, 5), band=BAND)
    find_waves(field, seed=0, count=19, segment=1.0)


@pytest.mark.parametrize("seed", ["a", None, -1, 0.5])
def test_a_seed_that_is_no_whole_number_from_0_on_is_refused(seed):
    field = wave_field(_made(5, 5), band=BAND)
    with pytest.raises(InputError, match=f"seed {seed!r}; both are whole numbers"):
        find_waves(field, seed=seed, count=19)


def test_a_seed_of_numpy_is_one():
    field = wave_field(_made(5, 5), band=BAND)
    first = find_waves(field, seed=np.int64(3), count=19)
    xr.testing.assert_equal(first, find_waves(field, seed=3, count=19))
