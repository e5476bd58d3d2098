"""Stretches of a field that follow a travelling wave, held against fields without lags.

Each frame has a score for every kind of wave (`cortexwave.analysis.templates`). A
smooth field in which nothing travels scores too, now and then and for a while; so
scores are standardised by surrogates of the same field without lags
(`LocalSurrogates`). A stretch is a run of frames above the 99th percentile of theirs,
or of a score of 0.85 that anybody would see in the maps. Its mass is the sum of what it
has above that percentile. Each other surrogate gives the greatest mass it has anywhere,
of any kind; a stretch is a wave where hardly any surrogate reaches its mass (Maris &
Oostenveld 2007, J Neurosci Methods 164:177, the greatest cluster as the statistic,
which holds the rate of false alarms for the whole recording).

A frame counts for nothing where its score is what phases that know nothing of the wave
would reach, and where it is told as well by unison, or by two phases half a cycle apart
(`|mean exp(2 i phase)|` is 1 for any one pattern that does not travel): a response
that begins everywhere at once, with noise on it, always leans some way or other.

What goes on unchanged for long, at one frequency, is hardly told from two patterns that
stand, a quarter of a cycle apart; `cortexwave.analysis.net_lags` is for that.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.fft

from cortexwave.analysis.templates import KINDS, TRAVELLING, Bank

THRESHOLD_QUANTILE = 0.99
SEEN = 0.85  # a score that is a stretch of itself, tested like any other
WINDOW_CYCLES = 5  # of the band's lower end, in a window of the surrogates
_TILE = 4  # neighbouring frequencies that are mixed
_SYNCHRONOUS = KINDS.index("synchronous")
# log of the odds against phases that know nothing reaching the floor in a frame
_ODDS = 5.0


@dataclass(frozen=True)
class Stretch:
    """Frames `start` to `stop` (of the field) in which one kind stood out."""

    kind: str
    start: int
    stop: int
    mass: float
    score: float  # summed over frames
    template: int  # of the bank: the one at the frame of the best score


@dataclass(frozen=True)
class SegmentTest:
    """Stretches of one segment, and the masses of those of its surrogates."""

    stretches: list[Stretch]
    null_masses: np.ndarray  # (count,) the greatest
    null_totals: np.ndarray  # (count,) of all together


def test_segment(
    analytic: np.ndarray,
    bank: Bank,
    *,
    rate: float,
    lowest: float,
    seed: int,
    count: int,
    calibrations: int,
) -> SegmentTest:
    """The stretches of a segment and the masses of `count` surrogates.

    `analytic` (frame, site) is the analytic signal at the live sites of the bank,
    without gaps, sampled at `rate` Hz, in a band that begins at `lowest` Hz.
    `calibrations` other surrogates standardise the scores.
    """
    draw = np.random.default_rng(seed)
    surrogates = LocalSurrogates.of(analytic, round(WINDOW_CYCLES / lowest * rate))
    floor = chance_scores(bank)

    def scores(field: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return _scores(field, bank, floor)

    own, templates = scores(analytic)
    null = np.concatenate(
        [scores(surrogates.made(draw))[0] for _ in range(calibrations)]
    )
    centre, spread = null.mean(axis=0), np.maximum(null.std(axis=0), 1e-6)
    limit = np.quantile((null - centre) / spread, THRESHOLD_QUANTILE, axis=0)

    def beyond(scored: np.ndarray) -> np.ndarray:
        return np.where(scored > 0, (scored - centre) / spread - limit, -np.inf)

    excess = beyond(own)
    found = []
    for k, kind in enumerate(TRAVELLING):
        for start, stop, mass in _stretches(excess[:, k], own[:, k]):
            peak = start + int(own[start:stop, k].argmax())
            found.append(Stretch(kind, start, stop, mass,
                                 float(own[start:stop, k].sum()),
                                 int(templates[peak, k])))  # fmt: skip
    masses = np.zeros((2, count))
    for made in range(count):
        scored = scores(surrogates.made(draw))[0]
        over = beyond(scored)
        each = [mass for k in range(len(TRAVELLING))
                for _, _, mass in _stretches(over[:, k], scored[:, k])]  # fmt: skip
        masses[:, made] = max(each, default=0.0), sum(each)
    return SegmentTest(found, *masses)


test_segment.__test__ = False  # type: ignore[attr-defined]  # not one of pytest's


@dataclass(frozen=True)
class LocalSurrogates:
    """Fields without lags that are, from window to window, as smooth and as strong.

    Where nothing travels the real and the imaginary parts of the Fourier coefficients
    of neighbouring frequencies are draws of one Gaussian whose covariance over sites
    is that of lag 0; so any rotation of them among one another is as likely. Each tile
    of four frequencies, in each window, is turned by a random one: it keeps the sum of
    Re(X X*) of the tile exactly (the null N3f, from window to window) and leaves no
    lag. Windows (sine tapers that overlap by half) keep what changes with time: a
    field that is smoother for a while has surrogates that are. Within a window, and a
    tile, it is taken not to change.
    """

    spectra: np.ndarray  # (window, tile, 2 x frequency, site): real, imaginary
    window: int
    frames: int

    @classmethod
    def of(cls, analytic: np.ndarray, window: int) -> LocalSurrogates:
        """`analytic` (frame, site), windows of about `window` frames.

        In the precision of what is given: of single, half the memory is enough.
        """
        frames, sites = analytic.shape
        window = max(4 * _TILE, min(window, frames)) // (2 * _TILE) * (2 * _TILE)
        pieces = _windows(analytic, window)
        pieces *= _taper(window, analytic.real.dtype)[:, None]
        bins = scipy.fft.fft(pieces, axis=1).reshape(-1, window // _TILE, _TILE, sites)
        return cls(np.concatenate([bins.real, bins.imag], axis=2), window, frames)

    def made(self, draw: np.random.Generator) -> np.ndarray:
        """One surrogate, (frame, site)."""
        windows, tiles, parts, sites = self.spectra.shape
        kind = self.spectra.dtype
        rotations = _rotations(draw, parts, windows * tiles).astype(kind)
        turned = rotations @ self.spectra.reshape(windows * tiles, parts, sites)
        bins = turned[:, :_TILE] + 1j * turned[:, _TILE:]
        pieces = scipy.fft.ifft(bins.reshape(windows, self.window, sites), axis=1)
        # turned pieces are even over the window: of the taper's square, 1/2, no more
        pieces *= (2**0.5 * _taper(self.window, kind))[:, None]
        half = self.window // 2
        joined = np.zeros(((windows + 1) * half, sites), dtype=pieces.dtype)
        for k, piece in enumerate(pieces):
            joined[k * half : k * half + self.window] += piece
        return joined[half : half + self.frames]


def _taper(window: int, kind: np.dtype) -> np.ndarray:
    """Square root of Hann's: the squares of two that overlap by half add up to 1."""
    return np.sin(np.pi * (np.arange(window) + 0.5) / window).astype(kind)


