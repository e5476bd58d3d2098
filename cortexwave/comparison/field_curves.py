"""Curves of a whole recording: power by frequency, coherency by distance.

Both are read piece by piece, whatever the length of the recording.
"""

from __future__ import annotations

import numpy as np
import scipy.signal
import xarray as xr

from cortexwave.analysis.coherence import correlation_distance
from cortexwave.analysis.filters import margin_seconds
from cortexwave.analysis.sites import picked, sampling_rate
from cortexwave.analysis.wave_fields import wave_field
from cortexwave.errors import InputError

_PIECE = 2**22  # values that are read at once
_STRETCHES, _STRETCH = 6, 10.0  # s of the recording that coherency is taken of
_CYCLES = 8.0  # of the band's lower edge in a segment of the spectrum


def power_spectrum(
    recording: xr.Dataset, *, variable: str | None, band: tuple[float, float]
) -> xr.Dataset:
    """Median over sites of the power spectrum, up to four times the band's upper end.

    Welch's method in segments of eight cycles of the band's lower end, Hann windows
    that overlap by half; `aperiodic` is the line of log power over log frequency fitted
    outside the band, by the least sum of absolute residuals, `exponent` its slope.
    """
    values = picked(recording, variable)
    rate = sampling_rate(values)
    frames = int(min(values.sizes["time"], round(_CYCLES / band[0] * rate)))
    if frames < 8:
        raise InputError(f"{values.sizes['time']} frames are too few for a spectrum")
    sites = [dim for dim in values.dims if dim not in ("trial", "feature", "time")]
    ordered = values.transpose(
        "trial", "feature", *sites, "time", missing_dims="ignore"
    )
    rows = int(np.prod([ordered.sizes[dim] for dim in ordered.dims[:-1]], dtype=int))
    step = max(2 * frames, _PIECE // max(1, rows)) // frames * frames
    total, pieces = np.zeros(()), 0
    for start in range(0, values.sizes["time"] - frames + 1, step):
        piece = ordered.isel(time=slice(start, start + step))
        if piece.sizes["time"] < frames:
            break
        courses = np.asarray(piece.values, dtype=float)
        courses = courses.reshape(-1, ordered.sizes.get(sites[0], 1) if len(sites) == 1
                                  else int(np.prod([ordered.sizes[s] for s in sites])),
                                  courses.shape[-1])  # fmt: skip
        frequency, power = scipy.signal.welch(
            courses, rate, nperseg=frames, noverlap=frames // 2, axis=-1
        )
        weight = courses.shape[-1]
        total, pieces = total + weight * power.mean(axis=0), pieces + weight
    if not pieces:
        raise InputError("the recording is shorter than one segment of its spectrum")
    mean = total / pieces
    live = np.isfinite(mean).all(axis=-1) & (mean.sum(axis=-1) > 0)
    if not live.any():
        raise InputError("no site has a spectrum")
    usual = np.median(mean[live], axis=0)
    shown = (frequency > 0) & (frequency <= min(4 * band[1], 0.5 * rate))
    at, power = frequency[shown], usual[shown]
    exponent, offset = _aperiodic(at, power, band)
    inside = (at >= band[0]) & (at <= band[1])
    peak = float(at[inside][np.argmax((power / _line(at, exponent, offset))[inside])]) \
        if inside.any() else float("nan")  # fmt: skip
    unit = f"{values.attrs.get('units', '1')}^2/Hz"
    return xr.Dataset(
        {"power": ("frequency", power, {"units": unit}),
         "share": ("frequency", power / power[inside].sum() if inside.any()
                   else np.full(power.shape, np.nan), {"units": "1"}),
         "aperiodic": ("frequency", _line(at, exponent, offset), {"units": unit}),
         "exponent": ((), exponent, {"units": "1"}),
         "peak": ((), peak, {"units": "Hz"})},
        {"frequency": ("frequency", at, {"units": "Hz"})},
        {"measure": "power_spectrum", "band": list(band), "segment": frames / rate},
    )  # fmt: skip


def _line(at: np.ndarray, exponent: float, offset: float) -> np.ndarray:
    return np.asarray(np.exp(offset) * at**-exponent)


def _aperiodic(
    at: np.ndarray, power: np.ndarray, band: tuple[float, float]
) -> tuple[float, float]:
    """Exponent and offset of power outside the band, by iterated least squares."""
    outside = ((at < band[0]) | (at > band[1])) & (power > 0)
    use = outside if outside.sum() >= 4 else power > 0
    x, y = np.log(at[use]), np.log(power[use])
    if x.size < 2:
        return 0.0, float(y.mean()) if y.size else 0.0
    weight = np.ones(x.size)
    slope, offset = 0.0, 0.0
    for _ in range(20):
        slope, offset = np.polyfit(x, y, 1, w=np.sqrt(weight))
        weight = 1 / np.maximum(np.abs(y - slope * x - offset), 1e-3)
    return float(-slope), float(offset)


def mean_coherency(
    recording: xr.Dataset, *, variable: str | None, band: tuple[float, float]
) -> xr.Dataset:
    """Coherency against distance, the mean over six stretches spread over the time."""
    values = picked(recording, variable)
    rate, frames = sampling_rate(values), values.sizes["time"]
    size = min(frames, round((_STRETCH + 2 * margin_seconds(
        rate=rate, band=band, order=4)) * rate))  # fmt: skip
    starts = np.unique(np.linspace(0, frames - size, _STRETCHES).round().astype(int))
    if frames < _STRETCHES * size:
        starts = np.arange(0, frames - size + 1, size)
    tables = []
    for start in starts:
        field = wave_field(recording.isel(time=slice(start, start + size)), band=band,
                           variable=variable)  # fmt: skip
        table = correlation_distance(
            field.isel(time=np.asarray(field["valid"].values, dtype=bool))
        )
        over = [dim for dim in ("trial", "feature") if dim in table.dims]
        tables.append(table.mean(over) if over else table)
    names = ("coherency_real", "coherency_imag", "coherency_imag_rms", "coherency_size")
    made = xr.Dataset({
        name: ("distance", np.nanmean([each[name].values for each in tables], axis=0),
               {"units": "1"}) for name in names
    }, {"distance": tables[0]["distance"].variable})  # fmt: skip
    made.attrs = {
        "measure": "correlation_distance", "band": list(band),
        "stretches": len(tables), "seconds": len(tables) * size / rate,
    }  # fmt: skip
    return made
