"""What an amplifier makes of the signals of its contacts: band, rate, bits."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal, get_args

import numpy as np
import scipy.signal

from cortexwave.errors import InputError

Phase = Literal["causal", "zero_phase"]

_EQUAL = 1e-3
_SETTLED = 0.01  # of a filter's slowest response is left when frames are valid
_LARGEST_RATIO = 10_000


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
