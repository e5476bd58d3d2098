"""An analysis of waves as what its one page shows."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import xarray as xr

from cortexwave.analysis.analyses import Analysis
from cortexwave.analysis.wavenumber_spectrum import radial_power
from cortexwave.view.wave_page import WavePage, draw_wave_page

_MOST_FRAMES = 4000  # of courses on the page: no more could be seen


def write_wave_page(analysis: Analysis, path: str | Path) -> Path:
    """The page of an analysis as png, svg or pdf; its path."""
    from cortexwave.view import save_figure

    return save_figure(draw_wave_page(wave_page(analysis)), path)


def wave_page(analysis: Analysis) -> WavePage:
    """What the page of an analysis shows: of trial 0 and feature 0, where several."""
    measures = analysis.measures
    every = max(1, measures.sizes["time"] // _MOST_FRAMES)
    spectrum = analysis.spectrum
    if spectrum is not None:
        spectrum = radial_power(_first(spectrum, "feature")).load()
    attrs = measures.attrs
    low, high = json.loads(attrs["band"])
    name = attrs.get("recording_title") or attrs.get("recording_source") or "Waves"
    provenance = ", ".join(
        text for text in (
            str(attrs.get("recording_source", "")), f"'{attrs['analysed']}'",
            f"{low:g} to {high:g} Hz", f"{attrs['phase_method']} phase",
            f"{attrs['count']} surrogates, seed {attrs['seed']}",
            f"cortexwave {attrs['cortexwave_version']}",
            f"commit {attrs['git_commit'][:10]}" if attrs.get("git_commit") else "",
        ) if text
    )  # fmt: skip
    reasons, cautions = (json.loads(attrs[k]) for k in ("reasons", "cautions"))
    return WavePage(
        field=analysis.maps.load(), events=analysis.events.load(),
        measures=measures.isel(time=slice(None, None, every)).load(),
        spectrum=spectrum, ridge=analysis.ridge,
        test=None if analysis.lags is None else _first(analysis.lags, "feature").load(),
        speeds=_speeds(analysis.events),
        attrs={"title": name, "provenance": provenance, "word": analysis.word,
               "missing": analysis.missing,
               # the reasons have lines of their own
               "verdict": "Undetermined." if reasons else attrs["sentence"],
               "reasons": [*reasons, *(f"Caution: {each}" for each in cautions)]},
    )  # fmt: skip


def _first(table: xr.Dataset, dim: str) -> xr.Dataset:
    return table.isel({dim: 0}) if dim in table.dims else table


def _speeds(events: xr.Dataset) -> tuple[float, ...]:
    """The median speed of the waves, as a line of the spectrum."""
    speed = events["speed"].values[events["is_wave"].values]
    speed = speed[np.isfinite(speed)]
    return (float(np.median(speed)),) if speed.size else ()
