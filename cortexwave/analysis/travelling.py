"""Stretches of a field that follow a travelling wave, held against fields without lags.

Each frame has a score for every kind of wave (`cortexwave.analysis.templates`). A
smooth field in which nothing travels scores too, now and then and for a while; so
scores are standardised by surrogates of the same field without lags (`reversed_lags`:
the null N3f). A stretch is a run of frames above the 99th percentile of theirs, or of a
score of 0.85 that anybody would see in the maps. Its mass is the sum of what it has
above that percentile. Each other surrogate gives the greatest mass it has anywhere, of
any kind; a stretch is a wave where hardly any surrogate reaches its mass (Maris &
Oostenveld 2007, J Neurosci Methods 164:177, the greatest cluster as the statistic,
which holds the rate of false alarms for the whole recording).

A frame that follows unison better than the wave counts for nothing: a field in unison
with noise on it always leans some way or other.

What goes on unchanged, at one frequency, for the whole segment has no lags that could
be told from their reverse in this way, and little can be told of a segment of which a
wave fills the better part; `cortexwave.analysis.net_lags` is for that.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.fft

from cortexwave.analysis.templates import KINDS, TRAVELLING, Bank

THRESHOLD_QUANTILE = 0.99
SEEN = 0.85  # a score that is a stretch of itself, tested like any other
_TILE_FREQUENCIES = 4
_ABOVE_BAND = 1.5  # a field is looked at up to so many times its highest frequency
_SYNCHRONOUS = KINDS.index("synchronous")


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
    """Stretches of one segment, and the greatest mass in each of its surrogates."""

    stretches: list[Stretch]
    null_masses: np.ndarray  # (count,)


def test_segment(
    analytic: np.ndarray,
    bank: Bank,
    *,
    rate: float,
    highest: float,
    seed: int,
    count: int,
    calibrations: int,
) -> SegmentTest:
    """The stretches of a segment and the masses of `count` surrogates.

    `analytic` (frame, site) is the analytic signal at the live sites of the bank,
    without gaps, sampled at `rate` Hz, in a band that ends at `highest` Hz. The field
    is looked at three times per cycle of the highest frequency. `calibrations` other
    surrogates standardise the scores.
    """
    frames = len(analytic)
    spectrum = Spectrum.of(analytic, rate=rate, highest=_ABOVE_BAND * highest)
    draw = np.random.default_rng(seed)
    own, templates = _scores(spectrum.field(), bank)
    null = np.concatenate(
        [_scores(spectrum.reversed_lags(draw).field(), bank)[0]
         for _ in range(calibrations)]
    )  # fmt: skip
    centre, spread = null.mean(axis=0), np.maximum(null.std(axis=0), 1e-6)
    limit = np.quantile((null - centre) / spread, THRESHOLD_QUANTILE, axis=0)

    def beyond(scores: np.ndarray) -> np.ndarray:
        return (scores - centre) / spread - limit

    longer = frames / spectrum.frames
    excess = beyond(own)
    found = []
    for k, kind in enumerate(TRAVELLING):
        for start, stop, mass in _stretches(excess[:, k], own[:, k]):
            peak = start + int(own[start:stop, k].argmax())
            found.append(Stretch(
                kind, round(start * longer), min(frames, round(stop * longer)), mass,
                float(own[start:stop, k].sum()), int(templates[peak, k]),
            ))  # fmt: skip
    masses = []
    for _ in range(count):
        scores = _scores(spectrum.reversed_lags(draw).field(), bank)[0]
        over = beyond(scores)
        masses.append(max(
            (mass for k in range(len(TRAVELLING))
             for _, _, mass in _stretches(over[:, k], scores[:, k])), default=0.0,
        ))  # fmt: skip
    return SegmentTest(found, np.array(masses))


test_segment.__test__ = False  # type: ignore[attr-defined]  # not one of pytest's


@dataclass(frozen=True)
class Spectrum:
    """Fourier coefficients of an analytic signal up to a frequency, from the lowest."""

    values: np.ndarray  # (bin, site) complex
    first: int  # signed number of the first bin
    frames: int  # that the field is given in

    @classmethod
    def of(cls, analytic: np.ndarray, *, rate: float, highest: float) -> Spectrum:
        """`analytic` (frame, site); its frequencies within +-`highest` Hz."""
        frames = len(analytic)
        most = min((frames - 1) // 2, int(highest * frames / rate))
        whole = scipy.fft.fft(analytic, axis=0)
        bins = np.arange(-most, most + 1)
        return cls(whole[bins], -most, scipy.fft.next_fast_len(len(bins)))

    def field(self) -> np.ndarray:
        """The field of these frequencies, (frames, site)."""
        padded = np.zeros((self.frames, self.values.shape[1]), self.values.dtype)
        padded[np.arange(self.first, self.first + len(self.values))] = self.values
        return scipy.fft.ifft(padded, axis=0)

    def reversed_lags(self, draw: np.random.Generator) -> Spectrum:
        """The field with lags of random sign at each tile of frequencies.

        As `covariance_surrogates.without_lags`, which see: keeps the power of every
        site and the real part of the cross-spectrum of any two at every frequency.
        """
        count = len(self.values)
        tile = min(_TILE_FREQUENCIES, max(1, count // 16))
        tiles = np.arange(count) // tile
        turned = draw.random(tiles[-1] + 1)[tiles] < 0.5
        phase = np.exp(2j * np.pi * draw.random(count))
        values = np.where(turned[:, None], self.values.conj(), self.values)
        return Spectrum(values * phase[:, None], self.first, self.frames)


def _scores(field: np.ndarray, bank: Bank) -> tuple[np.ndarray, np.ndarray]:
    """Scores of the travelling kinds and their templates, each (frame, kind)."""
    scores, templates = bank.scores(field / np.maximum(np.abs(field), 1e-300))
    follows = scores > scores[:, _SYNCHRONOUS, None]
    travelling = len(TRAVELLING)
    return np.where(follows, scores, 0)[:, :travelling], templates[:, :travelling]


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
