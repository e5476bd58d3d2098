"""Gaussian noise of known smoothness in space and known spectrum in time.

Drawn through the covariance of the sites themselves, so the array is open: white noise
that was smoothed with a Gaussian of sd s has the correlation exp(-d^2 / (4 s^2)) at
distance d. In time it is cut from a stretch twice as long, so that its end does not
join its beginning, as that of a recording does not either.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import scipy.fft
import scipy.signal
import xarray as xr

from cortexwave.errors import InputError
from cortexwave.synthetic.course import check_band, check_positive, frame_count
from cortexwave.synthetic.places import Places, SitesLike, places_of
from cortexwave.synthetic.truths import Stored, as_recording, stored

Gain = Callable[[np.ndarray], np.ndarray]  # frequency (Hz) -> amplitude

_VALUES_AT_ONCE = 2**22  # of the stretches drawn at once: 32 MiB in float64


def smooth_noise(
    sites: SitesLike,
    *,
    duration: float,
    rate: float,
    length: float,
    seed: int,
    exponent: float = 0.0,
    band: tuple[float, float] | None = None,
    amplitude: float = 1.0,
    dtype: Stored = "float64",
) -> xr.Dataset:
    """A recording (uV) of Gaussian noise that shares values only at zero lag.

    `length` (mm) is the sd of the Gaussian that smoothed it in space: correlation
    exp(-d^2 / (4 length^2)); 0 is independent sites. Power falls as
    1 / f^exponent (0: white) and, with `band` (Hz), through a Butterworth filter of
    order 2 forwards and backwards. `amplitude` is the expected standard deviation.
    The cross-spectrum is real: nothing travels.
    """
    frames = frame_count(duration, rate)
    check_positive("amplitude", amplitude, "uV")
    places = places_of(sites)
    values = drawn(
        generator_of(seed), places, frames=frames, rate=rate, length=length,
        gain=power_law(exponent, band, rate), dtype=dtype,
    )  # fmt: skip
    values *= amplitude
    truth = {"kind": "smooth_noise", "travels": False, "start": 0.0,
             "end": float(duration), "length": float(length),
             "exponent": float(exponent), "band": None if band is None else list(band),
             "amplitude": float(amplitude), "seed": seed}  # fmt: skip
    return as_recording(places, values, rate=rate, truth=truth)


def generator_of(seed: int) -> np.random.Generator:
    """The generator of a seed, which is a whole number from 0 on."""
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or seed < 0:
        raise InputError(f"seed is {seed!r}; it is a whole number from 0 on")
    return np.random.default_rng(int(seed))


def power_law(
    exponent: float, band: tuple[float, float] | None, rate: float
) -> Gain | None:
    """The gain of f^(-exponent / 2) through `band`; None is white noise."""
    if not np.isfinite(exponent):
        raise InputError(f"exponent is {exponent}, not finite")
    if band is None:
        if exponent == 0:
            return None
        return lambda frequency: _fallen(frequency, exponent)
    through = passed(band, rate)
    return lambda frequency: _fallen(frequency, exponent) * through(frequency)


def passed(band: tuple[float, float], rate: float) -> Gain:
    """The gain of a Butterworth band-pass of order 2, forwards and backwards."""
    check_band(band, rate)
    sections = scipy.signal.butter(2, band, "bandpass", fs=rate, output="sos")

    def gain(frequency: np.ndarray) -> np.ndarray:
        # the response of sections is defined below half the rate, and 0 there
        inside = frequency < rate / 2
        _, response = scipy.signal.sosfreqz(sections, frequency[inside], fs=rate)
        found = np.zeros(frequency.size)
        found[inside] = np.abs(response) ** 2
        return found

    return gain


def drawn(
    generator: np.random.Generator,
    places: Places,
    *,
    frames: int,
    rate: float,
    length: float,
    gain: Gain | None,
    dtype: Stored,
) -> np.ndarray:
    """Noise (time, site) of expected variance 1, smooth over `length` mm."""
    kept = stored(dtype)
    if gain is None:
        values = generator.standard_normal((frames, places.count), kept)
    else:
        values = shaped(generator, places.count, frames, rate, gain, dtype)
    if length != 0:
        mix_in_space(values, places, length)
    return values


def shaped(
    generator: np.random.Generator,
    count: int,
    frames: int,
    rate: float,
    gain: Gain,
    dtype: Stored,
) -> np.ndarray:
    """Independent noises (time, count) of expected variance 1 and the given spectrum.

    Drawn at the frequencies of a stretch twice as long and cut: its two ends are not
    neighbours. There is no power at frequency 0.
    """
    longer = scipy.fft.next_fast_len(2 * frames, real=True)
    weight = np.zeros(longer // 2 + 1)
    frequency = scipy.fft.rfftfreq(longer, 1 / rate)
    weight[1:] = gain(frequency[1:])
    if longer % 2 == 0:
        weight[-1] = 0.0
    # x = irfft(X): every X and its conjugate give 2 |X|^2 / longer^2 to the variance,
    # and E |X|^2 is 2 weight^2 for a real and an imaginary part of variance 1
    weight *= longer / np.sqrt(4 * np.sum(weight**2))
    values = np.empty((frames, count), dtype)
    few = max(1, _VALUES_AT_ONCE // longer)
    for first in range(0, count, few):
        size = (min(few, count - first), weight.size, 2)
        pairs = generator.standard_normal(size, np.dtype(dtype))
        spectrum = pairs.view(np.result_type(pairs, np.complex64))[..., 0]
        spectrum *= weight.astype(dtype)
        long = scipy.fft.irfft(spectrum, longer, axis=-1)  # (count, time)
        values[:, first : first + size[0]] = long[:, :frames].T
    return values


def mix_in_space(values: np.ndarray, places: Places, length: float) -> None:
    """Make independent noises (time, site) share values as smoothing does, in place."""
    check_positive("length", length, "mm")
    if places.axes is None:
        root = _root(np.column_stack([places.x, places.y]), length).astype(values.dtype)
        for first in range(0, len(values), _block(values)):
            part = values[first : first + _block(values)]
            part[:] = part @ root
        return
    # a Gaussian of the distance is one of y times one of x, and so is its root
    rows, columns = (
        _root(axis[:, None], length).astype(values.dtype) for axis in places.axes
    )
    for first in range(0, len(values), _block(values)):
        part = values[first : first + _block(values)]
        field = part.reshape(-1, *places.shape) @ columns  # (time, y, x)
        part[:] = (rows @ field).reshape(part.shape)  # rows is symmetric


def _block(values: np.ndarray) -> int:
    return max(1, _VALUES_AT_ONCE // values.shape[1])


def _root(positions: np.ndarray, length: float) -> np.ndarray:
    """Symmetric square root of the correlation of sites (site, axis in mm)."""
    apart = positions[:, None] - positions[None]  # (site, site, axis)
    correlation = np.exp(-np.sum(apart**2, axis=-1) / (4 * length**2))
    variance, mode = np.linalg.eigh(correlation)
    # what should be 0 comes out as small numbers of either sign
    return (mode * np.sqrt(np.clip(variance, 0, None))) @ mode.T


def _fallen(frequency: np.ndarray, exponent: float) -> np.ndarray:
    return frequency ** (-exponent / 2)
