"""Which rival way of holding items is the memory of a recording most like?

Each rival is simulated on the recording's own sites, with as many items and trials, in
noise that lets as many items be told apart at one moment; what differs is the format.
All of them and the recording go through the same shifted generalisation. How often
rivals of this size are taken for each other comes with the answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

import numpy as np
import xarray as xr

from cortexwave.comparison.recovery import Fit, fit_rivals, model_recovery
from cortexwave.errors import InputError
from cortexwave.memory.alignment import shift_aligned_generalisation
from cortexwave.memory.dealing import LEAST_PERMUTATIONS
from cortexwave.memory.trials import Trials, trials_of
from cortexwave.synthetic.rivals import Rival, rival

FORMAT_RIVALS: tuple[Rival, ...] = (
    "traveling_wave", "static_bump", "standing_oscillation", "chain",
)  # fmt: skip
_NOISE = (0.02, 20.0)  # uV, where packets are 1 uV high
NOISE_STEPS = 8  # halvings of the interval of noise


@dataclass(frozen=True)
class RivalFormats:
    """The fit of the recording, the matrix among rivals, and the noise they were given.

    `noise` is the standard deviation of a site per height of a packet.
    """

    fit: Fit
    recovery: xr.Dataset
    noise: float


def rival_formats(
    trials: Trials,
    *,
    speed: float,
    direction: float,
    width: float,
    longest: float,
    repeats: int,
    seed: int,
    boundary: Literal["open", "periodic"] = "open",
    kinds: Sequence[Rival] = FORMAT_RIVALS,
    centres: np.ndarray | None = None,
) -> RivalFormats:
    """Rivals fitted to trials from the onset on, and their recovery matrix.

    `speed` (mm/s) and `direction` (deg) of the shift that is tried, such as those that
    `shift_aligned_generalisation` chose; `width` (mm) of the rivals' packets, about
    the reach of a site's response; lags up to `longest` (s), which is the period of
    the oscillation, too. Measured are accuracies still, shifted and shifted the other
    way, by lag, as shares of that at lag 0; white noise alone is simulated, so how
    noise is shared among sites is not fitted. `centres` (class, 2), x and y in mm, are
    those of packets at the onset, as of `rival`. Raises `InputError` where a packet has
    no room to travel.
    """
    if trials.positions is None:
        raise InputError("sites have no positions; rivals are laid out in space")
    if trials.clock.size < 3 or trials.clock[0] < -1e-9:
        raise InputError(f"trials are {trials.clock.size} frames from "
                         f"{trials.clock[0]:g} s; three or more from the onset on are "
                         "due: trials_of(..., window=(0.0, ...))")  # fmt: skip
    counts = np.bincount(trials.codes)
    fewest = int(counts.min())
    vector = partial(_vector, speed=speed, direction=direction, longest=longest,
                     boundary=boundary)  # fmt: skip
    frames, rate = trials.clock.size, 1 / trials.step
    make = partial(
        rival, sites=trials.positions, classes=int(counts.size), rate=rate,
        duration=frames / rate, speed=speed, direction=direction, width=width,
        period=longest, centres=centres,
    )  # fmt: skip
    own = vector(_balanced(trials, fewest, seed))
    if not np.isfinite(own).all():
        raise InputError("items cannot be told apart at the moment of training, so "
                         "there is no format to look for")  # fmt: skip
    noise = _noise(make, vector, float(own[0]), trials=fewest, seed=seed)
    recovery = model_recovery(
        {kind: partial(make, kind, noise=noise) for kind in kinds},
        lambda recording: _shares(vector(_cut(recording))),
        trials=fewest, repeats=repeats, seed=seed,
    )  # fmt: skip
    recovery.attrs |= {
        "speed": speed, "direction": direction, "width": width, "longest": longest,
        "boundary": boundary, "noise": noise,
    }  # fmt: skip
    return RivalFormats(fit_rivals(_shares(own), recovery), recovery, noise)


def _vector(
    trials: Trials,
    *,
    speed: float,
    direction: float,
    longest: float,
    boundary: Literal["open", "periodic"],
) -> np.ndarray:
    """Accuracy above chance by lag: still, shifted, shifted the other way; or NaN."""
    found = shift_aligned_generalisation(
        trials, speeds=[speed], directions=[direction], longest=longest,
        boundary=boundary, permutations=LEAST_PERMUTATIONS, seed=0,
    )  # fmt: skip
    if found.attrs.get("reason"):
        return np.full(3 * found.sizes["lag"], np.nan)
    chance = float(found["chance"])
    parts = [found[name].values - chance for name in ("still", "aligned", "mirrored")]
    return np.concatenate(parts)


def _shares(vector: np.ndarray) -> np.ndarray:
    """Shares of the accuracy at lag 0, but for that itself."""
    kept = np.delete(vector, [0, vector.size // 3, 2 * vector.size // 3])
    return np.asarray(kept / vector[0])


def _noise(
    make: partial[xr.Dataset],
    vector: partial[np.ndarray],
    target: float,
    *,
    trials: int,
    seed: int,
) -> float:
    """Noise at which a bump is told apart as well as the recording is at lag 0."""
    low, high = np.log(_NOISE)
    for step in range(NOISE_STEPS):
        middle = (low + high) / 2
        recording = make("static_bump", noise=float(np.exp(middle)), trials=trials,
                         seed=seed + step)  # fmt: skip
        reached = vector(_cut(recording))[0]
        if np.isfinite(reached) and reached > target:
            low = middle
        else:
            high = middle
    return float(np.exp((low + high) / 2))


def _cut(recording: xr.Dataset) -> Trials:
    time = recording["time"].values
    return trials_of(recording, window=(0.0, float(time[-1] - time[0])))


def _balanced(trials: Trials, count: int, seed: int) -> Trials:
    """`count` trials of each class, drawn, so that rivals have as many."""
    rng = np.random.default_rng(seed)
    codes = trials.codes
    kept = [rng.permutation(np.flatnonzero(codes == k))[:count]
            for k in range(trials.classes.size)]  # fmt: skip
    return trials.chosen(np.sort(np.concatenate(kept)))
