import numpy as np
import pytest
import xarray as xr

import cortexwave.synthetic as synthetic
from cortexwave import schema
from cortexwave.analysis.filters import band_pass, butterworth, edge_seconds
from cortexwave.analysis.phase import analytic_signal, generalized_phase
from cortexwave.analysis.wave_fields import wave_field
from cortexwave.errors import InputError, SchemaError

BAND = (5.0, 40.0)
LATTICE = synthetic.lattice_sites((6, 7), spacing=0.4)
VARIABLES = ("phase", "amplitude", "frequency", "gradient_y", "gradient_x")


def recorded(sites=LATTICE, *, duration=1.0, snr_db=6.0, seed=0, **changes):
    wave = {"direction": 30.0, "frequency": 15.0, "speed": 90.0} | changes
    clean = synthetic.plane_wave(sites, duration=duration, rate=500.0, **wave)
    return synthetic.with_noise(clean, snr_db=snr_db, seed=seed)


def electrodes_of(recording, order=None):
    """The live sites of a lattice as channels, in any order."""
    bare = recording.signal.stack(channel=("y", "x")).transpose("time", "channel")
    values, y, x = bare.values, bare.y.values, bare.x.values
    order = np.arange(len(x)) if order is None else np.asarray(order)
    names = np.array([f"e{k}" for k in order], dtype=object)
    return xr.Dataset(
        {"signal": (("time", "channel"), values[:, order], {"units": "uV"})},
        {"time": recording.time, "channel": names,
         "y": ("channel", y[order], {"units": "mm"}),
         "x": ("channel", x[order], {"units": "mm"})},
    )  # fmt: skip


def test_a_wave_field_satisfies_its_schema_and_says_how_it_was_made():
    recording = recorded().assign_attrs(reference="epidural screw")
    field = wave_field(recording, band=BAND)
    schema.validate_wave_field(field)
    assert field.phase.dims == ("time", "y", "x")
    assert field.amplitude.attrs["units"] == "uV"
    assert field.attrs["truth"] == recording.attrs["truth"]
    assert field.attrs["variable"] == "signal" and field.attrs["band"] == [5.0, 40.0]
    assert field.attrs["reference"] == "epidural screw"
    assert "Butterworth 5 to 40 Hz of order 4" in field.attrs["filter"]


def test_the_recording_is_not_changed():
    recording = recorded()
    before = recording.copy(deep=True)
    wave_field(recording, band=BAND)
    xr.testing.assert_identical(recording, before)


@pytest.mark.parametrize("method", ["hilbert", "generalized"])
def test_phase_and_amplitude_are_of_the_filtered_analytic_signal(method):
    recording = recorded()
    field = wave_field(recording, band=BAND, method=method)
    courses = np.moveaxis(recording.signal.values, 0, -1)
    signal = analytic_signal(butterworth(courses, rate=500.0, band=BAND))
    phase = generalized_phase(signal, rate=500.0)[0]
    expected = phase if method == "generalized" else np.angle(signal)
    found = np.moveaxis(field.phase.values, 0, -1)
    assert np.abs(np.exp(1j * found) - np.exp(1j * expected)).max() < 1e-12
    assert found.min() >= -np.pi and found.max() < np.pi
    np.testing.assert_allclose(
        np.moveaxis(field.amplitude.values, 0, -1), np.abs(signal), rtol=1e-12
    )


@pytest.mark.parametrize("method", ["hilbert", "generalized", "morlet"])
def test_a_pure_tone_is_what_it_is(method):
    recording = synthetic.plane_wave(
        LATTICE, duration=2.0, rate=500.0, direction=0.0, frequency=15.0, speed=90.0
    )
    field = wave_field(recording, band=(10.0, 20.0), method=method)
    inside = field.sel(time=field.valid)
    lag = 2 * np.pi * (15.0 * inside.time - inside.x / 6.0)
    # what the ends stir up, where the filter leaves it valid: 1 % in amplitude each
    assert np.abs(np.exp(1j * (inside.phase - lag)) - 1).max() < 0.02
    assert inside.frequency.median().item() == pytest.approx(15.0, rel=1e-3)
    assert inside.gradient_x.median().item() == pytest.approx(-2 * np.pi / 6, rel=1e-3)
    assert inside.gradient_y.median().item() == pytest.approx(0, abs=1e-3)
    assert inside.amplitude.median().item() == pytest.approx(1, rel=0.01)


