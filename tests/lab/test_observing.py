"""A sheet seen through electrodes: known attenuations, waves kept, misuse refused."""

from __future__ import annotations

import json

import numpy as np
import pytest
import scipy.signal
import scipy.spatial
import scipy.special
import xarray as xr

from cortexwave import schema
from cortexwave.errors import InputError
from cortexwave.lab.amplifier import Amplifier
from cortexwave.lab.array_maps import electrode_map
from cortexwave.lab.electrodes import electrodes_at
from cortexwave.lab.noise import (
    Correlation,
    Noise,
    Spectrum,
    correlation_of,
    spectrum_of,
)
from cortexwave.lab.observing import observe
from cortexwave.lab.sheet_sampling import sampling_matrix
from cortexwave.lab.sources import Term, sources_of
from cortexwave.synthetic import lattice_sites, plane_wave

RATE = 500.0


def wave(
    shape: tuple[int, int] = (80, 80),
    *,
    spacing: float = 0.1,
    wavelength: float = 3.2,
    direction: float = 30.0,
    duration: float = 0.5,
) -> xr.Dataset:
    """A plane wave of 15 Hz on a sheet of 8 mm, uV."""
    return plane_wave(
        lattice_sites(shape, spacing=spacing), duration=duration, rate=RATE,
        direction=direction, frequency=15.0, wavelength=wavelength, amplitude=100.0,
    )  # fmt: skip


def sheet(values: np.ndarray, *, spacing: float = 0.1, units: str = "1", **names):
    """(time, y, x) as a recording of a model, with long names of its fields."""
    time, y, x = (np.arange(n) for n in values.shape)
    return xr.Dataset(
        {name: (("time", "y", "x"), values.astype(float),
                {"units": units, "long_name": said}) for name, said in names.items()},
        {"time": ("time", time / RATE, {"units": "s"}),
         "y": ("y", y * spacing, {"units": "mm"}),
         "x": ("x", x * spacing, {"units": "mm"})},
        {"origin": "model"},
    )  # fmt: skip


def amplitude(recording: xr.Dataset) -> np.ndarray:
    """Amplitude of the 15 Hz in each channel, by projection on whole cycles."""
    values = recording["lfp"].transpose("time", "channel").values
    whole = values[: round(6 / 15 * RATE)]
    time = np.arange(len(whole)) / RATE
    return 2 * np.abs(np.exp(-2j * np.pi * 15 * time) @ whole) / len(whole)


def own_sites(recording: xr.Dataset):
    y, x = np.meshgrid(recording["y"], recording["x"], indexing="ij")
    at = np.column_stack([x.ravel(), y.ravel()])
    return electrodes_at([f"s{k}" for k in range(len(at))], at)


@pytest.mark.parametrize("spacing", [0.1, -0.3])
def test_at_the_sites_own_positions_observing_is_the_identity(spacing):
    values = np.random.default_rng(0).standard_normal((20, 7, 9))
    recording = sheet(values, spacing=0.1, units="uV", v="potential")
    recording = recording.assign_coords(y=spacing * np.arange(7))
    recording["y"].attrs["units"] = "mm"
    seen = observe(recording, own_sites(recording), seed=0)
    assert np.array_equal(seen["lfp"].values, values.reshape(20, -1))
    assert np.array_equal(seen["time"].values, recording["time"].values)
    assert seen["lfp"].attrs["units"] == "uV"


def test_between_sites_sampling_is_bilinear():
    y, x = np.mgrid[:6, :8] * 0.5
    plane = np.tile(2 * x - 3 * y + 1, (4, 1, 1))
    at = electrodes_at(["a", "b"], np.array([(1.13, 0.71), (3.5, 2.5)]))
    seen = observe(sheet(plane, spacing=0.5, units="uV", v="v"), at, seed=0)
    assert seen["lfp"].values[0] == pytest.approx(
        [2 * 1.13 - 3 * 0.71 + 1, 2 * 3.5 - 3 * 2.5 + 1], abs=1e-12
    )


