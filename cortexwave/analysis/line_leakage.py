"""Power that leaks from a line into the frequencies beside it, with its wavenumber.

A taper lets through a known share of a line some frequencies away, in one ratio and
phase to the line itself in all stretches.
"""

from __future__ import annotations

import numpy as np

# squared coherence with a stronger frequency; noise has 0.44 and 0.03 one and two
# frequencies away, by the taper, and none beyond
_LEAKS, _FAR_LEAKS, _FAR = 0.8, 0.5, 3
_BY_CHANCE = 1e-3  # of one pair of frequencies far from each other


def leaked_power(
    spectra: np.ndarray,
    chosen: np.ndarray,
    places: np.ndarray,
    peak: np.ndarray,
    window: np.ndarray,
) -> np.ndarray:
    """Whether the power at a frequency is that of a stronger one, (frequency,) bool.

    Spectra (stretch, frequency, site), `chosen` of their frequencies, each at its
    wavenumber `peak` (frequency, 2) in 1/mm. What a taper makes of a line is the same
    in all stretches but for one factor; so are two steady lines, of any power.
    """
    found = np.zeros(len(chosen), dtype=bool)
    leaked = _leaked(window, spectra.shape[1])
    rare = 1 - _BY_CHANCE ** (1 / (len(spectra) - 1))
    for row, f in enumerate(chosen):
        if not np.isfinite(peak[row]).all():
            continue
        course = spectra @ np.exp(2j * np.pi * places @ peak[row])
        power = np.sum(np.abs(course) ** 2, axis=0)
        shared = np.abs(course[:, f].conj() @ course) ** 2
        away = np.abs(np.arange(power.size) - f)
        least = np.where(away >= _FAR, max(_FAR_LEAKS, rare), _LEAKS)
        coherent = shared > least * power * power[f]
        most = power * leaked[away]
        found[row] = np.any((power > power[f]) & coherent & (power[f] <= 2 * most))
    return found


def _leaked(window: np.ndarray, count: int) -> np.ndarray:
    """Power that a line may have 0, 1, ... frequencies away, of that where it is most.

    The line stands up to half a frequency beside the nearest.
    """
    beside = np.linspace(-0.5, 0.5, 21)
    at = np.arange(count)[:, None] - beside
    turn = np.arange(window.size) * (-2j * np.pi / window.size)
    height = np.abs(np.exp(at[..., None] * turn) @ window) ** 2
    return np.asarray((height / height[0]).max(axis=1))
