"""Stretches of a field that follow a travelling wave, held against fields without lags.

Each frame has a score for every kind of wave (`cortexwave.analysis.templates`). A
smooth field in which nothing travels scores too, now and then and for a while; so
scores are standardised by surrogates of the same field without lags (`reversed_lags`:
the null N3f), and a stretch is what stays above the 99th percentile of theirs. Its mass
is the sum of what it has above it. Each other surrogate gives the greatest mass it has
anywhere, of any kind; a stretch is a wave where hardly any surrogate reaches its mass
(Maris & Oostenveld 2007, J Neurosci Methods 164:177, the greatest cluster as the
statistic, which holds the rate of false alarms for the whole recording).

A frame that follows unison better than the wave counts for nothing: a field in unison
with noise on it always leans some way or other.

What goes on unchanged, at one frequency, for the whole segment has no lags that could
be told from their reverse in this way; `cortexwave.analysis.net_lags` is for that.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.fft

from cortexwave.analysis.templates import KINDS, TRAVELLING, Bank

THRESHOLD_QUANTILE = 0.99
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
    found = []
    for k, excess in enumerate(beyond(own).T):
        for start, stop, mass in runs(excess):
            peak = start + int(excess[start:stop].argmax())
            found.append(Stretch(TRAVELLING[k], round(start * longer),
                                 min(frames, round(stop * longer)), mass,
                                 int(templates[peak, k])))  # fmt: skip
    masses = [
        _greatest(beyond(_scores(spectrum.reversed_lags(draw).field(), bank)[0]))
        for _ in range(count)
    ]
    # a mass is counted per frame of the field, so that segments of any rate compare
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


def runs(excess: np.ndarray) -> list[tuple[int, int, float]]:
    """Start, stop and sum of each run of positive values of (frame,)."""
    above = np.concatenate([[0], (excess > 0).astype(np.int8), [0]])
    steps = np.diff(above)
    total = np.concatenate([[0.0], np.cumsum(np.where(excess > 0, excess, 0))])
    starts, stops = np.flatnonzero(steps == 1), np.flatnonzero(steps == -1)
    return [(int(a), int(b), float(total[b] - total[a]))
            for a, b in zip(starts, stops, strict=True)]  # fmt: skip


def _greatest(excess: np.ndarray) -> float:
    """The greatest mass of any run in (frame, kind)."""
    return max((mass for each in excess.T for _, _, mass in runs(each)), default=0.0)