@pytest.mark.parametrize(
    # sampled at half its sd a Gaussian is some exp(-2 pi^2 (sd/d)^2) = 0.7 % off at
    # k = 0 and three times as much at 8 sites, less what both have in common
    ("spread", "tolerance"), [(0.05, 0.015), (0.1, 1e-3), (0.25, 1e-3), (0.6, 1e-3)],
)  # fmt: skip
@pytest.mark.parametrize("wavelength", [0.8, 1.6, 3.2])
def test_the_point_spread_leaves_a_wave_its_closed_form(spread, tolerance, wavelength):
    k = 2 * np.pi / wavelength
    recording = wave(wavelength=wavelength, direction=0)
    middle = electrodes_at(["m"], np.array([(4.0, 4.0)]))
    seen = observe(recording, middle, seed=0, spread=spread)
    left = amplitude(seen)[0] / 100
    # kernels end at 4 sd, which leaves out 6e-5
    assert left == pytest.approx(np.exp(-(k**2) * spread**2 / 2), abs=tolerance)


@pytest.mark.parametrize("shape", ["disc", "square"])
def test_a_contact_leaves_the_average_over_its_area(shape):
    size, k = 1.0, 2 * np.pi / 1.6
    contact = electrodes_at(["c"], np.array([(4.0, 4.0)]), size=size, shape=shape)
    left = amplitude(observe(wave(wavelength=1.6, direction=0), contact, seed=0)) / 100
    disc = 2 * scipy.special.j1(k * size / 2) / (k * size / 2)
    true = disc if shape == "disc" else np.sinc(k * size / 2 / np.pi)
    # linear between sites: (k d)^2 / 12 = 1.3 % is lost
    assert left[0] == pytest.approx(true, rel=0.015)


def test_a_square_contact_turns_with_its_array():
    at = electrodes_at(["c"], np.array([(4.0, 4.0)]), size=1.6, shape="square")
    recording = wave(wavelength=1.6, direction=45)
    # a wave of the length of the side, along it, is averaged away
    assert amplitude(observe(recording, at, seed=0, rotation=45))[0] < 0.5
    diagonal = 100 * np.sinc(np.sqrt(0.5)) ** 2
    assert amplitude(observe(recording, at, seed=0))[0] == pytest.approx(
        diagonal, rel=0.015
    )


def test_weights_add_up_to_1_everywhere():
    utah = electrode_map("utah_10x10")
    axis = np.arange(60) * 0.1
    weights, inside = sampling_matrix(utah, axis - 1, axis - 1, spread=0.2)
    assert weights.shape == (96, 3600)
    assert weights.sum(axis=1) == pytest.approx(np.ones(96))
    assert inside == pytest.approx(np.ones(96), abs=1e-3)


def fitted_wave(recording: xr.Dataset) -> tuple[float, float]:
    """Wavenumber (rad/mm) and direction (deg) of 15 Hz, by phase over live sites."""
    live = recording["good"].values
    values = recording["lfp"].values[: round(21 / 15 * RATE), live]
    time = np.arange(len(values)) / RATE
    z = np.exp(-2j * np.pi * 15 * time) @ values
    z = z / np.abs(z)
    x, y = recording["x"].values[live], recording["y"].values[live]
    x, y = x - x.mean(), y - y.mean()
    centre = np.zeros(2)
    for width in (4.0, 0.3, 0.03):  # k within so much of the best so far
        across, up = (at + np.linspace(-width, width, 41) for at in centre)
        # the sum over sites of z exp(i (kx x + ky y))
        fit = np.abs(
            np.exp(1j * np.outer(up, y)) @ (z * np.exp(1j * np.outer(across, x))).T
        )
        best = np.unravel_index(np.argmax(fit), fit.shape)
        centre = np.array([across[best[1]], up[best[0]]])
    return float(np.hypot(*centre)), float(np.degrees(np.arctan2(*centre[::-1])))


@pytest.mark.parametrize("rotation", [0.0, 25.0])
@pytest.mark.parametrize("seed", [1, 2])
def test_spread_dead_sites_and_0_db_of_noise_keep_a_plane_wave(seed, rotation):
    seen = observe(
        wave(duration=2.0), "utah_10x10", seed=seed, spread=0.25, dead=0.1,
        position="centre", rotation=rotation,
        noise=[Noise(0.0, band=(5.0, 40.0), exponent=1.0)],
        amplifier=Amplifier(band=(2.0, 100.0), phase="causal"),
    )  # fmt: skip
    assert int((~seen["good"]).sum()) == 10
    assert np.isnan(seen["lfp"].values[:, ~seen["good"].values]).all()
    k, direction = fitted_wave(seen)
    assert k == pytest.approx(2 * np.pi / 3.2, rel=0.05)
    assert direction == pytest.approx(30.0, abs=3.0)


