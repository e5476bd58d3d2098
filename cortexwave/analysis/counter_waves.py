"""Does a wave travel, or do two waves of one shape run against each other?

What stands is two waves of the same lag, forwards and backwards, of equal amplitude:
of planes a row of nodes, of circles rings, of two that turn a dipole. Any one of the
two follows half of it, and noise decides which from frame to frame. So both amplitudes
are taken together, over all frames of a stretch. With amplitudes 1 and r one wave
explains a share of 1 / (1 + r^2) of the power and two equal ones (1 + r)^2 / 2 of that:
beyond r = sqrt(2) - 1 what stands is the better description.
"""

from __future__ import annotations

import numpy as np

_EQUAL = np.sqrt(2) - 1
_ALIKE = 0.9  # |mean exp(2 i lag)| from which both waves are one: nearly unison


def counter_wave(analytic: np.ndarray, lag: np.ndarray) -> float:
    """Amplitude of the wave of lag -`lag` over that of `lag`, 0 and more.

    `analytic` (frame, site), `lag` (site,) in rad. Both amplitudes are fitted together
    in each frame; their powers are means over frames, less what noise adds to them (as
    strong as what the two waves leave). NaN where the array is too small to tell the
    two apart, infinite where the wave is not there.
    """
    wave = np.exp(-1j * lag)
    shared = complex(np.mean(wave.conj() ** 2))  # of the two waves, 0 to 1 in size
    apart = 1 - abs(shared) ** 2
    sites = len(lag)
    if abs(shared) > _ALIKE or sites <= 2:
        return float("nan")
    forward, backward = (analytic @ each / sites for each in (wave.conj(), wave))
    ahead = (forward - shared * backward) / apart
    back = (backward - shared.conjugate() * forward) / apart
    rest = analytic - ahead[:, None] * wave - back[:, None] * wave.conj()
    noise = float(np.mean(np.abs(rest) ** 2)) / (sites - 2) / apart
    power, counter = (float(np.mean(np.abs(each) ** 2)) - noise
                      for each in (ahead, back))  # fmt: skip
    if power <= 0:
        return float("inf")
    return float(np.sqrt(max(counter, 0.0) / power))


def stands(analytic: np.ndarray, lag: np.ndarray) -> bool:
    """Whether two equal waves of `lag` and -`lag` explain more power than one."""
    return counter_wave(analytic, lag) > _EQUAL  # of NaN, not
