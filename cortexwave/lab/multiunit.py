"""The envelope of multi-unit activity in a broadband signal.

What spikes near a contact leave, sorted or not: the band of spikes, rectified and
low-passed (Super & Roelfsema 2005, Prog. Brain Res. 147:263, who took 750 to 5000 Hz).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from cortexwave.errors import InputError
from cortexwave.lab.resampling import Filter, filtered, resampled
from cortexwave.lab.signals import Signal

_ATTENUATION = 60.0  # dB, of what is outside the band
_EDGE = 0.5  # of the lower corner: width over which the filter falls off


def multiunit_envelope(
    signal: Signal, *, band: tuple[float, float], rate: float
) -> Signal:
    """Mean size of the signal within `band` (Hz), at `rate` (Hz), in its units.

    The corners of the zero-phase band-pass are its points of half amplitude; 60 dB
    are reached a quarter of the lower corner further out. The rectified signal is
    low-passed and resampled as `cortexwave.lab.resampling.resampled` does. White
    noise of standard deviation s in the band gives s times the root of 2 / pi.
    `InputError` where the signal does not hold the band.
    """
    low, high = band
    width = _EDGE * low
    if not 0 < low < high:
        raise InputError(f"band is {low:g} to {high:g} Hz; it is two rates above 0, "
                         "the lower first")  # fmt: skip
    if high - low < width or not high + width / 2 < signal.rate / 2:
        raise InputError(
            f"{signal.source}: signal '{signal.name}' of {signal.rate:g} Hz does not "
            f"hold the band of {low:g} to {high:g} Hz; the upper end is below "
            f"{signal.rate / 2 - width / 2:g} Hz, and {width:g} Hz above the lower"
        )
    band_pass = Filter(_band_pass(low, high, width, signal.rate))
    inside = filtered(signal, band_pass)
    read = inside.read

    def sizes(start: int, stop: int) -> np.ndarray:
        values = read(start, stop)
        return np.abs(values, out=values)

    envelope = resampled(replace(inside, read=sizes), rate)
    edge = float(envelope.attributes.get("resampling_edge", 0.0))
    return replace(
        envelope, name=f"{signal.name}_multiunit",
        attributes={
            **envelope.attributes, "multiunit_band": [low, high],
            "multiunit_band_pass": f"zero-phase FIR, {_ATTENUATION:g} dB down outside "
            f"{low - width / 2:g} to {high + width / 2:g} Hz",
            "resampling_edge": edge + band_pass.reach / signal.rate,
        },
    )  # fmt: skip


def _band_pass(low: float, high: float, width: float, rate: float) -> np.ndarray:
    from scipy import signal as scipy_signal  # slow to load, and only needed here

    count, beta = scipy_signal.kaiserord(_ATTENUATION, width / (rate / 2))
    taps: np.ndarray = scipy_signal.firwin(
        count | 1, [low, high], window=("kaiser", beta), pass_zero=False, fs=rate
    )
    return taps
