"""Line noise that was put in is found and taken out; what stands beside it stays."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import scipy.fft
import scipy.signal
import xarray as xr

from cortexwave.analysis.line_noise import line_noise, remove_line_noise
from cortexwave.errors import InputError

RATE = 1000.0


def pink(sites: int, frames: int, seed: int = 0) -> np.ndarray:
    """Noise (site, time) of unit sd whose power falls as 1/f."""
    white = np.random.default_rng(seed).standard_normal((sites, frames))
    spectrum = scipy.fft.rfft(white, axis=-1)
    f = np.arange(spectrum.shape[-1], dtype=float)
    f[0] = np.inf
    values = scipy.fft.irfft(spectrum / np.sqrt(f), frames, axis=-1)
    return values / values.std()


def recording(rows: np.ndarray, rate: float = RATE) -> xr.Dataset:
    """Rows (site, time) as a recording of electrodes named lfp."""
    count = len(rows)
    return xr.Dataset(
        {"lfp": (("time", "channel"), rows.T, {"units": "uV"})},
        {
            "time": ("time", np.arange(rows.shape[1]) / rate, {"units": "s"}),
            "channel": [f"E{k + 1}" for k in range(count)],
            "x": ("channel", 0.4 * np.arange(count), {"units": "mm"}),
            "y": ("channel", np.zeros(count), {"units": "mm"}),
        },
    )


def line(frames: int, frequency: float = 60.0, phase: float = 0.0) -> np.ndarray:
    return np.cos(2 * np.pi * frequency * np.arange(frames) / RATE + phase)


def power(rows: np.ndarray, low: float, high: float) -> np.ndarray:
    """Power (site,) between two frequencies, by SciPy's Welch with 0.5 Hz."""
    f, found = scipy.signal.welch(rows, RATE, nperseg=2000)
    return found[:, (f >= low) & (f <= high)].sum(axis=-1)


def test_the_ratio_is_the_lines_power_over_that_of_white_noise():
    # A cosine of amplitude a in white noise of variance s^2: |sum w a/2 e^..|^2 over
    # s^2 sum w^2, plus the noise's own 1.
    frames, amplitude = 60_000, 0.2
    noise = np.random.default_rng(0).standard_normal((20, frames))
    found = line_noise(recording(noise + amplitude * line(frames)), frequency=60.0)
    window = scipy.signal.get_window("blackmanharris", 2000)
    expected = 1 + (amplitude * window.sum() / 2) ** 2 / (window**2).sum()
    # 59 segments scatter by 2 / sqrt(59 expected), the neighbours' median by 7 %; the
    # mean of 20 sites by 2 %
    assert found.line_ratio.mean().item() == pytest.approx(expected, rel=0.05)


@pytest.mark.parametrize("frames", [700, 2000, 7000])
def test_without_a_line_few_sites_seem_to_have_one(frames):
    found = line_noise(recording(pink(300, frames)), frequency=60.0)
    # an F of 2 to 12 over 6 to 36 degrees of freedom has a median of 0.78 to 0.96
    assert found.line_ratio.median().item() == pytest.approx(0.85, abs=0.2)
    # 0.01 of 300 sites is 3; 10 or more come in 0.1 % of draws
    assert (found.line_p < 0.01).sum() < 10


def test_the_table_is_by_harmonic_and_site_and_leaves_dead_sites_open():
    rows = pink(12, 5000) + line(5000) + 0.5 * line(5000, 180.0)
    rows[5] = np.nan
    rows[7] = 3.0
    lattice = xr.Dataset(
        {"lfp": (("time", "y", "x"), rows.T.reshape(-1, 3, 4), {"units": "uV"})},
        {"time": ("time", np.arange(5000) / RATE, {"units": "s"}),
         "y": ("y", 0.4 * np.arange(3), {"units": "mm"}),
         "x": ("x", 0.4 * np.arange(4), {"units": "mm"})},
    )  # fmt: skip
    found = line_noise(lattice, frequency=60.0, harmonics=3)
    assert found.line_ratio.dims == ("harmonic", "y", "x")
    np.testing.assert_array_equal(found.harmonic, [60, 120, 180])
    assert np.isnan(found.line_ratio[:, 1, 1]).all()
    assert np.isnan(found.line_ratio[:, 1, 3]).all()
    live = found.line_ratio.stack(site=("y", "x")).dropna("site")
    assert live.sizes["site"] == 10
    assert (live.sel(harmonic=[60, 180]) > 100).all()
    assert (live.sel(harmonic=120) < 5).all()
    assert "4 Blackman-Harris segments of 2 s" in found.attrs["method"]


def test_the_line_is_gone_and_its_neighbours_stay():
    # 59.97 Hz that drifts by 0.02 Hz and grows by half, of another phase and strength
    # at each site
    frames = 20_000
    time = np.arange(frames) / RATE
    clean = pink(8, frames)
    mains = 59.97 + 0.02 * np.sin(2 * np.pi * time / 13)
    draw = np.random.default_rng(1)
    strength, phase = draw.uniform(0.3, 3, (8, 1)), draw.uniform(0, 6, (8, 1))
    rows = clean + strength * np.linspace(0.8, 1.2, frames) * np.cos(
        2 * np.pi * np.cumsum(mains) / RATE + phase
    )
    found = remove_line_noise(recording(rows), frequency=60.0).lfp.values.T
    # what is left at the line is no more than the noise there
    left = line_noise(recording(found), frequency=60.0).line_ratio
    assert left.max() < 2
    # neighbours within 0.1 % of their power: fits reach 0.5 Hz to either side
    for low, high in ((53, 57), (63, 67)):
        np.testing.assert_allclose(
            power(found, low, high), power(clean, low, high), rtol=1e-3
        )
    # the field without the line comes back, to the noise at 60 Hz in 2 x 0.5 Hz and
    # the drift; 5 % of sd
    assert (found - clean)[:, 200:-200].std() < 0.05


