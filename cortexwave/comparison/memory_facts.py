"""What one recording remembers, measured the same of a model and of a lab.

Each readout is asked for by itself, and where it cannot be made (no events, too few
trials, no drive) its table says why. The trials are those of the recording as it is,
without a band, which would ring on after what it passes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import xarray as xr

from cortexwave import schema
from cortexwave.comparison.facts_file import Facts, undetermined
from cortexwave.comparison.parts import Part
from cortexwave.comparison.recording_facts import recording_facts
from cortexwave.errors import InputError
from cortexwave.memory.alignment import shift_aligned_generalisation
from cortexwave.memory.controls import decoding_controls
from cortexwave.memory.covariates import covariates_of
from cortexwave.memory.elapsed_time import decode_elapsed_time
from cortexwave.memory.generalisation import temporal_generalisation
from cortexwave.memory.identity import decode_identity
from cortexwave.memory.ringing import filter_control
from cortexwave.memory.trials import Trials, trials_of

READOUTS = (
    "identity", "filter_control", "elapsed_time", "generalisation", "alignment",
    "memory_function", "lag_position", "fisher_memory", "sequence", "phase_at_site",
    "propagator", "topographic_shift", "controls",
)  # fmt: skip
# Moments at which a readout is made: more cost time, and show nothing more.
_MOMENTS = {"identity": 60, "filter_control": 20, "alignment": 16, "elapsed_time": 30,
            "controls": 4}  # fmt: skip
_CONTROLS = 39  # surrogates of the filter control, each a filter and a decoding
_SPEEDS, _DIRECTIONS = 6, 8  # velocities that are searched for a rigid shift


@dataclass(frozen=True)
class MemoryWanted:
    """Which trials are read out, and how often they are permuted."""

    label: str
    window: tuple[float, float]
    kinds: tuple[str, ...] | None
    permutations: int
    folds: int
    lags: int
    band: tuple[float, float]
    noise_correlation: float | None = None
    covariates: tuple[str, ...] | None = None

    def settings(self) -> dict[str, Any]:
        """All of it as plain values."""
        return asdict(self)


def memory_facts(
    recording: xr.Dataset, part: Part, wanted: MemoryWanted, *, seed: int,
    names: Collection[str] = READOUTS, beside: xr.Dataset | None = None,
) -> Facts:  # fmt: skip
    """The tables of `READOUTS` that are named, each made or with its reason.

    Covariates are those of `beside`, the recording with the channels that are no sites.
    """
    facts: Facts = {}
    try:
        trials = trials_of(
            recording, window=wanted.window, label=wanted.label,
            variable=part.variable, kinds=wanted.kinds,
        )  # fmt: skip
        missing = ""
    except InputError as error:
        trials, missing = None, str(error)
    readouts: dict[str, Callable[[Trials], xr.Dataset]] = {
        "identity": lambda given: decode_identity(
            given, times=_times(given, "identity"), count=wanted.folds,
            permutations=wanted.permutations, seed=seed,
        ),
        "filter_control": lambda given: filter_control(
            given, band=wanted.band, stimulus_end=_stimulus_end(recording, given),
            times=_times(given, "filter_control", after=True), count=wanted.folds,
            surrogates=min(wanted.permutations, _CONTROLS), seed=seed,
        ),
        "elapsed_time": lambda given: _elapsed(given, wanted, seed),
        "generalisation": lambda given: temporal_generalisation(
            given, times=_times(given, "alignment", after=True), seed=seed,
            places=places_of(recording, wanted.label), fold_count=wanted.folds // 2 + 1,
            permutations=wanted.permutations,
        ),
        "alignment": lambda given: _aligned(given, wanted, seed),
    }  # fmt: skip
    if wanted.covariates:
        readouts["controls"] = lambda given: decoding_controls(
            given, times=_times(given, "controls", after=True), seed=seed,
            covariates=covariates_of(recording, given, wanted.covariates or (),
                                     beside=beside),
            count=wanted.folds, permutations=wanted.permutations,
        )  # fmt: skip
    for name, readout in readouts.items():
        if name in names:
            facts[name] = _made(name, readout, trials, missing)
    return facts | recording_facts(
        recording, part, label=wanted.label, kinds=wanted.kinds, lags=wanted.lags,
        permutations=wanted.permutations, band=wanted.band,
        noise_correlation=wanted.noise_correlation, seed=seed, names=names,
    )  # fmt: skip


def _made(
    name: str, readout: Callable[[Trials], xr.Dataset], trials: Trials | None,
    missing: str,
) -> xr.Dataset:  # fmt: skip
    if trials is None:
        return undetermined(name, missing)
    began = time.process_time()
    try:
        table = readout(trials)
    except InputError as error:
        return undetermined(name, str(error))
    _, members = np.unique(trials.labels, return_counts=True)
    return table.assign_attrs(fewest=int(members.min()),
                              took=time.process_time() - began)  # fmt: skip


def _times(trials: Trials, name: str, *, after: bool = False) -> list[float]:
    """At most so many moments of a readout, in equal steps of whole frames."""
    clock = trials.clock[trials.clock >= -1e-9] if after else trials.clock
    if not clock.size:
        raise InputError(
            f"the window ends {-trials.clock[-1]:g} s before the onset; memory is read "
            "out after it"
        )
    every = int(np.ceil(clock.size / _MOMENTS[name]))
    return [float(each) for each in clock[::every]]


def _stimulus_end(recording: xr.Dataset, trials: Trials) -> float:
    """End of the stimulus in s from onset: the longest, 0 where none is stated."""
    duration = np.asarray(schema.events(recording)["duration"].values, dtype=float)
    known = duration[np.isfinite(duration)]
    longest = float(known.max()) if known.size else 0.0
    return min(longest, float(trials.clock[-2]))


def _elapsed(trials: Trials, wanted: MemoryWanted, seed: int) -> xr.Dataset:
    after = trials.clock[trials.clock >= -1e-9]
    if after.size < 2:
        raise InputError("the window holds no time after the onset")
    stride = int(np.ceil(after.size / _MOMENTS["elapsed_time"]))
    return decode_elapsed_time(
        trials, window=(float(after[0]), float(after[-1])), stride=stride,
        count=wanted.folds, permutations=wanted.permutations, seed=seed,
    )  # fmt: skip


def _aligned(trials: Trials, wanted: MemoryWanted, seed: int) -> xr.Dataset:
    """The search for a rigid shift, at velocities that the array can tell apart.

    From one pitch within half of the window to half of the array in one step, in equal
    ratios; the array is the same on both sides, so the velocities are.
    """
    times = _times(trials, "alignment", after=True)
    if trials.positions is None:
        raise InputError(
            "sites have no positions, so nothing can be shifted along them"
        )
    if len(times) < 3:
        raise InputError(f"{len(times)} moments after the onset; 3 are needed")
    step = times[1] - times[0]
    longest = (times[-1] - times[0]) / 2
    span = float(np.ptp(trials.positions, axis=0).max())
    pitch = _pitch(trials.positions)
    return shift_aligned_generalisation(
        trials, speeds=np.geomspace(pitch / longest, span / 2 / step, _SPEEDS),
        directions=np.arange(_DIRECTIONS) * 360.0 / _DIRECTIONS - 180.0,
        longest=longest, boundary="open", times=times, seed=seed,
        fold_count=max(3, wanted.folds // 2), permutations=wanted.permutations,
    )  # fmt: skip


def _pitch(positions: np.ndarray) -> float:
    apart = np.linalg.norm(positions[:, None] - positions[None], axis=-1)
    np.fill_diagonal(apart, np.inf)
    return float(np.median(apart.min(axis=1)))


def places_of(
    recording: xr.Dataset, label: str
) -> dict[str, tuple[float, float]] | None:
    """Where each class was shown, (x, y) in mm, if each has one place; else None."""
    events = schema.events(recording)
    if label in ("x", "y"):
        return None
    x, y = (np.asarray(events[name].values, dtype=float) for name in ("x", "y"))
    labels = np.asarray(events[label].values).astype(str)
    found: dict[str, tuple[float, float]] = {}
    for name in dict.fromkeys(labels.tolist()):
        at = np.stack([x, y], axis=1)[labels == name]
        if not np.isfinite(at).all() or np.ptp(at, axis=0).max() > 1e-9:
            return None
        found[name] = (float(at[0, 0]), float(at[0, 1]))
    return found if len(set(found.values())) == len(found) else None
