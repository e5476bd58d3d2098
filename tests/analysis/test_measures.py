import numpy as np
import pytest
import xarray as xr

from cortexwave import synthetic
from cortexwave.analysis.measures import MEASURES, measure
from cortexwave.analysis.wave_fields import wave_field
from cortexwave.errors import InputError, SchemaError

RATE, BAND = 200.0, (10.0, 30.0)
EVERY = sorted(MEASURES)
ANGLES = {"direction", "net_direction", "ridge_direction"}
PLACES = {"source_x", "sink_x", "rotation_x", "source_y", "sink_y", "rotation_y"}
SPEEDS = {"speed", "ridge_speed"}


@pytest.fixture(scope="module")
def field():
    """A plane wave, a source and smooth noise together: every measure is a number."""
    sites = synthetic.lattice_sites((8, 9), spacing=0.4)
    common = {"duration": 1.0, "rate": RATE}
    waves = synthetic.plane_wave(
        sites, **common, direction=35.0, frequency=18.0, wavelength=3.5
    )
    source = synthetic.radial_wave(
        sites, **common, centre=(1.3, 1.7), spread="out", frequency=21.0,
        wavelength=4.0, amplitude=0.8,
    )  # fmt: skip
    recording = synthetic.with_noise(
        synthetic.mixture(waves, source), snr_db=-3.0, seed=1
    )
    return wave_field(recording, band=BAND)


@pytest.fixture(scope="module")
def known(field):
    return measure(field, EVERY)


def same(one, other, name):
    """Whether two measures are equal to rounding, as angles or as numbers."""
    a, b = one[name].values, other[name].values
    assert (np.isnan(a) == np.isnan(b)).all()
    assert np.isfinite(a).any()
    apart = np.angle(np.exp(1j * np.radians(a - b))) if name in ANGLES else a - b
    # a ridge's top is flat: single precision, 1e-7, finds it to the root of that
    size = 1e-3 if name.startswith("ridge") else 1e-6
    assert np.nanmax(np.abs(apart)) <= size * max(1.0, np.nanmax(np.abs(b)))


@pytest.mark.parametrize("name", EVERY)
def test_every_measure_is_the_same_wherever_the_array_lies(field, known, name):
    moved = field.assign_coords(x=field.x + 10.0, y=field.y - 7.0)
    for axis in "xy":
        moved[axis].attrs["units"] = "mm"
    found = measure(moved, [name])
    if name in PLACES:
        found[name] = found[name] - (10.0 if name[-1] == "x" else -7.0)
    same(found, known, name)


@pytest.mark.parametrize("name", EVERY)
def test_every_measure_is_the_same_whatever_the_phase_began_with(field, known, name):
    turned = (field.phase + 1.234 + np.pi) % (2 * np.pi) - np.pi
    turned = field.assign(phase=turned.assign_attrs(units="rad"))
    same(measure(turned, [name]), known, name)


@pytest.mark.parametrize("name", EVERY)
def test_no_measure_but_speed_knows_the_unit_of_time(field, known, name):
    # the same film, run twice as fast
    fast = field.assign_coords(time=field.time / 2)
    fast["time"].attrs["units"] = "s"
    fast["frequency"] = (2 * fast.frequency).assign_attrs(units="Hz")
    fast.attrs |= {"band": [2 * edge for edge in BAND], "sampling_rate": 2 * RATE}
    found = measure(fast, [name])
    if name in SPEEDS:
        found[name] = found[name] / 2
    found = found.assign_coords({"time": known.time} if "time" in found.dims else {})
    same(found, known, name)


# where sites share the greatest curl the usual correlation takes the first
@pytest.mark.parametrize("name", sorted(set(EVERY) - {"rotation_correlation"}))
def test_no_measure_knows_in_which_order_rows_are_stored(field, known, name):
    same(measure(field.isel(y=slice(None, None, -1)), [name]), known, name)


@pytest.mark.parametrize(
    "name", [name for name in EVERY if not MEASURES[name].needs_lattice]
)
def test_electrodes_on_a_lattice_give_what_the_lattice_gives(field, known, name):
    flat = field.stack(channel=("y", "x")).reset_index("channel")
    flat = flat.transpose("time", "channel")
    for axis in "xy":
        flat[axis].attrs["units"] = "mm"
    same(measure(flat, [name]), known, name)


@pytest.mark.parametrize("name", EVERY)
def test_every_measure_does_without_dead_sites(field, name):
    dead = xr.zeros_like(field.phase.isel(time=0), dtype=bool).copy()
    dead.values[[0, 3, 7], [0, 4, 8]] = True
    found = measure(field.where(~dead).assign(valid=field.valid), [name])
    assert np.isfinite(found[name].values).any()


@pytest.mark.parametrize("name", EVERY)
def test_every_measure_says_what_it_is_and_where_it_is_from(known, name):
    attrs = known[name].attrs
    assert attrs["units"] == MEASURES[name].unit
    assert attrs["long_name"] and attrs["source"]
    assert known[name].dims == (("time",) if MEASURES[name].per == "frame" else ())


def test_velocities_that_are_none_say_why(field):
    unison = field.assign(phase=(field.phase * 0).assign_attrs(units="rad"))
    for axis in "yx":
        unison[f"gradient_{axis}"] = (unison.phase * 0).assign_attrs(units="rad/mm")
    found = measure(unison, ["speed", "wavelength", "direction", "synchrony"])
    assert (found.synchrony.where(field.valid, 1) == 1).all()
    for name in ("speed", "wavelength", "direction"):
        assert np.isnan(found[name]).all()
        assert "synchronous" in found[name].attrs["missing"]


