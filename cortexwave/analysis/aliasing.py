"""Whether waves may be shorter than the array can tell.

Neighbouring phases differ by at most half a cycle, so what is seen never has fewer
than 2 pitches per wavelength: a wave of 0.75 mm, 1.33 cycles/mm, on sites 0.4 mm apart
is read as -1.17 cycles/mm, short and backwards. Of a wave whose length is known (a
model's) that is refused. A recording cannot show it: apparent wavelengths below 4
pitches warn, and the decimation test asks whether direction and wavenumber survive
when every second site is dropped, as those of a wave well sampled do. A wave shorter
than the pitch may be folded onto a long one and survive as well; the report says how
short it would have to be.
"""

from __future__ import annotations

import json
import warnings
from dataclasses import dataclass
from typing import Literal

import numpy as np
import xarray as xr

from cortexwave.analysis.crossings import is_wave_field
from cortexwave.analysis.decimation import decimation_test, largest_pitch
from cortexwave.analysis.sites import picked, sites_of
from cortexwave.errors import InputError

Verdict = Literal["sampled", "coarse", "survives decimation", "aliasing not excluded"]
_REFUSED, _WARNED = 2.0, 4.0  # pitches per wavelength
_SHARE = 0.9  # of the frames that must survive


def apparent_wavenumber(wavenumber: np.ndarray, spacing: float) -> np.ndarray:
    """What wavenumbers (cycles/mm, along one axis) are read as by sites `spacing` mm
    apart: k - m / spacing, in [-1, 1] / (2 spacing)."""
    k = np.asarray(wavenumber, dtype=float)
    return k - np.round(k * spacing) / spacing


@dataclass(frozen=True)
class SamplingCheck:
    """What may be said of the sampling in space; `report` says it in words.

    `pitch` in mm (of unequal spacings the larger), `wavelength` in mm: the known one,
    or the median of the apparent ones. `verdict`: of a known wavelength "sampled" or
    "coarse" (below 4 pitches), of data "survives decimation" or "aliasing not
    excluded". `decimation` is the table of `decimation_test`.
    """

    pitch: float
    wavelength: float
    known: bool
    verdict: Verdict
    report: str
    decimation: xr.Dataset | None = None

    @property
    def pitches_per_wavelength(self) -> float:
        return self.wavelength / self.pitch


def check_sampling(
    recording: xr.Dataset,
    *,
    variable: str | None = None,
    wavelength: float | None = None,
) -> SamplingCheck:
    """Whether the sites of a recording or wave field are close enough for its waves.

    Known waves: the shortest `wavelength` (mm) given, or of `attrs["truth"]`. Fewer
    than 2 pitches per wavelength raise `InputError`, fewer than 4 warn. Else the
    apparent wavelengths of a wave field are judged: below 4 pitches warn, and
    `decimation_test` runs. A raw recording whose waves are not known is refused.
    """
    field = is_wave_field(recording)
    values = recording["phase"] if field else picked(recording, variable)
    sites = sites_of(values)
    pitch = largest_pitch(sites)
    known = _known_wavelength(recording) if wavelength is None else wavelength
    if known is not None:
        return _known(known, pitch)
    if not field:
        raise InputError(
            "how short the waves of a recording are is not known before it is "
            "filtered: give a wave field (wave_field), or `wavelength` in mm where a "
            "model's is known"
        )
    table = decimation_test(recording)
    length = float(table.attrs["apparent_wavelength"])
    return _judged(table, length, pitch, str(recording.attrs.get("origin", "")))


def _known_wavelength(recording: xr.Dataset) -> float | None:
    """The shortest wavelength that the recording's truth names."""
    text = recording.attrs.get("truth")
    if not isinstance(text, str):
        return None
    truth = json.loads(text)
    parts = truth.get("episodes", [truth])
    lengths = [float(part["wavelength"]) for part in parts
               if part.get("wavelength")]  # fmt: skip
    return min(lengths) if lengths else None


def _known(wavelength: float, pitch: float) -> SamplingCheck:
    if not wavelength > 0:
        raise InputError(f"wavelength is {wavelength} mm; it is above 0")
    per = wavelength / pitch
    if per < _REFUSED:
        seen = abs(float(apparent_wavenumber(np.array(1 / wavelength), pitch)))
        looks = f"{1 / seen:.3g} mm" if seen > 1e-9 else "endless"
        raise InputError(
            f"waves of {wavelength:g} mm on sites {pitch:g} mm apart, {per:.3g} per "
            f"wavelength, are not what they seem (along the lattice they look "
            f"{looks} long, perhaps backwards); 2 per wavelength are the least, 4 "
            f"are safe: sites {wavelength / _WARNED:.3g} mm apart"
        )
    if per < _WARNED:
        report = (
            f"waves of {wavelength:g} mm have {per:.3g} sites per wavelength; phase "
            "gradients of centred differences are wrong below 4"
        )
        warnings.warn(report, UserWarning, stacklevel=3)
        return SamplingCheck(pitch, wavelength, True, "coarse", report)
    report = f"waves of {wavelength:g} mm have {per:.3g} sites per wavelength"
    return SamplingCheck(pitch, wavelength, True, "sampled", report)


def _judged(
    table: xr.Dataset, length: float, pitch: float, origin: str
) -> SamplingCheck:
    frames, share = int(table.attrs["frames"]), table["surviving"].values
    long_enough = length >= _WARNED * pitch
    passes = frames > 0 and bool((share >= _SHARE).all())
    if np.isfinite(length):
        words = [f"the median apparent wavelength is {length:.3g} mm, "
                 f"{length / pitch:.3g} pitches"]  # fmt: skip
    else:
        words = ["no wavelength can be told"]
    if frames == 0:
        words.append("no frame is a plane wave to be tested by leaving sites out")
    else:
        worst = int(np.argmin(share))
        dropped = str(table["dropped"].values[worst])
        words.append(
            f"direction and wavenumber survive leaving every second site out in "
            f"{share[worst]:.0%} of {frames} frames ({dropped})"
        )
    if long_enough and passes:
        verdict: Verdict = "survives decimation"
        folded = 1 / (1 / pitch - 1 / length)
        words.append(
            f"a wave of {folded:.2g} mm, shorter than the pitch allows, would look the "
            "same: no recording of this pitch excludes it"
        )
    else:
        verdict = "aliasing not excluded"
        words.append(verdict)
    if origin == "model":
        words.append("the model can be recorded on closer sites: compare")
    report = "; ".join(words)
    if not long_enough and np.isfinite(length):
        warnings.warn(report, UserWarning, stacklevel=3)
    return SamplingCheck(pitch, length, False, verdict, report, table)