def test_in_the_frame_of_the_array_the_wave_is_turned_back():
    seen = observe(wave(duration=1.5), "utah_10x10", seed=1, position="centre",
                   rotation=25.0, frame="array")  # fmt: skip
    assert fitted_wave(seen)[1] == pytest.approx(5.0, abs=1.0)
    assert seen["x"].values.max() == pytest.approx(3.6)


@pytest.mark.parametrize(("exponent", "snr_db"), [(0.0, 0.0), (1.0, -6.0), (2.0, 10.0)])
def test_the_noise_has_the_stated_ratio_and_slope(exponent, snr_db):
    recording = wave((20, 20), duration=4.0)
    array = electrode_map((4, 4, 0.4))
    clean = observe(recording, array, seed=5)["lfp"].values
    noise = Noise(snr_db, band=(8.0, 30.0), exponent=exponent)
    added = observe(recording, array, seed=5, noise=[noise])["lfp"].values - clean

    frequency, power = scipy.signal.periodogram(added, RATE, axis=0)
    band = (frequency >= 8) & (frequency <= 30)
    signal = scipy.signal.periodogram(clean, RATE, axis=0)[1][band].sum()
    found = 10 * np.log10(signal / power[band].sum())
    assert found == pytest.approx(snr_db, abs=1e-6)
    some = (frequency > 2) & (frequency < 200)
    power = scipy.signal.periodogram(added, RATE, axis=0, window="hann")[1][some]
    slope = np.polyfit(np.log(frequency[some]), np.log(power.mean(axis=1)), 1)[0]
    # 16 channels and 792 frequencies: the slope is known to better than 0.02
    assert slope == pytest.approx(-exponent, abs=0.06)
    other = np.corrcoef(added.T)[~np.eye(16, dtype=bool)]
    assert np.abs(other).mean() < (0.1 if exponent < 2 else 0.5)


def test_noise_takes_the_spectrum_of_a_recording():
    # AR(1) noise of coefficient a has power 1 / |1 - a exp(-i w)|^2
    draw = np.random.default_rng(0).standard_normal((20_000, 8))
    lab = scipy.signal.lfilter([1.0], [1.0, -0.9], draw, axis=0)
    recording = wave((20, 20), duration=8.0)
    array = electrode_map((4, 4, 0.4))
    model = observe(recording, array, seed=0)
    like = model.isel(time=0, channel=slice(8), drop=True).drop_vars("lfp")
    real = like.assign(v=(("time", "channel"), lab, {"units": "uV"})).assign_coords(
        time=("time", np.arange(20_000) / RATE, {"units": "s"})
    )
    noise = Noise(0.0, band=(5.0, 40.0), spectrum=spectrum_of(real, variable="v"))
    added = observe(recording, array, seed=1, noise=[noise])["lfp"] - model["lfp"]
    frequency, power = scipy.signal.welch(added.values, RATE, nperseg=500, axis=0)
    some = (frequency > 2) & (frequency < 200)
    true = 1 / np.abs(1 - 0.9 * np.exp(-2j * np.pi * frequency / RATE)) ** 2
    ratio = power.mean(axis=1)[some] / true[some]
    # 16 channels of 15 segments, and 8 of 79: some 8 % at each frequency
    assert np.std(np.log(ratio)) < 0.12
    with pytest.raises(InputError, match="not both"):
        observe(recording, array, seed=1,
                noise=[Noise(0.0, (5.0, 40.0), 1.0, noise.spectrum)])  # fmt: skip
    with pytest.raises(InputError, match="rising frequencies"):
        Spectrum((1.0, 1.0), (1.0, 1.0))


def noise_alone(correlation: Correlation | None, seconds: float = 40.0) -> xr.Dataset:
    """What a 6 x 6 array of 0.4 mm adds to a wave, and nothing of the wave."""
    recording = wave((6, 6), spacing=0.4, duration=seconds)
    noise = [Noise(0.0, band=(5.0, 40.0), exponent=1.0, correlation=correlation)]
    both = observe(recording, (6, 6, 0.4), seed=3, noise=noise)
    return both.assign(lfp=(both.lfp - observe(recording, (6, 6, 0.4), seed=3).lfp)
                       .assign_attrs(both.lfp.attrs))  # fmt: skip


