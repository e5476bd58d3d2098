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
from cortexwave.analysis.stretches import Stretches, band_bins, stretches_of
from cortexwave.analysis.surrogates import exceedance
from cortexwave.analysis.wavenumber_peaks import peaks, ring_peaks
from cortexwave.analysis.wavenumber_spectrum import (
    Taper,
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
# squared coherence with a stronger frequency; noise has 0.44 and 0.03 one and two
# frequencies away, by the taper, and none beyond
_LEAKS, _FAR_LEAKS, _FAR = 0.8, 0.5, 3
_BY_CHANCE = 1e-3  # of one pair of frequencies far from each other
_TILE_FREQUENCIES = 4  # as in covariance_surrogates


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
    limit, or with its ring at 0, is none. Power of every stretch is in memory.
    """
    field = _checked(recording, variable, segment, ridge, taper, count, alpha)
    bins = band_bins(scipy.fft.rfftfreq(field.frames, 1 / field.rate), band, field.rate)
    frequency = bins * field.rate / field.frames
    values, weights = _stretched(field, taper)
    window = time_tapers(field.frames, taper)[0]
    grid = wavenumbers_of(field.sites, _PADDING)
    spectra = _spectra(values, window, weights, bins)
    seeds = np.random.SeedSequence(seed).generate_state(count).tolist()
    if ridge == "directed":
        power = grid.power(spectra)  # (stretch, frequency, y, x)
        observed = _lead(power.mean(axis=0))
        made = np.stack([_lead(_turned(power, bins, field.frames, s)) for s in seeds])
        found = peaks(power.mean(axis=0), spectra, field.sites, grid)
    else:
        share, radius = rings(grid.x, grid.y)
        profile = _ring_power(spectra, grid, share)
        observed = _height(profile)
        made = np.stack([
            _height(_ring_power(_spectra(separable(values, s), window, weights, bins),
                                grid, share))
            for s in seeds
        ])  # fmt: skip
        found = ring_peaks(profile, radius)
    against = exceedance(observed, made)
    last = (field.frames - 1) // 2
    wide = np.arange(max(1, bins[0] - _BESIDE), min(last, bins[-1] + _BESIDE) + 1)
    if ridge == "directed":
        peak = np.stack([found["wavenumber_x"], found["wavenumber_y"]], axis=1)
    else:
        peak = _strongest(spectra, grid)
    around = _spectra(values, window, weights, wide)
    leaks = _leaks(around, bins - wide[0], field.sites.positions, peak, window)
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
         "stretches": len(values), "taper": taper, "ridge": ridge, "null": null,
         "rejection": rejection, "count": count, "seed": seed, "alpha": alpha},
    )  # fmt: skip


def _checked(
    recording: xr.Dataset, variable: str | None, segment: float, ridge: str,
    taper: str, count: int, alpha: float,
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
    field = stretches_of(recording, variable=variable, segment=segment, overlap=0)
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
            f"{int(np.ceil(1 - np.log2(alpha)))} or more, so a shorter segment"
        )
    return field


def _stretched(field: Stretches, taper: Taper) -> tuple[np.ndarray, np.ndarray]:
    """All stretches (stretch, frame, site), and the weights of sites live in all."""
    found = [pair for part in field.parts for pair in field.of(*part)]
    live = np.all([alive for _, alive in found], axis=0)
    if np.count_nonzero(live) < 3:
        raise InputError(f"{np.count_nonzero(live)} sites are live in all trials; a "
                         "wavenumber needs 3")  # fmt: skip
    weights = np.where(live, space_weights(field.sites, taper), 0.0)
    return np.stack([stretch for stretch, _ in found]), weights


def _spectra(
    values: np.ndarray, window: np.ndarray, weights: np.ndarray, bins: np.ndarray
) -> np.ndarray:
    """Tapered transforms (stretch, frequency, site)."""
    return scipy.fft.rfft(values * window[:, None], axis=1)[:, bins] * weights


def _turned(power: np.ndarray, bins: np.ndarray, frames: int, seed: int) -> np.ndarray:
    """Mean power (frequency, y, x) of a surrogate `without_lags` of tapered stretches.

    The same coins as there; a conjugate spectrum has the power of -k. No field needs
    to be made, as phases common to all sites do not enter.
    """
    number = (frames - 1) // 2
    tiles = np.arange(number) // min(_TILE_FREQUENCIES, max(1, number // 16))
    draw = np.random.default_rng(seed)
    tossed = draw.random((len(power), tiles[-1] + 1)) < 0.5
    turned = np.zeros((len(power), frames // 2 + 1))
    turned[:, 1 : number + 1] = tossed[:, tiles]
    share = turned[:, bins].T / len(power)  # (frequency, stretch)
    back = np.einsum("fs,sfyx->fyx", share, power, optimize=True)
    whole = power.mean(axis=0)
    return np.asarray(whole - back + back[:, ::-1, ::-1])


def _lead(power: np.ndarray) -> np.ndarray:
    """(P(k) - P(-k)) / mean P at the peak of power (frequency, y, x)."""
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


def _leaks(
    spectra: np.ndarray,
    chosen: np.ndarray,
    places: np.ndarray,
    peak: np.ndarray,
    window: np.ndarray,
) -> np.ndarray:
    """Whether the power at a frequency is that of a stronger one, (frequency,) bool.

    Spectra (stretch, frequency, site), `chosen` of their frequencies, each at its
    wavenumber `peak` (frequency, 2) in 1/mm. What a taper makes of a line is the same
    in all stretches but for one factor; so are two steady lines, of any power.
    """
    found = np.zeros(len(chosen), dtype=bool)
    leaked = _leaked(window, spectra.shape[1])
    rare = 1 - _BY_CHANCE ** (1 / (len(spectra) - 1))
    for row, f in enumerate(chosen):
        if not np.isfinite(peak[row]).all():
            continue
        course = spectra @ np.exp(2j * np.pi * places @ peak[row])
        power = np.sum(np.abs(course) ** 2, axis=0)
        shared = np.abs(course[:, f].conj() @ course) ** 2
        away = np.abs(np.arange(power.size) - f)
        least = np.where(away >= _FAR, max(_FAR_LEAKS, rare), _LEAKS)
        coherent = shared > least * power * power[f]
        most = power * leaked[away]
        found[row] = np.any((power > power[f]) & coherent & (power[f] <= 2 * most))
    return found


def _leaked(window: np.ndarray, count: int) -> np.ndarray:
    """Power that a line may have 0, 1, ... frequencies away, of that where it is most.

    The line stands up to half a frequency beside the nearest.
    """
    beside = np.linspace(-0.5, 0.5, 21)
    at = np.arange(count)[:, None] - beside
    turn = np.arange(window.size) * (-2j * np.pi / window.size)
    height = np.abs(np.exp(at[..., None] * turn) @ window) ** 2
    return np.asarray((height / height[0]).max(axis=1))


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