def test_frames_that_the_filter_spoils_are_not_numbers(field, known):
    assert not field.valid.all()
    assert np.isnan(known.synchrony.where(~field.valid, drop=True)).all()
    assert np.isfinite(known.synchrony.where(field.valid, drop=True)).all()


def test_trials_and_features_are_measured_one_by_one(field):
    first = field.isel(time=slice(0, 150))
    second = field.isel(time=slice(50, 200)).assign_coords(time=first.time)
    second["valid"] = first.valid
    both = xr.concat([first, second], "trial", combine_attrs="override")
    both = both.expand_dims("feature").transpose("trial", "time", "feature", "y", "x")
    both["valid"] = first.valid
    found = measure(both, ["pgd", "rotation", "net_direction"])
    assert found.pgd.dims == ("trial", "time", "feature")
    assert found.net_direction.dims == ("trial", "feature")
    for trial, one in enumerate((first, second)):
        alone = measure(
            one.assign(valid=first.valid), ["pgd", "rotation", "net_direction"]
        )
        for name in alone.data_vars:
            if name != "valid":
                np.testing.assert_allclose(
                    found[name].isel(trial=trial, feature=0).values, alone[name].values
                )


def test_a_long_field_is_measured_stretch_by_stretch(field, known, monkeypatch):
    import cortexwave.analysis.wave_frames as wave_frames

    monkeypatch.setattr(wave_frames, "READ", 72 * 64)
    found = measure(field, ["speed", "rotation", "net_direction", "correlation_length"])
    for name in found.data_vars:
        if name != "valid":
            same(found, known, name)


def test_unknown_measures_are_named(field):
    with pytest.raises(InputError, match=r"no measure 'velocity'; there are speed, "):
        measure(field, ["speed", "velocity"])
    with pytest.raises(InputError, match=r"give a list: \['speed'\]"):
        measure(field, "speed")


def test_measures_that_need_a_lattice_refuse_scattered_electrodes(field):
    flat = field.stack(channel=("y", "x")).reset_index("channel")
    flat = flat.transpose("time", "channel")
    for axis in "xy":
        flat[axis].attrs["units"] = "mm"
    with pytest.raises(
        InputError, match=r"curl, source_rho need.*on_lattice\(recording"
    ):
        measure(flat, ["speed", "curl", "source_rho"])


def test_a_line_of_sites_is_refused(field):
    with pytest.raises(InputError, match="9 sites of the field stand in one line"):
        measure(field.isel(y=[0]), ["pgd"])


def test_a_recording_is_no_wave_field():
    sites = synthetic.lattice_sites((4, 4), spacing=0.4)
    recording = synthetic.synchronous(sites, duration=0.2, rate=100.0, frequency=10.0)
    with pytest.raises(SchemaError, match="wave_field makes one"):
        measure(recording, ["speed"])


@pytest.fixture(scope="module")
def seen():
    """Medians of measures of waves in 0 dB of broadband noise, by kind."""
    sites = synthetic.lattice_sites((10, 10), spacing=0.4)
    common = {"duration": 1.0, "rate": 1000.0}
    made = {
        "plane": synthetic.plane_wave(
            sites, **common, direction=30.0, frequency=15.0, wavelength=6.0),
        "rotating": synthetic.rotating_wave(
            sites, **common, centre=(1.76, 1.88), handedness=-1, frequency=15.0),
        "source": synthetic.radial_wave(
            sites, **common, centre=(1.32, 2.24), spread="out", frequency=15.0,
            wavelength=5.0),
        "standing": synthetic.standing_wave(
            sites, **common, frequency=15.0, wavelength=4.0, direction=0.0,
            antinode=(0.3, 0.0)),
        "synchronous": synthetic.synchronous(sites, **common, frequency=15.0),
    }  # fmt: skip
    names = ["speed", "direction", "pgd", "synchrony", "bimodality", "rotation",
             "handedness", "source_rho", "standing_ratio"]  # fmt: skip
    found = {}
    for kind, recording in made.items():
        noisy = synthetic.with_noise(recording, snr_db=0.0, seed=3)
        table = measure(wave_field(noisy, band=(5.0, 40.0)), names)
        found[kind] = table.where(table.valid, drop=True).isel(
            time=slice(None, None, 5)
        )
    return found


def test_a_plane_in_noise_has_its_direction_and_a_speed_too_low(seen):
    # noise steepens gradients: the peers find 84 for 90 in their field
    assert float(seen["plane"].direction.median()) == pytest.approx(30, abs=5)
    assert float(seen["plane"].speed.median()) == pytest.approx(90, rel=0.1)
    assert float(seen["plane"].pgd.median()) > 0.85


def test_a_rotation_in_noise_is_known_by_its_score_and_hand(seen):
    assert float((seen["rotating"].rotation > 0.95).mean()) > 0.95
    assert float((seen["rotating"].handedness == -1).mean()) > 0.95
    assert float(seen["plane"].rotation.max()) < 0.9


def test_what_stands_or_is_synchronous_in_noise_is_known_and_has_no_speed(seen):
    for kind in ("standing", "synchronous"):
        assert float(np.isnan(seen[kind].speed).mean()) >= 0.95
        assert float(seen[kind].bimodality.median()) > 0.7
    assert float(seen["standing"].synchrony.median()) < 0.4
    assert float(seen["synchronous"].synchrony.median()) > 0.9
    assert float(seen["standing"].standing_ratio.median()) > 0.8
    for kind in ("plane", "rotating", "source"):
        assert float(np.isnan(seen[kind].speed).mean()) < 0.05


def test_names_that_are_no_list_are_refused(field):
    with pytest.raises(InputError, match="names is None; give a list"):
        measure(field, None)