@pytest.mark.parametrize(
    "shared",
    [
        Correlation(),
        Correlation(common=0.4),
        Correlation(local=0.7, length=0.6),
        Correlation(common=0.2, local=0.5, length=0.8),
    ],
)
def test_noise_is_shared_by_distance_as_its_closed_form_says(shared):
    added = noise_alone(shared)
    at = np.column_stack([added["x"].values, added["y"].values])
    distance = scipy.spatial.distance.cdist(at, at)
    _, cross = scipy.signal.csd(added.lfp.values.T[:, None], added.lfp.values.T[None],
                                RATE, nperseg=int(RATE), axis=-1)  # fmt: skip
    power = np.einsum("ccf->cf", cross).real
    coherence = cross / np.sqrt(power[:, None] * power[None])
    found = coherence[..., 5:41].mean(axis=-1)
    # 79 segments, half overlapping, at 36 frequencies: an sd below 0.03 for each pair
    steps = np.unique(np.round(distance, 6))[1:]
    means = [found[np.isclose(distance, step)].mean() for step in steps]
    np.testing.assert_allclose(np.real(means), shared.between(steps), atol=0.04)
    assert np.abs(found.imag).max() < 0.15  # no lags; of 630 pairs, 5 sd

    taken = correlation_of(added, variable="lfp", band=(5.0, 40.0))
    np.testing.assert_allclose(taken.between(steps), shared.between(steps), atol=0.04)


def test_shared_noise_keeps_its_ratio_and_the_same_power_everywhere():
    added = noise_alone(Correlation(common=0.3, local=0.6, length=1.0))
    seen = observe(wave((6, 6), spacing=0.4, duration=40.0), (6, 6, 0.4), seed=3)
    frequency, noise = scipy.signal.periodogram(added.lfp.values, RATE, axis=0)
    signal = scipy.signal.periodogram(seen.lfp.values, RATE, axis=0)[1]
    band = (frequency >= 5) & (frequency <= 40)
    assert signal[band].sum() == pytest.approx(noise[band].sum(), rel=1e-6)
    each = noise[band].sum(axis=0)
    # 1/f: some 300 of 2800 values (two each) decide the power: an sd of 6 % or less
    assert each.std() / each.mean() < 0.12


@pytest.mark.parametrize(
    ("shares", "message"),
    [
        ((0.7, 0.5, 1.0), "both together at most 1"),
        ((-0.1, 0.0, 0.0), "0 or more"),
        ((0.1, 0.5, 0.0), "both are above 0, or neither"),
        ((0.1, 0.5, np.inf), "over a length of inf"),
    ],
)
def test_shares_that_cannot_be_are_refused(shares, message):
    with pytest.raises(InputError, match=message):
        Correlation(*shares)


def test_what_channels_share_needs_places_and_a_band_that_is_there():
    added = noise_alone(None, seconds=4.0)
    with pytest.raises(InputError, match="band is 150 to 300 Hz; at 500 Hz"):
        correlation_of(added, variable="lfp", band=(150.0, 300.0))
    few = added.isel(channel=slice(3))
    with pytest.raises(InputError, match=r"3 good channels.*4 are needed"):
        correlation_of(few, variable="lfp", band=(5.0, 40.0))


def test_the_same_seed_gives_the_same_noise_whichever_sites_die():
    recording = wave((20, 20))
    noise = [Noise(0.0, band=(5.0, 40.0))]
    seen = [observe(recording, (4, 4, 0.4), seed=seed, noise=noise)["lfp"].values
            for seed in (3, 3, 4)]  # fmt: skip
    assert np.array_equal(seen[0], seen[1])
    assert not np.array_equal(seen[0], seen[2])


def test_a_delay_is_what_was_before():
    values = np.random.default_rng(0).standard_normal((50, 4, 4))
    recording = sheet(values, spacing=1.0, units="uV", v="v")
    at = electrodes_at(["a"], np.array([(1.0, 2.0)]))
    seen = observe(recording, at, seed=0, source=[Term("v", -2.0, 6e-3)])
    assert seen["lfp"].values[3:, 0] == pytest.approx(-2 * values[:-3, 2, 1])
    assert seen["lfp"].values[:3, 0] == pytest.approx(-2 * values[0, 2, 1])


