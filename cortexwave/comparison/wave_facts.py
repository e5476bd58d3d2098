"""What is measured of the waves of one recording, the same of a model and of a lab.

Events and verdict come of `analyse`; here they get beside them what describes the field
as a whole: its spectrum, its coherency with distance, its net direction and whether
it is separable. All is read piece by piece.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from pathlib import Path

import numpy as np
import scipy.signal
import xarray as xr

from cortexwave.analysis.analyses import Analysis, open_waves
from cortexwave.analysis.coherence import correlation_distance
from cortexwave.analysis.filters import margin_seconds
from cortexwave.analysis.separability import separability
from cortexwave.analysis.sites import picked, sampling_rate, sites_of
from cortexwave.analysis.wave_fields import wave_field
from cortexwave.analysis.wavenumber_spectrum import radial_power
from cortexwave.comparison.facts_file import Facts, undetermined
from cortexwave.comparison.loudness import Loudness, loudness
from cortexwave.comparison.parts import Part, overlaps
from cortexwave.errors import InputError

_PIECE = 2**22  # values that are read at once
_STRETCHES, _STRETCH = 6, 10.0  # s of the recording that coherency is taken of
# s from the beginning that separability is asked of: each surrogate is as long
_SEPARABLE = 60.0
_CYCLES = 8.0  # of the band's lower edge in a segment of the spectrum
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
