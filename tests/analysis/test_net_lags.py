"""Net lags are found where waves go one way, and nowhere where nothing leads."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
import xarray as xr

import cortexwave.synthetic as synthetic
from cortexwave.analysis.net_lags import net_lags
from cortexwave.analysis.sign_flips import flipped, lengths, signs
from cortexwave.errors import InputError

SITES = synthetic.lattice_sites((6, 6), spacing=0.4)
TIME = {"duration": 16.0, "rate": 200.0}
BAND = (5.0, 40.0)


def rhythm(*, delay=0.0, phase=0.0, weight=1.0, duration=16.0, seed=0):
    """Noise of 8 to 20 Hz, of one course: later by `delay` (s), turned by `phase` at
    each site (y, x), in as strong noise of each site. It keeps its phase for 0.1 s."""
    recording = synthetic.synchronous(
        SITES, frequency=10.0, duration=duration, rate=200.0
    )
    draw = np.random.default_rng(seed)
    frames = recording.sizes["time"]
    f = np.fft.rfftfreq(frames, 1 / 200.0)[:, None, None]
    course = draw.standard_normal(f.shape) + 1j * draw.standard_normal(f.shape)
    turn = np.exp(-1j * (2 * np.pi * f * delay + phase)) * np.ones((6, 6))
    values = np.fft.irfft(course * ((f >= 8) & (f <= 20)) * turn, frames, axis=0)
    values = weight * values / values.std() + draw.standard_normal(values.shape)
    recording["signal"] = (recording.signal.dims, values, {"units": "uV"})
    return recording


Y, X = np.meshgrid(0.4 * np.arange(6), 0.4 * np.arange(6), indexing="ij")


def plane(direction=30.0, **changes):
    along = X * np.cos(np.radians(direction)) + Y * np.sin(np.radians(direction))
    return rhythm(delay=along / 90.0, **changes)  # 90 mm/s


def steady(direction=30.0):
    wave = synthetic.plane_wave(
        SITES, direction=direction, frequency=10.0, speed=90.0, **TIME
    )
    return synthetic.with_noise(wave, snr_db=0, seed=1)


def as_channels(recording: xr.Dataset, order: np.ndarray) -> xr.Dataset:
    values = recording.signal
    y, x = np.meshgrid(values.y, values.x, indexing="ij")
    rows = values.values.reshape(values.sizes["time"], -1)[:, order]
    return xr.Dataset(
        {"signal": (("time", "channel"), rows, {"units": "uV"})},
        {"time": values.time,
         "x": ("channel", x.ravel()[order], {"units": "mm"}),
         "y": ("channel", y.ravel()[order], {"units": "mm"})},
    )  # fmt: skip


@pytest.mark.parametrize("direction", [-150.0, -90.0, 0.0, 75.0])
def test_a_plane_wave_in_as_much_noise_has_net_lags_in_its_direction(direction):
    found = net_lags(plane(direction), band=BAND, seed=1)
    assert found.verdict.item() == "net lags"
    assert found.p.item() < 0.01
    off = (found.direction.item() - direction + 180) % 360 - 180
    assert abs(off) < 5  # of 0 dB noise over 36 sites; the issue asks for 5 degrees
    # the noise, of the whole band, counts in the sum of power
    assert found.asymmetry.item() > 2 * found.asymmetry_chance.item()


@pytest.mark.parametrize(
    "wave",
    [
        {"delay": np.hypot(X - 1.0, Y - 1.0) / 60.0},
        {"phase": np.arctan2(Y - 0.9, X - 0.9)},
    ],
    ids=["source", "rotating"],
)
def test_lags_without_one_direction_are_found_by_the_omnibus_statistic(wave):
    found = net_lags(rhythm(**wave, seed=2), band=BAND, seed=1)
    assert found.p_omnibus.item() < 0.01
    assert found.p.item() < 0.01


@pytest.mark.parametrize(
    "still", [{"weight": np.cos(2 * np.pi * X / 4.0)}, {}],
    ids=["standing", "synchronous"],
)  # fmt: skip
def test_what_stands_or_beats_in_step_has_no_net_lags(still):
    found = net_lags(rhythm(**still, seed=3), band=BAND, seed=1)
    assert found.verdict.item() == "no net lags found"


def test_electrodes_in_any_order_give_what_the_lattice_gives():
    recording = plane()
    order = np.random.default_rng(0).permutation(36)
    lattice = net_lags(recording, band=BAND, seed=1)
    scattered = net_lags(as_channels(recording, order), band=BAND, seed=1)
    for name in ("p", "direction", "slope_x", "slope_y"):
        # sums in another order
        assert scattered[name].item() == pytest.approx(lattice[name].item(), rel=1e-9)


def test_dead_sites_are_left_out():
    recording = plane()
    recording.signal[:, 2, 3] = np.nan
    recording.signal[:, 0, 0] = 7.0
    found = net_lags(recording, band=BAND, seed=1)
    assert found.p.item() < 0.01
    assert found.direction.item() == pytest.approx(30, abs=5)


def test_an_axis_whose_coordinate_falls_keeps_the_direction():
    recording = plane()
    turned = net_lags(recording.isel(y=slice(None, None, -1)), band=BAND, seed=1)
    straight = net_lags(recording, band=BAND, seed=1)
    assert turned.direction.item() == pytest.approx(straight.direction.item(), abs=1e-6)


@pytest.mark.parametrize("spacing", [(1.6, 0.4), (0.4, 1.6), (-0.9, 0.4)])
def test_unequal_spacing_keeps_the_direction_of_lattice_and_electrodes(spacing):
    sites = synthetic.lattice_sites((8, 8), spacing=spacing)
    wave = synthetic.plane_wave(
        sites, direction=60.0, frequency=10.0, wavelength=9.0, duration=8.0, rate=200.0
    )
    recording = synthetic.with_noise(wave, snr_db=0, seed=1)
    for each in (recording, as_channels(recording, np.arange(64))):
        found = net_lags(each, band=(5.0, 20.0), seed=1, count=99)
        assert found.direction.item() == pytest.approx(60, abs=3)  # of 0 dB noise
        assert 0 < found.direction_error.item() < 3
        assert found.asymmetry.item() > 3 * found.asymmetry_chance.item()


@pytest.mark.parametrize("tilt", [0.0, 0.3])
def test_sites_on_one_line_have_lags_along_it_and_no_direction(tilt):
    along = 0.4 * np.arange(16)
    places = np.stack([along * np.cos(tilt), along * np.sin(tilt)], axis=1)
    wave = synthetic.plane_wave(places, direction=0.0, frequency=10.0, speed=90.0,
                                duration=8.0, rate=200.0)  # fmt: skip
    found = net_lags(synthetic.with_noise(wave, snr_db=0, seed=1), band=BAND, seed=1)
    assert found.z_directed.item() > 3
    assert found.slope_x.item() > 0
    assert np.isnan(found.direction.item())
    assert np.isnan(found.direction_error.item())
    assert found.asymmetry.item() > 3 * found.asymmetry_chance.item()
    assert "one line" in found.caution


def test_dead_rows_leave_neighbours_two_rows_away():
    recording = plane()
    recording.signal[:, 1::2] = np.nan
    assert net_lags(recording, band=BAND, seed=1).direction.item() == pytest.approx(
        30, abs=6
    )


def test_units_of_the_signal_and_a_delay_of_all_change_nothing():
    recording = plane()
    other = recording.copy()
    other["signal"] = (recording.signal * 1e-3).assign_attrs(units="mV")
    other = other.assign_coords(time=recording.time + 5.0)
    other["time"].attrs["units"] = "s"
    one, two = (net_lags(each, band=BAND, seed=1) for each in (recording, other))
    assert two.p.item() == one.p.item()
    assert two.slope_x.item() == pytest.approx(one.slope_x.item(), rel=1e-9)


def test_a_common_reference_makes_no_lags_and_hides_none():
    recording = plane()
    common = 2 * np.random.default_rng(9).standard_normal((len(recording.time), 1, 1))
    referenced = recording.copy()
    referenced["signal"] = (recording.signal - common).assign_attrs(units="uV")
    found = net_lags(referenced, band=BAND, seed=1)
    assert found.p.item() < 0.01
    assert found.direction.item() == pytest.approx(30, abs=8)


def test_trials_count_as_blocks():
    cut = [plane(duration=1.0, seed=p).signal.drop_vars("time") for p in range(12)]
    time = plane(duration=1.0).time
    trials = xr.concat(cut, "trial").assign_coords(time=time).to_dataset(name="signal")
    trials.signal.attrs["units"] = "uV"
    found = net_lags(trials, band=BAND, seed=1)
    assert found.used_blocks.item() >= 12
    assert found.p.item() < 0.01


def test_each_feature_is_tested_for_itself():
    noise = synthetic.smooth_noise(SITES, length=0.4, seed=1, **TIME)
    both = xr.concat([plane().signal, noise.signal], "feature")
    recording = both.transpose("time", "feature", "y", "x").to_dataset(name="signal")
    found = net_lags(recording, band=BAND, seed=1)
    assert found.verdict.values.tolist() == ["net lags", "no net lags found"]


def _gapped(recording: xr.Dataset) -> xr.Dataset:
    recording.signal[1000:1010, 2, 3] = np.nan
    return recording


def _many(recording: xr.Dataset) -> xr.Dataset:
    """The field on 12 x 12 sites, which are more than are taken in pairs."""
    at = {"y": ("y", 0.4 * np.arange(12), {"units": "mm"}),
          "x": ("x", 0.4 * np.arange(12), {"units": "mm"})}  # fmt: skip
    draw = np.random.default_rng(0)
    values = np.tile(recording.signal.values, (1, 2, 2))
    values = values + draw.standard_normal(values.shape)
    return xr.Dataset({"signal": (("time", "y", "x"), values, {"units": "uV"})},
                      {"time": recording.time, **at})  # fmt: skip


@pytest.mark.parametrize("changed", [lambda recording: recording, _gapped, _many])
def test_a_recording_read_in_pieces_gives_the_same(changed):
    """Of a segment, of some, and of all: sums in another order differ by rounding."""
    recording = changed(plane())
    whole = net_lags(recording, band=BAND, seed=1, at_once=2**30)
    for at_once in (1, 20_000):
        pieces = net_lags(recording, band=BAND, seed=1, at_once=at_once)
        for name, value in whole.data_vars.items():
            if value.dtype.kind == "f":
                assert pieces[name].item() == pytest.approx(
                    value.item(), rel=1e-9, nan_ok=True
                )
        assert pieces.verdict.item() == whole.verdict.item()


def test_more_sites_than_axes_are_seen_through_principal_axes(monkeypatch):
    monkeypatch.setattr("cortexwave.analysis.block_lags.MOST_AXES", 10)
    monkeypatch.setattr("cortexwave.analysis.block_lags.principal_axes.__defaults__",
                        (10,))  # fmt: skip
    found = net_lags(plane(), band=BAND, seed=1)
    assert found.p_omnibus.item() < 0.01
    assert np.isnan(found.rests_on_one_site.item())  # axes have no one site


@pytest.mark.parametrize("site", [(0, 0), (2, 2)])
def test_lags_of_one_late_channel_rest_on_it_and_those_of_waves_on_none(site):
    late = synthetic.smooth_noise(SITES, length=0.8, seed=1, duration=20.0, rate=200.0)
    values = late.signal.values
    values[1:, *site] = values[:-1, *site].copy()  # by 5 ms
    values += 0.3 * np.random.default_rng(1).standard_normal(values.shape)
    found = net_lags(late, band=(5.0, 30.0), seed=1)
    assert found.p.item() <= 0.05
    assert found.verdict.item() == "lags of one site"
    assert found.rests_on_one_site.item() == 1
    assert found.p_without_one_site.item() > 0.05
    assert "rest on one site" in found.caution
    waves = net_lags(plane(), band=BAND, seed=1)
    assert waves.rests_on_one_site.item() == 0
    assert waves.p_without_one_site.item() < 0.02
    assert waves.caution == ""


def test_without_one_site_is_what_the_rest_of_the_sites_give():
    late = rhythm(delay=0.005 * ((X == 0.8) & (Y == 0.8)), seed=4)
    found = net_lags(late, band=BAND, seed=1)
    late.signal[:, 2, 2] = np.nan
    rest = net_lags(late, band=BAND, seed=1)
    # the metric of the slope is that of all sites: ranks may move by a few of 1,000
    assert found.p_without_one_site.item() == pytest.approx(rest.p.item(), abs=0.05)


def test_lags_of_the_omnibus_alone_may_be_of_the_instrument_and_say_so():
    source = rhythm(delay=np.hypot(X - 1.0, Y - 1.0) / 60.0, seed=2)
    found = net_lags(source, band=BAND, seed=1)
    assert found.p_directed.item() > 0.05
    assert "delayed by the instrument" in found.caution
    assert found.rests_on_one_site.item() == 0


def two_tones(apart=0.02, seconds=20, seed=1):
    """Two steady tones, each of its own zero-lag pattern, in noise of each site."""
    draw = np.random.default_rng(seed)
    time = np.arange(100 * seconds) / 100.0
    phase = 2 * np.pi * np.outer([10.0, 10.0 + apart], time) + draw.uniform(
        0, 6, (2, 1)
    )
    patterns = draw.standard_normal((2, 36))
    values = np.cos(phase).T @ patterns + 0.5 * draw.standard_normal((time.size, 36))
    recording = synthetic.synchronous(
        SITES, frequency=10.0, duration=float(seconds), rate=100.0
    )
    return recording.assign(
        signal=(recording.signal.dims, values.reshape(-1, 6, 6), {"units": "uV"})
    )


@pytest.mark.parametrize("band", [(8.0, 12.0), (5.0, 40.0)])
def test_two_steady_tones_that_do_not_travel_are_undetermined(band):
    found = net_lags(two_tones(), band=band, seed=1)
    assert found.verdict.item().startswith("undetermined: a rhythm keeps its phase")
    assert "keeps its phase" in found.caution
    for name in ("p", "p_directed", "p_omnibus"):
        assert np.isnan(found[name].item())


def test_a_steady_wave_is_described_and_undetermined_and_noise_has_no_caution():
    noise = synthetic.smooth_noise(SITES, length=0.4, seed=1, **TIME)
    found = net_lags(steady(), band=BAND, seed=1)
    assert found.verdict.item().startswith("undetermined: a rhythm keeps its phase")
    assert np.isnan(found.p.item())
    assert found.z_directed.item() > 3
    assert found.direction.item() == pytest.approx(30, abs=5)
    assert net_lags(noise, band=BAND, seed=1).caution == ""


def test_strong_bursts_that_outlast_a_segment_are_no_steady_rhythm():
    sites = synthetic.lattice_sites((10, 10), spacing=0.4)
    bursts = synthetic.zero_lag_bursts(
        sites, length=0.8, band=(6.0, 30.0), per_second=2.0, width=0.08, seed=0,
        duration=4096 / 250, rate=250.0,
    )  # fmt: skip
    found = net_lags(bursts, band=BAND, seed=1)
    assert found.caution == ""
    assert found.verdict.item() == "no net lags found"


def test_narrow_noise_is_claimed_in_5_percent_or_undetermined():
    claimed = 0
    for seed in range(40):
        noise = synthetic.smooth_noise(SITES, length=0.8, band=(9.8, 10.2), seed=seed,
                                       duration=20.0, rate=100.0)  # fmt: skip
        found = net_lags(noise, band=(8.0, 12.0), seed=seed, count=99)
        claimed += found.p.item() <= 0.05
    assert claimed <= scipy.stats.binom.ppf(0.9995, 40, 0.05)


def test_a_short_recording_is_undetermined():
    found = net_lags(plane(duration=1.5), band=BAND, seed=1)
    assert found.verdict.item().startswith("undetermined: ")
    assert np.isnan(found.p.item())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"band": (5.0, 140.0)}, "must end below 100 Hz"),
        ({"count": 9}, "count is 9"),
        ({"segment": 0.1}, "segment is 0.1 s"),
        ({"segment": 100.0}, "longer than the 16 s"),
        ({"variable": "lfp"}, "lfp"),
        ({"band": "5:40"}, "give two frequencies in Hz"),
        ({"band": (5.0,)}, "give two frequencies in Hz"),
        ({"band": (5.0, "40")}, "give two frequencies in Hz"),
        ({"band": (40.0, 5.0)}, "first frequency must be the lower"),
    ],
)
def test_what_cannot_be_meant_is_refused_by_name(change, message):
    with pytest.raises(InputError, match=message):
        net_lags(plane(), **{"band": BAND, "seed": 1, **change})


def test_too_few_live_sites_are_refused():
    recording = plane()
    recording.signal[:, 1:] = np.nan
    with pytest.raises(InputError, match="has 6 sites"):
        net_lags(recording, band=BAND, seed=1)


def test_all_signs_are_there_once_where_they_are_few():
    sign = signs(5, count=99, seed=0)
    assert sign.shape == (16, 5)
    assert (sign[0] == 1).all()
    assert len({tuple(row * row[0]) for row in sign}) == 16


def test_lengths_are_those_of_the_sums():
    draw = np.random.default_rng(0)
    values, sign = draw.standard_normal((7, 3, 11)), signs(7, count=20, seed=1)
    slow = np.sum(np.einsum("cb,bte->cte", sign, values) ** 2, axis=(1, 2))
    np.testing.assert_allclose(lengths(sign, values), slow, rtol=1e-12)


def test_the_combined_p_is_exact_over_all_choices():
    draw = np.random.default_rng(0)
    first, second = draw.random((2, 128))
    # each choice taken as the recording once: p at most a for a share of at most a
    p = [flipped({"a": np.roll(first, -k), "b": np.roll(second, -k)}).combined
         for k in range(128)]  # fmt: skip
    for level in (0.05, 0.2, 0.5):
        assert np.mean(np.array(p) <= level) <= level
    assert flipped({"a": first}).combined == np.mean(first >= first[0])


def test_one_segment_alone_is_undetermined():
    found = net_lags(rhythm(duration=0.5, seed=1), band=BAND, seed=1)
    assert found.verdict.item().startswith("undetermined: 1 whole segments")
