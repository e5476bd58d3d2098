"""Line noise: how much of the mains stands in each site, and taking it out.

Power at the line is set against its neighbours' in overlapping segments under a
Blackman-Harris window (Harris 1978), whose side lobes lie 92 dB down, so that a strong
line does not reach its neighbours. The line is taken out by regression: sinusoids at
its frequency, refined in each window, are fitted to the window and subtracted. That
takes out what is steady over a window, some 1/window Hz, where a notch takes its width.
"""

from __future__ import annotations

import numpy as np
import scipy.signal
import scipy.stats
import xarray as xr

from cortexwave.analysis.courses import site_courses
from cortexwave.analysis.sections import noted
from cortexwave.analysis.sites import like, picked, sampling_rate
from cortexwave.errors import InputError

_SEGMENT = 2.0  # s
_SHORTEST = 0.5  # s, of a segment and of a window
# of a segment's frequencies: the window's main lobe is 4 of them to either side
_NEIGHBOURS = np.array([-9, -8, -7, -6, -5, 5, 6, 7, 8, 9])
_FEWEST_NEIGHBOURS = 2  # on either side: power falls with frequency
# Neighbours that close overlap; taken for so many, p < 0.01 comes in 0.003 to 0.01
# of sites of white, 1/f and 1/f^2 noise of 0.7 to 60 s.
_INDEPENDENT = 3
_RARE = 0.01
_DRIFT = 0.5  # Hz that mains may stand off their nominal frequency


def line_noise(
    recording: xr.Dataset,
    *,
    frequency: float,
    variable: str | None = None,
    harmonics: int = 1,
) -> xr.Dataset:
    """Power at `frequency` Hz and its harmonics over that of neighbours, by site.

    `line_ratio` (harmonic, sites of the field), 1 where there is no line: mean power
    at the line over the median of frequencies 5 to 9 resolutions away on both sides (a
    resolution is 1/segment, 0.5 Hz for 2 s), the median brought to the mean of noise.
    `line_p`: the probability of such a ratio or a greater one in noise without a line.
    Over segments of 2 s or the whole recording, half overlapping, all trials and
    features together. `harmonics` counts the frequency itself; coordinate `harmonic`
    is in Hz. Sites that are missing or never change are NaN.
    """
    values = picked(recording, variable)
    rate = sampling_rate(values)
    lines = _lines(frequency, harmonics, rate)
    ratio, p, said = _ratios(site_courses(values), rate, lines)
    dims = [dim for dim in ("y", "x", "channel") if dim in values.dims]
    shape = (lines.size, *(values.sizes[dim] for dim in dims))
    table = {
        name: (("harmonic", *dims), found.reshape(shape), {"units": "1"})
        for name, found in (("line_ratio", ratio), ("line_p", p))
    }
    coords = {name: at for name, at in values.coords.items()
              if at.dims and set(at.dims) <= set(dims)}  # fmt: skip
    return xr.Dataset(
        table,
        {**coords, "harmonic": ("harmonic", lines, {"units": "Hz"})},
        {"variable": str(values.name), "method": said},
    )


def remove_line_noise(
    recording: xr.Dataset,
    *,
    frequency: float,
    variable: str | None = None,
    harmonics: int = 1,
    window: float = 4.0,
) -> xr.Dataset:
    """The recording with one field freed of a line at `frequency` Hz and its harmonics.

    In half-overlapping windows of `window` s (the whole recording if that is shorter)
    the frequency is refined within 0.5 Hz, for all sites together, and sinusoids at its
    multiples are fitted to each site with a constant and a slope; the fits, cross-faded
    from window to window, are subtracted. A harmonic is taken from a site only where
    `line_noise` finds it there with p < 0.01, so a recording without the line comes
    back (but for that share of its sites) as it was.
    """
    values = picked(recording, variable)
    rate = sampling_rate(values)
    if not window >= _SHORTEST:
        raise InputError(f"window is {window!r} s; telling a line from its neighbours "
                         f"takes {_SHORTEST:g} s")  # fmt: skip
    courses = site_courses(values)
    lines = _lines(frequency, harmonics, rate)
    with np.errstate(invalid="ignore"):
        found = _ratios(courses, rate, lines)[1] < _RARE  # (harmonic, site)
    made = courses.copy()
    noisy = np.flatnonzero(found.any(axis=0))
    for at in np.ndindex(courses.shape[:2]):
        some = noisy[np.isfinite(courses[at][noisy]).all(axis=-1)]
        if some.size:
            made[at][some] -= _line(
                courses[at][some], rate, lines, found[:, some], window
            )
    field = like(values, np.moveaxis(made, -1, -2)).assign_attrs(values.attrs)
    said = (
        f"{frequency:g} Hz line and {lines.size - 1} harmonics regressed out of "
        f"{noisy.size} sites in windows of {window:g} s"
    )
    return noted(recording.assign({str(values.name): field}), said)


