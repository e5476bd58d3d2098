"""Whether what one recording remembers goes with its waves: an association, no more.

The strength of waves in a trial is how well its phases after the onset follow a plane
wave: the length of the mean phase vector once the best plane of each frame is taken
away, which neither amplitude nor class enters.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import xarray as xr

from cortexwave.comparison.facts_file import Facts, undetermined
from cortexwave.comparison.parts import Part
from cortexwave.errors import InputError
from cortexwave.memory.features import features, phasor_trials
from cortexwave.memory.mode_share import wave_mode_share
from cortexwave.memory.strength_contrast import information_by_wave_strength
from cortexwave.memory.trials import Trials

_STEPS = 9  # wavenumbers along each axis, from -1 to 1 cycle per 4 pitches
_MOMENTS = 4  # after the onset, at which identity is read
_RUN_CYCLES = 10  # of the band: trials within them share one state of waves


def link_facts(
    recording: xr.Dataset, part: Part, *, band: tuple[float, float],
    window: tuple[float, float], label: str, kinds: tuple[str, ...] | None,
    permutations: int, folds: int, seed: int,
) -> Facts:  # fmt: skip
    """The tables `wave_information` and `wave_share`, each made or with its reason."""
    try:
        trials = phasor_trials(
            recording, band=band, window=window, label=label, variable=part.variable,
            kinds=None if kinds is None else list(kinds),
        )  # fmt: skip
        times = _times(trials)
        strength, amplitude = wave_strength(trials), _amplitude(trials)
    except InputError as error:
        return {name: undetermined(name, str(error))
                for name in ("wave_information", "wave_share")}  # fmt: skip
    length = window[1] - window[0]
    run = max(1, int(np.ceil(_RUN_CYCLES / band[0] / length)))

    def information() -> xr.Dataset:
        return information_by_wave_strength(
            _real(trials), strength, amplitude=amplitude, times=times, run=run,
            permutations=permutations, seed=seed, count=folds,
        )  # fmt: skip

    def share() -> xr.Dataset:
        return wave_mode_share(
            trials, times=times, permutations=permutations, seed=seed, count=folds
        )

    return {"wave_information": _made("wave_information", information),
            "wave_share": _made("wave_share", share)}  # fmt: skip


def wave_strength(trials: Trials) -> np.ndarray:
    """How well the phases of each trial (trial,) follow plane waves, 0 to 1.

    Per frame after the onset the greatest |mean over sites of exp i(phase + k.r)| over
    a lattice of wavenumbers without k = 0 (which is unison), averaged over frames.
    """
    if trials.positions is None:
        raise InputError(
            "sites have no positions, so no plane can be laid through them"
        )
    after = trials.clock >= -1e-9
    places = trials.positions - trials.positions.mean(axis=0)
    apart = np.linalg.norm(places[:, None] - places[None], axis=-1)
    np.fill_diagonal(apart, np.inf)
    most = 2 * np.pi / (4 * float(np.median(apart.min(axis=1))))
    along = np.linspace(-most, most, _STEPS)
    waves = np.stack([axis.ravel() for axis in np.meshgrid(along, along)], axis=1)
    waves = waves[np.linalg.norm(waves, axis=1) > 1e-9]
    planes = np.exp(1j * waves @ places.T) / len(places)  # (wave, site)
    followed = []
    for z in trials.values[:, after]:
        unit = z / np.maximum(np.abs(z), np.finfo(float).tiny)
        followed.append(np.abs(unit @ planes.T).max(axis=-1).mean())
    return np.array(followed)


def _amplitude(trials: Trials) -> np.ndarray:
    """Mean amplitude of each trial (trial,) after the onset."""
    return np.abs(trials.values[:, trials.clock >= -1e-9]).mean(axis=(1, 2))


def _real(trials: Trials) -> Trials:
    return features(trials, "analytic")


def _times(trials: Trials) -> list[float]:
    after = trials.clock[trials.clock >= -1e-9]
    if after.size < 2:
        raise InputError("the window holds no time after the onset")
    at = np.unique(np.linspace(0, after.size - 1, _MOMENTS).round().astype(int))
    return [float(each) for each in after[at]]


def _made(name: str, readout: Callable[[], xr.Dataset]) -> xr.Dataset:
    try:
        return readout()
    except InputError as error:
        return undetermined(name, str(error))
