"""Does the response to a stimulus reach one site after another?

Lags of what is the same in every trial. Products of two different trials hold nothing
but that: what each trial has of its own, its waves as well as its noise, is 0 on
average in them. Trials are split into groups; in each the mean of one half is set
against the mean of the other half. If the response begins everywhere at once, a group
whose trials are reversed in time about the response is as likely as the group itself,
and without a response a half is as likely as its negative; either turns the sign of
the lags between halves, so tossing the signs of the groups is an exact test of both
(`cortexwave.analysis.sign_flips`). Coins are not tossed for frequencies: of one mean
response there are too few to reject, and its course ties them together.

That there is a locked response at all is tested by itself, by the signs of trials: of
what is not locked to the onset a trial is as likely as its negative. (Onsets shifted at
random, N5, ask the same; as phases of tapered spectra they were not calibrated: 27 % of
noise without a response was rejected at 5 %.) Modules active one after another in a
fixed order have lags too.
"""

from __future__ import annotations

import numpy as np
import xarray as xr

from cortexwave.analysis.bands import check_band
from cortexwave.analysis.block_lags import (
    MOST_AXES,
    degrees,
    direction_error,
    principal_axes,
)
from cortexwave.analysis.segment_spectra import (
    Segments,
    segments_of,
    transformed,
)
from cortexwave.analysis.sign_flips import FEWEST_BLOCKS, flipped, lengths, signs
from cortexwave.analysis.site_pairs import (
    ONE_LINE,
    Neighbours,
    neighbours,
    slopes,
)
from cortexwave.analysis.sites import (
    Sites,
    frames_of,
    live_sites,
    picked,
    sampling_rate,
    sites_of,
)
from cortexwave.errors import InputError

_GROUPS = 8  # 2^7 signs; more groups of fewer trials see weak responses less well
_ONE_LINE = 0.05  # share of the curvature across a line of sites: not to be believed
_STEPS = 12  # of Newton; it settles in four or five
_UNITS = {
    "p": "1", "p_directed": "1", "p_omnibus": "1", "p_locked": "1", "z_directed": "1",
    "z_omnibus": "1", "direction": "deg", "direction_error": "deg",
    "latency_slope": "s/mm", "speed": "mm/s", "used_trials": "1", "verdict": "",
}  # fmt: skip


def stimulus_locked_lags(
    epochs: xr.Dataset,
    *,
    band: tuple[float, float],
    window: tuple[float, float],
    seed: int,
    variable: str | None = None,
    count: int = 999,
    alpha: float = 0.05,
) -> xr.Dataset:
    """p that a response without lags would show such lags, from epochs of a stimulus.

    `epochs` as `cw.epochs` cuts them.
    `window` is the stretch of each trial to look at, (start, end) in s on the time axis
    of the epochs; it must hold 2 cycles of the band's lower end. Scalars, or over
    `feature`: `p` of two statistics together, `p_directed` (along one direction) and
    `p_omnibus` (any pattern: plane, out of a source, turning), `z_directed`,
    `z_omnibus` in sd of the sign flips; `p_locked`, that a response locked to the onset
    is there at all. `direction` (deg) with its jackknife `direction_error` (deg);
    `latency_slope` (s/mm), by how much the response is later per mm along the
    direction, from the phases of neighbours' products of different trials, each
    frequency and pair by its strength, and `speed` = 1 / latency_slope. Where the sites
    stand on one line the slope is that along it, direction and speed are NaN, and the
    attribute `caution` says why. Of a response
    out of the middle of the array direction and slope are those of what is left over.
    `verdict`: "stimulus-locked lags", "a locked response, no lags found", "no locked
    response found" (at `alpha`), or "undetermined: " and why.

    Trials with a missing value at a live site are left out; 12 are needed, 16 or more
    give 8 groups. `window` without the stimulus' own artefact, please: it is locked,
    and at all sites at once.
    """
    values = picked(epochs, variable)
    if "trial" not in values.dims:
        raise InputError(
            f"field '{values.name}' has dims {values.dims}, no 'trial': cut the "
            "recording around its stimuli with epochs(recording, events, window=...)"
        )
    if count < 99:
        raise InputError(f"count is {count}; a p of 0.05 needs 99 flips or more")
    rate, sites = sampling_rate(values), sites_of(values)
    low, high = check_band(band, rate)
    inside = _inside(values, window)
    chosen = values.isel(time=inside)
    cut = segments_of(chosen, rate, (low, high), chosen.sizes["time"] / rate)
    frames = frames_of(chosen)
    rows = [
        _tested(frames[:, feature], cut, sites, str(values.name),
                count=count, seed=seed, alpha=alpha)
        for feature in range(frames.shape[1])
    ]  # fmt: skip
    dims = ("feature",) if "feature" in values.dims else ()
    found = {
        name: xr.Variable(dims, [row[name] for row in rows] if dims else rows[0][name],
                          {"units": _UNITS[name]} if _UNITS[name] else {})
        for name in _UNITS
    }  # fmt: skip
    attributes = {
        "variable": str(values.name), "band": [low, high], "count": count,
        "window": [float(end) for end in window], "seed": seed, "alpha": alpha,
        "null": "groups of trials reversed in time about the response (lags); signs of "
        "trials (locking)",
        "caution": "" if all(row["spans"] for row in rows) else ONE_LINE,
    }  # fmt: skip
    coords = {"feature": values["feature"]} if "feature" in values.coords else {}
    return xr.Dataset(found, coords, attributes)


