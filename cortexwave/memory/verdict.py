"""In which format is an item held: does the code move, stay, oscillate or change?

The verdict is read from generalisation over time and from the rigid shift together,
as neither is enough: a narrow diagonal is that of a wave and of any sequence, and a
drift of confusions is that of a wave whose sites were relabelled, too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import xarray as xr

from cortexwave.errors import InputError

Format = Literal[
    "shift-like", "static", "oscillatory", "sequential without metric shift",
    "undetermined",
]  # fmt: skip
FORMATS: tuple[Format, ...] = get_args(Format)
_LOST = 0.5  # of the persistence, from which there is something to regain
_HALF = 0.5  # of what is lost or kept: the bound between most and little
_RETURN = 0.25  # of the persistence, beyond the interval of the least before it
_WIDE = 0.5  # of an interval, beyond which a persistence is not known
_DRIFTS = 0.5  # of a correlation


def format_of(
    generalisation: xr.Dataset, alignment: xr.Dataset, *, least_trials: int = 40
) -> xr.Dataset:
    """The format of a memory, with the evidence and the reason in words.

    `generalisation` of `temporal_generalisation` and `alignment` of
    `shift_aligned_generalisation`, of the same trials and times. Persistence is the
    `matched` one, which fading does not lessen.

    "shift-like"       of what is lost with time, a shift regains more than half (the
                       lower bound, over lags that lost half or more), p of the search
                       at most alpha; the drift, if known, does not run against it
    "static"           it is lost at no lag, and at those with an interval narrower than
                       a half, at least half of them, above half (lower bound)
    "oscillatory"      it is lost at a lag (upper bound below half) and above chance
                       again at a later one, a quarter higher than the upper bound then
    "sequential without metric shift"  it is lost, does not return, and a shift regains
                       less than half (upper bound)
    "undetermined"     else, or with nothing to read, or fewer than `least_trials` per
                       class

    `regained` with bounds; `persistence_least` its least over lags; `below_chance`,
    `returns` (0 or 1); `drift_agrees`: 1 or 0, NaN where no drift is known.
    """
    for found, due in ((generalisation, "temporal_generalisation"),
                       (alignment, "shift_aligned_generalisation")):  # fmt: skip
        measure = found.attrs.get("measure") if isinstance(found, xr.Dataset) else None
        if measure != due:
            raise InputError(f"a result of {due} is due, not of {measure!r}")
    evidence = _Evidence.of(generalisation, alignment)
    alpha = float(generalisation.attrs["alpha"])
    verdict, reason = _verdict(evidence, generalisation, alignment, alpha, least_trials)
    one = {"units": "1"}
    scalars = {
        "regained": evidence.regained[0], "regained_low": evidence.regained[1],
        "regained_high": evidence.regained[2], "persistence_least": evidence.least,
        "below_chance": float(evidence.below), "returns": float(evidence.returns),
        "drift_agrees": evidence.agrees,
    }  # fmt: skip
    return xr.Dataset(
        {"format": ((), verdict, {}),
         **{name: ((), value, one) for name, value in scalars.items()}},
        attrs={"measure": "format_of", "reason": reason, "least_trials": least_trials,
               "alpha": alpha},
    )  # fmt: skip


@dataclass(frozen=True)
class _Evidence:
    """What the verdict rests on; NaN where it is not known."""

    regained: tuple[float, float, float]  # and its bounds
    least: float
    below: bool
    returns: bool
    lost: bool
    kept: bool
    agrees: float

    @staticmethod
    def of(found: xr.Dataset, moved: xr.Dataset) -> _Evidence:
        alpha = float(found.attrs["alpha"])
        kept, low, high = (
            found[f"matched{end}"].values for end in ("", "_low", "_high")
        )
        back = False
        for lag in range(1, kept.size):
            if high[lag] < _HALF:
                later = slice(lag + 1, None)
                above = found["p_lag_above"].values[later] <= alpha
                back |= bool((above & (low[later] > high[lag])
                              & (kept[later] > high[lag] + _RETURN)).any())  # fmt: skip
        lost, known = bool((high[1:] < _HALF).any()), (high - low)[1:] < _WIDE
        stays = not lost and known.mean() >= _HALF and (low[1:][known] > _HALF).all()
        below = bool((found["p_lag_below"].values[1:] <= alpha).any())
        return _Evidence(
            regained=_regained(found, moved), least=float(kept[1:].min()), below=below,
            returns=back, lost=lost, kept=bool(stays), agrees=_agreement(found, moved),
        )  # fmt: skip


def _regained(found: xr.Dataset, moved: xr.Dataset) -> tuple[float, float, float]:
    """Gain by a shift as a share of what is lost, over lags that lost half or more."""
    step = float(moved["lag"].values[1])
    if not np.isclose(step, float(found["lag"].values[1])):
        raise InputError(
            f"generalisation has times {float(found['lag'].values[1]):g} s apart and "
            f"alignment {step:g} s; a verdict needs the same times"
        )
    lags = np.arange(1, moved.sizes["lag"])
    loss = 1 - found["persistence"].values[lags]
    far = loss > _LOST
    if not far.any():
        return np.nan, np.nan, np.nan
    gains = [moved[name].values[lags][far].sum() / loss[far].sum()
             for name in ("gain", "gain_low", "gain_high")]  # fmt: skip
    return gains[0], gains[1], gains[2]


def _agreement(found: xr.Dataset, moved: xr.Dataset) -> float:
    """Whether confusions drift the way that the shift found; NaN if they do not."""
    drift, r = found["drift"].values, found["drift_r"].values
    clear = (np.abs(r) > _DRIFTS) & (found["drift_p"].values <= found.attrs["alpha"])
    if not clear.any():
        return np.nan
    way = np.deg2rad(float(moved["direction"]))
    unit = np.array([np.cos(way), np.sin(way)])[: drift.size]
    return float(np.sum(unit * np.where(clear, drift, 0.0)) > 0)


def _verdict(
    seen: _Evidence, found: xr.Dataset, moved: xr.Dataset, alpha: float, least: int
) -> tuple[Format, str]:
    trials = int(found.attrs["trials_per_class"])
    if trials < least:
        return "undetermined", (f"{trials} trials of the rarest class; {least} are "
                                "needed")  # fmt: skip
    if not float(found["p_diagonal"]) <= alpha or np.isnan(seen.least):
        p = float(found["p_diagonal"])
        why = str(found.attrs["reason"]) if np.isnan(p) else f"p = {p:.3g}"
        return "undetermined", (f"items cannot be told apart at the time of training "
                                f"({why}), so that nothing has a format")  # fmt: skip
    share, low, high = seen.regained
    bounds = f"{share:.2f} ({low:.2f} to {high:.2f})"
    if low > _HALF and float(moved["p"]) <= alpha:
        if seen.agrees == 0:
            return "undetermined", (f"a shift regains {bounds} of what is lost, yet "
                                    "confusions drift the other way")  # fmt: skip
        return "shift-like", (
            f"a shift of {float(moved['speed']):g} mm/s to "
            f"{float(moved['direction']):g} deg regains {bounds} of what is lost with "
            "time" + _beside(seen)
        )
    if seen.kept:
        return "static", (
            f"persistence is {seen.least:.2f} or more at all lags, its lower bound "
            "above one half where it is known well"
        )
    if seen.returns:
        return "oscillatory", ("what is lost at one lag is above chance again at a "
                               "later one" + _beside(seen))  # fmt: skip
    if seen.lost and high < _HALF:
        return "sequential without metric shift", (
            f"persistence falls to {seen.least:.2f}, does not return, and a shift "
            f"regains {bounds} of it"
        )
    if np.isnan(share):
        return "undetermined", (
            "no lag that was shifted has lost half of its accuracy, and persistence is "
            "not surely above one half: look at longer lags, or at more trials"
        )
    return "undetermined", (
        f"persistence falls to {seen.least:.2f}; a shift regains {bounds} of what is "
        "lost: neither most of it nor little"
    )


def _beside(seen: _Evidence) -> str:
    told = []
    if seen.below:
        told.append("accuracy is below chance at a lag")
    if seen.agrees == 1:
        told.append("confusions drift the same way")
    return f"; {' and '.join(told)}" if told else ""
