"""Noise of electrodes: its spectrum, what contacts share of it, how strong it is.

`spectrum_of` and `correlation_of` take both from a lab's recording, so that a sheet is
seen under the noise of the array that it is compared with.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.fft
import scipy.optimize
import scipy.signal
import scipy.spatial
import xarray as xr

from cortexwave import schema
from cortexwave.errors import InputError
from cortexwave.lab.electrodes import Electrodes, electrodes_of

_EQUAL = 1e-3
_LENGTHS = 200  # lengths that are tried, 3 % apart or less
_FEWEST = 4  # contacts, to tell a length from their correlations


@dataclass(frozen=True)
class Spectrum:
    """Power (in any unit per Hz) at some rising frequencies above 0 (Hz)."""

    frequency: tuple[float, ...]
    power: tuple[float, ...]

    def __post_init__(self) -> None:
        at, power = np.array(self.frequency), np.array(self.power)
        if at.shape != power.shape or at.ndim != 1 or at.size < 2 or not (
            at[0] > 0 and np.all(np.diff(at) > 0) and np.all(power > 0)
            and np.isfinite(power).all()
        ):  # fmt: skip
            raise InputError(
                f"a spectrum has two or more rising frequencies above 0 and as many "
                f"powers above 0; not {at.size} and {power.size} such"
            )


@dataclass(frozen=True)
class Correlation:
    """What contacts share of their noise, all of it without lags.

    `common` is the share of power that is the same at all contacts, as of a reference;
    `local` the share that two of them d mm apart have in common to exp(-d^2 / (2
    length^2)), `length` in mm; the rest each has alone. The real part of their
    coherence is `common` + `local` exp(...) at every frequency, the imaginary part 0.
    """

    common: float = 0.0
    local: float = 0.0
    length: float = 0.0

    def __post_init__(self) -> None:
        shares = (self.common, self.local)
        if not (np.isfinite(shares).all() and min(shares) >= 0 and sum(shares) <= 1):
            raise InputError(
                f"shares of noise are common {self.common} and local {self.local}; "
                "each is 0 or more, and both together at most 1"
            )
        if not 0 <= self.length < np.inf or (self.local > 0) != (self.length > 0):
            raise InputError(
                f"noise is shared locally to {self.local:g} over a length of "
                f"{self.length:g} mm; both are above 0, or neither"
            )

    def between(self, distance: np.ndarray) -> np.ndarray:
        """The real part of the coherence of contacts some mm apart; 1 at the same."""
        near = np.exp(-0.5 * (distance / self.length) ** 2) if self.length else 0.0
        return np.where(distance > 0, self.common + self.local * near, 1.0)


@dataclass(frozen=True)
class Noise:
    """Gaussian noise of power 1/f^exponent, by default independent between channels.

    `snr_db` is 10 log10 of the mean power of the live channels to that of the noise,
    both within `band` (Hz). 0 is white noise, 1 is 1/f. With a `spectrum`, as
    `spectrum_of` takes it from a recording, that is its shape; beyond its ends power
    stays as it is there. `correlation` says what contacts share of it.
    """

    snr_db: float
    band: tuple[float, float]
    exponent: float = 0.0
    spectrum: Spectrum | None = None
    correlation: Correlation | None = None


def spectrum_of(
    recording: xr.Dataset, *, variable: str, segment: float = 1.0
) -> Spectrum:
    """The median over channels of the power spectrum of a recording of channels.

    Welch's method in segments of `segment` s, which is also how fine it is: 1 Hz. All
    of the recording is read: of a long one give a part. Channels that are not good,
    miss values or never change do not count.
    """
    courses, rate, frames, _ = _courses(recording, variable, segment)
    frequency, power = scipy.signal.welch(courses, rate, nperseg=frames, axis=-1)
    usual = np.median(power.reshape(-1, frequency.size), axis=0)
    inside = (frequency > 0) & (usual > 0)
    return Spectrum(tuple(frequency[inside].tolist()), tuple(usual[inside].tolist()))


def correlation_of(
    recording: xr.Dataset,
    *,
    variable: str,
    band: tuple[float, float],
    segment: float = 1.0,
) -> Correlation:
    """What channels share without lags within a band (Hz), by their distance.

    The real part of the coherence (segments of `segment` s, half overlapping, Hann)
    of each pair on the same array is averaged over the band, and the shares and the
    length fitted to it by least squares. Waves are in it, too: choose a band that has
    none, such as above 150 Hz, where it is the correlation of noise. All of the
    recording is read: of a long one give a part.
    """
    courses, rate, frames, kept = _courses(recording, variable, segment)
    electrodes = electrodes_of(recording)
    placed = electrodes.placed[kept]
    courses, kept = courses[..., placed, :], np.flatnonzero(kept)[placed]
    if kept.size < _FEWEST:
        raise InputError(
            f"{kept.size} good channels of '{variable}' have a place; {_FEWEST} are "
            "needed to say what they share by distance"
        )
    pairs = np.array(electrodes.arrays, dtype=object)[kept]
    same = pairs[:, None] == pairs[None, :]
    coherence = _real_coherence(courses, rate, frames, band)
    distance = _distances(electrodes)[np.ix_(kept, kept)]
    used = np.triu(same & (distance > 0), 1)
    if not used.any():
        raise InputError(f"no two channels of '{variable}' stand apart on one array")
    return _fitted(distance[used], coherence[used])


def _courses(
    recording: xr.Dataset, variable: str, segment: float
) -> tuple[np.ndarray, float, int, np.ndarray]:
    """Courses (trial, channel, time) of usable channels; rate; frames; which, (n,)."""
    names = schema.field_names(recording)
    if variable not in names or "channel" not in recording[variable].dims:
        raise InputError(f"no field '{variable}' of channels; there is {names}")
    values = recording[variable].transpose(..., "channel", "time")
    time = np.asarray(values["time"].values, dtype=float)
    rate = (time.size - 1) / (time[-1] - time[0]) if time.size > 1 else np.nan
    frames = round(segment * rate) if np.isfinite(rate) else 0
    if not 4 <= frames <= time.size:
        raise InputError(
            f"segments of {segment:g} s do not fit in the {time.size} frames of "
            f"'{variable}'"
        )
    courses = np.asarray(values.values, dtype=float)
    courses = courses.reshape(-1, *courses.shape[-2:])
    usable = np.isfinite(courses).all(axis=(0, 2)) & (np.ptp(courses, 2) > 0).all(0)
    if "good" in recording.coords:
        usable &= recording["good"].values.astype(bool)
    if not usable.any():
        raise InputError(f"'{variable}' has no good channel without missing values")
    return courses[:, usable], float(rate), frames, usable


def _real_coherence(
    courses: np.ndarray, rate: float, frames: int, band: tuple[float, float]
) -> np.ndarray:
    """Re coherence (channel, channel), the mean over the frequencies of a band."""
    frequency = scipy.fft.rfftfreq(frames, 1 / rate)
    inside = (frequency >= band[0]) & (frequency <= band[1]) & (frequency > 0)
    if not inside.any() or not band[0] < band[1] <= rate / 2 * (1 + _EQUAL):
        raise InputError(
            f"band is {band[0]:g} to {band[1]:g} Hz; at {rate:g} Hz in segments of "
            f"{frames / rate:g} s it lies within {rate / frames:g} to {rate / 2:g} Hz"
        )
    window = scipy.signal.windows.hann(frames, sym=False)
    real = np.zeros((inside.sum(), courses.shape[1], courses.shape[1]))
    for trial in courses:
        for begin in range(0, trial.shape[1] - frames + 1, max(1, frames // 2)):
            part = trial[:, begin : begin + frames]
            part = (part - part.mean(axis=1, keepdims=True)) * window
            spectrum = scipy.fft.rfft(part, axis=1)[:, inside].T  # (f, channel)
            for piece in (spectrum.real, spectrum.imag):
                real += piece[:, :, None] * piece[:, None, :]
    power = np.sqrt(np.einsum("fcc->fc", real))
    coherence: np.ndarray = (real / (power[:, :, None] * power[:, None, :])).mean(0)
    return coherence


def _fitted(distance: np.ndarray, coherence: np.ndarray) -> Correlation:
    """The shares and the length that fit best; no length where nothing is local."""
    best = (np.inf, 0.0, 0.0, 0.0)
    for length in np.geomspace(distance.min() / 4, 2 * distance.max(), _LENGTHS):
        near = np.exp(-0.5 * (distance / length) ** 2)
        table = np.column_stack([np.ones(distance.size), near])
        shares, missed = scipy.optimize.nnls(table, coherence)
        if missed < best[0]:
            best = (missed, float(shares[0]), float(shares[1]), float(length))
    _, common, local, length = best
    total = max(1.0, common + local)
    if local / total < _EQUAL:
        return Correlation(common / total)
    return Correlation(common / total, local / total, length)


def scaled_noise(
    values: np.ndarray, noise: Noise, rate: float, live: np.ndarray,
    electrodes: Electrodes, *, seed: tuple[int, int],
) -> np.ndarray:  # fmt: skip
    """Noise (trial, time, channel) at the stated ratio to the live channels."""
    low, high = noise.band
    if not 0 <= low < high <= rate / 2 * (1 + _EQUAL):
        raise InputError(
            f"band of the noise is {low:g} to {high:g} Hz; at {rate:g} frames per s it "
            f"lies within 0 to {rate / 2:g} Hz, the lower first"
        )
    if noise.spectrum is not None and noise.exponent:
        raise InputError("noise has an exponent or a spectrum, not both")
    if not (np.isfinite(noise.snr_db) and np.isfinite(noise.exponent)):
        raise InputError(f"noise of {noise.snr_db} dB and exponent {noise.exponent}")
    generator = np.random.default_rng(list(seed))
    trials, frames, channels = values.shape
    # drawn for twice the time: an inverse transform closes on itself
    length = scipy.fft.next_fast_len(2 * frames, real=True)
    frequency = scipy.fft.rfftfreq(length, 1 / rate)
    gain = np.zeros(frequency.size)
    if noise.spectrum is None:
        gain[1:] = frequency[1:] ** (-noise.exponent / 2)
    else:
        known = np.log(noise.spectrum.frequency), np.log(noise.spectrum.power)
        gain[1:] = np.exp(np.interp(np.log(frequency[1:]), *known) / 2)
    made = np.empty_like(values)
    for trial in range(trials):
        for channel in range(channels):
            white = generator.standard_normal(length)
            spectrum = scipy.fft.rfft(white) * gain
            made[trial, :, channel] = scipy.fft.irfft(spectrum, length)[:frames]
    if noise.correlation is not None:
        made = made @ _mixing(noise.correlation, electrodes)
    strength = _band_power(values[..., live], rate, noise.band)
    if not strength > 0:
        raise InputError(
            f"the channels have no power between {low:g} and {high:g} Hz: no "
            "signal-to-noise ratio there"
        )
    ratio = strength / _band_power(made[..., live], rate, noise.band)
    return made * np.sqrt(ratio / 10 ** (noise.snr_db / 10))


def _mixing(correlation: Correlation, electrodes: Electrodes) -> np.ndarray:
    """The symmetric square root (channel, channel) of what contacts share."""
    wanted = correlation.between(_distances(electrodes))
    strength, modes = np.linalg.eigh(wanted)
    root: np.ndarray = (modes * np.sqrt(np.maximum(strength, 0))) @ modes.T
    return root


def _distances(electrodes: Electrodes) -> np.ndarray:
    """Distances (n, n) of contacts in mm, in the plane."""
    at = electrodes.positions[:, :2]
    distance: np.ndarray = scipy.spatial.distance.cdist(at, at)
    return distance


def _band_power(values: np.ndarray, rate: float, band: tuple[float, float]) -> float:
    """Power of (trial, time, channel) within a band: mean of periodograms, no mean."""
    frequency = scipy.fft.rfftfreq(values.shape[1], 1 / rate)
    inside = (frequency >= band[0]) & (frequency <= band[1]) & (frequency > 0)
    if not inside.any():
        raise InputError(
            f"no frequency of {values.shape[1]} frames at {rate:g} Hz lies within "
            f"{band[0]:g} to {band[1]:g} Hz"
        )
    total = 0.0
    for channel in range(values.shape[2]):
        spectrum = scipy.fft.rfft(values[..., channel], axis=1)[:, inside]
        total += float(np.sum(np.abs(spectrum) ** 2))
    return total