def test_frequency_is_not_known_at_the_last_frame():
    field = wave_field(recorded(), band=BAND)
    assert field.frequency.isel(time=-1).isnull().all()
    assert field.frequency.isel(time=slice(None, -1)).notnull().all()


def test_frames_within_the_edge_are_not_valid():
    field = wave_field(recorded(), band=BAND)
    edge = edge_seconds(rate=500.0, band=BAND)
    assert field.attrs["edge"] == edge
    inside = (field.time >= edge) & (field.time <= field.time[-1] - edge)
    assert (field.valid == inside).all() and 0 < field.valid.sum() < field.time.size


def test_what_another_filter_spoilt_is_not_valid():
    recording = recorded(duration=3.0)
    field = wave_field(band_pass(recording, band=(8.0, 40.0)), band=BAND)
    before = edge_seconds(rate=500.0, band=(8.0, 40.0))
    assert not field.valid.sel(time=slice(None, before - 0.002)).any()
    assert "valid" in field.data_vars


def test_trials_and_features_are_measured_each_by_itself():
    parts = [[recorded(seed=2 * t + f) for f in range(2)] for t in range(2)]
    whole = xr.concat(
        [xr.concat(row, "feature", combine_attrs="override") for row in parts],
        "trial", combine_attrs="override",
    ).transpose("trial", "time", "feature", "y", "x")  # fmt: skip
    field = wave_field(whole, band=BAND)
    assert field.phase.dims == ("trial", "time", "feature", "y", "x")
    alone = wave_field(parts[1][0], band=BAND)
    for name in VARIABLES:
        np.testing.assert_array_equal(field[name].isel(trial=1, feature=0), alone[name])


def test_a_site_that_is_dead_in_one_trial_lives_in_the_other():
    first, second = recorded(seed=1), recorded(seed=2)
    first = synthetic.with_dead_sites(first, [(2, 3)])
    whole = xr.concat([first, second], "trial", combine_attrs="override")
    field = wave_field(whole, band=BAND)
    assert field.phase.isel(y=2, x=3, trial=0).isnull().all()
    assert field.phase.isel(y=2, x=3, trial=1).notnull().all()
    assert field.gradient_x.isel(y=2, x=2).notnull().all()


@pytest.mark.parametrize("dead", [[], [(0, 0), (5, 6), (2, 3)]])
def test_electrodes_on_a_lattice_equal_the_lattice(dead):
    recording = synthetic.with_dead_sites(recorded(), dead)
    live = np.flatnonzero(recording.signal.isel(time=0).notnull().values.ravel())
    order = np.random.default_rng(3).permutation(live)
    on_lattice = wave_field(recording, band=BAND)
    for neighbourhood in (None, 0.41):  # recognised as a lattice, and by regression
        scattered = wave_field(
            electrodes_of(recording, order), band=BAND, neighbourhood=neighbourhood
        )
        for name in VARIABLES:
            expected = on_lattice[name].values.reshape(500, -1)[:, order]
            # neighbours and centred differences part beyond a quarter of a turn
            told = scattered_alike(on_lattice, order) | (not name.startswith("grad"))
            gap = np.where(told, scattered[name].values - expected, 0)
            assert np.isnan(gap[np.isnan(expected)]).all()
            assert np.nanmax(np.abs(gap)) < 1e-12


def scattered_alike(field, order):
    """Where no two neighbours of a site are half a turn apart."""
    step = 0.8 * np.fmax(np.abs(field.gradient_x), np.abs(field.gradient_y))
    unwrapped = np.zeros(field.phase.shape, bool)
    for axis in ("x", "y"):
        after = field.phase.diff(axis, label="upper").reindex_like(field.phase)
        before = field.phase.diff(axis, label="lower").reindex_like(field.phase)
        both = [np.abs(np.angle(np.exp(1j * each))) for each in (before, after)]
        unwrapped |= np.nansum(both, axis=0) >= np.pi
    return (~unwrapped & (step < np.pi).values).reshape(len(step), -1)[:, order]


