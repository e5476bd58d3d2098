"""Fields in which nothing travels to a side, though they look as if something did."""

from __future__ import annotations

import numpy as np
import scipy.fft
import xarray as xr

from cortexwave.errors import InputError
from cortexwave.sheet.lattice import Lattice
from cortexwave.synthetic.course import check_positive, frame_count
from cortexwave.synthetic.noise import drawn, generator_of, passed
from cortexwave.synthetic.places import SitesLike, places_of
from cortexwave.synthetic.truths import Stored, Truth, as_recording, stored

_ARRAY = Lattice((10, 10), spacing=0.4, boundary=("open", "open"))
_FRAMES, _RATE = 4096, 250.0
_VALUES_AT_ONCE = 2**21  # of the modes drawn at once: 32 MiB in complex128


def two_sources(
    sites: SitesLike = _ARRAY,
    *,
    seed: int,
    duration: float = _FRAMES / _RATE,
    rate: float = _RATE,
    lengths: tuple[float, float] = (1.2, 0.48),
    bands: tuple[tuple[float, float], tuple[float, float]] = (
        (4.0, 15.0),
        (15.0, 40.0),
    ),
    weight: float = 0.5,
    dtype: Stored = "float64",
) -> xr.Dataset:
    """A recording (uV) of two zero-lag noises of different smoothness and band.

    Its smoothness depends on frequency, as that of any LFP does, so one spatial
    covariance times one spectrum rejects it although nothing travels; its
    cross-spectrum is real at every frequency. The defaults are the decoy of our
    false-positive tests: 10 x 10 sites of 0.4 mm, 4096 frames at 250 Hz, smoothed
    over 3 and 1.2 sites (`lengths` in mm), `bands` 4-15 and 15-40 Hz, each brought
    to a standard deviation of 1, the second then weighted 0.5. Bands are Butterworth
    filters of order 2, forwards and backwards, without the ends they would spoil.
    """
    frames = frame_count(duration, rate)
    check_positive("weight", weight, "of the second source")
    if len(lengths) != 2 or len(bands) != 2:
        raise InputError(
            f"lengths {lengths!r} and bands {bands!r}: one for each of two sources"
        )
    places = places_of(sites)
    generator = generator_of(seed)
    total = np.zeros((frames, places.count), stored(dtype))
    for length, band, share in zip(lengths, bands, (1.0, weight), strict=True):
        source = drawn(
            generator, places, frames=frames, rate=rate, length=length,
            gain=passed(band, rate), dtype=dtype,
        )  # fmt: skip
        source *= share / source.std()
        total += source
    truth: Truth = {"kind": "two_sources", "travels": False, "start": 0.0,
             "end": float(duration), "lengths": list(lengths),
             "bands": [list(band) for band in bands], "weight": float(weight),
             "seed": seed}  # fmt: skip
    return as_recording(places, total, rate=rate, truth=truth)


def damped_wave_noise(
    sites: SitesLike,
    *,
    duration: float,
    rate: float,
    speed: float,
    damping: float,
    restoring: float,
    length: float,
    sheet: float,
    seed: int,
    amplitude: float = 1.0,
    dtype: Stored = "float64",
) -> xr.Dataset:
    """A recording (uV) of waves that run every way alike, in a noisy damped sheet.

    u_tt + 2 damping u_t + restoring^2 u = speed^2 lap u + noise, in its stationary
    state: `speed` in mm/s, `damping` in 1/s, `restoring` in rad/s; the noise is white
    in time and smoothed over `length` mm (sd) in space. Waves do travel in it, but
    as many to each side: a stationary Gaussian field that looks the same in a mirror
    has a real cross-spectrum, so no test of net lags may reject it. `sheet` (mm) is
    the side of the periodic square in which the array lies; below about 2 pi speed /
    damping its resonances stand out. The cost grows as (sheet / length)^2.
    `amplitude` is the expected standard deviation, of frequencies up to half the rate.
    """
    frames = frame_count(duration, rate)
    for name, value, unit in (
        ("speed", speed, "mm/s"), ("damping", damping, "1/s"),
        ("length", length, "mm"), ("sheet", sheet, "mm"),
        ("amplitude", amplitude, "uV"),
    ):  # fmt: skip
        check_positive(name, value, unit)
    if not 0 <= restoring < np.inf:
        raise InputError(f"restoring is {restoring} rad/s; it is 0 or positive")
    places = places_of(sites)
    extent = max(np.ptp(places.x), np.ptp(places.y)) + places.pitch
    if sheet < extent:
        raise InputError(
            f"sheet is {sheet:g} mm; the array needs {extent:g} mm, its extent and one "
            "pitch, or more"
        )
    generator = generator_of(seed)
    values = np.zeros((frames, places.count), stored(dtype))
    kept, variance = np.result_type(values, np.complex64), 0.0
    rows, columns = places.axes or (places.y, places.x)
    k = _wavenumbers(sheet, length)
    longer = scipy.fft.next_fast_len(2 * frames)
    few = max(1, _VALUES_AT_ONCE // longer)
    omega = 2 * np.pi * scipy.fft.fftfreq(longer, 1 / rate)
    for k_x in k[k >= 0]:
        inside = k[np.hypot(k, k_x) <= k[-1]]
        part = np.zeros((longer, rows.size), kept)
        for k_y in np.split(inside, range(few, inside.size, few)):
            square = speed**2 * (k_x**2 + k_y**2) + restoring**2
            # an oscillator of each mode, driven as strongly as smoothing leaves it
            response = (square[:, None] - omega**2) + 2j * damping * omega
            response[:, 0] = np.inf  # no power at frequency 0
            drive = np.exp(-(length**2) * (k_x**2 + k_y**2) / 2)
            weight = drive[:, None] / np.abs(response)
            if k_x > 0:
                weight *= np.sqrt(2)  # for -k as well
            variance += float(np.sum(weight**2))
            pairs = generator.standard_normal((*weight.shape, 2), values.dtype)
            spectrum = pairs.view(kept)[..., 0] * weight.astype(values.dtype)
            part += spectrum.T @ np.exp(1j * k_y[:, None] * rows).astype(kept)
        series = scipy.fft.ifft(part, axis=0, norm="forward")[:frames]
        across = np.exp(1j * k_x * columns).astype(kept)
        _add_modes(values, series, across, on_lattice=places.axes is not None)
    values *= amplitude / np.sqrt(variance)
    truth: Truth = {"kind": "damped_wave_noise", "travels": False, "start": 0.0,
             "end": float(duration), "speed": float(speed), "damping": float(damping),
             "restoring": float(restoring), "length": float(length),
             "sheet": float(sheet),
             "amplitude": float(amplitude), "seed": seed}  # fmt: skip
    return as_recording(places, values, rate=rate, truth=truth)


def _wavenumbers(sheet: float, length: float) -> np.ndarray:
    """Wavenumbers (rad/mm) along an axis of the sheet, of both signs.

    Smoothing leaves 1e-5 of the power of the last.
    """
    step = 2 * np.pi / sheet
    count = int(np.ceil(np.sqrt(-np.log(1e-5)) / length / step))
    return step * np.arange(-count, count + 1)


def _add_modes(
    values: np.ndarray, part: np.ndarray, across: np.ndarray, *, on_lattice: bool
) -> None:
    """Add the real part of part (time, row) times across (column) to (time, site)."""
    if on_lattice:
        field = values.reshape(len(values), part.shape[1], across.size)
        field += part.real[:, :, None] * across.real
        field -= part.imag[:, :, None] * across.imag
    else:
        values += part.real * across.real
        values -= part.imag * across.imag