def _windows(analytic: np.ndarray, window: int) -> np.ndarray:
    """(window, frame, site), each half a window after the last; zeros at both ends."""
    half = window // 2
    frames = len(analytic)
    count = -(-frames // half) + 1
    padded = np.zeros(((count + 1) * half, analytic.shape[1]), dtype=analytic.dtype)
    padded[half : half + frames] = analytic
    return np.stack([padded[k * half : k * half + window] for k in range(count)])


def _rotations(draw: np.random.Generator, size: int, count: int) -> np.ndarray:
    """Random rotations and reflections (count, size, size), all alike likely."""
    made, triangle = np.linalg.qr(draw.standard_normal((count, size, size)))
    # Mezzadri 2007 (Notices AMS 54:592): without the signs they are not alike likely
    return made * np.sign(np.diagonal(triangle, axis1=1, axis2=2))[:, None, :]


def chance_scores(bank: Bank) -> np.ndarray:
    """The score of each travelling kind that free phases reach once in 150 frames.

    Of n free phases |mean|^2 is exponential with mean 1/n, and the greatest of m of
    them exceeds (log m + c)/n with a chance of about exp(-c).
    """
    counts = [max(1, int((bank.kind == k).sum())) for k in range(len(TRAVELLING))]
    sites = len(bank.positions)
    return np.sqrt((np.log(counts) + _ODDS) / sites)


def _scores(
    field: np.ndarray, bank: Bank, floor: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Scores of the travelling kinds and their templates, each (frame, kind).

    0 where unison, two opposite phases or chance would do as well.
    """
    phasors = field / np.maximum(np.abs(field), 1e-30)
    scores, templates = bank.scores(phasors)
    opposite = np.abs((phasors**2).mean(axis=1))
    rest = np.maximum(scores[:, _SYNCHRONOUS], opposite)[:, None]
    travelling = scores[:, : len(TRAVELLING)]
    counts = (travelling > rest) & (travelling > floor)
    return np.where(counts, travelling, 0), templates[:, : len(TRAVELLING)]


def _stretches(excess: np.ndarray, scores: np.ndarray) -> list[tuple[int, int, float]]:
    """Start, stop and mass of each stretch of one kind, from values of (frame,)."""
    total = np.concatenate([[0.0], np.cumsum(np.maximum(excess, 0))])
    return [(start, stop, float(total[stop] - total[start]))
            for start, stop in runs((excess > 0) | (scores >= SEEN))]  # fmt: skip


def runs(holds: np.ndarray) -> list[tuple[int, int]]:
    """Start and stop of each run of frames in which something holds, (frame,)."""
    steps = np.diff(np.concatenate([[0], holds.astype(np.int8), [0]]))
    starts, stops = np.flatnonzero(steps == 1), np.flatnonzero(steps == -1)
    return [(int(a), int(b)) for a, b in zip(starts, stops, strict=True)]
