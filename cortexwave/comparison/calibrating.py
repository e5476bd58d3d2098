"""The two scales of a study's model, fitted on half of the lab's sessions.

The model's own frequency and wavelength are those of its sheet at its spectral peak;
the lab's are the medians of the sessions kept for this. What was spent, on which
sessions, and what the scales imply goes into the report.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import xarray as xr

from cortexwave.analysis.measures import measure
from cortexwave.analysis.sites import sampling_rate
from cortexwave.analysis.wave_fields import wave_field
from cortexwave.comparison.field_curves import power_spectrum
from cortexwave.comparison.parts import Part
from cortexwave.comparison.scales import (
    ModelWaves,
    Scales,
    fit_frequency_and_speed_prior,
    fit_frequency_and_wavelength,
    statement,
)
from cortexwave.comparison.seen_models import Scale, is_sheet
from cortexwave.comparison.session_values import SessionFacts
from cortexwave.comparison.study_document import (
    FrequencyAndSpeed,
    Given,
    Study,
)
from cortexwave.comparison.wave_facts import median_of_frames
from cortexwave.errors import InputError
from cortexwave.lab.sources import sources_of
from cortexwave.recording.reader import open_recording

_FRAMES, _SITES = 8192, 32  # of a sheet that are looked at, and along each axis
_PEAK = 1.5  # the band about the spectral peak: from peak / 1.5 to peak * 1.5
_WIDE = 50.0  # the peak is looked for within this factor


@dataclass(frozen=True)
class Calibrated:
    """The scales of a model and where they come from.

    `sessions` are names of the lab sessions they were fitted to, which the physics of
    the comparison then leaves out; `scales` is None where nothing was fitted.
    """

    scale: Scale
    text: str
    scales: Scales | None = None
    own: ModelWaves | None = None
    sessions: tuple[str, ...] = ()
    spent: tuple[str, ...] = ()
    cautions: tuple[str, ...] = field(default_factory=tuple)


def calibrated(
    study: Study, lab: Sequence[SessionFacts], model: Sequence[Part]
) -> Calibrated:
    """The scales of a study. Raises `InputError` where there is nothing to fit to."""
    chosen = study.calibration
    if isinstance(chosen, Given):
        return _given(chosen)
    sheets = [part for part in model if is_sheet(part)]
    if not sheets:
        raise InputError(
            f"calibration is {chosen.kind}, but the model's recordings are of channels "
            "already, whose scales are what they are: calibration.kind is then 'given'"
        )
    half, cautions = calibration_half(lab, seed=study.seed)
    frequency = _median(half, "median_frequency")
    wavelength = _median(half, "median_wavelength")
    own = _mean_waves([sheet_waves(part) for part in sheets[:4]])
    if isinstance(chosen, FrequencyAndSpeed):
        scales = fit_frequency_and_speed_prior(
            own, frequency=frequency, speed=chosen.speed
        )
        origin = f" The speed is that of {chosen.source.rstrip('.')}."
    else:
        scales = fit_frequency_and_wavelength(
            own, frequency=frequency, wavelength=wavelength
        )
        origin = ""
    names = tuple(each.name for each in half)
    text = (f"{statement(scales)}{origin} They were fitted on {len(half)} of "
            f"{len(lab)} sessions ({', '.join(names)}).")  # fmt: skip
    held = () if cautions else names
    return Calibrated(
        Scale(scales.spacing, scales.step), text, scales, own, held, scales.spent,
        tuple(cautions),
    )  # fmt: skip


def calibration_half(
    lab: Sequence[SessionFacts], *, seed: int
) -> tuple[list[SessionFacts], list[str]]:
    """Half of each animal's sessions, drawn; one alone is taken, with a caution."""
    if len(lab) < 2:
        return list(lab), [
            "there is one lab session, so that the scales were fitted to the very "
            "session they are compared with"
        ]
    rng = np.random.default_rng(seed)
    half: list[SessionFacts] = []
    rest = 0
    for subject in dict.fromkeys(each.subject for each in lab):
        own = [each for each in lab if each.subject == subject]
        dealt = [own[k] for k in rng.permutation(len(own))]
        take = len(own) // 2 + (len(own) % 2 if len(half) < rest else 0)
        half += dealt[:take]
        rest += len(own) - take
    if not half:
        half = [lab[0]]
    return [each for each in lab if each in half], []


