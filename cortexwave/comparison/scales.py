"""The two free scales of a model: how many mm a site and how many ms a step stand for.

Nothing else may be fitted. What they are fitted to is spent: it agrees because it was
made to, and is no evidence. Frequency and wavelength together spend the median speed,
which is their product; frequency and a prior on the speed leave the wavelength to be
tested. What the scales imply (time constants, spacing, axonal speed) is printed, as
that is where a wrong pair of scales shows: a shift of 0.1 mm per 10 ms is 0.01 m/s.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from cortexwave.errors import InputError

Fitted = Literal["frequency_and_wavelength", "frequency_and_speed_prior"]


@dataclass(frozen=True)
class ModelWaves:
    """Medians of a model's waves in its own units before calibration.

    `frequency` in Hz, `wavelength` in mm, as the uncalibrated model's clock and lattice
    have them: `spacing` mm per site, `step` s per step.
    """

    frequency: float
    wavelength: float
    spacing: float
    step: float


@dataclass(frozen=True)
class Scales:
    """mm per site and s per step, and what they were fitted to.

    `length` and `time` are the factors on every length and every time of the model;
    `spacing_range` is mm per site over the prior, equal ends without one. `spent` and
    `held_out` name measures.
    """

    spacing: float
    step: float
    length: float
    time: float
    spacing_range: tuple[float, float]
    fitted: Fitted
    targets: tuple[tuple[str, float], ...]
    spent: tuple[str, ...]
    held_out: tuple[str, ...]

    def calibrated(self, *, length: int = 0, time: int = 0) -> float:
        """Factor on a quantity of dimension length^`length` time^`time`.

        A speed is of length 1 and time -1, a frequency of time -1.
        """
        return float(self.length**length * self.time**time)


def fit_frequency_and_wavelength(
    model: ModelWaves, *, frequency: float, wavelength: float
) -> Scales:
    """Scales that give the model the recording's medians of frequency and wavelength.

    `frequency` in Hz, `wavelength` in mm, of the half of the sessions kept for this.
    Spends frequency, wavelength and speed; nothing of the three is left to test but
    their spread.
    """
    _check(model, frequency=frequency, wavelength=wavelength)
    time = model.frequency / frequency
    length = wavelength / model.wavelength
    return Scales(
        spacing=model.spacing * length, step=model.step * time, length=length,
        time=time, spacing_range=(model.spacing * length,) * 2,
        fitted="frequency_and_wavelength",
        targets=(("frequency", frequency), ("wavelength", wavelength)),
        spent=("frequency", "wavelength", "speed"), held_out=(),
    )  # fmt: skip


def fit_frequency_and_speed_prior(
    model: ModelWaves, *, frequency: float, speed: tuple[float, float, float]
) -> Scales:
    """Scales from the recording's median frequency (Hz) and a prior on wave speed.

    `speed` is (low, typical, high) in mm/s, from horizontal fibres and not from the
    recording it is compared with. Spends frequency and speed; wavelength is held out.
    """
    low, typical, high = speed
    _check(model, frequency=frequency, low=low, typical=typical, high=high)
    if not low <= typical <= high:
        raise InputError(f"speed is {speed} mm/s; it is (low, typical, high), in order")
    time = model.frequency / frequency
    own = model.wavelength * model.frequency  # mm/s
    length = typical * time / own
    ends = tuple(model.spacing * each * time / own for each in (low, high))
    return Scales(
        spacing=model.spacing * length, step=model.step * time, length=length,
        time=time, spacing_range=(ends[0], ends[1]),
        fitted="frequency_and_speed_prior",
        targets=(("frequency", frequency), ("speed", typical)),
        spent=("frequency", "speed"), held_out=("wavelength",),
    )  # fmt: skip


def implied(
    scales: Scales,
    *,
    time_constants: dict[str, float],
    speeds: dict[str, float],
) -> dict[str, tuple[float, str]]:
    """What the scales make of the model's constants: value and unit, by name.

    `time_constants` in s and `speeds` (of axons, of waves) in mm/s, as the uncalibrated
    model has them. Spacing and step come with them.
    """
    made = {"site spacing": (scales.spacing, "mm"), "time step": (scales.step, "s")}
    for name, value in time_constants.items():
        made[name] = (value * scales.calibrated(time=1), "s")
    for name, value in speeds.items():
        made[name] = (value * scales.calibrated(length=1, time=-1), "mm/s")
    return made


def statement(scales: Scales) -> str:
    """What was fitted to what, and what that leaves to be tested, in two sentences."""
    units = {"frequency": "Hz", "wavelength": "mm", "speed": "mm/s"}
    targets = " and ".join(
        f"{name} {value:.4g} {units[name]}" for name, value in scales.targets
    )
    low, high = scales.spacing_range
    prior = f" ({low:.4g} to {high:.4g} over the prior)" if high > low else ""
    left = (f"{' and '.join(scales.held_out)} held out" if scales.held_out
            else "only their spread can still be tested")  # fmt: skip
    return (
        f"{scales.spacing:.4g} mm per site{prior} and {1e3 * scales.step:.4g} ms per "
        f"step were fitted to {targets}. Calibrated quantities "
        f"({', '.join(scales.spent)}) are not evidence; {left}."
    )


def _check(model: ModelWaves, **targets: float) -> None:
    given = {f"the model's {name}": value for name, value in vars(model).items()}
    given |= targets
    wrong = [f"{name} is {value:g}" for name, value in given.items()
             if not 0 < value < float("inf")]  # fmt: skip
    if wrong:
        raise InputError(
            f"{'; '.join(wrong)}: scales need numbers above 0. A median that is NaN "
            "means that no waves were found to calibrate on"
        )
