"""Surrogates of a recording, and what may be said when one of them is rejected.

Of any statistic that stands out from a surrogate no more may be claimed than that
surrogate lacks: `NULLS` says it in words, for reports. Only "without_lags" says
something about propagation, and only for lags that stay the same; smoothness, phase
gradient directionality and speed stand out from all others without any wave.

The separable surrogate is built from the covariance of the sites that are there. One
drawn from the space-time transform takes an open array for a ring and rejects noise
that does not travel (28 fields of 28); it is not offered.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import scipy.fft
import xarray as xr

from cortexwave.analysis import covariance_surrogates
from cortexwave.analysis.sites import frames_of, like, live_sites, picked
from cortexwave.errors import InputError

Kind = Literal[
    "shuffled_channels", "shifted_in_time", "common_phase", "without_lags", "separable"
]


@dataclass(frozen=True)
class Null:
    """What a surrogate keeps of a recording, what it lacks, what a rejection says."""

    name: str
    keeps: str
    lacks: str
    rejection: str


NULLS: dict[str, Null] = {
    "shuffled_channels": Null(
        name="N1, channels shuffled",
        keeps="the signal of every channel",
        lacks="where each channel stands",
        rejection="the field is organised in space, as any smooth field is; nothing "
        "is said of propagation",
    ),
    "shifted_in_time": Null(
        name="channels shifted in time",
        keeps="the spectrum and the course of every channel",
        lacks="all relations between channels, lag 0 included",
        rejection="channels are related, which a common source does as well; nothing "
        "is said of propagation",
    ),
    "common_phase": Null(
        name="N2, phases common to all channels drawn anew",
        keeps="the whole cross-spectrum, with its lags",
        lacks="events, non-Gaussian and non-stationary structure",
        rejection="the field is more than a stationary linear Gaussian process; lags "
        "are in the surrogate as well, so nothing is said of propagation",
    ),
    "without_lags": Null(
        name="N3f, lags of random sign at each frequency",
        keeps="the spectrum of every channel and the real part of every cross-spectrum",
        lacks="lags that stay the same",
        rejection="channels lead one another by lags that stay the same: propagation, "
        "or sources active in a fixed order",
    ),
    "separable": Null(
        name="N4, one spatial covariance times one spectrum",
        keeps="the covariance at lag 0 and the mean spectrum",
        lacks="smoothness that depends on frequency; lags",
        rejection="the field is not separable in space and time; this needs no "
        "propagation",
    ),
}


def surrogate(
    recording: xr.Dataset, *, kind: Kind, seed: int, variable: str | None = None
) -> xr.Dataset:
    """A recording like the one given without what `NULLS[kind].lacks`.

    One field (`variable`, or the only one) with its dims, units and coordinates; each
    trial and feature for itself, save that "separable" takes one covariance from all
    trials. The mean of every site is kept. Missing and constant sites stay as they
    are. "common_phase" and "without_lags" set a straight line through the ends of each
    signal aside and add it again, as a jump at the ends is a lag to a Fourier transform
    (Schreiber & Schmitz 2000). A truth that came with the recording does not hold of
    its surrogate and is dropped.
    """
    if kind not in get_args(Kind):
        raise InputError(
            f"kind is {kind!r}; surrogates are {', '.join(get_args(Kind))}. (A "
            "separable one from the space-time transform is not valid on an open array)"
        )
    values = picked(recording, variable)
    frames = frames_of(values).copy()  # (trial, feature, time, site)
    if frames.shape[2] < 4:
        raise InputError(f"field '{values.name}' has {frames.shape[2]} frames; a "
                         "surrogate needs 4 or more")  # fmt: skip
    for feature in range(frames.shape[1]):
        field = frames[:, feature]
        live = live_sites(field)
        if not live.any():
            raise InputError(
                f"field '{values.name}': all sites are missing or constant"
            )
        if not np.isfinite(field[..., live]).all():
            gaps = (~np.isfinite(field)).any(axis=(0, 1)) & live
            raise InputError(
                f"field '{values.name}': {int(gaps.sum())} sites have some values "
                "missing; a surrogate needs all or none of a site"
            )
        field[..., live] = _MAKERS[kind](field[..., live], seed + feature)
    attributes = {name: value for name, value in recording.attrs.items()
                  if name != "truth"}  # fmt: skip
    made = like(values, frames).astype(values.dtype).assign_attrs(values.attrs)
    return made.to_dataset(name=values.name).assign_attrs(
        attributes, surrogate=kind, surrogate_seed=seed
    )


def _shuffled_channels(values: np.ndarray, seed: int) -> np.ndarray:
    return values[..., np.random.default_rng(seed).permutation(values.shape[-1])]


def _shifted_in_time(values: np.ndarray, seed: int) -> np.ndarray:
    """Each site turned around in time by as much as falls to it, in each trial."""
    trials, frames, sites = values.shape
    by = np.random.default_rng(seed).integers(0, frames, (trials, 1, sites))
    rows = (np.arange(frames)[:, None] - by) % frames
    return np.take_along_axis(values, rows, axis=1)


def _common_phase(values: np.ndarray, seed: int) -> np.ndarray:
    trials, frames, _ = values.shape
    spectrum = scipy.fft.rfft(values, axis=1)
    count = (frames - 1) // 2  # without 0 and the highest of an even number: real
    draw = np.random.default_rng(seed)
    spectrum[:, 1 : count + 1] *= np.exp(2j * np.pi * draw.random((trials, count, 1)))
    return scipy.fft.irfft(spectrum, frames, axis=1)


def _without_line(
    make: Callable[[np.ndarray, int], np.ndarray],
) -> Callable[[np.ndarray, int], np.ndarray]:
    def made(values: np.ndarray, seed: int) -> np.ndarray:
        share = np.linspace(0, 1, values.shape[1])[:, None]
        line = values[:, :1] + share * (values[:, -1:] - values[:, :1])
        return make(values - line, seed) + line

    return made


def _separable(values: np.ndarray, seed: int) -> np.ndarray:
    mean = values.mean(axis=(0, 1))
    return covariance_surrogates.separable(values - mean, seed) + mean


_MAKERS: dict[str, Callable[[np.ndarray, int], np.ndarray]] = {
    "shuffled_channels": _shuffled_channels,
    "shifted_in_time": _shifted_in_time,
    "common_phase": _without_line(_common_phase),
    "without_lags": _without_line(covariance_surrogates.without_lags),
    "separable": _separable,
}
