"""Plane waves whose truth is known, from the recording to direction and speed."""

import h5py
import numpy as np
import pytest
import xarray as xr

from cortexwave.analysis.plane_fit import plane_wave
from cortexwave.analysis.wave_fields import wave_field

BAND = (5.0, 40.0)
FREQUENCY, WAVELENGTH, SPEED = 15.0, 6.0, 90.0  # Hz, mm, mm/s
DIRECTIONS = np.arange(-180.0, 180.0, 15.0)
UTAH_CORNERS_AND_TWO = [(0, 0), (0, 9), (9, 0), (9, 9), (2, 6), (7, 3)]
# (y, x) shape and spacing in mm; y falls where an image begins at its top
FRAMES = {
    "y up": ((10, 10), (0.4, 0.4)),
    "y falls": ((10, 10), (-0.4, 0.4)),
    "16 x 16": ((16, 16), (0.4, 0.4)),
    "32 x 8, unequal": ((32, 8), (-0.2, 0.5)),
    "6 x 20": ((6, 20), (0.5, 0.3)),
}
# three ways to write a wave that travels along k
SIGNS = {
    "cos(wt - kr)": lambda wt, kr: np.cos(wt - kr),
    "cos(kr - wt)": lambda wt, kr: np.cos(kr - wt),
    "sin(kr - wt)": lambda wt, kr: np.sin(kr - wt),
}


def axes_of(shape, spacing):
    return tuple(step * np.arange(n) for n, step in zip(shape, spacing, strict=True))


def planes(y, x, directions, rate, written="cos(wt - kr)", snr_db=None, last=2.0):
    """A recording with one direction (deg) per trial, on rows y and columns x."""
    time = np.arange(int(last * rate)) / rate
    angle = np.radians(directions)[:, None, None]
    along = np.cos(angle) * x + np.sin(angle) * y[:, None]  # (trial, y, x), in mm
    values = SIGNS[written](
        2 * np.pi * FREQUENCY * time[:, None, None],
        2 * np.pi / WAVELENGTH * along[:, None],
    )
    if snr_db is not None:
        noise = np.random.default_rng(11).standard_normal(values.shape)
        values = values + noise * np.sqrt(0.5 / 10 ** (snr_db / 10))
    return labelled(values, time, y, x)


def labelled(values, time, y, x):
    mm = {"units": "mm"}
    return xr.Dataset(
        {"lfp": (("trial", "time", "y", "x"), values, {"units": "uV"})},
        {"time": ("time", time, {"units": "s"}), "y": ("y", y, mm), "x": ("x", x, mm)},
    )


def without(recording, dead):
    recording = recording.copy(deep=True)
    for y, x in dead:
        recording.lfp[..., y, x] = np.nan
    return recording


def as_channels(recording):
    """The live sites as electrodes, the last one first."""
    rows = recording.lfp.stack(channel=("y", "x")).transpose("trial", "time", "channel")
    live = np.flatnonzero(np.isfinite(rows.values[0, 0]))[::-1]
    mm = {"units": "mm"}
    return xr.Dataset(
        {"lfp": (("trial", "time", "channel"), rows.values[..., live],
                 {"units": "uV"})},
        {"time": recording.time, "x": ("channel", rows.x.values[live], mm),
         "y": ("channel", rows.y.values[live], mm)},
    )  # fmt: skip


def medians(recording, **options):
    """Direction, speed and wavelength (trial,) over the valid frames."""
    field = wave_field(recording, band=BAND, **options)
    fit = plane_wave(field.isel(time=field.valid.values))
    turn = np.exp(1j * np.radians(fit.plane_direction))
    return (
        np.degrees(np.angle(turn.mean("time"))),
        fit.plane_speed.median("time").values,
        fit.plane_wavelength.median("time").values,
    )


def local_medians(recording):
    """The same of the gradients of single sites."""
    field = wave_field(recording, band=BAND)
    inside = field.isel(time=field.valid.values)
    over = ("time", "y", "x")
    slope = np.hypot(inside.gradient_x, inside.gradient_y)
    return (
        np.degrees(np.arctan2(-inside.gradient_y.mean(over),
                              -inside.gradient_x.mean(over))),
        (2 * np.pi * np.abs(inside.frequency) / slope).median(over).values,
        (2 * np.pi / slope).median(over).values,
    )  # fmt: skip


def apart(one, other):
    return np.abs((one - other + 180) % 360 - 180)


def assert_known(found, directions, degrees, share):
    direction, speed, wavelength = found
    assert apart(np.asarray(direction), directions).max() < degrees
    assert speed == pytest.approx(SPEED, rel=share)
    assert wavelength == pytest.approx(WAVELENGTH, rel=share)


@pytest.mark.parametrize("measured", [medians, local_medians])
def test_a_plane_of_90_mm_per_s_at_30_degrees(measured):
    directions = np.array([30.0])
    recording = planes(*axes_of(*FRAMES["y up"]), directions, rate=1000.0)
    assert_known(measured(recording), directions, degrees=0.5, share=0.01)


