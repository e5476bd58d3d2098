"""Net lags, spectrum and ridge of a recording as it is, or why there is none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import xarray as xr

from cortexwave.analysis.copied_sites import untold_copies
from cortexwave.analysis.dispersion import dispersion
from cortexwave.analysis.net_lags import net_lags
from cortexwave.analysis.sites import Sites
from cortexwave.analysis.wave_blocks import Wanted
from cortexwave.analysis.wavenumber_spectrum import wavenumber_frequency
from cortexwave.errors import InputError

_CYCLES = 8  # of the lowest frequency, in a stretch of the spectrum
_MOST_RIDGE = 2**24  # coefficients of all stretches: of more it would take minutes
_RIDGE_BYTES = 64  # of each of them, with its surrogates
_BESIDE = 8  # frequencies around the band that a ridge holds, too


@dataclass(frozen=True)
class Made:
    """A table, or why there is none."""

    table: xr.Dataset | None
    why: str = ""


def _made(
    function: Callable[..., xr.Dataset], recording: xr.Dataset, **given: Any
) -> Made:
    try:
        return Made(function(recording, **given))
    except InputError as error:
        return Made(None, str(error))


def lags_table(recording: xr.Dataset, wanted: Wanted) -> Made:
    """Net lags, or why there are none."""
    with untold_copies():  # the verdict says it
        return _made(net_lags, recording, band=wanted.band, seed=wanted.seed,
                     variable=wanted.variable, alpha=wanted.alpha,
                     at_once=wanted.at_once)  # fmt: skip


def spectra_tables(
    recording: xr.Dataset, values: xr.DataArray, sites: Sites, rate: float,
    wanted: Wanted,
) -> dict[str, Made]:  # fmt: skip
    """Spectrum and ridge, or why so short or so large a recording gives none.

    A ridge holds the coefficients of every stretch, which of a large recording are too
    many.
    """
    total = values.sizes["time"]
    low, high = wanted.band
    frames = min(total, round(_CYCLES / low * rate))
    given = {"segment": frames / rate, "variable": wanted.variable,
             "at_once": wanted.at_once}  # fmt: skip
    shown = (0.0, min(rate / 2, 1.5 * high))
    spectrum = _made(wavenumber_frequency, recording, band=shown, **given)
    stretches = total // frames * values.sizes.get("trial", 1)
    frequencies = _BESIDE + (high - low) * frames / rate
    held = stretches * sites.count * frequencies
    if "feature" in values.dims:
        ridge = Made(None, "a ridge is of a field with one feature; select one")
    elif held > min(_MOST_RIDGE, wanted.memory / _RIDGE_BYTES):
        ridge = Made(None, (
            f"a ridge of {stretches} stretches of {sites.count} sites would take too "
            "much memory or time; cortexwave.dispersion of a part of the recording "
            "gives one"
        ))  # fmt: skip
    else:
        ridge = _made(dispersion, recording, band=wanted.band, seed=wanted.seed,
                      alpha=wanted.alpha, **given)  # fmt: skip
    return {"spectrum": spectrum, "ridge": ridge}
