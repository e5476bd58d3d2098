"""The dispersion relation: at each frequency the wavenumber that waves have, if any.

Two ridges, for two claims.

"directed": the peak over (k_x, k_y) of power, held against its mirror image at -k. The
null is `covariance_surrogates.without_lags`, an exact test: where no site leads another
X(f) is as likely as its conjugate, and the conjugate's power is the mirror image.
A ridge is a net direction of travel at that frequency.

"rings": the peak over |k| of power averaged over directions, against `separable` noise
of the same covariance and spectrum. It finds isotropic waves, which have no net
direction; but any field whose smoothness depends on frequency has such a ridge too. It
says "not separable in space and time", never that something travels.
"""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
import scipy.fft
import xarray as xr

from cortexwave.analysis.covariance_surrogates import separable
from cortexwave.analysis.line_leakage import leaked_power
from cortexwave.analysis.pieces import AT_ONCE
from cortexwave.analysis.stretches import Stretches, band_bins, stretches_of
from cortexwave.analysis.surrogates import exceedance
from cortexwave.analysis.wavenumber_peaks import peaks, ring_peaks
from cortexwave.analysis.wavenumber_spectrum import (
    Wavenumbers,
    rings,
    space_weights,
    time_tapers,
    wavenumbers_of,
)
from cortexwave.errors import InputError

Ridge = Literal["directed", "rings"]
NULLS: dict[str, tuple[str, str]] = {
    "directed": ("without_lags", "waves of this frequency travel one way more than the "
                 "other"),
    "rings": ("separable", "smoothness in space depends on frequency: not separable in "
              "space and time, which is no evidence of propagation"),
}  # fmt: skip
_PADDING = 2
_BESIDE = 4  # frequencies beyond the band whose leakage is looked for
_TILE_FREQUENCIES = 4  # as in covariance_surrogates
_BLOCK = 2**20  # numbers of the surrogates of a frequency that are made together