def test_excitation_and_inhibition_are_weighted_as_mazzoni_2015_has_them():
    recording = sheet(
        np.ones((10, 4, 4)), E="E", ee="excitation received by E",
        ei="inhibition received by E", ie="excitation received by I",
    )  # fmt: skip
    assert sources_of(recording) == (Term("ee", 1.0, 6e-3), Term("ei", 1.65, 0.0))
    seen = observe(recording, (2, 2, 0.1), seed=0)
    assert seen["lfp"].values == pytest.approx(2.65)
    assert seen["lfp"].attrs["units"] == "1"
    said = json.loads(seen.attrs["observed"])
    assert said["source"][1] == {"field": "ei", "weight": 1.65, "delay": 0.0}


def test_a_rate_is_seen_only_when_it_is_named():
    recording = sheet(np.ones((10, 4, 4)), E="E", I="I")
    with pytest.raises(
        InputError, match=r"no synaptic input.*\(--source\): E, I; a rate"
    ):
        observe(recording, (2, 2, 0.1), seed=0)
    named = observe(recording, (2, 2, 0.1), seed=0, source="E", gain=50.0)
    assert named["lfp"].values == pytest.approx(50.0)
    assert named["lfp"].attrs["units"] == "uV"


def test_one_recurrent_input_is_seen_as_it_is_and_features_are_summed():
    lone = sheet(np.ones((10, 4, 4)), h="h", lateral="recurrent input u * h")
    assert sources_of(lone) == (Term("lateral"),)
    two = lone[["lateral"]].expand_dims(feature=2, axis=1)
    assert observe(two, (2, 2, 0.1), seed=0)["lfp"].values == pytest.approx(2.0)


def test_trials_stay_apart():
    values = np.random.default_rng(0).standard_normal((6, 4, 4))
    first = sheet(values, units="uV", v="v")
    both = xr.concat([first, 2 * first], dim="trial", coords="minimal")
    for name in ("y", "x", "time"):
        both[name].attrs = first[name].attrs
    both["v"].attrs["units"] = "uV"
    at = electrodes_at(["a"], np.array([(0.1, 0.2)]))
    seen = observe(both, at, seed=0)["lfp"]
    assert seen.dims == ("trial", "time", "channel")
    assert np.array_equal(seen.values[1], 2 * seen.values[0])


def test_scale_moves_times_places_and_events():
    recording = wave((40, 40), wavelength=2.0, direction=0)
    events = schema.events_table([{"onset": 0.1, "duration": 0.2, "kind": "stimulus",
                                   "x": 1.0, "y": 2.0}])  # fmt: skip
    recording = schema.with_tables(recording, events, None)
    seen = observe(recording, (4, 4, 0.8), seed=0, spacing=0.2, interval=1e-3)
    assert float(seen["time"][-1]) == pytest.approx(0.249)
    found = schema.events(seen)
    assert float(found["onset"][0]) == pytest.approx(0.05)
    assert float(found["x"][0]) == pytest.approx(2.0)
    # 15 Hz of 2 mm at half the interval and twice the spacing: 30 Hz of 4 mm
    spectrum = np.abs(np.fft.rfft(seen["lfp"].values[:, 0]))
    assert np.fft.rfftfreq(250, 1e-3)[spectrum.argmax()] == pytest.approx(30, abs=3)


def test_a_lazily_read_sheet_is_the_same_in_blocks(monkeypatch):
    from cortexwave.lab import sources

    recording = wave((20, 20))
    whole = observe(recording, (3, 3, 0.4), seed=0, spread=0.1, position="centre")
    monkeypatch.setattr(sources, "_BLOCK_VALUES", 400 * 7)
    parts = observe(recording, (3, 3, 0.4), seed=0, spread=0.1, position="centre")
    assert np.allclose(parts["lfp"].values, whole["lfp"].values, atol=1e-12, rtol=0)


def test_a_run_is_observed_from_its_file_as_from_memory(tmp_path):
    from cortexwave.recording.reader import open_recording
    from cortexwave.recording.saving import save_recording

    recording = wave((20, 20))
    path = save_recording(recording, tmp_path / "run.h5")
    with open_recording(path) as opened:
        seen = observe(opened, (4, 4, 0.4), seed=0)
    whole = observe(recording, (4, 4, 0.4), seed=0)
    assert np.array_equal(seen["lfp"].values, whole["lfp"].values)
    assert seen.attrs["run_id"]