def test_a_recording_on_disk_is_read_as_one_in_memory(tmp_path):
    recording = recorded()
    recording.to_netcdf(tmp_path / "run.h5", engine="h5netcdf")
    with xr.open_dataset(tmp_path / "run.h5", decode_times=False) as opened:
        field = wave_field(opened, band=BAND)
    xr.testing.assert_allclose(field, wave_field(recording, band=BAND), rtol=1e-12)


def test_single_precision_is_measured_in_double():
    recording = recorded()
    single = recording.astype("float32").assign_attrs(recording.attrs)
    single["signal"].attrs = recording.signal.attrs
    field = wave_field(single, band=BAND)
    assert field.phase.dtype == np.float64
    apart = np.exp(1j * (field.phase - wave_field(recording, band=BAND).phase))
    # 1e-7 of the amplitude, which is far above 1e-2 nearly everywhere
    assert np.abs(apart - 1).quantile(0.99) < 1e-5


def test_sites_without_signal_are_missing():
    recording = recorded()
    recording.signal[:, 2, 2] = np.nan
    recording.signal[:, 3, 4] = 7.0
    field = wave_field(recording, band=BAND)
    for name in VARIABLES:
        missing = field[name].isel(time=slice(None, -1)).isnull().any("time")
        assert missing.sum() == 2 and missing[2, 2] and missing[3, 4]


@pytest.mark.parametrize(("shape", "along"), [((1, 8), "x"), ((8, 1), "y")])
def test_a_line_of_sites_has_the_gradient_along_it(shape, along):
    sites = synthetic.lattice_sites(shape, spacing=0.4)
    field = wave_field(recorded(sites, snr_db=40.0), band=BAND)
    part = {"x": np.cos, "y": np.sin}[along](np.radians(30.0))
    inside = field.sel(time=field.valid)
    slope = inside[f"gradient_{along}"].median().item()
    assert slope == pytest.approx(-2 * np.pi / 6 * part, rel=0.01)
    other = {"x": "y", "y": "x"}[along]
    assert field[f"gradient_{other}"].isnull().all()


def test_channels_in_a_line_along_x_have_the_gradient_along_it():
    sites = synthetic.lattice_sites((1, 8), spacing=0.4)
    recording = recorded(sites, snr_db=40.0)
    field = wave_field(electrodes_of(recording), band=BAND)
    assert field.gradient_x.notnull().all() and field.gradient_y.isnull().all()


def turned(recording, degrees):
    """The same electrodes with their positions turned about (0, 0)."""
    angle = np.radians(degrees)
    x, y = recording.x, recording.y
    return recording.assign_coords(
        x=("channel", (np.cos(angle) * x - np.sin(angle) * y).values, x.attrs),
        y=("channel", (np.sin(angle) * x + np.cos(angle) * y).values, y.attrs),
    )


def test_a_slanted_array_has_the_gradient_turned():
    recording = electrodes_of(recorded(snr_db=40.0))
    straight = wave_field(recording, band=BAND, neighbourhood=0.41)
    slanted = wave_field(turned(recording, 20.0), band=BAND)
    expected = np.exp(1j * np.radians(20.0)) * (
        straight.gradient_x + 1j * straight.gradient_y
    )
    inside = {"time": straight.valid.values}
    found = slanted.gradient_x + 1j * slanted.gradient_y
    np.testing.assert_allclose(found.loc[inside], expected.loc[inside], atol=1e-9)


def test_positions_may_lie_anywhere():
    recording = recorded()
    moved = recording.assign_coords(
        x=("x", recording.x.values - 55.0, recording.x.attrs),
        y=("y", recording.y.values + 90.0, recording.y.attrs),
    )
    field, other = (wave_field(each, band=BAND) for each in (recording, moved))
    # 1e-14 mm of 90 in each spacing
    np.testing.assert_allclose(other.gradient_x, field.gradient_x, rtol=1e-11)