def dispersion(
    recording: xr.Dataset,
    *,
    band: tuple[float, float],
    segment: float,
    seed: int,
    variable: str | None = None,
    ridge: Ridge = "directed",
    taper: Literal["hann", "none"] = "hann",
    count: int = 199,
    alpha: float = 0.05,
    at_once: int = AT_ONCE,
) -> xr.Dataset:
    """The ridge of wavenumber over the `frequency` of a band (Hz), NaN where none is.

    Trials and stretches of `segment` s, without overlap, add their power. Columns:
    `wavenumber` (|k|, 1/mm), `wavenumber_x`, `wavenumber_y`, `direction` (deg; all
    three NaN of "rings"), `wavelength` (mm), `half_power_width` (1/mm, along k or |k|),
    `phase_speed` f / |k| and `group_speed` df / d|k| (mm/s; from the five nearest
    frequencies of the ridge, three at least; negative where k falls with f),
    `statistic`, `z`, `p` (at one frequency), `p_family` (of the whole band), `leaks`,
    and `is_ridge` where `p_family` <= `alpha` without `leaks`. attrs: `null`,
    `rejection` (what a ridge says).

    A line leaks into the frequencies beside it, and carries its wavenumber there:
    `leaks` where the power at the peak (of "rings": at the strongest wavenumber) comes
    with that of a stronger frequency and is no more than the taper lets through of
    that (twice, for noise), in one ratio and phase in all stretches: squared
    coherence above 0.8, or 0.5 (more of few stretches) from 3 frequencies away. Lines
    more than 4 frequencies outside the band are not looked for. The frequency of a
    line, so its phase speed, is known to one step of `frequency`.

    statistic: of "directed" (P(k) - P(-k)) / mean P at the peak, of "rings" P / mean P.
    A peak is exact for one plane wave. Of several waves of one frequency it is that of
    the strongest, pulled towards what lies within 1 / width of the array; of smooth
    noise of more power than the wave it is near 0 and no ridge. A peak at the alias
    limit, or with its ring at 0, is none. The coefficients of every stretch in the band
    are in memory, of "rings" the values, too; `at_once` values are read at a time.
    """
    field = _checked(recording, variable, segment, ridge, taper, count, alpha, at_once)
    bins = band_bins(scipy.fft.rfftfreq(field.frames, 1 / field.rate), band, field.rate)
    frequency = bins * field.rate / field.frames
    window = time_tapers(field.frames, taper)[0]
    grid = wavenumbers_of(field.sites, _PADDING)
    last = max((field.frames - 1) // 2, bins[-1])
    wide = np.arange(max(1, bins[0] - _BESIDE), min(last, bins[-1] + _BESIDE) + 1)
    around, live = _transformed(field, window, wide)
    weights = np.where(live, space_weights(field.sites, taper), 0.0)
    around *= weights
    spectra = around[:, bins - wide[0]]
    seeds = np.random.SeedSequence(seed).generate_state(count).tolist()
    if ridge == "directed":
        coins = _coins(len(spectra), bins, field.frames, seeds)
        power, observed, made = _leads(spectra, grid, coins)
        found = peaks(power, spectra, field.sites, grid)
        peak = np.stack([found["wavenumber_x"], found["wavenumber_y"]], axis=1)
    else:
        share, radius = rings(grid.x, grid.y)
        profile = _ring_power(spectra, grid, share)
        observed = _height(profile)
        values = _values(field)
        made = np.stack([
            _height(_ring_power(_spectra(separable(values, s), window, weights, bins),
                                grid, share))
            for s in seeds
        ])  # fmt: skip
        found = ring_peaks(profile, radius)
        peak = _strongest(spectra, grid)
    against = exceedance(observed, made)
    leaks = leaked_power(around, bins - wide[0], field.sites.positions, peak, window)
    is_ridge = (against.p_family <= alpha) & np.isfinite(found["wavenumber"]) & ~leaks
    columns = {name: np.where(is_ridge, column, np.nan)
               for name, column in found.items()}  # fmt: skip
    size = columns["wavenumber"]
    units = {"direction": "deg"}
    columns["wavelength"] = 1 / size
    columns["phase_speed"] = frequency / size
    columns["group_speed"] = _group_speed(frequency, size)
    units |= {"wavelength": "mm", "phase_speed": "mm/s", "group_speed": "mm/s"}
    tested = {"statistic": observed, "z": against.z, "p": against.p,
              "p_family": against.p_family, "leaks": leaks,
              "is_ridge": is_ridge}  # fmt: skip
    null, rejection = NULLS[ridge]
    return xr.Dataset(
        {**{name: ("frequency", column, {"units": units.get(name, "1/mm")})
            for name, column in columns.items()},
         **{name: ("frequency", column, {"units": "1"})
            for name, column in tested.items()}},
        {"frequency": ("frequency", frequency, {"units": "Hz"})},
        {"variable": str(field.values.name), "segment": field.frames / field.rate,
         "stretches": len(spectra), "taper": taper, "ridge": ridge, "null": null,
         "rejection": rejection, "count": count, "seed": seed, "alpha": alpha},
    )  # fmt: skip


def _checked(
    recording: xr.Dataset, variable: str | None, segment: float, ridge: str,
    taper: str, count: int, alpha: float, at_once: int,
) -> Stretches:  # fmt: skip
    if ridge not in get_args(Ridge):
        raise InputError(f"ridge is {ridge!r}, not one of {get_args(Ridge)}")
    if taper not in ("hann", "none"):
        raise InputError(f"taper is {taper!r}; of a ridge it is 'hann' or 'none'")
    if not 0 < alpha < 1:
        raise InputError(f"alpha is {alpha}; it is between 0 and 1")
    if (1 + count) * alpha < 1:
        raise InputError(f"count is {count}; p below {alpha} needs at least "
                         f"{int(np.ceil(1 / alpha)) - 1} surrogates")  # fmt: skip
    field = stretches_of(recording, variable=variable, segment=segment, overlap=0,
                         at_once=at_once)  # fmt: skip
    if field.values.sizes.get("feature", 1) > 1:
        raise InputError(
            f"field '{field.values.name}' has {field.values.sizes['feature']} "
            "features; choose one: recording.isel(feature=k)"
        )
    if field.sites.shape is None and not field.sites.is_plane:
        raise InputError("the electrodes stand on one line; give it as a lattice of "
                         "one row")  # fmt: skip
    number = len(field.starts) * len(field.parts)
    if 2.0 ** (1 - number) > alpha:
        raise InputError(
            f"{number} stretches of {segment:g} s are too few for p below {alpha}: "
            f"{int(np.ceil(1 - np.log2(alpha)))} or more are needed, of a longer "
            "recording or of shorter stretches"
        )
    return field


def _transformed(
    field: Stretches, window: np.ndarray, bins: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Tapered transforms (stretch, frequency, site), and which sites live in all."""
    number = len(field.starts) * len(field.parts)
    made = np.empty((number, bins.size, field.sites.count), dtype=complex)
    live = np.ones(field.sites.count, dtype=bool)
    stretches = (each for part in field.parts for each in field.of(*part))
    for k, (stretch, alive) in enumerate(stretches):
        made[k] = scipy.fft.rfft(stretch * window[:, None], axis=0)[bins]
        live &= alive
    if np.count_nonzero(live) < 3:
        raise InputError(f"{np.count_nonzero(live)} sites are live in all trials; a "
                         "wavenumber needs 3")  # fmt: skip
    return made, live


def _values(field: Stretches) -> np.ndarray:
    """All stretches (stretch, frame, site)."""
    return np.stack([stretch for part in field.parts for stretch, _ in field.of(*part)])


def _spectra(
    values: np.ndarray, window: np.ndarray, weights: np.ndarray, bins: np.ndarray
) -> np.ndarray:
    """Tapered transforms (stretch, frequency, site)."""
    return scipy.fft.rfft(values * window[:, None], axis=1)[:, bins] * weights


def _coins(
    stretches: int, bins: np.ndarray, frames: int, seeds: list[int]
) -> np.ndarray:
    """Which coefficients surrogates `without_lags` turn: (frequency, seed, stretch).

    The same coins as there, for the same seeds.
    """
    number = (frames - 1) // 2
    tiles = np.arange(number) // min(_TILE_FREQUENCIES, max(1, number // 16))
    inside = (bins >= 1) & (bins <= number)  # others are real
    turned = np.zeros((bins.size, len(seeds), stretches), dtype=bool)
    for k, seed in enumerate(seeds):
        tossed = np.random.default_rng(seed).random((stretches, tiles[-1] + 1)) < 0.5
        turned[inside, k] = tossed[:, tiles[bins[inside] - 1]].T
    return turned


def _leads(
    spectra: np.ndarray, grid: Wavenumbers, coins: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean power (frequency, y, x), its lead (frequency,), and that of surrogates.

    The last is (seed, frequency). One frequency at a time, as the power of all would
    be many times the coefficients.
    """
    count, some = coins.shape[1], max(1, _BLOCK // (grid.x.size * grid.y.size))
    mean = np.empty((spectra.shape[1], grid.y.size, grid.x.size))
    made = np.empty((count, spectra.shape[1]))
    for f, turned in enumerate(coins):
        power = grid.power(spectra[:, f])  # (stretch, y, x)
        mean[f] = power.mean(axis=0)
        for k in range(0, count, some):
            made[k : k + some, f] = _lead(_turned(power, turned[k : k + some]))
    return mean, _lead(mean), made


def _turned(power: np.ndarray, coins: np.ndarray) -> np.ndarray:
    """Mean power (seed, y, x) where coins (seed, stretch) turn some of (stretch, y, x).

    A conjugate spectrum has the power of -k. No field needs to be made, as phases
    common to all sites do not enter.
    """
    back = np.tensordot(coins / len(power), power, axes=1)
    return np.asarray(power.mean(axis=0) - back + back[:, ::-1, ::-1])


def _lead(power: np.ndarray) -> np.ndarray:
    """(P(k) - P(-k)) / mean P at the peak of each power (plane, y, x)."""
    flat = power.reshape(len(power), -1)
    at = np.argmax(flat, axis=1)
    rows = np.arange(len(flat))
    with np.errstate(invalid="ignore", divide="ignore"):
        lead = (flat[rows, at] - flat[rows, flat.shape[1] - 1 - at]) / flat.mean(axis=1)
    return np.nan_to_num(lead)


def _strongest(spectra: np.ndarray, grid: Wavenumbers) -> np.ndarray:
    """The wavenumber (frequency, 2) x, y of most power, 1/mm, to a step of the grid."""
    power = sum(grid.power(stretch) for stretch in spectra)
    flat = np.asarray(power).reshape(spectra.shape[1], -1).argmax(axis=1)
    row, column = np.unravel_index(flat, (grid.y.size, grid.x.size))
    return np.stack([grid.x[column], grid.y[row]], axis=1)


def _ring_power(
    spectra: np.ndarray, grid: Wavenumbers, share: np.ndarray
) -> np.ndarray:
    """Power (frequency, ring) averaged over directions and stretches."""
    total = np.zeros((spectra.shape[1], share.shape[1]))
    for stretch in spectra:
        total += grid.power(stretch).reshape(len(total), -1) @ share
    return total / len(spectra)


def _height(profile: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.nan_to_num(profile.max(axis=1) / profile.mean(axis=1))


def _group_speed(frequency: np.ndarray, wavenumber: np.ndarray) -> np.ndarray:
    """df / d|k| by regression of |k|, which errs, on f, which does not."""
    speed = np.full(frequency.size, np.nan)
    known = np.isfinite(wavenumber)
    for f in np.flatnonzero(known):
        near = np.arange(max(0, f - 2), min(frequency.size, f + 3))
        near = near[known[near]]
        if near.size < 3:
            continue
        slope = np.polyfit(frequency[near] - frequency[f], wavenumber[near], 1)[0]
        speed[f] = 1 / slope if slope else np.nan
    return speed
