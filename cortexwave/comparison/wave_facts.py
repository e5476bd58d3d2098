"""What is measured of the waves of one recording, the same of a model and of a lab.

Events and verdict come of `analyse`; here they get beside them what describes the field
as a whole: its spectrum, its coherency with distance, its net direction and whether
it is separable. All is read piece by piece.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from pathlib import Path

import numpy as np
import xarray as xr

from cortexwave.analysis.analyses import Analysis, open_waves
from cortexwave.analysis.separability import separability
from cortexwave.analysis.sites import picked, sampling_rate, sites_of
from cortexwave.analysis.wavenumber_spectrum import radial_power
from cortexwave.comparison.facts_file import Facts, undetermined
from cortexwave.comparison.field_curves import mean_coherency, power_spectrum
from cortexwave.comparison.loudness import Loudness, loudness
from cortexwave.comparison.parts import Part, overlaps
from cortexwave.errors import InputError

# s from the beginning that separability is asked of: each surrogate is as long
_SEPARABLE = 60.0
TRAVELLING = ("plane", "source", "sink", "rotating", "spiral")
_FEWEST_WAVES = 5  # episodes that a distribution of a session can be made of
WAVE_TABLES = ("events", "field", "spectrum", "coherency", "radial", "separability")
_EVENT_COLUMNS = ("start", "end", "duration", "kind", "speed", "direction",
                  "wavelength", "frequency", "score", "p", "is_wave")  # fmt: skip


def wave_facts(
    recording: xr.Dataset,
    waves: str | Path,
    part: Part,
    *,
    band: tuple[float, float],
    count: int,
    seed: int,
    names: Collection[str] = WAVE_TABLES,
) -> Facts:
    """Tables of a recording, those of `WAVE_TABLES` that are named.

    `waves` is the file that `analyse` wrote of it. `field` holds scalars: net direction
    asymmetry with its chance level, medians, extents; its attributes the verdict; and
    non-separability with its chance level if "separability" is named.
    """
    found = open_waves(waves)
    makers: dict[str, Callable[[], xr.Dataset]] = {
        "events": lambda: _events(found, part, loudness(recording, part, band=band)),
        "field": lambda: _field(
            recording, found, part, band=band, seed=seed,
            count=count if "separability" in names else None,
        ),
        "spectrum": lambda: table_or_reason(
            "spectrum", power_spectrum, recording, part, band
        ),
        "coherency": lambda: table_or_reason(
            "coherency", mean_coherency, recording, part, band
        ),
        "radial": lambda: _radial(found),
    }  # fmt: skip
    return {name: make() for name, make in makers.items() if name in names}


def table_or_reason(
    name: str, function: Callable[..., xr.Dataset], recording: xr.Dataset, part: Part,
    band: tuple[float, float],
) -> xr.Dataset:  # fmt: skip
    """What a function makes of a recording, or why it makes nothing."""
    try:
        return function(recording, variable=part.variable, band=band)
    except InputError as error:
        return undetermined(name, str(error))


def _events(found: Analysis, part: Part, loud: Loudness) -> xr.Dataset:
    """Events that overlap no excluded time, with those that are waves marked.

    `amplitude` is that of the array in the band, the median over an event's frames.

    `is_wave` marks those that stand by themselves above the same field without lags.
    Distributions are made of all episodes that follow a wave, in recordings of which
    the verdict is that waves travel; `few` says why there is none.
    """
    table = found.events.load()
    kept = table[[name for name in _EVENT_COLUMNS if name in table]]
    gone = overlaps(table["start"].values, table["end"].values, part.times)
    kept = kept.isel(event=np.flatnonzero(~gone))
    kept["is_wave"] = kept["is_wave"].astype("int8")
    travels = np.isin(kept["kind"].values.astype(str), TRAVELLING)
    waves, episodes = int(kept["is_wave"].sum()), int(travels.sum())
    made = xr.Dataset(
        {name: (variable.dims, variable.values, variable.attrs)
         for name, variable in kept.variables.items() if name not in kept.dims},
    )  # fmt: skip
    whose = zip(table["start"].values, table["end"].values, table["trial"].values,
                strict=True)  # fmt: skip
    strong = np.array([loud.of(float(t0), float(t1), int(trial))
                       for t0, t1, trial in whose])  # fmt: skip
    made["amplitude"] = ("event", strong[~gone], {"units": loud.units})
    made.attrs = {
        "amplitude_median": loud.median, "loud": loud.share,
        "measure": "find_waves", "waves": waves, "episodes": episodes,
        "left_out": int(gone.sum()),
        "seconds": float(table.attrs["frames"]) / float(
            found.measures.attrs["sampling_rate"]),
        "word": found.word, "verdict": found.verdict,
        "p_together": float(table.attrs["p_together"]),
    }  # fmt: skip
    few = why_few(found.word, found.verdict, episodes)
    if few:
        made.attrs["few"] = few
    return made


def why_few(word: str, verdict: str, episodes: int) -> str:
    """Why a recording has no distribution of episodes, "" where it has.

    `word` and `verdict` are those of the analysis, `episodes` those that follow a wave.
    """
    if word != "travelling waves":
        # the cautions stand in the analysis itself; here is the reason
        return f"of its waves the analysis says: {verdict.split(' Caution:')[0]}"
    if episodes < _FEWEST_WAVES:
        return (f"{episodes} episodes follow a wave, and {_FEWEST_WAVES} are needed "
                "for a distribution")  # fmt: skip
    return ""


def _field(
    recording: xr.Dataset, found: Analysis, part: Part, *, band: tuple[float, float],
    count: int | None, seed: int,
) -> xr.Dataset:  # fmt: skip
    """Scalars of the whole field; separability by `count` surrogates, None for none."""
    values = picked(recording, part.variable)
    sites, rate = sites_of(values), sampling_rate(values)
    numbers: dict[str, tuple[float, str]] = {
        "pitch": (float(sites.pitch), "mm"),
        "extent": (float(np.ptp(sites.positions, axis=0).max() + sites.pitch), "mm"),
        "rate": (float(rate), "Hz"),
        "duration": (values.sizes["time"] / rate * values.sizes.get("trial", 1), "s"),
        "sites": (float(_live(found)), "1"),
    }
    for name, unit in (("frequency", "Hz"), ("wavelength", "mm"), ("speed", "mm/s")):
        numbers[f"median_{name}"] = (median_of_frames(found.measures, name), unit)
    lags = found.lags
    for name, column, unit in (
        ("net_direction", "asymmetry", "1"),
        ("net_direction_chance", "asymmetry_chance", "1"),
        ("net_lags_p", "p", "1"), ("net_lags_direction", "direction", "deg"),
    ):  # fmt: skip
        value = np.nan if lags is None else float(np.ravel(lags[column].values)[0])
        numbers[name] = (value, unit)
    reasons = {}
    if count is not None:
        beginning = recording.isel(time=slice(0, round(_SEPARABLE * rate)))
        try:
            nsi = separability(beginning, band=band, seed=seed, variable=part.variable,
                               count=max(19, count))  # fmt: skip
            for name, column in (("separability", "nsi"),
                                 ("separability_chance", "nsi_chance"),
                                 ("separability_p", "p")):  # fmt: skip
                numbers[name] = (float(np.ravel(nsi[column].values)[0]), "1")
        except InputError as error:
            reasons["separability_reason"] = str(error)
    if lags is None:
        reasons["net_direction_reason"] = "net lags could not be tested"
    return xr.Dataset(
        {name: ((), value, {"units": unit}) for name, (value, unit) in numbers.items()},
        attrs={"measure": "field", "word": found.word, "verdict": found.verdict,
               "reference": str(recording.attrs.get("reference", "")),
               "origin": str(recording.attrs.get("origin", "")), **reasons},
    )  # fmt: skip


def _live(found: Analysis) -> int:
    amplitude = found.sites["amplitude"]
    over = [dim for dim in ("trial", "feature") if dim in amplitude.dims]
    return int((amplitude.max(over) > 0).sum())


def median_of_frames(measures: xr.Dataset, name: str) -> float:
    """Median over the valid frames at which phase goes one way, of a measure.

    Directionality above a half chooses frames that have one wavelength to speak of; it
    is a description, no test. Frequencies are those of the same frames, from speed and
    wavelength, whose quotient they are.
    """
    if "pgd" not in measures or "wavelength" not in measures:
        return float("nan")
    plain = np.asarray(measures["pgd"].values) > 0.5
    if name == "frequency":
        values = np.asarray(measures["speed"].values) / np.asarray(
            measures["wavelength"].values)  # fmt: skip
    else:
        values = np.asarray(measures[name].values)
    chosen = values[plain & np.isfinite(values)]
    return float(np.median(chosen)) if chosen.size else float("nan")


def _radial(found: Analysis) -> xr.Dataset:
    """Power over wavenumber and frequency, directions averaged."""
    if found.spectrum is None:
        return undetermined(
            "wavenumber_frequency", "too short, or too few sites, for wavenumbers"
        )
    spectrum = found.spectrum
    if "feature" in spectrum.dims:
        spectrum = spectrum.isel(feature=0)
    made = radial_power(spectrum).load()
    made.attrs["measure"] = "wavenumber_frequency"
    return made
