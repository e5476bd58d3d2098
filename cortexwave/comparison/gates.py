"""What must hold before a comparison says anything, and how much time an array holds.

Each gate gives a sentence where it is not passed. Of a model one knows the field, so a
wave too short for its electrodes is refused; in a recording it cannot be seen, as
neighbours' phases are only known up to a turn, and a caution is all that can be given.
"""

from __future__ import annotations

import numpy as np

from cortexwave.errors import InputError

FEWEST_SITES = 16
FEWEST_TRIALS = 40  # of a class: about +/- 0.08 of an accuracy
PITCHES = 4  # of a wavelength, below which electrodes sample it coarsely
_QUARTER = 0.25  # of a wavelength, the least extent of an array
_RATE = 10  # samples per cycle of the highest frequency
_SPACING = 0.25  # of the pitch, the most that sites of a sheet lie apart
_SHEET = 3  # widths of the array, so that edges are not seen


def recording_faults(
    *, wavelength: float, extent: float, sites: int, rate: float, highest: float
) -> list[str]:
    """Why waves of `wavelength` mm cannot be judged in a recording; [] where they can.

    `extent` mm of the array, `sites` alive, `rate` in Hz, `highest` frequency in Hz.
    """
    found = []
    if sites < FEWEST_SITES:
        found.append(f"{sites} live sites, and {FEWEST_SITES} are needed")
    if not wavelength > 0:
        found.append("no wavelength could be measured")
    elif extent < _QUARTER * wavelength:
        found.append(f"the array of {extent:.3g} mm is shorter than a quarter of the "
                     f"wavelength ({wavelength:.3g} mm)")  # fmt: skip
    if rate < _RATE * highest:
        found.append(f"{rate:g} Hz is below {_RATE} samples per cycle of "
                     f"{highest:g} Hz")  # fmt: skip
    return found


def trial_faults(fewest: int) -> list[str]:
    """Why trials are too few for a readout, with `fewest` of any class; else []."""
    if fewest >= FEWEST_TRIALS:
        return []
    return [f"{fewest} trials of a class, and {FEWEST_TRIALS} are needed"]


def aliasing_caution(*, wavelength: float, pitch: float) -> str:
    """A caution where a recording's wavelength (mm) is below 4 pitches, else ""."""
    if not wavelength < PITCHES * pitch:
        return ""
    return (f"the wavelength of {wavelength:.3g} mm is {wavelength / pitch:.2g} "
            "pitches; aliasing not excluded")  # fmt: skip


def refuse_model(
    *,
    wavelength: float,
    spacing: float,
    sheet: float,
    pitch: float,
    extent: float,
    sites: int,
    rate: float,
    highest: float,
) -> None:
    """Raise `InputError`, all faults at once, where electrodes cannot see a model.

    In mm: the calibrated model's `wavelength`, `spacing` of sites and least width of
    the `sheet`; `pitch` and `extent` of the array. `rate` and `highest` in Hz.
    """
    found = recording_faults(wavelength=wavelength, extent=extent, sites=sites,
                             rate=rate, highest=highest)  # fmt: skip
    found += seen_faults(wavelength=wavelength, spacing=spacing, sheet=sheet,
                         pitch=pitch, extent=extent)  # fmt: skip
    if found:
        raise InputError("the model cannot be compared through this array: "
                         + "; ".join(found))  # fmt: skip


def seen_faults(
    *, wavelength: float, spacing: float, sheet: float, pitch: float, extent: float
) -> list[str]:
    """Why an array sees a sheet badly: all in mm, as of `refuse_model`."""
    found = []
    if wavelength < PITCHES * pitch:
        found.append(f"the wavelength of {wavelength:.3g} mm is below {PITCHES} "
                     f"pitches of {pitch:.3g} mm")  # fmt: skip
    if spacing > _SPACING * pitch * (1 + 1e-9):
        found.append(f"sites {spacing:.3g} mm apart are more than a quarter of the "
                     f"pitch ({pitch:.3g} mm)")  # fmt: skip
    if sheet < _SHEET * extent * (1 - 1e-9):
        found.append(f"the sheet of {sheet:.3g} mm is below {_SHEET} widths of the "
                     f"array ({extent:.3g} mm), so its edges are seen")  # fmt: skip
    return found


def longest_span(extent: float, speed: float) -> float:
    """Longest time (s) that one pass of a wave holds: `extent` mm over `speed` mm/s.

    A wave that leaves the array takes what it holds with it; longer memory needs
    recirculation, slower waves, a larger array, or another mechanism.
    """
    if not (extent > 0 and speed > 0):
        raise InputError(f"extent is {extent:g} mm and speed {speed:g} mm/s; both are "
                         "above 0")  # fmt: skip
    return extent / speed


def slope_error(phase_noise: float, positions: np.ndarray, independent: float) -> float:
    """Error (rad/mm) of a wavenumber fitted to phases with noise (rad, sd).

    `positions` of sites (site, 2) in mm; `independent` is how many of them err apart.
    The noise over root number over the sd of position, the narrower axis of the two.
    """
    width = float(np.std(np.asarray(positions, dtype=float), axis=0).min())
    if not (phase_noise >= 0 and independent > 0 and width > 0):
        raise InputError("phase noise is 0 or more, sites err apart in some number "
                         "above 0, and spread along both axes")  # fmt: skip
    return phase_noise / (np.sqrt(independent) * width)


def fastest_speed(frequency: float, error: float) -> float:
    """Speed (mm/s) above which an array sees unison: 2 pi f over twice the slope error.

    A field in unison with phase noise has a slope by chance, so that it seems to
    travel: its median speed is 2 pi f / (error sqrt(2 ln 2)), the slope's length being
    that of a normal vector (Rayleigh).
    """
    if not (frequency > 0 and error > 0):
        raise InputError(f"frequency is {frequency:g} Hz and error {error:g} rad/mm; "
                         "both are above 0")  # fmt: skip
    return 2 * np.pi * frequency / (2 * error)
