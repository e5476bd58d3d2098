"""What one recording holds beyond labelled trials: of a drive, a sequence, one step.

As in `memory_facts` each readout is asked for by itself, and where the recording lacks
what it takes (a drive, trials of several items, outcomes) its table says so.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

import numpy as np
import xarray as xr

from cortexwave.analysis.sites import picked, sites_of
from cortexwave.comparison.facts_file import Facts, undetermined
from cortexwave.comparison.parts import Part
from cortexwave.errors import InputError
from cortexwave.memory.event_readouts import phase_of_events, sequence_of_events
from cortexwave.memory.fisher_memory import fisher_memory_from_data
from cortexwave.memory.lag_position import lag_position
from cortexwave.memory.memory_function import memory_function
from cortexwave.memory.propagator import propagator
from cortexwave.memory.series import series
from cortexwave.memory.topographic import topographic_shift

_SURROGATES = 99  # at most, where each is a fit of its own
_MOMENTS = 24  # at which items of a sequence are read out
_VALUES = 500_000  # of a recording that its operator is estimated from
_MOST_SITES, _DIRECTIONS = 128, 20  # sites, and directions of most lagged covariance
_DRAWS = 39
_OPERATOR = ("propagator", "topographic_shift")  # made together


def recording_facts(
    recording: xr.Dataset, part: Part, *, label: str, kinds: tuple[str, ...] | None,
    lags: int, permutations: int, band: tuple[float, float],
    noise_correlation: float | None, seed: int, names: Collection[str],
) -> Facts:  # fmt: skip
    """Tables of the drive, of sequences, of outcomes by phase and of the operator.

    Those in `names`. `noise_correlation` (s) of the sensors; without it there is no
    operator.
    """
    few = min(permutations, _SURROGATES)
    readouts: dict[str, Callable[[], xr.Dataset]] = {
        "memory_function": lambda: memory_function(
            recording, variable=part.variable, lags=lags,
            surrogates=max(19, permutations), seed=seed,
        ),
        "lag_position": lambda: lag_position(
            recording, variable=part.variable, lags=lags, surrogates=few, seed=seed
        ),
        "fisher_memory": lambda: fisher_memory_from_data(
            recording, variable=part.variable, lags=lags, surrogates=few, seed=seed
        ),
        "sequence": lambda: sequence_of_events(
            recording, at=float(recording["time"].values[-1]), variable=part.variable,
            label=label if label in ("item", "stimulus") else "item",
            times=_moments(recording), permutations=few, seed=seed,
        ),
        "phase_at_site": lambda: phase_of_events(
            recording, band=band, place=_middle(recording, part), kinds=kinds,
            variable=part.variable, permutations=permutations, seed=seed,
        ),
    }  # fmt: skip
    facts = {name: _made(name, readout) for name, readout in readouts.items()
             if name in names}  # fmt: skip
    if set(names).isdisjoint(_OPERATOR):
        return facts
    return facts | _operator(recording, part, band, noise_correlation, seed)


def _made(name: str, readout: Callable[[], xr.Dataset]) -> xr.Dataset:
    try:
        return readout()
    except InputError as error:
        return undetermined(name, str(error))


def _moments(recording: xr.Dataset) -> list[float]:
    time = np.asarray(recording["time"].values, dtype=float)
    return [float(each) for each in time[:: -(-time.size // _MOMENTS)]]


def _middle(recording: xr.Dataset, part: Part) -> dict[str, float]:
    """Place (mm) of the live site nearest to the middle: chosen by nothing measured."""
    field = picked(recording, part.variable)
    places = np.asarray(sites_of(field).positions, dtype=float)
    first = field.isel(time=slice(0, 2)).transpose(..., "y", "x", missing_dims="ignore")
    over = tuple(k for k, dim in enumerate(first.dims)
                 if dim in ("trial", "time", "feature"))  # fmt: skip
    live = np.isfinite(np.asarray(first.values, dtype=float)).all(axis=over).ravel()
    far = np.linalg.norm(places - places.mean(axis=0), axis=1)
    x, y = places[int(np.where(live, far, np.inf).argmin())]
    return {"x": float(x), "y": float(y)}


def _operator(
    recording: xr.Dataset, part: Part, band: tuple[float, float],
    noise_correlation: float | None, seed: int,
) -> Facts:  # fmt: skip
    """Tables `propagator` and `topographic_shift` of the recording's beginning.

    A step is a quarter of a cycle of the band's upper end, or a frame.
    """

    def neither(reason: str) -> Facts:
        return {name: undetermined(name, reason) for name in _OPERATOR}

    if noise_correlation is None:
        return neither(
            "for how long the sensors' noise is correlated is not known, and without "
            "it noise is read as memory: key 'noise_correlation' of the study"
        )
    field = picked(recording, part.variable)
    frames, trials = field.sizes["time"], field.sizes.get("trial", 1)
    sites = field.size // (frames * trials)
    if sites > _MOST_SITES:
        return neither(f"{sites} sites; an operator of at most {_MOST_SITES} is tried")
    kept = {"time": slice(0, _VALUES // sites)}
    if "trial" in field.dims:
        kept["trial"] = slice(0, max(1, _VALUES // (sites * frames)))
    beginning = recording.isel(kept)
    try:
        measured = series(beginning, part.variable)
    except InputError as error:
        return neither(str(error))
    stride = max(1, round(1 / (4 * band[1] * measured.step)))
    rank = min(_DIRECTIONS, measured.sites)
    return {
        "propagator": _made("propagator", lambda: propagator(
            beginning, variable=part.variable, noise_correlation=noise_correlation,
            rank=rank, stride=stride, draws=_DRAWS, seed=seed,
        )),
        "topographic_shift": _made("topographic_shift", lambda: topographic_shift(
            beginning, variable=part.variable, noise_correlation=noise_correlation,
            rank=rank, stride=stride, count=_DRAWS, seed=seed,
        )),
    }  # fmt: skip
