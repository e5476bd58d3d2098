"""What happens to a signal from the contact to the disk: noise, band, rate, bits."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal, get_args

import numpy as np
import scipy.fft
import scipy.signal
import xarray as xr

from cortexwave import schema
from cortexwave.errors import InputError

Phase = Literal["causal", "zero_phase"]

_EQUAL = 1e-3
_SETTLED = 0.01  # of a filter's slowest response is left when frames are valid
_LARGEST_RATIO = 10_000


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
class Noise:
    """Gaussian noise of power 1/f^exponent, independent between channels.

    `snr_db` is 10 log10 of the mean power of the live channels to that of the noise,
    both within `band` (Hz). 0 is white noise, 1 is 1/f. With a `spectrum`, as
    `spectrum_of` takes it from a recording, that is its shape; beyond its ends power
    stays as it is there.
    """

    snr_db: float
    band: tuple[float, float]
    exponent: float = 0.0
    spectrum: Spectrum | None = None


@dataclass(frozen=True)
class Amplifier:
    """An amplifier's band (Hz; None is no edge), `phase` of its filter, rate and bits.

    The filter is Butterworth of `order` (per edge; run twice, which doubles it, if
    zero-phase). `rate` in Hz; `resolution` in uV per bit of 16, values beyond are cut.
    """

    band: tuple[float | None, float | None] = (None, None)
    phase: Phase = "causal"
    order: int = 2
    rate: float | None = None
    resolution: float | None = None


def spectrum_of(
    recording: xr.Dataset, *, variable: str, segment: float = 1.0
) -> Spectrum:
    """The median over channels of the power spectrum of a recording of channels.

    Welch's method in segments of `segment` s, which is also how fine it is: 1 Hz. All
    of the recording is read: of a long one give a part. Channels that are not good,
    miss values or never change do not count.
    """
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
    good = np.broadcast_to(
        recording["good"].values if "good" in recording.coords else True,
        courses.shape[:-1],
    )
    kept = courses[good & np.isfinite(courses).all(axis=-1) & (np.ptp(courses, -1) > 0)]
    if not len(kept):
        raise InputError(f"'{variable}' has no good channel without missing values")
    frequency, power = scipy.signal.welch(kept, rate, nperseg=frames, axis=-1)
    usual = np.median(power, axis=0)
    inside = (frequency > 0) & (usual > 0)
    return Spectrum(tuple(frequency[inside].tolist()), tuple(usual[inside].tolist()))


def scaled_noise(
    values: np.ndarray, noise: Noise, rate: float, live: np.ndarray, *,
    seed: tuple[int, int],
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
    strength = _band_power(values[..., live], rate, noise.band)
    if not strength > 0:
        raise InputError(
            f"the channels have no power between {low:g} and {high:g} Hz: no "
            "signal-to-noise ratio there"
        )
    ratio = strength / _band_power(made[..., live], rate, noise.band)
    return made * np.sqrt(ratio / 10 ** (noise.snr_db / 10))


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


def amplified(
    values: np.ndarray, amplifier: Amplifier, rate: float
) -> tuple[np.ndarray, tuple[float, float], list[str]]:
    """Values within the amplifier's band, s that it spoils at both ends, and a word."""
    if amplifier.phase not in get_args(Phase):
        raise InputError(
            f"phase of the amplifier is {amplifier.phase!r}; {get_args(Phase)}"
        )
    low, high = amplifier.band
    edges = [edge for edge in (low, high) if edge is not None]
    if not edges:
        return values, (0.0, 0.0), []
    if (
        amplifier.order < 1
        or any(not 0 < edge < rate / 2 for edge in edges)
        or (len(edges) == 2 and edges[0] >= edges[1])
    ):
        raise InputError(
            f"the amplifier's band is {low} to {high} Hz, of order {amplifier.order}; "
            f"at {rate:g} frames per s its edges lie between 0 and {rate / 2:g} Hz, "
            "the lower first, and its order is at least 1"
        )
    kind = "bandpass" if len(edges) == 2 else "highpass" if high is None else "lowpass"
    design = {"N": amplifier.order, "Wn": edges if len(edges) == 2 else edges[0],
              "btype": kind, "fs": rate}  # fmt: skip
    sections = scipy.signal.butter(**design, output="sos")
    poles = scipy.signal.butter(**design, output="zpk")[1]
    reach = float(np.log(_SETTLED) / np.log(np.abs(poles).max())) / rate
    if amplifier.phase == "zero_phase":
        padding = min(int(np.ceil(reach * rate)) + 1, values.shape[1] - 1)
        made = scipy.signal.sosfiltfilt(sections, values, axis=1, padlen=padding)
        spoilt = (reach, reach)
    else:
        # as if the first value had always been there
        made = scipy.signal.sosfilt(
            sections, values, axis=1, zi=_at_rest(sections, values)
        )[0]
        spoilt = (reach, 0.0)
    at = " to ".join(f"{edge:g}" for edge in edges)
    said = (
        f"amplifier: Butterworth {kind} at {at} Hz of order {amplifier.order}, "
        f"{amplifier.phase}, {reach:.3g} s spoilt"
    )
    return made, spoilt, [said]


