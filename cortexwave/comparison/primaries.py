"""The measures that a comparison can be about, and those declared before looking.

A study names at most six primaries; they are tested together (Holm), everything else
is exploratory. What the calibration was fitted to is no evidence, so it cannot be
declared; a hash of the declaration shows that it was not changed later.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from cortexwave.faults import nearest
from cortexwave.provenance import sha256_of

MOST_PRIMARIES = 6
Layer = Literal["physics", "memory", "link"]
# What one session gives: numbers of its events, angles, shares of kinds, several
# numbers of each event, one number, or a curve.
Form = Literal["numbers", "angles", "shares", "joint", "number", "curve"]


@dataclass(frozen=True)
class Measured:
    """One measure of the comparison: its layer, its form, its unit, in words."""

    layer: Layer
    form: Form
    unit: str
    label: str


MEASURED: dict[str, Measured] = {
    "wavelength": Measured("physics", "numbers", "mm", "wavelength of waves"),
    "speed": Measured("physics", "numbers", "mm/s", "phase speed of waves"),
    "frequency": Measured("physics", "numbers", "Hz", "frequency of waves"),
    "duration": Measured("physics", "numbers", "s", "duration of waves"),
    "direction": Measured("physics", "angles", "deg", "direction of plane waves"),
    "kinds": Measured("physics", "shares", "1", "shares of the kinds of wave"),
    "joint": Measured(
        "physics", "joint", "1", "frequency, wavelength, direction, duration together"
    ),
    "rate": Measured("physics", "number", "1/s", "waves per second"),
    "net_direction": Measured(
        "physics", "number", "1", "net direction asymmetry (DAI)"
    ),
    "separability": Measured("physics", "number", "1", "non-separability (NSI)"),
    "spectrum": Measured("physics", "curve", "1", "share of power by frequency"),
    "coherency_real": Measured(
        "physics", "curve", "1", "coherency in phase by distance"
    ),
    "coherency_imag": Measured("physics", "curve", "1", "lagged coherency by distance"),
    "identity": Measured(
        "memory", "curve", "1", "accuracy of the stimulus from one snapshot"
    ),
    "elapsed_time": Measured(
        "memory", "number", "bit", "bits on the time since the stimulus"
    ),
    "persistence": Measured(
        "memory", "curve", "1", "persistence index of temporal generalisation"
    ),
    "aligned_gain": Measured(
        "memory", "number", "1", "gain by shifting along the wave (Gamma)"
    ),
    "drift": Measured("memory", "number", "1", "confusion drift (r)"),
    "memory_function": Measured("memory", "curve", "1", "memory function m(k)"),
    "memory_span": Measured("memory", "number", "s", "span of the memory function"),
    "wave_information": Measured(
        "link", "number", "bit", "bits at high less at low wave strength"
    ),
    "wave_share": Measured(
        "link", "number", "1", "share of information in wave modes (eta)"
    ),
}
_USUAL = ("wavelength", "direction", "kinds", "persistence", "aligned_gain",
          "memory_span")  # fmt: skip
# What a calibration spends: its medians are equal because they were made equal.
CALIBRATED_BY: dict[str, tuple[str, ...]] = {
    "frequency_and_wavelength": ("frequency", "wavelength", "speed"),
    "frequency_and_speed_prior": ("frequency", "speed"),
}


def usual_primaries(spent: Sequence[str], memory: bool) -> list[str]:
    """The primaries of a study that declares none: of the usual six those it has."""
    return [
        name for name in _USUAL
        if name not in spent and (memory or MEASURED[name].layer == "physics")
    ]  # fmt: skip


def primary_faults(
    primaries: Sequence[str], spent: Sequence[str], memory: bool
) -> Iterable[tuple[int, str]]:
    """What is wrong with declared primaries: place in the list, and a message."""
    for place, name in enumerate(primaries):
        if name not in MEASURED:
            listed = ", ".join(MEASURED)
            yield place, (f"'{name}' is no measure of a comparison; those are {listed}"
                          f"{nearest(name, MEASURED)}")  # fmt: skip
        elif name in primaries[:place]:
            yield place, f"'{name}' stands twice"
        elif name in spent:
            yield place, (f"'{name}' is spent by the calibration, so it is no evidence "
                          f"(spent are {', '.join(spent)})")  # fmt: skip
        elif MEASURED[name].layer != "physics" and not memory:
            yield place, (f"'{name}' is read out of trials, and the study has no key "
                          "'memory' that says which")  # fmt: skip


def declaration_hash(declared: dict[str, Any]) -> str:
    """SHA-256 of a declaration as canonical JSON."""
    return sha256_of(json.dumps(declared, sort_keys=True, separators=(",", ":")))
