"""One-step operators of noisy recordings, and what noise alone would give."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from scipy.signal import butter, sosfiltfilt
from scipy.stats import binom

from cortexwave.errors import InputError, SchemaError
from cortexwave.memory.propagator import described, propagator, rank_errors

TAU = -1e-3 / np.log(0.9)  # s: noise that keeps 0.9 of itself in a step of 1 ms


def median_modulus(found, estimate):
    return float(found.modulus.sel(estimate=estimate).median())


@pytest.mark.parametrize("power_ratio", [1.0, 0.3])
def test_instruments_find_the_eigenvalues_that_plain_least_squares_shrinks(
    array, ring, power_ratio
):
    field = ring(10, 16_000, 0)
    noise = np.random.default_rng(1).standard_normal(field.shape)
    seen = field + field.std() / np.sqrt(power_ratio) * noise
    found = propagator(array(seen), noise_correlation=0.0, seed=0, draws=19)
    # 3 %, as required; without sensor noise both would be 0.98
    assert median_modulus(found, "instrumental") == pytest.approx(0.98, rel=0.03)
    shrunk = 0.98 * power_ratio / (1 + power_ratio)  # 0.49 and 0.226
    assert median_modulus(found, "plain") == pytest.approx(shrunk, rel=0.04)
    assert float(found.p_signal) == 1 / 20
    tenths = found.frequency.sel(estimate="instrumental").values * 1e-3 * 10
    # ten tenths of a turn per step of 1 ms; within 0.03 rad, three of their errors
    away = np.sort(np.round(tenths) % 10)
    np.testing.assert_array_equal(away, np.arange(10))
    np.testing.assert_allclose(tenths, np.round(tenths), atol=0.3 / (2 * np.pi))


def test_under_coloured_noise_the_lags_must_lie_beyond_its_correlation(
    array, ring, coloured
):
    field = ring(6, 30_000, 0)
    seen = array(field + field.std() * coloured(field.shape, seed=1))
    beyond = propagator(seen, noise_correlation=TAU, seed=0, draws=19)
    within = propagator(seen, noise_correlation=0.0, seed=0, draws=19)
    assert beyond.attrs["first_lag"] == 44  # 0.9^44 is the first below 1 %
    assert median_modulus(beyond, "instrumental") == pytest.approx(0.98, rel=0.03)
    assert median_modulus(within, "instrumental") < 0.9


def test_coloured_noise_alone_reads_as_memory_and_the_zero_signal_answer_says_so(
    array, coloured
):
    noise = array(coloured((8_000, 6), seed=0))
    mistaken = propagator(noise, noise_correlation=0.0, seed=0, draws=19)
    # C_k = 0.9^k: both estimates give 0.9 whatever the lag; 3 standard errors
    assert median_modulus(mistaken, "instrumental") == pytest.approx(0.9, rel=0.02)
    assert median_modulus(mistaken, "plain") == pytest.approx(0.9, rel=0.02)
    known = propagator(noise, noise_correlation=TAU, seed=0, draws=19)
    zero = float(known.zero_middle.sel(estimate="plain").median())
    assert zero == pytest.approx(0.9, rel=0.02)
    assert float(known.p_signal) > 0.05
    text = described(known)
    assert f"a zero-signal recording of the same noise gives {zero:.3f}" in text
    assert f"0.044 s and more: p = {float(known.p_signal):.2g}" in text


def test_a_recording_of_the_noise_gives_the_zero_signal_answer_of_its_colour(
    array, ring, coloured
):
    field = ring(5, 3_000, 0)
    seen = array(field + field.std() * coloured(field.shape, seed=1))
    baseline = array(3.0 * coloured((6_000, 7), seed=2))
    found = propagator(seen, noise_correlation=TAU, noise=baseline, seed=0, draws=19)
    zero = float(found.zero_middle.sel(estimate="plain").median())
    assert zero == pytest.approx(0.9, rel=0.02)
    assert found.attrs["noise"] == "measured"


def test_noise_of_known_colour_is_called_signal_as_rarely_as_stated(array, coloured):
    p = [
        float(propagator(array(coloured((300, 2), seed=seed, correlation=0.8)),
                         noise_correlation=-1e-3 / np.log(0.8), seed=seed, lags=3,
                         draws=19).p_signal)
        for seed in range(20)
    ]  # fmt: skip
    # at 5 % each, more than this many of 20 happen once in a thousand times
    assert np.sum(np.array(p) <= 0.05) <= binom.ppf(0.999, 20, 0.05)


def test_narrow_band_noise_without_any_space_has_eigenvalues_near_the_circle(array):
    noise = np.random.default_rng(0).standard_normal((8_000, 6))
    band = butter(3, [15, 25], "band", fs=500.0, output="sos")
    slow = array(sosfiltfilt(band, noise, axis=0))
    slow = slow.assign_coords(time=("time", np.arange(8_000) / 500, {"units": "s"}))
    found = propagator(slow, noise_correlation=0.0, seed=0, draws=19)
    # C_1 / C_0 of a band about 20 Hz at 500 Hz, each site alone
    nearly = np.cos(2 * np.pi * 20 / 500)
    assert median_modulus(found, "plain") == pytest.approx(nearly, rel=0.02)


def test_an_open_shift_has_no_eigenvalues_but_a_plateau_and_a_cliff(array):
    draw = np.random.default_rng(0)
    stream = draw.standard_normal(12_010)
    line = np.stack([0.9**k * stream[10 - k : 12_010 - k] for k in range(6)], axis=1)
    found = propagator(
        array(line + 0.3 * draw.standard_normal(line.shape)), noise_correlation=0.0,
        seed=0, lags=3, draws=19,
    )  # fmt: skip
    norm = found.power_norm.sel(estimate="instrumental")
    # the first site is white, so nothing earlier is an instrument for it: of the
    # 5 shifts between 6 sites 4 are seen, then nothing; errors of 12,000 frames
    expected = 0.9 ** np.arange(1, 5)
    np.testing.assert_allclose(norm.sel(power=slice(1, 4)), expected, atol=0.08)
    assert float(norm.sel(power=6)) < 0.1
    assert float(found.modulus.sel(estimate="instrumental").max()) < 0.8


def test_a_stride_takes_the_state_as_many_steps_on(array, ring):
    found = propagator(array(ring(5, 8_000, 0)), noise_correlation=0.0, seed=0,
                       stride=3, draws=19)  # fmt: skip
    assert median_modulus(found, "instrumental") == pytest.approx(0.98**3, rel=0.03)
    # a fifth of a turn per step: 3/5 in three of them, seen as -2/5
    turning = np.abs(found.frequency.sel(estimate="instrumental")) * 3e-3 * 5
    np.testing.assert_allclose(np.sort(turning), [0, 1, 1, 2, 2], atol=0.05)


def test_the_rank_of_few_sources_on_many_sites_is_found(array, ring):
    draw = np.random.default_rng(0)
    sources = ring(3, 4_000, 1)
    seen = sources @ np.linalg.qr(draw.standard_normal((9, 3)))[0].T
    seen = array(seen + 0.5 * sources.std() * draw.standard_normal(seen.shape))
    errors = rank_errors(seen, noise_correlation=0.0)
    assert errors.attrs["best"] == 3
    assert float(errors.sel(rank=3)) < 0.2 < 0.4 < float(errors.sel(rank=1))
    found = propagator(seen, noise_correlation=0.0, rank=3, seed=0, draws=19)
    assert median_modulus(found, "instrumental") == pytest.approx(0.98, rel=0.03)
    assert found.operator.shape == (2, 9, 9)


def test_a_field_states_and_channels_give_the_same_numbers(array, ring):
    values = ring(4, 600, 0)
    given = array(values)
    sheet = xr.Dataset({"h": given.isel(trial=0).expand_dims("y", 1)
                        .assign_coords(y=("y", [0.0], {"units": "mm"}))})  # fmt: skip
    states = given.rename(x="unit").drop_vars("unit")
    channels = xr.Dataset({"lfp": (("time", "channel"), values, {"units": "uV"})},
                          {"time": given["time"]})  # fmt: skip
    found = [propagator(each, noise_correlation=0.0, seed=0, draws=19, lags=4)
             for each in (given, sheet, states, channels)]  # fmt: skip
    for each in found[1:]:
        np.testing.assert_array_equal(each.operator, found[0].operator)
    np.testing.assert_allclose(found[0]["site_x"], 0.4 * np.arange(4))
    assert found[3].attrs["variable"] == "lfp"


def test_dead_and_still_sites_are_left_out_and_counted(array, ring):
    values = np.insert(ring(4, 600, 0), [1, 3], [[np.nan, 2.5]], axis=1)
    found = propagator(array(values), noise_correlation=0.0, seed=0, draws=19)
    np.testing.assert_array_equal(found.site, [0, 2, 3, 5])
    assert (found.attrs["sites_missing"], found.attrs["sites_still"]) == (1, 1)


def test_fewer_samples_than_unknowns_are_refused_with_the_number_needed(array, ring):
    short = array(ring(20, 300, 0))
    message = r"400 unknowns.*289 pairs.*400 are needed, 411 frames.*rank of 17 or less"
    with pytest.raises(InputError, match=message):
        propagator(short, noise_correlation=0.0, seed=0)
    propagator(short, noise_correlation=0.0, seed=0, rank=17, draws=19)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"noise_correlation": -1.0}, "noise_correlation is -1.0 s"),
        ({"noise_correlation": 0.05}, "longest lag is 241 frames.*needs 964"),
        ({"rank": 5}, "rank is 5; 4 sites"),
        ({"lags": 0}, "lags is 0"),
        ({"draws": 5}, "draws is 5"),
        ({"variable": "v"}, "an array named 'h' was given"),
    ],
)
def test_what_cannot_be_meant_is_refused_by_name(array, ring, options, message):
    given = {"noise_correlation": 0.0, "seed": 0, **options}
    with pytest.raises(InputError, match=message):
        propagator(array(ring(4, 300, 0)), **given)


def test_recordings_that_lack_something_are_refused_by_name(array, ring):
    good = array(ring(4, 300, 0))
    broken = good.copy()
    broken[0, 7, 2] = np.nan
    uneven = good.isel(time=[0, 1, 2, 5, 6])
    for bad, message in (
        (good.drop_vars("time"), "h has no coordinate 'time'"),
        (good.isel(time=0), "'time' is needed"),
        (uneven, "equal steps"),
        (broken, "1 values are missing"),
        (good * 1j, "complex128"),
        (0 * good, "no site that changes"),
    ):
        with pytest.raises(InputError, match=message):
            propagator(bad, noise_correlation=0.0, seed=0)
    with pytest.raises(SchemaError, match="units of 'h' are missing"):
        propagator(good.drop_attrs().to_dataset(), noise_correlation=0.0, seed=0)
    two = xr.Dataset({"h": good, "g": good})
    with pytest.raises(InputError, match=r"no variable was named.*'h', 'g'"):
        propagator(two, noise_correlation=0.0, seed=0)
    slower = good.assign_coords(time=2 * good["time"])
    with pytest.raises(InputError, match=r"the noise has a step of 0\.002 s"):
        propagator(good, noise_correlation=0.0, seed=0, noise=slower)