def test_a_phase_offset_changes_the_phase_alone():
    one, other = (
        synthetic.plane_wave(LATTICE, duration=2.0, rate=500.0, direction=30.0,
                             frequency=15.0, speed=90.0, phase=phase)
        for phase in (0.0, 1.0)
    )  # fmt: skip
    fields = [wave_field(each, band=BAND) for each in (one, other)]
    inside = fields[0].valid.values
    gap = np.angle(np.exp(1j * (fields[1].phase - fields[0].phase)))[inside]
    # what the ends stir up at 5 Hz: up to 0.07 rad just inside, one way or the other
    assert gap == pytest.approx(1.0, abs=0.14)
    assert np.median(gap) == pytest.approx(1.0, abs=0.01)
    for name in ("gradient_x", "gradient_y", "amplitude"):
        first, second = (field[name].values[inside] for field in fields)
        assert np.median(second) == pytest.approx(np.median(first), rel=1e-3)


def test_another_unit_of_time_scales_frequency_alone():
    recording = recorded()
    slower = recording.assign_coords(
        time=("time", 10 * recording.time.values, recording.time.attrs)
    )
    field = wave_field(recording, band=BAND)
    other = wave_field(slower, band=(0.5, 4.0))
    # the clock's steps differ by 1e-13 of themselves
    np.testing.assert_allclose(other.frequency, field.frequency / 10, rtol=1e-6)
    np.testing.assert_allclose(other.gradient_x, field.gradient_x, rtol=1e-6, atol=1e-6)
    # the edge is a whole number of frames, which rounding may tip at either end
    assert abs(int(other.valid.sum()) - int(field.valid.sum())) <= 2


def refused(recording, match, error=InputError, **changes):
    with pytest.raises(error, match=match):
        wave_field(recording, **({"band": BAND} | changes))


@pytest.mark.parametrize(
    ("band", "match"),
    [
        ((40.0, 5.0), "40 to 5 Hz: its first frequency must be the lower"),
        ((5.0, 250.0), "ends at 250 Hz; at 500 samples"),
        ((0.0, 40.0), "begins at 0 Hz"),
        ((5.0, np.nan), "two frequencies"),
    ],
)
def test_impossible_bands_are_refused(band, match):
    refused(recorded(), match, band=band)


def test_a_recording_of_fewer_frames_than_the_padding_is_refused():
    refused(recorded(duration=0.04), r"lasts 0.038 s.*takes more than 0.56")


def test_a_recording_that_the_ends_spoil_whole_is_told_how_long_it_takes():
    refused(recorded(duration=0.5), r"spoils 0.282 s at each end.* more than 0.56")


def test_a_recording_spoilt_by_two_filters_is_refused():
    with pytest.warns(UserWarning, match="no frame is valid"):
        recording = band_pass(recorded(duration=1.2), band=(10.0, 14.0))
    refused(recording, "no frame is left unspoilt")


def test_other_methods_are_refused():
    refused(recorded(), "method is 'wavelet'; it can be", method="wavelet")


def test_a_band_too_wide_for_a_wavelet_is_refused():
    refused(recorded(), "5 to 40 Hz is too wide for a Morlet", method="morlet")


def test_an_unknown_variable_is_refused():
    refused(recorded(), r"no field 'lfp' in the recording; it has \['signal'\]",
            variable="lfp")  # fmt: skip


def test_complex_values_are_refused():
    refused(with_values(recorded(), recorded().signal.values + 0j), "is complex")


def test_whole_numbers_are_refused():
    refused(with_values(recorded(), np.ones((500, 6, 7), np.int16)), "is int16")


def with_values(recording, values):
    return recording.assign(
        signal=(recording.signal.dims, values, recording.signal.attrs)
    )


def test_a_field_that_stands_still_everywhere_is_refused():
    refused(with_values(recorded(), np.ones((500, 6, 7))), "no site is live")


def test_an_array_without_any_value_is_refused():
    refused(with_values(recorded(), np.full((500, 6, 7), np.nan)), "no site is live")


