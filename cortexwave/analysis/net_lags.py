"""Does one site lead another on average? The test of propagation for a whole recording.

Waves that go one way more than the other, that come out of one place or turn one way
round, leave lags: the imaginary part of the cross-spectrum is not zero. Zero-lag
fields have none, however smooth they are and however that depends on frequency; nor
have what a common reference adds, noise of each sensor, or bursts that begin everywhere
at once. Each segment of a zero-lag recording is as likely as itself reversed in time,
which turns the sign of its lags; the recording is compared with all it could have been
(`cortexwave.analysis.sign_flips`), so nothing is assumed of spectra or of Gaussianity.

One coin is tossed for all frequencies of a block. A coin for each few frequencies, as
in `covariance_surrogates.without_lags`, is exact for a stationary field as a whole; of
tapered segments it called a third of the two-source decoys and of zero-lag bursts
travelling at 5 %, as leakage and the course of a burst tie frequencies together.
A block is a run of segments, three times as long as phases are kept where there is
time for eight of them: two sources of one narrow rhythm that do not heed each other
lead one another for as long as that.

What it cannot see: waves as many one way as the other (they have no net lags), and
single events among many. What it takes for lags: modules active one after another in a
fixed order. What it leaves undetermined: a rhythm that keeps its phase for longer than
blocks can be. A steady plane wave and two steady sources of nearly one frequency that
do not travel have the same cross-spectrum, so no test of it tells them apart.
"""

from __future__ import annotations

import numpy as np
import xarray as xr

from cortexwave.analysis.block_lags import (
    Lags,
    block_lags,
    degrees,
    direction_error,
)
from cortexwave.analysis.copied_sites import is_measured, tell_copies
from cortexwave.analysis.pieces import AT_ONCE
from cortexwave.analysis.segment_spectra import (
    Segments,
    copies_in,
    live_in,
    segments_of,
)
from cortexwave.analysis.sign_flips import (
    FEWEST_BLOCKS,
    Flipped,
    flipped,
    lengths,
    signs,
)
from cortexwave.analysis.site_pairs import ONE_LINE
from cortexwave.analysis.sites import Sites, picked, sampling_rate, sites_of
from cortexwave.errors import InputError

FEWEST_SITES = 9