def sheet_waves(part: Part) -> ModelWaves:
    """Median frequency and wavelength of a sheet's waves in its own units."""
    with open_recording(part.file) as sheet:
        terms = sources_of(sheet)
        name = part.variable or (terms[0].field if terms else None)
        names = [str(each) for each in sheet.data_vars if "time" in sheet[each].dims]
        if name is None and len(names) == 1:
            name = names[0]
        if name is None or name not in names:
            raise InputError(
                f"{part.file}: model.source must name the field whose waves are "
                f"calibrated; there is {', '.join(names)}"
            )
        values = sheet[name]
        y, x = values.sizes["y"], values.sizes["x"]
        looked = values.isel(
            time=slice(max(0, values.sizes["time"] - _FRAMES), None),
            y=slice(None, None, max(1, -(-y // _SITES))),
            x=slice(None, None, max(1, -(-x // _SITES))),
        ).isel(trial=0, feature=0, missing_dims="ignore").load()  # fmt: skip
        spacing = float(np.median(np.abs(np.diff(sheet["x" if x > 1 else "y"].values))))
        step = 1 / sampling_rate(values)
    recording = looked.to_dataset(name=str(name))
    frequency = _peak(recording, str(name), part)
    band = (frequency / _PEAK, min(frequency * _PEAK, 0.45 / step))
    waves = wave_field(recording, band=band, variable=str(name))
    frames = measure(
        waves.isel(time=np.asarray(waves["valid"].values, dtype=bool)),
        ["wavelength", "speed", "pgd"],
    )  # fmt: skip
    found = {
        each: median_of_frames(frames, each) for each in ("frequency", "wavelength")
    }
    if not all(np.isfinite(list(found.values()))):
        raise InputError(
            f"{part.file}: no frame of '{name}' has one direction about its spectral "
            f"peak of {frequency:.3g} Hz, so the model has no wavelength to calibrate"
        )
    return ModelWaves(found["frequency"], found["wavelength"], spacing, step)


def _peak(recording: xr.Dataset, name: str, part: Part) -> float:
    """Frequency (Hz) of the most power above the spectrum's slope."""
    rate = sampling_rate(recording[name])
    duration = recording.sizes["time"] / rate
    low = max(8 / duration, rate / 2 / _WIDE / 20)
    try:
        spectrum = power_spectrum(recording, variable=name, band=(low, 0.45 * rate))
    except InputError as error:
        raise InputError(f"{part.file}: {error}") from None
    peak = float(spectrum["peak"])
    if not peak > 0:
        raise InputError(f"{part.file}: the spectrum of '{name}' has no peak")
    return peak


def _mean_waves(each: Sequence[ModelWaves]) -> ModelWaves:
    return ModelWaves(
        float(np.median([one.frequency for one in each])),
        float(np.median([one.wavelength for one in each])),
        each[0].spacing, each[0].step,
    )  # fmt: skip


def _median(sessions: Sequence[SessionFacts], name: str) -> float:
    values = [float(tables["field"][name]) for each in sessions
              for tables in each.tables if name in tables["field"]]  # fmt: skip
    known = [value for value in values if np.isfinite(value)]
    if not known:
        names = ", ".join(each.name for each in sessions)
        raise InputError(
            f"{name.replace('_', ' ')} of the sessions {names} is not known, so there "
            "is nothing to calibrate to"
        )
    return float(np.median(known))


def _given(chosen: Given) -> Calibrated:
    told = [f"{chosen.spacing:g} mm per site"] if chosen.spacing is not None else []
    told += [f"{1e3 * chosen.interval:g} ms per frame"] if chosen.interval else []
    text = (
        f"Nothing was fitted: {' and '.join(told)} were given." if told else
        "Nothing was fitted: the model's own millimetres and seconds hold."
    )  # fmt: skip
    return Calibrated(Scale(chosen.spacing, chosen.interval), text)