def test_a_site_with_gaps_is_named():
    recording = recorded()
    recording.signal[10:15, 1, 2] = np.nan
    refused(recording, r"\(x, y\) = \(0.8, 0.4\) mm \(5 of 500\)")


def test_a_channel_with_gaps_is_named():
    recording = electrodes_of(recorded())
    recording.signal[10:15, 4] = np.inf
    refused(recording, r"channel e4 \(5 of 500\)")


def test_fewer_than_three_by_three_live_sites_are_counted():
    recording = recorded()
    recording.signal[:, 2:, :] = np.nan
    refused(recording, r"14 live site\(s\) in 2 row\(s\) and 7 column\(s\).* 3 x 3")


def test_eight_live_sites_are_too_few():
    recording = recorded()
    keep = np.zeros((6, 7), bool)
    keep[:3, :3] = True
    keep[0, 0] = False
    refused(recording.where(xr.DataArray(keep, dims=("y", "x"))), r"8 live site\(s\)")


def test_a_line_of_two_live_sites_is_too_short():
    recording = recorded(synthetic.lattice_sites((1, 4), spacing=0.4))
    recording.signal[:, 0, 2:] = np.nan
    refused(recording, r"2 live site\(s\) on a line")


def test_a_slanted_line_of_electrodes_is_refused():
    line = electrodes_of(recorded(synthetic.lattice_sites((1, 8), spacing=0.4)))
    refused(turned(line, 30.0), "one line that is not along x or y")


def test_channels_without_positions_are_refused():
    recording = electrodes_of(recorded()).drop_vars("y")
    refused(recording, r"'y\(channel\)' in mm is missing")


def test_two_channels_in_one_place_are_named():
    recording = electrodes_of(recorded())
    recording.x[3], recording.y[3] = recording.x[2].item(), recording.y[2].item()
    refused(recording, "channels e2 and e3 have one position")


def test_missing_units_are_named():
    recording = recorded()
    recording.x.attrs.clear()
    refused(recording, "units of 'x'", error=SchemaError)


def test_a_clock_with_a_gap_is_refused():
    recording = recorded()
    time = recording.time.values.copy()
    time[300:] += 0.1
    moved = recording.assign_coords(time=("time", time, recording.time.attrs))
    refused(moved, "does not grow by equal steps")


def test_a_neighbourhood_on_a_lattice_is_refused():
    refused(recorded(), "the sites are a lattice", neighbourhood=0.5)


def test_copies_of_a_signal_are_told_of_in_what_was_measured():
    made = synthetic.smooth_noise(
        synthetic.lattice_sites((5, 5), spacing=0.4), length=0.0, seed=0, duration=2.0,
        rate=200.0,
    )  # fmt: skip
    made["signal"][:, 2, 3] = made["signal"][:, 0, 1]
    with pytest.warns(UserWarning, match=r"1 site\(s\) carry the very signal"):
        field = wave_field(made.assign_attrs(origin="lab"), band=(5.0, 40.0))
    assert field.attrs["copies"] == 1
    assert wave_field(made, band=(5.0, 40.0)).attrs["copies"] == 0  # a model may


@pytest.mark.parametrize("band", [5.0, None, (None, 40), "5:40", (5, 10, 40)])
def test_a_band_that_is_not_two_numbers_is_refused(band):
    refused(recorded(), "band is .*; give two frequencies in Hz", band=band)


@pytest.mark.parametrize(
    ("given", "match"),
    [
        (lambda r: r["signal"], r"a DataArray; give a Dataset: .*name='signal'"),
        (lambda r: r["signal"].values, r"a bare array of shape \(500, 6, 7\)"),
        (lambda r: None, "NoneType; give an xarray Dataset"),
        (lambda r: "run.h5", "the text 'run.h5'.*open_recording"),
    ],
)
def test_what_is_no_dataset_is_named(given, match):
    refused(given(recorded()), match, SchemaError)


def test_a_recording_without_frames_is_refused():
    refused(recorded().isel(time=slice(0)), "'signal' is empty: it has 0.*time")