def _at_rest(sections: np.ndarray, values: np.ndarray) -> np.ndarray:
    """States (section, trial, 2, channel) of a filter long at the first value."""
    steady = scipy.signal.sosfilt_zi(sections)  # (section, 2)
    return steady[:, None, :, None] * values[None, :, :1, :]


def resampled(
    values: np.ndarray, rate: float, amplifier: Amplifier
) -> tuple[np.ndarray, float]:
    """Values at the amplifier's rate, and that rate.

    Polyphase, by a Kaiser-windowed filter (80 dB) that passes up to 0.84 of the lower
    of both Nyquist frequencies and stops at that frequency; ends are continued.
    """
    wanted = amplifier.rate
    if wanted is None or abs(wanted / rate - 1) < 1e-9:
        return values, rate
    if not 0 < wanted < np.inf:
        raise InputError(
            f"the amplifier's rate is {wanted} Hz, not positive and finite"
        )
    ratio = Fraction(wanted / rate).limit_denominator(_LARGEST_RATIO)
    up, down = ratio.numerator, ratio.denominator
    if up == 0 or abs(up / down * rate / wanted - 1) > 1e-9 or up > _LARGEST_RATIO:
        raise InputError(
            f"frames at {rate:g} Hz cannot be resampled to {wanted:g} Hz: their ratio "
            f"is not one of whole numbers up to {_LARGEST_RATIO}"
        )
    most = max(up, down)
    taps = scipy.signal.firwin(64 * most + 1, 0.92 / most, window=("kaiser", 8.0))
    made = scipy.signal.resample_poly(
        values, up, down, axis=1, window=taps, padtype="line"
    )
    return made, wanted


def quantised(values: np.ndarray, amplifier: Amplifier, units: str) -> np.ndarray:
    bit = amplifier.resolution
    if bit is None:
        return values
    if not 0 < bit < np.inf:
        raise InputError(f"resolution is {bit} uV per bit, not positive and finite")
    if units != "uV":
        raise InputError(
            f"the amplifier has bits of {bit:g} uV, but the source is in '{units}': "
            "give `gain`, uV per unit of the source"
        )
    counts = np.rint(values / bit)
    cut = np.clip(counts, -(2**15), 2**15 - 1)
    share = float(np.mean(cut != counts))
    if share:
        warnings.warn(
            f"{share:.2%} of the samples lie beyond the amplifier's range of "
            f"{bit * 2**15:g} uV and are cut; a lower gain or coarser bits hold them",
            stacklevel=3,
        )
    return cut * bit + 0.0  # no negative zeros