@pytest.mark.parametrize("measured", [medians, local_medians])
@pytest.mark.parametrize("frame", ["y up", "y falls"])
def test_the_same_in_as_much_noise(measured, frame):
    directions = np.array([30.0])
    recording = planes(*axes_of(*FRAMES[frame]), directions, 1000.0, snr_db=0.0)
    assert_known(measured(recording), directions, degrees=5, share=0.1)


@pytest.mark.parametrize("frame", ["y up", "y falls"])
@pytest.mark.parametrize("written", SIGNS)
def test_planes_to_all_sides_with_dead_sites(frame, written):
    recording = planes(*axes_of(*FRAMES[frame]), DIRECTIONS, 200.0, written, last=1.2)
    found = medians(without(recording, UTAH_CORNERS_AND_TWO))
    assert_known(found, DIRECTIONS, degrees=0.5, share=0.01)


@pytest.mark.parametrize("frame", ["y up", "y falls"])
def test_planes_to_all_sides_of_a_whole_array(frame):
    recording = planes(*axes_of(*FRAMES[frame]), DIRECTIONS, 200.0, last=1.2)
    assert_known(medians(recording), DIRECTIONS, degrees=0.5, share=0.01)


@pytest.mark.parametrize("frame", list(FRAMES)[2:])
def test_planes_to_all_sides_of_other_arrays(frame):
    recording = planes(*axes_of(*FRAMES[frame]), DIRECTIONS[::3], 200.0, last=1.2)
    found = medians(without(recording, [(0, 0), (3, 4), (3, 5), (5, 7)]))
    assert_known(found, DIRECTIONS[::3], degrees=0.5, share=0.01)


@pytest.mark.slow
@pytest.mark.parametrize("frame", FRAMES)
@pytest.mark.parametrize("written", SIGNS)
def test_planes_to_all_sides_in_as_much_noise(frame, written):
    recording = planes(*axes_of(*FRAMES[frame]), DIRECTIONS, 1000.0, written, 0.0)
    found = medians(without(recording, [(0, 0), (2, 6), (3, 3)]))
    assert_known(found, DIRECTIONS, degrees=5, share=0.1)


@pytest.mark.parametrize("method", ["hilbert", "morlet"])
def test_other_phases_tell_the_same_plane(method):
    recording = planes(*axes_of(*FRAMES["y falls"]), DIRECTIONS[1:3], 200.0)
    field = wave_field(recording, band=(10.0, 20.0), method=method)
    fit = plane_wave(field.isel(time=field.valid.values))
    assert apart(fit.plane_direction.mean("time"), DIRECTIONS[1:3]).max() < 0.5
    assert fit.plane_speed.median("time").values == pytest.approx(SPEED, rel=0.01)


@pytest.mark.parametrize("dead", [[], UTAH_CORNERS_AND_TWO], ids=["whole", "dead"])
def test_electrodes_on_the_lattice_tell_the_same_plane(dead):
    recording = planes(
        *axes_of(*FRAMES["y falls"]), DIRECTIONS[2:4], 200.0, snr_db=3, last=1.2
    )
    recording = without(recording, dead)
    one, other = (
        plane_wave(wave_field(each, band=BAND))
        for each in (recording, as_channels(recording))
    )
    for name in ("wavenumber_x", "wavenumber_y", "plane_resultant"):
        # the objective is flat to rounding within the root of 1e-16 over the array
        gap = np.abs(one[name] - other[name])
        assert gap.quantile(0.99) < 1e-7
    assert other.wavenumber_error.median().item() == pytest.approx(
        one.wavenumber_error.median().item(), rel=1e-6
    )


def test_scattered_electrodes_tell_the_plane():
    draw = np.random.default_rng(12)
    directions = DIRECTIONS[::4]
    place = draw.uniform(0, 4, (400, 2))
    # no two closer than 0.3 mm, as electrodes are
    chosen = []
    for k, here in enumerate(place):
        if all(np.linalg.norm(here - place[j]) > 0.3 for j in chosen):
            chosen.append(k)
    x, y = place[chosen].T
    time = np.arange(400) / 200.0
    angle = np.radians(directions)[:, None, None]
    lag = 2 * np.pi / WAVELENGTH * (np.cos(angle) * x + np.sin(angle) * y)
    values = np.cos(2 * np.pi * FREQUENCY * time[:, None] - lag)
    mm = {"units": "mm"}
    recording = xr.Dataset(
        {"lfp": (("trial", "time", "channel"), values, {"units": "uV"})},
        {"time": ("time", time, {"units": "s"}), "x": ("channel", x, mm),
         "y": ("channel", y, mm)},
    )  # fmt: skip
    assert_known(medians(recording), directions, degrees=0.5, share=0.01)
    field = wave_field(recording, band=BAND)
    inside = field.isel(time=field.valid.values)
    over = ("time", "channel")
    local = np.arctan2(-inside.gradient_y.mean(over), -inside.gradient_x.mean(over))
    assert apart(np.degrees(local), directions).max() < 0.5