@pytest.mark.parametrize("phase", ["causal", "zero_phase"])
def test_the_amplifier_has_the_response_of_its_filter(phase):
    recording = wave((20, 20), wavelength=1.6, duration=2.0)
    amplifier = Amplifier(band=(None, 15.0), phase=phase, order=2)
    seen = observe(recording, (4, 4, 0.4), seed=0, amplifier=amplifier)
    bare = observe(recording, (4, 4, 0.4), seed=0)
    assert amplitude(seen.isel(time=slice(500, 900))) == pytest.approx(
        amplitude(bare.isel(time=slice(500, 900)))
        * (np.sqrt(0.5) if phase == "causal" else 0.5),
        rel=1e-3,
    )
    assert phase in seen.attrs["filter_chain"]
    valid = seen["valid"].values
    assert not valid[0]
    assert valid[-1] == (phase == "causal")


def test_resampling_keeps_a_wave_and_stops_what_would_fold():
    time = np.arange(2000) / RATE
    course = np.sin(2 * np.pi * 15 * time) + np.sin(2 * np.pi * 180 * time)
    recording = sheet(np.tile(course[:, None, None], (1, 4, 4)), units="uV", v="v")
    slow = observe(recording, (2, 2, 0.1), seed=0, amplifier=Amplifier(rate=200.0))
    assert slow.sizes["time"] == 800
    found = slow["lfp"].values[100:-100, 0]
    true = np.sin(2 * np.pi * 15 * slow["time"].values[100:-100])
    assert np.abs(found - true).max() < 1e-3  # 80 dB would leave 1e-4; ripples add
    fast = observe(recording, (2, 2, 0.1), seed=0, amplifier=Amplifier(rate=1250.0))
    assert float(fast["time"][1] - fast["time"][0]) == pytest.approx(8e-4)


def test_bits_are_whole_and_what_lies_beyond_them_is_cut():
    recording = wave((20, 20))
    seen = observe(recording, (4, 4, 0.4), seed=0, amplifier=Amplifier(resolution=0.25))
    counts = seen["lfp"].values / 0.25
    assert np.array_equal(counts, np.rint(counts))
    bare = observe(recording, (4, 4, 0.4), seed=0)["lfp"].values
    assert np.abs(seen["lfp"].values - bare).max() <= 0.125 + 1e-12
    with pytest.warns(UserWarning, match=r"beyond the amplifier's range of 32\.768 uV"):
        cut = observe(
            recording, (4, 4, 0.4), seed=0, amplifier=Amplifier(resolution=1e-3)
        )
    assert cut["lfp"].values.min() == pytest.approx(-32.768)


def test_the_common_average_is_of_live_sites_of_each_array():
    recording = wave((20, 20), wavelength=1.6)
    at = electrodes_at(list("abcdef"), np.array(
        [(0.1, 0.1), (0.5, 0.1), (0.9, 0.1), (0.1, 1.5), (0.5, 1.5), (0.9, 1.5)]),
        arrays=["p"] * 3 + ["q"] * 3)  # fmt: skip
    bare = observe(recording, at, seed=0)["lfp"].values
    seen = observe(recording, at, seed=0, dead=["b"], reference="common_average")
    assert seen["lfp"].values[:, 0] == pytest.approx((bare[:, 0] - bare[:, 2]) / 2)
    assert seen["lfp"].values[:, 4] == pytest.approx(
        bare[:, 4] - bare[:, 3:].mean(axis=1)
    )
    assert seen.attrs["reference"] == "common average"
    assert seen["reason"].values.tolist()[1].startswith("dead")


def test_an_array_beyond_the_sheet_is_refused_and_wraps_only_if_asked():
    recording = wave((16, 16), wavelength=1.6, direction=0)  # one cycle: periodic
    array = electrode_map((2, 2, 0.4))
    with pytest.raises(
        InputError, match=r"2 of 4 electrodes lie beyond.*r0c1 at \(1\.7"
    ):
        observe(recording, array, seed=0, position=(1.5, 0.5))
    seen = observe(recording, array, seed=0, position=(1.5, 0.5), wrap="x")
    inside = observe(recording, array, seed=0, position=(0.3, 0.5), wrap="x")
    here = seen["lfp"].values[:, 1]  # at 1.7 mm, which is 0.1 mm
    assert here == pytest.approx(inside["lfp"].values[:, 0])
    with pytest.raises(InputError, match="beyond"):
        observe(recording, array, seed=0, position=(0.5, 1.5), wrap="x")


def test_a_spread_over_the_edge_warns():
    with pytest.warns(UserWarning, match="beyond the edge of the sheet"):
        observe(wave((16, 16)), (2, 2, 0.4), seed=0, spread=0.2)


