"""Bursts of activity that no wave carries: all sites in step, or one after another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import xarray as xr

from cortexwave.errors import InputError
from cortexwave.synthetic.course import check_band, check_positive, frame_count
from cortexwave.synthetic.noise import generator_of, mix_in_space
from cortexwave.synthetic.places import SitesLike, places_of
from cortexwave.synthetic.truths import Stored, Truth, as_recording, stored

_REACH = 4.0  # sd of an envelope; e^-8 of it is left beyond


def zero_lag_bursts(
    sites: SitesLike,
    *,
    duration: float,
    rate: float,
    length: float,
    band: tuple[float, float],
    per_second: float,
    width: float,
    seed: int,
    amplitude: float = 1.0,
    dtype: Stored = "float64",
) -> xr.Dataset:
    """A recording (uV) of bursts at random times, each in step at all sites.

    A burst is a smooth pattern of either sign (`length` mm, as `smooth_noise`) times
    a Gaussian envelope (sd `width` s) times a cosine of a frequency out of `band`
    (Hz) and of any phase; `per_second` of them begin on average. Neither stationary
    nor Gaussian, and no site leads another. `amplitude` (uV) is the sd of a pattern.
    """
    course = _Bursts(duration, rate, band, per_second, width, amplitude)
    check_positive("length", length, "mm")
    places = places_of(sites)
    generator = generator_of(seed)
    times, frequencies, phases = course.drawn(generator, before=0.0)
    patterns = generator.standard_normal((times.size, places.count))
    mix_in_space(patterns, places, length)
    values = np.zeros((course.frames, places.count), stored(dtype))
    for at, frequency, phase, pattern in zip(
        times, frequencies, phases, patterns, strict=True
    ):
        course.add(values, at, frequency, phase, pattern)
    truth = {"kind": "zero_lag_bursts", **course.truth(times), "length": float(length),
             "seed": seed}  # fmt: skip
    return as_recording(places, values, rate=rate, truth=truth)


def chain_bursts(
    sites: SitesLike,
    *,
    duration: float,
    rate: float,
    length: float,
    band: tuple[float, float],
    per_second: float,
    width: float,
    modules: int,
    step: float,
    path: Literal["drawn", "fixed"],
    seed: int,
    amplitude: float = 1.0,
    dtype: Stored = "float64",
) -> xr.Dataset:
    """A recording (uV) of modules that become active one after another, `step` s apart.

    A module is a Gaussian spot (sd `length` mm) anywhere in the array, active as a
    burst of `zero_lag_bursts` with the same frequency and phase as the others of its
    chain, but later. With path "drawn" every chain has other modules: sites lead one
    another each time and none does on average. With "fixed" all chains are the same
    one: there are net lags, and still no wave.
    """
    course = _Bursts(duration, rate, band, per_second, width, amplitude)
    check_positive("length", length, "mm")
    check_positive("step", step, "s")
    if not isinstance(modules, int) or modules < 2:
        raise InputError(f"modules is {modules!r}; a chain has at least 2")
    if path not in ("drawn", "fixed"):
        raise InputError(f"path is {path!r}; it is 'drawn' or 'fixed'")
    places = places_of(sites)
    generator = generator_of(seed)
    times, frequencies, phases = course.drawn(generator, before=step * (modules - 1))
    low = np.array([places.x.min(), places.y.min()])
    high = np.array([places.x.max(), places.y.max()])
    chains = generator.uniform(low, high, (times.size, modules, 2))
    if path == "fixed":
        chains[:] = chains[:1]
    values = np.zeros((course.frames, places.count), stored(dtype))
    for at, frequency, phase, chain in zip(
        times, frequencies, phases, chains, strict=True
    ):
        for n, centre in enumerate(chain):
            distance, _ = places.from_point(tuple(centre))
            spot = np.exp(-((distance / length) ** 2) / 2)
            course.add(values, at + n * step, frequency, phase, spot)
    truth = {
        "kind": "chain_bursts", **course.truth(times), "length": float(length),
        "modules": modules, "step": float(step), "path": path, "seed": seed,
    }  # fmt: skip
    return as_recording(places, values, rate=rate, truth=truth)


@dataclass(frozen=True)
class _Bursts:
    """Bursts of a Gaussian envelope at random times of a recording."""

    duration: float
    rate: float
    band: tuple[float, float]
    per_second: float
    width: float
    amplitude: float

    def __post_init__(self) -> None:
        frame_count(self.duration, self.rate)
        check_band(self.band, self.rate)
        check_positive("per_second", self.per_second, "1/s")
        check_positive("width", self.width, "s")
        check_positive("amplitude", self.amplitude, "uV")

    @property
    def frames(self) -> int:
        return frame_count(self.duration, self.rate)

    def drawn(
        self, generator: np.random.Generator, *, before: float
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Times of the heights (s), frequencies (Hz) and phases (rad) of the bursts.

        Those begun outside the recording reach into it, so none is rarer at its ends;
        a chain reaches `before` s further.
        """
        first, last = -_REACH * self.width - before, self.duration + _REACH * self.width
        count = int(generator.poisson(self.per_second * (last - first)))
        times = np.sort(generator.uniform(first, last, count))
        frequencies = generator.uniform(*self.band, count)
        return times, frequencies, generator.uniform(0, 2 * np.pi, count)

    def add(
        self,
        values: np.ndarray,
        at: float,
        frequency: float,
        phase: float,
        pattern: np.ndarray,
    ) -> None:
        """Add one burst of a pattern (site), highest at `at` s, to (time, site)."""
        reach = _REACH * self.width
        first = max(0, int(np.floor((at - reach) * self.rate)))
        last = min(self.frames, int(np.ceil((at + reach) * self.rate)))
        since = np.arange(first, max(first, last)) / self.rate - at
        course = np.exp(-((since / self.width) ** 2) / 2)
        course *= self.amplitude * np.cos(2 * np.pi * frequency * since + phase)
        values[first : first + since.size] += np.outer(course, pattern)

    def truth(self, times: np.ndarray) -> Truth:
        return {
            "travels": False, "start": 0.0, "end": float(self.duration),
            "band": list(self.band), "width": float(self.width),
            "per_second": float(self.per_second), "amplitude": float(self.amplitude),
            "times": np.round(times, 6).tolist(),
        }  # fmt: skip