@pytest.mark.parametrize(
    ("name", "direction", "degrees", "share"),
    [("plane", -30.0, 0.5, 0.01), ("plane_neg", 120.0, 0.5, 0.01),
     ("plane_noisy", -30.0, 5.0, 0.1), ("dead", -30.0, 5.0, 0.1)],
)  # fmt: skip
def test_planes_that_other_tools_were_run_on(golden, name, direction, degrees, share):
    # their rows go down: y falls, and their 30 degrees are -30
    with h5py.File(golden("inputs_10x10.h5")) as file:
        values = np.moveaxis(file[name][()], -1, 0)[None]
    recording = labelled(values, np.arange(2000) / 1000.0, *axes_of(*FRAMES["y falls"]))
    assert_known(medians(recording), np.array([direction]), degrees, share)


def test_a_field_in_unison_has_no_direction(golden):
    with h5py.File(golden("inputs_10x10.h5")) as file:
        values = np.moveaxis(file["sync"][()], -1, 0)[None]
    recording = labelled(values, np.arange(2000) / 1000.0, *axes_of(*FRAMES["y falls"]))
    field = wave_field(recording, band=BAND)
    fit = plane_wave(field.isel(time=field.valid.values))
    assert fit.plane_direction.isnull().mean() > 0.95
    assert fit.plane_resultant.min() > 0.999


def noisy_plane():
    return planes(*axes_of(*FRAMES["y up"]), DIRECTIONS[2:3], 200.0, snr_db=3, last=1.2)


def test_the_place_of_the_array_does_not_matter():
    recording = noisy_plane()
    moved = recording.assign_coords(
        y=("y", recording.y.values + 70.0, recording.y.attrs),
        x=("x", recording.x.values - 30.0, recording.x.attrs),
    )
    one, other = (plane_wave(wave_field(each, band=BAND))
                  for each in (recording, moved))  # fmt: skip
    for name in ("wavenumber_x", "wavenumber_y", "wavenumber_error"):
        assert np.abs(one[name] - other[name]).quantile(0.99) < 1e-6


def test_a_common_phase_does_not_matter():
    field = wave_field(noisy_plane(), band=BAND)
    turned = field.copy()
    turned["phase"] = (
        np.mod(field.phase + 1.0 + np.pi, 2 * np.pi) - np.pi
    ).assign_attrs(field.phase.attrs)
    one, other = plane_wave(field), plane_wave(turned)
    for name in ("wavenumber_x", "wavenumber_y", "wavenumber_error"):
        assert np.abs(one[name] - other[name]).quantile(0.99) < 1e-7


def test_the_unit_of_time_scales_speed_alone():
    recording = noisy_plane()
    slower = recording.assign_coords(
        time=("time", 10 * recording.time.values, recording.time.attrs)
    )
    one = plane_wave(wave_field(recording, band=BAND))
    other = plane_wave(wave_field(slower, band=(0.5, 4.0)))
    # single frames may be on either side of what is called synchronous
    ratio = one.plane_speed / other.plane_speed.values
    assert ratio.median().item() == pytest.approx(10, rel=1e-6)
    ratio = one.plane_wavelength / other.plane_wavelength.values
    assert ratio.median().item() == pytest.approx(1, rel=1e-6)
    gap = apart(one.plane_direction, other.plane_direction.values)
    assert gap.median().item() < 1e-6


def test_fits_on_grids_of_wavenumbers_miss_a_plane_that_this_one_finds(golden):
    with h5py.File(golden("inputs_10x10.h5")) as file:
        values = np.moveaxis(file["plane"][()], -1, 0)[None]
    with h5py.File(golden("planefit_10x10.h5")) as file:
        fit = file["plane"]
        frames = fit["frames"][()].astype(int) - 1  # theirs begin at 1
        coarse, aliased = fit["cl_spatial_freq"][()], fit["ucsf_pw_alp_deg"][()]
    # WaveMonk's grid ends at 18 degrees per electrode, below the 24 of this wave
    assert coarse == pytest.approx(np.radians(18.0))
    # the other tries up to 60 rad per electrode, and takes an alias: truth is 30
    assert np.all(apart(aliased, 30.0) > 90)
    recording = labelled(values, np.arange(2000) / 1000.0, *axes_of(*FRAMES["y falls"]))
    found = plane_wave(wave_field(recording, band=BAND)).isel(trial=0, time=frames)
    per_electrode = 0.4 * np.hypot(found.wavenumber_x, found.wavenumber_y)
    assert per_electrode.values == pytest.approx(2 * np.pi * 0.4 / WAVELENGTH, rel=0.01)
    assert apart(found.plane_direction.values, -30.0).max() < 0.5  # y is up here