def test_sampling_finer_than_the_sheet_is_refused_or_low_passed():
    recording = wave((20, 20), spacing=0.4)
    array = electrode_map((4, 4, 0.2))
    with pytest.raises(InputError, match=r"0\.2 mm apart are finer than the sites"):
        observe(recording, array, seed=0, position="centre")
    seen = observe(recording, array, seed=0, position="centre", spread=0.4)
    assert np.isfinite(seen["lfp"].values).all()


def test_waves_shorter_than_two_pitches_are_refused_or_smoothed_away():
    recording = wave(wavelength=1.0)
    with pytest.raises(InputError, match=r"100% of the variance.*0\.8 mm apart"):
        observe(recording, (8, 8, 0.8), seed=0)
    long = wave(wavelength=6.0).assign_attrs(truth="")
    both = long.assign(signal=long["signal"] + 0.7 * recording["signal"])
    both["signal"].attrs["units"] = "uV"
    with pytest.warns(UserWarning, match="of the variance that electrodes"):
        observe(both, (8, 8, 0.8), seed=0, position="centre")
    seen = observe(both, (8, 8, 0.8), seed=0, position="centre", spread=0.4)
    assert json.loads(seen.attrs["observed"])["variance_beyond_nyquist"] < 0.05


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"source": "rate"}, "no field 'rate'"),
        ({"source": [Term("signal", 0.0)]}, "weight of 'signal'"),
        ({"source": [Term("signal", 1.0, -1.0)]}, "delay of 'signal'"),
        ({"spread": -1.0}, "spread is -1"),
        ({"spacing": 0.0}, "spacing is 0"),
        ({"interval": np.nan}, "interval is nan"),
        ({"position": (np.nan, 0.0)}, "position"),
        ({"position": "corner"}, "position is 'corner'"),
        ({"wrap": "yes"}, "wrap is 'yes'"),
        ({"reference": "ear"}, "reference is 'ear'"),
        ({"dead": ["x9"]}, "dead site 'x9'"),
        ({"dead": 1.0}, "share of dead sites"),
        ({"seed": -1}, "seed is -1"),
        ({"noise": [Noise(0.0, band=(40.0, 5.0))]}, "band of the noise"),
        ({"noise": [Noise(0.0, band=(5.0, 400.0))]}, "band of the noise"),
        ({"amplifier": Amplifier(band=(300.0, 10.0))}, "amplifier's band"),
        ({"amplifier": Amplifier(rate=0.0)}, "amplifier's rate"),
        ({"amplifier": Amplifier(rate=np.pi)}, "cannot be resampled"),
        ({"amplifier": Amplifier(resolution=0.0)}, "resolution is 0"),
        ({"gain": 0.0}, "gain is 0"),
    ],
)
def test_misuse_is_named(given, message):
    with pytest.raises(InputError, match=message):
        observe(wave((12, 12)), (2, 2, 0.4), **{"seed": 0, **given})


def test_fields_that_cannot_be_seen_are_named():
    recording = sheet(np.ones((5, 4, 4)), units="uV", v="v")
    bits = recording.assign(v=recording["v"].astype(int).assign_attrs(units="uV"))
    with pytest.raises(InputError, match="'v' is int64"):
        observe(bits, (2, 2, 0.1), seed=0, source="v")
    angle = recording.assign(v=recording["v"].assign_attrs(units="rad"))
    with pytest.raises(InputError, match="'v' is an angle"):
        observe(angle, (2, 2, 0.1), seed=0, source="v")
    holed = recording.copy(deep=True)
    holed["v"][3, 1, 2] = np.nan
    with pytest.raises(
        InputError, match=r"missing values \(trial 0, .*row 1, column 2"
    ):
        observe(holed, (2, 2, 0.1), seed=0)
    rates = sheet(np.ones((5, 4, 4)), units="1", h="recurrent input")
    with pytest.raises(InputError, match=r"bits of 0\.25 uV, but the source is in '1'"):
        observe(rates, (2, 2, 0.1), seed=0, amplifier=Amplifier(resolution=0.25))
    lost = electrodes_at(["a", "b"], np.array([(0.1, 0.1), (np.nan, 0.1)]))
    with pytest.raises(InputError, match=r"1 electrode.*no position: b"):
        observe(recording, lost, seed=0)