def test_a_pure_line_is_removed_entirely():
    # one frequency for the whole window: nothing else is in the fit
    rows = line(8000, 60.0625, 0.7)[None] * [[1.0], [4.0]]
    found = remove_line_noise(recording(rows + 1e-3 * pink(2, 8000)), frequency=60.0)
    assert np.abs(found.lfp).max() < 0.02 * 4  # the refined frequency is 1e-3 Hz off


def test_harmonics_are_removed_where_they_are():
    frames = 10_000
    clean = pink(4, frames)
    rows = clean + line(frames) + 0.7 * line(frames, 180.0, 1.0)
    found = remove_line_noise(recording(rows), frequency=60.0, harmonics=3)
    left = line_noise(found, frequency=60.0, harmonics=3)
    assert left.line_ratio.max() < 3
    # at 120 Hz there was none: those frequencies are as they were
    np.testing.assert_allclose(
        power(found.lfp.values.T, 118, 122), power(clean, 118, 122), rtol=1e-6
    )
    assert (
        "60 Hz line and 2 harmonics regressed out of 4" in (found.attrs["filter_chain"])
    )


@pytest.mark.parametrize("frequency", [50.0, 60.0])
def test_a_real_recording_without_the_line_stays_as_it_was(
    lab: Callable[[str], Path], frequency: float
):
    # Human ECoG without a line at either: at 60 Hz it holds less than beside it, as
    # whoever recorded it has filtered there.
    session = "py_neuromodulation_bids_ecog/sub-testsub/ses-EphysMedOff/ieeg"
    name = "sub-testsub_ses-EphysMedOff_task-gripforce_run-0_ieeg.eeg"
    rows = np.fromfile(lab(f"{session}/{name}"), "<f4").reshape(-1, 10).T[3:9]
    given = recording(rows.astype(float))
    assert line_noise(given, frequency=frequency).line_ratio.max() < 2
    found = remove_line_noise(given, frequency=frequency)
    # a site that seemed to have a line would lose 0.5 Hz of its noise: 2 % of sd
    change = (found.lfp - given.lfp).std("time") / given.lfp.std("time")
    assert change.max() < 0.02


def test_trials_with_missing_sites_are_cleaned_each_by_itself():
    rows = pink(3, 4000) + line(4000)
    one, two = recording(rows), recording(2 * rows)
    two["lfp"][:, 1] = np.nan
    both = xr.concat([one, two], "trial").transpose("trial", "time", "channel")
    found = remove_line_noise(both, frequency=60.0)
    assert np.isnan(found.lfp[1, :, 1]).all()
    np.testing.assert_allclose(
        found.lfp[1, :, 0], 2 * found.lfp[0, :, 0], rtol=0, atol=0.05
    )
    assert (
        power(found.lfp[0].values.T, 59.5, 60.5).max()
        < 0.01 * power(rows, 59.5, 60.5).min()
    )


def test_the_recording_given_is_not_changed():
    given = recording(pink(3, 4000) + line(4000))
    before = given.copy(deep=True)
    remove_line_noise(given, frequency=60.0)
    xr.testing.assert_identical(given, before)


@pytest.mark.parametrize(
    ("frames", "asked", "said"),
    [
        (4000, {"frequency": 60.0, "harmonics": 9}, "harmonic 9 of 60 Hz is 540 Hz"),
        (4000, {"frequency": 0.0}, "between 0 and half the sampling rate, 500 Hz"),
        (4000, {"frequency": 60.0, "harmonics": 0}, "harmonics is 0"),
        (300, {"frequency": 60.0}, r"lasts 0.3 s; .* takes 0.5 s"),
        (600, {"frequency": 5.0}, "5 Hz has 0 neighbours on one side"),
    ],
)
def test_a_line_that_cannot_be_told_is_refused(frames, asked, said):
    with pytest.raises(InputError, match=said):
        line_noise(recording(pink(2, frames)), **asked)


def test_a_window_too_short_is_refused():
    with pytest.raises(InputError, match=r"window is 0\.1 s"):
        remove_line_noise(recording(pink(2, 4000)), frequency=60.0, window=0.1)


def test_a_gap_names_its_channel():
    rows = pink(3, 4000)
    rows[1, 5:9] = np.nan
    with pytest.raises(InputError, match="channel E2 4"):
        line_noise(recording(rows), frequency=60.0)


@pytest.mark.parametrize("value", [np.nan, 3.0])
def test_a_field_of_dead_sites_has_no_ratio_and_stays_as_it_was(value):
    dead = recording(np.full((3, 2000), value))
    found = line_noise(dead, frequency=60.0)
    assert np.isnan(found["line_ratio"]).all() and np.isnan(found["line_p"]).all()
    freed = remove_line_noise(dead, frequency=60.0)
    np.testing.assert_array_equal(freed["lfp"], dead["lfp"])