def _inside(values: xr.DataArray, window: tuple[float, float]) -> slice:
    time = np.asarray(values["time"].values, dtype=float)
    start, end = (float(edge) for edge in window)
    step = (time[-1] - time[0]) / (time.size - 1)
    if not time[0] - step / 2 <= start < end <= time[-1] + step * 1.5:
        raise InputError(
            f"window is {start:g} to {end:g} s; it must rise and lie in the epochs, "
            f"{time[0]:g} to {time[-1]:g} s"
        )
    first = int(np.searchsorted(time, start - 1e-6 * step))
    return slice(first, int(np.searchsorted(time, end - 1e-6 * step)))


def _tested(
    field: np.ndarray, cut: Segments, sites: Sites, name: str,
    *, count: int, seed: int, alpha: float,
) -> dict:  # fmt: skip
    live = live_sites(field)
    if live.sum() < 9:
        raise InputError(f"field '{name}' has {int(live.sum())} sites that are neither "
                         "missing nor constant; lags need 9")  # fmt: skip
    known = field[..., live]
    known = known[np.isfinite(known).all(axis=(1, 2))][:, : cut.frames]
    trials = len(known)
    if trials < 2 * FEWEST_BLOCKS:
        why = f"undetermined: {trials} whole trials; {2 * FEWEST_BLOCKS} are needed"
        return {**dict.fromkeys(_UNITS, np.nan), "used_trials": trials, "verdict": why,
                "spans": True}  # fmt: skip
    # neighbouring trials may share the state of the tissue: one group, both halves
    groups = min(_GROUPS, trials // 2)
    group = np.arange(trials) * groups // trials
    spectra = transformed(known, cut)  # (trial, taper, frequency, site)
    raw = np.abs(spectra) ** 2
    power = np.add.reduceat(raw, [t.start for t in cut.tiles], axis=2).sum(axis=(0, 1))
    widths = [tile.stop - tile.start for tile in cut.tiles]
    whole = spectra / np.sqrt(np.repeat(power, widths, axis=0))
    first, second = _halves(whole, group, groups)
    near = neighbours(sites, live)
    # Im(A B* + B A*) is half the difference of the lags of A + B and of A - B
    slope = np.stack([
        slopes(a + b, near) - slopes(a - b, near)
        for a, b in zip(first, second, strict=True)
    ]) @ near.metric  # fmt: skip
    sign = signs(groups, count=count, seed=seed)
    test = flipped({
        "directed": np.linalg.norm(sign @ slope, axis=1),
        "omnibus": lengths(sign, _pair_lags(whole, first, second, cut)),
    })  # fmt: skip
    locked = _locking(whole, count=count, seed=seed)
    late = _latency(spectra / np.sqrt(power.sum(axis=0)), cut, near)
    steep = float(np.linalg.norm(late))
    speed = 1 / steep if steep > 0 else np.inf
    if locked > alpha:
        verdict = "no locked response found"
    elif test.combined > alpha:
        verdict = "a locked response, no lags found"
    else:
        verdict = "stimulus-locked lags"
    return {
        "p": test.combined, "p_directed": test.p["directed"],
        "p_omnibus": test.p["omnibus"], "p_locked": locked,
        "z_directed": test.z["directed"], "z_omnibus": test.z["omnibus"],
        "direction": degrees(late) if near.spans else np.nan,
        "direction_error": direction_error(slope) if near.spans else np.nan,
        "latency_slope": steep, "speed": speed if near.spans else np.nan,
        "used_trials": trials, "verdict": verdict, "spans": near.spans,
    }  # fmt: skip


def _halves(
    whole: np.ndarray, group: np.ndarray, groups: int
) -> tuple[np.ndarray, np.ndarray]:
    """Means of every other trial of each group, (group, taper, frequency, site)."""
    first, second = [], []
    for g in range(groups):
        mine = whole[group == g]
        first.append(mine[::2].mean(axis=0))
        second.append(mine[1::2].mean(axis=0))
    return np.stack(first), np.stack(second)


def _pair_lags(
    whole: np.ndarray, first: np.ndarray, second: np.ndarray, cut: Segments
) -> np.ndarray:
    """Im of the halves' products of all pairs of sites, (group, tile, pair)."""
    sites = whole.shape[-1]
    if sites > MOST_AXES:
        axes = principal_axes(whole.reshape(-1, sites)[:: max(1, len(whole) // 16)])
        first, second = first @ axes, second @ axes
    kinds = first.shape[-1]
    upper = np.triu_indices(kinds, 1)
    lags = np.zeros((len(first), len(cut.tiles), upper[0].size))
    for tile, part in enumerate(cut.tiles):
        a = first[:, :, part].reshape(len(first), -1, kinds)
        b = second[:, :, part].reshape(len(first), -1, kinds)
        half = a.imag.swapaxes(1, 2) @ b.real + b.imag.swapaxes(1, 2) @ a.real
        lags[:, tile] = (half - half.swapaxes(1, 2))[:, upper[0], upper[1]]
    return lags


def _locking(whole: np.ndarray, *, count: int, seed: int) -> float:
    """p of the energy of the mean response under random signs of the trials.

    Without a locked response a trial is as likely as its negative.
    """
    rows = whole.reshape(len(whole), -1)
    products = (rows @ rows.conj().T).real
    sign = signs(len(whole), count=count, seed=seed)
    energy = np.einsum("ct,ct->c", sign @ products, sign)
    return flipped({"energy": energy}).combined


def _latency(
    spectra: np.ndarray,
    cut: Segments,
    near: Neighbours,
) -> np.ndarray:
    """How much later the response is per mm along x and y, (2,) in s/mm.

    The delay tau at which neighbours' products of different trials have no imaginary
    part left, sum of Im(E exp(-i 2 pi f tau.d)) d = 0, by Newton. Frequencies without
    a response cancel in it; their phases would not, as smooth noise has one phase at
    neighbours. NaN where the products are not positive on the whole.
    """
    first, second, apart = near.first, near.second, near.apart
    kept = 1e-9 if near.spans else _ONE_LINE
    total = spectra.sum(axis=0)  # (taper, frequency, site)
    product = np.sum(total[..., first] * total[..., second].conj(), axis=0)
    for trial in spectra:
        product -= np.sum(trial[..., first] * trial[..., second].conj(), axis=0)
    omega = 2 * np.pi * cut.frequencies[:, None]
    delay = np.zeros(2)
    for _ in range(_STEPS):
        turned = product * np.exp(-1j * omega * (apart @ delay))  # (frequency, pair)
        left = np.sum(turned.imag, axis=0) @ apart
        bend = np.sum(omega * turned.real, axis=0)
        curvature = apart.T @ (bend[:, None] * apart)
        if np.linalg.eigvalsh(curvature)[-1] <= 0:
            return np.full(2, np.nan)
        delay = delay + np.linalg.pinv(curvature, rcond=kept) @ left
    return delay