def net_lags(
    recording: xr.Dataset,
    *,
    band: tuple[float, float],
    seed: int,
    variable: str | None = None,
    count: int = 999,
    segment: float | None = None,
    alpha: float = 0.05,
    at_once: int = AT_ONCE,
) -> xr.Dataset:
    """p that a recording without lags would show such lags in a band (Hz).

    Scalars, or over `feature`. `p` is that of two statistics together, as `p_directed`
    (lags along one direction: the slope of the imaginary coherency over pairs up to two
    pitches apart) and `p_omnibus` (any pattern of lags that stays: plane, out of a
    source, turning; all pairs, in up to 8 parts of the band), with `z_directed` and
    `z_omnibus` in sd of the flips. `direction` (deg, where it travels on the whole) and
    its jackknife `direction_error` (deg) say something where `p_directed` is small;
    both are NaN where the sites stand on one line, and `caution` says so. Sines are
    taken for their arguments: of sites wider apart along one axis the direction leans
    to the other, by 5 deg where a wave is 3 of the wider steps long.
    `slope_x`, `slope_y` in 1/mm. `asymmetry` is the net direction asymmetry |sum P(k)
    k_hat| / sum P(k), 0 to 1, beside `asymmetry_chance`, its mean over the flips.
    `segment_coherence` (0 to 1): how well phases are kept from segment to segment.
    Where a rhythm keeps them for longer than blocks can be, all p are NaN and `verdict`
    and the attribute `caution` say so; z and direction remain, as descriptions. A
    longer recording gives an answer (eight blocks are wanted, each three times as long
    as the phase is kept), or a band wide enough without that rhythm; of mains hum,
    `remove_line_noise`. Nothing does for a wave of one frequency that never loses its
    phase.
    `p_without_one_site`, where lags are found: the largest p that is left if one site
    is; `rests_on_one_site` is 1 where it is above `alpha` and the statistics lose half
    of their z with that site, else 0, and `caution` says so: of a wave each site has
    its share. NaN of more than 128 sites. `caution` also says where only the omnibus
    finds lags, which a delay of some channels by the instrument explains as well.
    `used_blocks`: how many coins there are. `verdict`: "net lags", "lags of one site",
    "no net lags found" (at `alpha`), or "undetermined: " and why.

    `segment` in s; None takes a sixteenth of the recording, but 2 to 4 cycles of the
    band's lower end at least and at most. Each trial is cut for itself. Channels that
    are missing or constant are left out, as are segments with a missing value; each
    site counts alike, by its power, and of measured ones a copy of another is warned
    of, as `wave_field` does. Give the recording unfiltered. It is read `at_once` values
    at a time, but a segment at least: that bounds memory, no more.
    """
    values = picked(recording, variable)
    sites = sites_of(values)
    cut = segments_of(values, sampling_rate(values), band, segment)
    if count < 99:
        raise InputError(f"count is {count}; a p of 0.05 needs 99 flips or more")
    rows = [
        _tested(values, cut, sites, feature, count=count, seed=seed, alpha=alpha,
                at_once=at_once, measured=is_measured(recording))
        for feature in range(values.sizes.get("feature", 1))
    ]  # fmt: skip
    tell_copies(values, sites, next((r["copies"] for r in rows if r["copies"]), []))
    dims = ("feature",) if "feature" in values.dims else ()
    found = {
        name: xr.Variable(dims, [row[name] for row in rows] if dims else rows[0][name],
                          {"units": _UNITS[name]} if _UNITS[name] else {})
        for name in _UNITS
    }  # fmt: skip
    cautions = dict.fromkeys(said for row in rows for said in row["cautions"])
    attributes = {
        "variable": str(values.name), "band": [float(end) for end in band],
        "segment": cut.seconds, "count": count, "seed": seed,
        "alpha": alpha, "null": "each block of segments reversed in time or not",
        "caution": "; ".join(cautions),
        "reference": str(recording.attrs.get("reference", "")),
    }  # fmt: skip
    coords = (
        {"feature": values["feature"]} if dims and "feature" in values.coords else {}
    )
    return xr.Dataset(found, coords, attributes)


_UNITS = {
    "p": "1", "p_directed": "1", "p_omnibus": "1", "z_directed": "1", "z_omnibus": "1",
    "direction": "deg", "direction_error": "deg", "slope_x": "1/mm", "slope_y": "1/mm",
    "asymmetry": "1", "asymmetry_chance": "1", "segment_coherence": "1",
    "used_blocks": "1", "p_without_one_site": "1", "rests_on_one_site": "1",
    "verdict": "",
}  # fmt: skip
_STEADY = (
    "a rhythm keeps its phase from segment to segment: segments are not independent, "
    "and two steady sources that do not travel would look alike"
)
_ONE_SITE = "the lags rest on one site, as of a channel that the instrument delays"
_FIXED_PATTERN = (
    "lags of a fixed pattern: a wave from one place, sources one after another, or "
    "channels delayed by the instrument"
)


