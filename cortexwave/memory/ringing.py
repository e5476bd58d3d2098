"""Whether more of the past is seen through a filter than the filter itself holds.

A filter of width B Hz rings for some 1/(pi B) s: for that long each of its outputs is
made of what it was given before, tissue or no tissue. Each trial's response is
therefore given to another trial while the stimulus lasts, and not after. What is still
decoded then is the filter's memory, and only what exceeds it can be the tissue's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import xarray as xr

from cortexwave.analysis.filters import butterworth, check_band
from cortexwave.errors import InputError
from cortexwave.memory.arguments import check_surrogates
from cortexwave.memory.classifiers import Classifier
from cortexwave.memory.dealing import groups_of, p_family, p_values, splits_of
from cortexwave.memory.identity import check_real, frames_of, held_out, too_few
from cortexwave.memory.trials import Trials


def filter_control(
    trials: Trials,
    *,
    band: tuple[float, float],
    stimulus_end: float,
    classifier: Classifier = "lda",
    times: Sequence[float] | None = None,
    order: int = 2,
    count: int = 10,
    surrogates: int,
    alpha: float = 0.05,
    seed: int,
) -> xr.Dataset:
    """Accuracy of identity through a filter, beside that of the filter's own memory.

    `trials` are wide-band; all go through the causal Butterworth band-pass of `order`
    in `band` (Hz). A surrogate has, for each trial, another one of its block, whatever
    its class, whose mean response from 0 s to `stimulus_end` (s) was exchanged for that
    of the trial's own class: what follows tells nothing of it, and the noise runs on
    from before to after without a seam, which would ring, too. As the filter is linear,
    the decoder then reads what the filter alone has kept. (The error of mean responses
    is in the surrogates twice: where they are weak, the control is a little too good.)

    Over `time` (s): `accuracy`, balanced; `control` and `control_high`, mean and 95 %
    of `surrogates`; `excess` = accuracy - control; `p` and `p_family` (greatest excess
    over the later times); `claimed`: memory, as p_family <= `alpha` and the time is
    later than `dropped_until` = stimulus_end + 3 / (pi B), within which nothing is
    claimed. `claimed_until` (attribute, s) is the last of these, NaN without any.
    """
    check_real(trials)
    rate = 1 / trials.step
    check_band(band, rate)
    check_surrogates(surrogates, seed)
    clock = trials.clock
    later = clock > stimulus_end + 1e-6 * trials.step
    during = (clock >= -1e-6 * trials.step) & ~later
    if not later.any() or not during.any():
        raise InputError(
            f"stimulus_end is {stimulus_end:g} s; the trials run from {clock[0]:g} to "
            f"{clock[-1]:g} s, and frames from 0 s to it and after it are needed"
        )
    frames = frames_of(trials, times)
    dropped = stimulus_end + 3 / (np.pi * (band[1] - band[0]))
    described = {
        **trials.attributes, "measure": "filter_control", "band": list(band),
        "stimulus_end": stimulus_end, "dropped_until": float(dropped), "order": order,
        "classifier": classifier, "folds": count, "surrogates": surrogates,
        "alpha": alpha, "seed": seed, "trials": trials.labels.size, "reason": "",
    }  # fmt: skip
    reason = too_few(trials)
    if reason:
        missing = np.full((20, frames.size), np.nan)
        return _labelled(missing, clock[frames], {**described, "reason": reason})
    draw = np.random.default_rng(seed)
    groups, codes = groups_of(trials), trials.codes
    responses = np.stack([trials.values[codes == code].mean(axis=0)
                          for code in range(trials.classes.size)])  # fmt: skip
    responses[:, ~during] = 0.0
    splits = splits_of(trials, count=count, seed=seed)
    # the filter is linear: what it makes of a sum is the sum of what it makes of each
    through = _filtered(trials.values, frames, rate=rate, band=band, order=order)
    rung = _filtered(responses, frames, rate=rate, band=band, order=order)
    found = []
    for number in range(1 + surrogates):
        seen = through
        if number:
            other = _others(groups, draw)
            seen = through[other] + rung[codes] - rung[codes[other]]
        decoded = held_out(
            replace(trials, values=seen, clock=clock[frames]), np.arange(frames.size),
            classifier=classifier, count=count, permutations=0, seed=seed,
            splits=splits,
        )  # fmt: skip
        found.append(decoded.accuracy()[0])
    return _labelled(np.array(found), clock[frames], described)


def _filtered(
    values: np.ndarray, frames: np.ndarray, *, rate: float, band: tuple[float, float],
    order: int,
) -> np.ndarray:  # fmt: skip
    """Courses (trial, time, site) through the causal filter, at some of the frames."""
    return np.stack([
        butterworth(each.T, rate=rate, band=band, order=order, causal=True)[:, frames].T
        for each in values
    ])  # fmt: skip


def _others(groups: np.ndarray, draw: np.random.Generator) -> np.ndarray:
    """Another trial (trial,) of the same block: all turned by one in random order."""
    other = np.arange(groups.size)
    for group in np.unique(groups):
        order = draw.permutation(np.flatnonzero(groups == group))
        other[order] = np.roll(order, 1)
    return other


def _labelled(
    found: np.ndarray, clock: np.ndarray, described: dict[str, object]
) -> xr.Dataset:
    """`found` (surrogate, time), the first the recording's own."""
    control = found[1:].mean(axis=0)
    known = np.isfinite(found).all()
    later = clock > float(str(described["dropped_until"]))
    p, family = np.full((2, clock.size), np.nan)
    if known:
        p = p_values(found)
        if later.any():
            excess = found[:, later] - found.mean(axis=0)[later]
            family[later] = p_family(excess)
    claimed = later & (np.nan_to_num(family, nan=1.0) <= float(str(described["alpha"])))
    columns = {
        "accuracy": found[0], "control": control,
        "control_high": np.quantile(found[1:], 0.95, axis=0),
        "excess": found[0] - control, "p": p, "p_family": family, "claimed": claimed,
    }  # fmt: skip
    until = float(clock[claimed][-1]) if claimed.any() else np.nan
    return xr.Dataset(
        {name: ("time", column, {"units": "1"}) for name, column in columns.items()},
        {"time": ("time", clock, {"units": "s"})},
        {**described, "claimed_until": until},
    )  # fmt: skip
