"""Fields in which nothing travels, made from a field, and what stands out from them.

Which phase randomisation does a statement about velocity need? Three were weighed:

- All phases of the space-time spectrum: keeps P(f_x, f_t) to the last bit, so power
  along a line is the same in every surrogate. It is no null at all.
- Phases along time, drawn for each site alone: breaks the lags, but with them what
  sites share at lag 0. Every field that is smooth in space, and every standing wave,
  then stands out without travelling.
- Here: what is kept is P(f_x, f_t) + P(-f_x, f_t), all of the smoothness in space and
  in time; what is drawn anew, besides the phases, is how that sum is shared between
  the two directions, uniformly in [0, 1]. That is exact for stationary Gaussian noise
  without net direction, where the two are independent exponentials of one mean, so
  that each one's part of their sum is uniform. Where the field is not the same at all
  sites and times (a bump, a burst) neighbouring wavelengths and frequencies lean the
  same way by chance; one share is therefore drawn for a tile of up to four
  frequencies and an eighth of the wavelengths. For noise that is the same everywhere
  the null is then somewhat too wide, never too narrow.

The last keeps the real part of the cross-spectrum of any two sites (lag 0, also where
it differs between frequencies) and removes lags that have a direction. What it cannot
tell from a standing field is one of equal waves both ways; no measure of second order
can, as the cross-spectrum of both is real.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.fft

_TILE_FREQUENCIES = 4
_TILE_BLOCKS = 8


def shuffled(values: np.ndarray, seed: int) -> np.ndarray:
    """The field (..., time, site) with its frames and its sites in random order.

    One permutation of the frames and, independent of it, one of the sites, the same
    for everything in front. Each frame keeps its values and each site its values;
    neighbourhood in time and in space is lost. (The code of Keller et al. 2024
    permutes the frames only, although the paper says both.)
    """
    draw = np.random.default_rng(seed)
    frames = draw.permutation(values.shape[-2])
    sites = draw.permutation(values.shape[-1])
    return values[..., frames[:, None], sites]


def direction_shares(frames: int, sites: int, seed: int) -> np.ndarray:
    """The part of P(f_x, f_t) + P(-f_x, f_t) at each f_t and f_x >= 0.

    (frames, sites // 2 + 1), in the order of the discrete Fourier transform: at
    f_x > 0 power at f_t < 0 travels towards higher sites, at f_t > 0 towards lower
    ones; the parts of f_t and -f_t add to 1. 0 and the highest of an even number
    have no direction and are left as they are, 1/2.
    """
    pairs, columns = (frames - 1) // 2, (sites - 1) // 2
    # a recording of few frames has few frequencies to tell apart
    rows = np.arange(pairs) // min(_TILE_FREQUENCIES, max(1, pairs // 16))
    blocks = np.arange(columns) * min(_TILE_BLOCKS, columns) // max(1, columns)
    draw = np.random.default_rng(seed)
    tiles = draw.random((pairs, _TILE_BLOCKS))[rows[:, None], blocks]
    shares = np.full((frames, sites // 2 + 1), 0.5)
    shares[1 : pairs + 1, 1 : columns + 1] = tiles
    shares[frames - pairs :, 1 : columns + 1] = 1 - tiles[::-1]
    return shares


def phase_randomised(values: np.ndarray, seed: int) -> np.ndarray:
    """The field (..., time, site), real, without a net direction at any frequency.

    Keeps P(f_x, f_t) + P(-f_x, f_t) and the mean; the part that travels each way is
    drawn by `direction_shares` (the same for everything in front), all phases at
    random. The module says why.
    """
    frames, sites = values.shape[-2:]
    spectrum = scipy.fft.fft2(values)
    power = np.abs(spectrum) ** 2
    both = power + power[..., _negative(sites)]  # P(f_x, f_t) + P(-f_x, f_t)
    share = np.full((frames, sites), 0.5)
    half = sites // 2 + 1
    share[:, :half] = direction_shares(frames, sites, seed)
    # a real field has the same power at (-f_x, -f_t)
    share[:, half:] = share[_negative(frames)][:, _negative(sites)[half:]]
    draw = np.random.default_rng([seed, 1])
    phase = np.angle(scipy.fft.fft2(draw.standard_normal(values.shape)))
    made = np.sqrt(both * share) * np.exp(1j * phase)
    made[..., 0, 0] = spectrum[..., 0, 0]
    return scipy.fft.ifft2(made).real


def _negative(length: int) -> np.ndarray:
    """Where -f stands, for each f of a discrete Fourier transform."""
    return -np.arange(length) % length


@dataclass(frozen=True)
class Exceedance:
    """How far something stands out from its surrogates, (..., velocity) each.

    `ratio` to the surrogates' mean, `z` in their standard deviations, `p` at one
    velocity, `p_family` for the whole grid of velocities.
    """

    ratio: np.ndarray
    z: np.ndarray
    p: np.ndarray
    p_family: np.ndarray


def exceedance(observed: np.ndarray, surrogates: np.ndarray) -> Exceedance:
    """Observed (..., velocity) against surrogates (count, ..., velocity).

    One-sided: how often a surrogate is at least as large, the observed one counted
    in, (1 + #) / (1 + count). For the family the greatest value over the grid is
    compared (Westfall & Young 1993) in two ways, as it is and in standard deviations
    from the mean of its velocity. The first finds a wave of one frequency, whose
    line varies as a single share does; the second a weak wave of many frequencies
    beside strong slow noise. The smaller p of the two is ranked among the same of
    every surrogate.
    Where nothing varies ratio and z are NaN, p is 1.
    """
    count = len(surrogates)
    everything = np.concatenate([observed[None], surrogates])
    centre, spread = everything.mean(axis=0), everything.std(axis=0)
    varies = spread > 1e-9 * np.abs(centre)  # else a rounding would be a score
    with np.errstate(invalid="ignore", divide="ignore"):
        power = np.where(varies, everything, -np.inf)
        score = np.where(varies, (everything - centre) / spread, -np.inf)
        mean = surrogates.mean(axis=0)
        ratio = np.where(mean > 0, observed / mean, np.nan)
        z = (observed - mean) / surrogates.std(axis=0, ddof=1)
    beyond = np.sum(surrogates >= observed, axis=0)
    ours, theirs = zip(_rank_of_greatest(power), _rank_of_greatest(score), strict=True)
    beyond_all = np.sum(
        np.minimum(*theirs)[..., None] <= np.minimum(*ours), axis=0
    )  # fmt: skip
    return Exceedance(
        ratio=ratio,
        z=np.where(varies, z, np.nan),
        p=np.where(varies, (1 + beyond) / (1 + count), 1.0),
        p_family=np.where(varies, (1 + beyond_all) / (1 + count), 1.0),
    )


def _rank_of_greatest(scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How many of the greatest over the grid reach the observed, and each of its own.

    Scores (1 + count, ..., velocity), the observed first; returns (..., velocity) of
    the observed and (count, ...) of the surrogates.
    """
    greatest = scores.max(axis=-1)  # (1 + count, ...)
    observed = 1 + np.sum(greatest[1:, ..., None] >= scores[0], axis=0)
    # one by one: all pairs at once would be count^2 arrays
    own = np.stack([np.sum(greatest >= each, axis=0) for each in greatest[1:]])
    return observed, own