def _lines(frequency: float, harmonics: int, rate: float) -> np.ndarray:
    if harmonics != int(harmonics) or harmonics < 1:
        raise InputError(f"harmonics is {harmonics!r}; it is a whole number from 1, "
                         "which is the frequency alone")  # fmt: skip
    lines = frequency * np.arange(1, int(harmonics) + 1)
    if not 0 < lines[-1] < rate / 2:
        raise InputError(
            f"harmonic {harmonics} of {frequency:g} Hz is {lines[-1]:g} Hz; it must "
            f"lie between 0 and half the sampling rate, {rate / 2:g} Hz"
        )
    return lines


def _ratios(
    courses: np.ndarray, rate: float, lines: np.ndarray
) -> tuple[np.ndarray, np.ndarray, str]:
    """Ratio and p (harmonic, site) of (trial, feature, site, time); the method."""
    sites, frames = courses.shape[-2:]
    length = min(frames, round(_SEGMENT * rate))
    if length < _SHORTEST * rate:
        raise InputError(
            f"the recording lasts {frames / rate:.3g} s; telling a line from its "
            f"neighbours takes {_SHORTEST:g} s"
        )
    window = scipy.signal.get_window("blackmanharris", length)
    starts = range(0, frames - length + 1, max(1, length // 2))
    ratios, ps = np.full((2, lines.size, sites), np.nan)
    for k, line in enumerate(lines):
        around = line + _NEIGHBOURS * rate / length
        around = around[(around > 0) & (around < rate / 2)]
        fewest = min(np.sum(around < line), np.sum(around > line))
        if fewest < _FEWEST_NEIGHBOURS:
            raise InputError(
                f"{line:g} Hz has {fewest} neighbours on one side, between 0 and "
                f"{rate / 2:g} Hz, to be compared with; at least {_FEWEST_NEIGHBOURS} "
                f"are needed, and of {length / rate:.3g} s they stand "
                f"{5 * rate / length:.3g} Hz away"
            )
        table = window[:, None] * _turning(np.append(line, around), length, rate)
        total, count = np.zeros((sites, around.size + 1)), np.zeros(sites)
        for block in courses.reshape(-1, sites, frames):
            whole = np.flatnonzero(np.ptp(block, axis=-1) > 0)  # not NaN nor constant
            for start in starts if whole.size else ():
                part = scipy.signal.detrend(block[whole, start : start + length])
                total[whole] += np.abs(part @ table) ** 2
                count[whole] += 1
        freedom = 2 * count
        with np.errstate(invalid="ignore", divide="ignore"):
            usual = np.median(total[:, 1:], axis=-1)
            # the median of noise lies below its mean
            usual = usual * freedom / scipy.stats.chi2.ppf(0.5, freedom)
            ratios[k] = np.where(usual > 0, total[:, 0] / usual, np.nan)
        ps[k] = scipy.stats.f.sf(ratios[k], freedom, _INDEPENDENT * freedom)
    said = f"{len(starts)} Blackman-Harris segments of {length / rate:.3g} s"
    return ratios, ps, said


def _turning(frequencies: np.ndarray, frames: int, rate: float) -> np.ndarray:
    return np.exp(-2j * np.pi / rate * np.outer(np.arange(frames), frequencies))


def _line(
    rows: np.ndarray, rate: float, lines: np.ndarray, wanted: np.ndarray, window: float
) -> np.ndarray:
    """The lines in rows (site, time), of the harmonics wanted (harmonic, site)."""
    frames = rows.shape[-1]
    length = min(frames, round(window * rate))
    weight = np.sin(np.pi * (np.arange(length) + 0.5) / length) ** 2
    total, sum_of_weights = np.zeros(rows.shape), np.zeros(frames)
    trend = np.linspace(-1, 1, length)
    for start in [*range(0, frames - length, max(1, length // 2)), frames - length]:
        here = slice(start, start + length)
        one = _refined(scipy.signal.detrend(rows[:, here]) * weight, rate, lines)
        turn = _turning(lines / lines[0] * one, length, rate)
        model = np.column_stack([turn.real, turn.imag, np.ones(length), trend])
        weighted = model * weight[:, None]
        fit = np.linalg.solve(weighted.T @ model, weighted.T @ rows[:, here].T)
        kept = fit[: 2 * lines.size] * np.concatenate([wanted, wanted])
        total[:, here] += (model[:, : 2 * lines.size] @ kept).T * weight
        sum_of_weights[here] += weight
    return total / sum_of_weights


def _refined(rows: np.ndarray, rate: float, lines: np.ndarray) -> float:
    """The frequency near the first line at which all sites have most, in Hz."""
    step = rate / rows.shape[-1] / 8
    reach = max(1, round(min(_DRIFT, lines[0] / 4) / step))
    tried = lines[0] + step * np.arange(-reach, reach + 1)
    power = np.zeros(tried.size)
    for multiple in lines / lines[0]:
        found = np.abs(rows @ _turning(multiple * tried, rows.shape[-1], rate)) ** 2
        # each site and harmonic by its own strength, so that no site decides alone
        power += np.sum(found / found.sum(axis=-1, keepdims=True), axis=0)
    at = int(np.argmax(power))
    if not 0 < at < tried.size - 1:
        return float(lines[0])  # no peak nearby
    before, top, after = power[at - 1 : at + 2]
    bend = before - 2 * top + after
    return float(tried[at] + (step * (before - after) / (2 * bend) if bend < 0 else 0))