def _tested(
    values: xr.DataArray, cut: Segments, sites: Sites, feature: int,
    *, count: int, seed: int, alpha: float, at_once: int, measured: bool,
) -> dict:  # fmt: skip
    live = live_in(values, cut, feature, at_once=at_once)
    if live.sum() < FEWEST_SITES:
        raise InputError(
            f"field '{values.name}' has {int(live.sum())} sites that are neither "
            f"missing nor constant; net lags need {FEWEST_SITES}"
        )
    twins = copies_in(values, cut, feature, live, at_once=at_once) if measured else []
    lags = block_lags(values, cut, sites, feature, live, at_once=at_once)
    blocks = 0 if lags is None else len(lags.slope)
    if lags is None or blocks < FEWEST_BLOCKS:
        nothing: dict = dict.fromkeys(_UNITS, np.nan)
        why = (f"undetermined: {blocks} whole segments of {cut.seconds:.3g} s; "
               f"{FEWEST_BLOCKS} are needed")  # fmt: skip
        return {**nothing, "used_blocks": blocks, "verdict": why, "cautions": [],
                "copies": twins}  # fmt: skip
    sign = signs(blocks, count=count, seed=seed)
    asymmetry = np.linalg.norm(sign @ lags.asymmetry, axis=1)
    test = flipped({
        "directed": np.linalg.norm(sign @ lags.slope, axis=1),
        "omnibus": lengths(sign, lags.pairs),
    })  # fmt: skip
    slope = lags.slope.sum(axis=0)
    found = not lags.steady and test.combined <= alpha
    rests = _without_one_site(lags, sign, test, alpha) if found else (np.nan, np.nan)
    cautions = [
        said
        for holds, said in (
            (lags.steady, _STEADY),
            (not lags.near.spans, ONE_LINE),
            (found and rests[1] == 1, _ONE_SITE),
            (found and test.p["directed"] > alpha, _FIXED_PATTERN),
        )
        if holds
    ]
    p = {"p": test.combined, "p_directed": test.p["directed"],
         "p_omnibus": test.p["omnibus"]}  # fmt: skip
    if lags.steady:  # blocks are not independent, and p is that of nothing
        p = dict.fromkeys(p, np.nan)
        said = f"undetermined: {_STEADY}"
    else:
        said = "net lags" if found else "no net lags found"
        said = "lags of one site" if rests[1] == 1 else said
    return {
        **p,
        "z_directed": test.z["directed"], "z_omnibus": test.z["omnibus"],
        "direction": degrees(slope) if lags.near.spans else np.nan,
        "direction_error": direction_error(lags.slope) if lags.near.spans else np.nan,
        "slope_x": slope[0], "slope_y": slope[1],
        "asymmetry": asymmetry[0], "asymmetry_chance": asymmetry[1:].mean(),
        "segment_coherence": lags.coherence, "used_blocks": blocks,
        "cautions": cautions, "copies": twins,
        "p_without_one_site": rests[0], "rests_on_one_site": rests[1],
        "verdict": said,
    }  # fmt: skip


def _without_one_site(
    lags: Lags, sign: np.ndarray, test: Flipped, alpha: float
) -> tuple[float, float]:
    """The largest p with one site left out, and whether lags rest on that site (1, 0).

    The same signs and sums, less the pairs that the site is in. Of many sites pairs are
    of axes, which have no one site: NaN.
    """
    if lags.of_sites is None:
        return np.nan, np.nan
    first, second = lags.of_sites.T
    blocks, near = len(lags.pairs), lags.near
    flat = lags.pairs.reshape(blocks, -1)
    products = flat @ flat.T
    entry = np.zeros((lags.of_sites.max() + 1,) * 2, dtype=int)
    entry[first, second] = entry[second, first] = np.arange(len(first))
    lead = lags.pairs.sum(axis=1)[:, entry[near.first, near.second]]  # (block, pair)
    lead = lead * np.where(near.first < near.second, 1.0, -1.0)
    worst, rests = 0.0, 0.0
    for site in range(len(entry)):
        mine = lags.pairs[:, :, (first == site) | (second == site)].reshape(blocks, -1)
        left = products - mine @ mine.T
        others = (near.first != site) & (near.second != site)
        slope = lead[:, others] @ near.apart[others] @ near.metric
        again = flipped({
            "directed": np.linalg.norm(sign @ slope, axis=1),
            "omnibus": np.einsum("ca,ca->c", sign @ left, sign),
        })  # fmt: skip
        if again.combined > worst:
            worst = again.combined
            halved = [again.z[name] < test.z[name] / 2 for name in test.z
                      if test.p[name] <= alpha]  # fmt: skip
            rests = float(worst > alpha and all(halved))
    return worst, rests
