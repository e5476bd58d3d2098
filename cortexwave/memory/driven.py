"""States beside the drive that made them: what memory of an input is measured on.

One state per value of the drive: the last frame before the next value sets in, so that
it has felt value j in full and value j + 1 not at all. Lag k then is the value shown k
values before the one that has just ended.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import xarray as xr

from cortexwave import schema
from cortexwave.errors import InputError, SchemaError
from cortexwave.memory.arguments import check_whole, real_numbers, refuse_missing
from cortexwave.memory.series import series

_LEAST_ROWS = 40  # values of a drive, below which nothing is estimated


@dataclass(frozen=True)
class Driven:
    """States (trial, clock, site) and the drive (trial, clock, patch) that made them.

    `tick` is the time of one value in s; `positions` (site, 2) and `sources`
    (patch, 2) x and y in mm, or None where unknown; `labels` the sites' coordinates
    along `site`. Nothing is missing; each site's mean is 0.
    """

    states: np.ndarray
    drive: np.ndarray
    tick: float
    positions: np.ndarray | None = None
    sources: np.ndarray | None = None
    labels: dict[str, Any] = field(default_factory=dict)
    attributes: dict[str, Any] = field(default_factory=dict)

    @property
    def sites(self) -> int:
        return int(self.states.shape[2])

    @property
    def patches(self) -> int:
        return int(self.drive.shape[2])

    @property
    def copies(self) -> int:
        """In how many trials, at most, one and the same drive was shown."""
        flat = self.drive.reshape(len(self.drive), -1)
        return int(np.unique(flat, axis=0, return_counts=True)[1].max())

    def rows(self, lags: int) -> int:
        """Values of the drive before which `lags` others were shown, all trials."""
        return int(self.states.shape[0] * max(0, self.states.shape[1] - lags))


def driven_states(recording: xr.Dataset, *, variable: str | None = None) -> Driven:
    """The states of a recording at the clock of the drive stored in it.

    Trials that showed nothing (catch trials) are left out. Raises `InputError` where
    no drive was stored, and `SchemaError` where the recording is none.
    """
    schema.validate(recording, schema.RECORDING)
    try:
        table = schema.drive(recording)
    except SchemaError:
        raise InputError(
            "the recording has no drive (/drive): what a state remembers of an input "
            "can only be measured where the values shown were kept, as a white_noise "
            "stimulus does; arrays go through driven_from"
        ) from None
    if "clock" not in table.coords:
        raise InputError("the drive has no coordinate 'clock' in s")
    fields = recording.drop_vars(
        [name for name in recording.variables
         if str(name).startswith((schema.EVENT_PREFIX, schema.DRIVE_PREFIX))]
    )  # fmt: skip
    measured = series(fields, variable)
    clock = np.asarray(table["clock"].values, dtype=float)
    drive = np.asarray(table["values"].transpose("trial", "clock", "patch").values)
    if clock.size < 2:
        raise InputError(f"the drive has {clock.size} value; a sequence is due")
    tick = float((clock[-1] - clock[0]) / (clock.size - 1))
    if not np.allclose(np.diff(clock), tick, rtol=1e-6, atol=1e-9):
        raise InputError("the clock of the drive does not tick evenly (trials that "
                         "follow one another must last whole ticks)")  # fmt: skip
    if tick < measured.step * (1 - 1e-6):
        raise InputError(
            f"a value of the drive lasts {tick:g} s and a frame of the recording "
            f"{measured.step:g} s: record at least one frame per value"
        )
    if len(drive) != len(measured.values):
        raise InputError(f"the drive has {len(drive)} trials and the recording "
                         f"{len(measured.values)}")  # fmt: skip
    # 1e-6 of a frame: times are sums of steps and round
    ends = (clock + tick - measured.clock[0]) / measured.step
    frame = np.floor(ends + 1e-6).astype(int)
    begun = (clock - measured.clock[0]) / measured.step
    fits = (frame < measured.frames) & (frame > begun + 1e-6)
    shown = np.any(drive != 0, axis=(1, 2))
    fits &= clock <= clock[fits].max(initial=-np.inf)
    first = int(np.argmax(fits))
    if not shown.any() or not fits.any() or not fits[first : first + fits.sum()].all():
        raise InputError("no stretch of the recording lies within the clock of its "
                         "drive")  # fmt: skip
    places = measured.coordinates("site")
    return _checked(Driven(
        states=measured.values[np.ix_(shown, frame[fits])],
        drive=drive[np.ix_(shown, fits)].astype(float), tick=tick,
        positions=_at(measured.labels), sources=_sources(table), labels=places,
        attributes={**measured.attributes, "tick": tick},
    ))  # fmt: skip


def driven_from(
    states: np.ndarray,
    drive: np.ndarray,
    *,
    tick: float,
    positions: np.ndarray | Sequence[Sequence[float]] | None = None,
    sources: np.ndarray | Sequence[Sequence[float]] | None = None,
) -> Driven:
    """Driven states of plain arrays: states (trial, clock, site) or (clock, site).

    `drive` (clock,), (trial, clock) or (trial, clock, patch), as many values as
    states: state j has felt value j. `tick` in s; `positions`, `sources` in mm.
    """
    states = real_numbers(states, "states")
    drive = real_numbers(drive, "values of the drive")
    states = states[None] if states.ndim == 2 else states
    drive = drive[None] if drive.ndim == 1 else drive
    drive = drive[..., None] if drive.ndim == 2 else drive
    if states.ndim != 3 or drive.ndim != 3 or states.shape[:2] != drive.shape[:2]:
        raise InputError(
            f"states are {states.shape} and the drive is {drive.shape}; (trial, clock, "
            "site) and (trial, clock, patch) of equal trials and clock are due"
        )
    if not tick > 0:
        raise InputError(f"tick is {tick} s; a positive time is due")
    refuse_missing(states, "states", "sites")
    refuse_missing(drive, "the drive", "patches")
    places = [None if each is None else np.asarray(each, dtype=float)
              for each in (positions, sources)]  # fmt: skip
    for name, place, count in zip(
        ("positions", "sources"), places, (states.shape[2], drive.shape[2]), strict=True
    ):
        if place is not None and place.shape != (count, 2):
            raise InputError(f"{name} are {place.shape}; ({count}, 2), x and y in mm, "
                             "are due")  # fmt: skip
    labels: dict[str, Any] = {"site": np.arange(states.shape[2])}
    if places[0] is not None:
        labels |= {f"site_{axis}": ("site", places[0][:, k], {"units": "mm"})
                   for k, axis in enumerate("xy")}  # fmt: skip
    return _checked(Driven(
        states=states - states.mean(axis=(0, 1)), drive=drive, tick=float(tick),
        positions=places[0], sources=places[1], labels=labels,
        attributes={"tick": float(tick), "trials": states.shape[0],
                    "sites": states.shape[2]},
    ))  # fmt: skip


def given(states: xr.Dataset | Driven, variable: str | None) -> Driven:
    """Driven states, made of a recording where one was given."""
    if isinstance(states, Driven):
        if variable is not None:
            raise InputError(f"variable is '{variable}': only of a recording can one "
                             "be chosen")  # fmt: skip
        return states
    return driven_states(states, variable=variable)


def refuse_lags(driven: Driven, lags: int) -> None:
    """`InputError` unless `lags` (0 to lags - 1) leave enough values to measure on."""
    check_whole(lags, "lags", least=1)
    length = driven.drive.shape[1]
    if length < 4 * lags or driven.rows(lags) < _LEAST_ROWS:
        needed = max(4 * lags, lags + -(-_LEAST_ROWS // driven.drive.shape[0]))
        raise InputError(
            f"a trial shows {length} values of the drive; {lags} lags need {needed} or "
            f"more; ask for {max(1, length // 4)} lags or less, or run longer"
        )


def _checked(driven: Driven) -> Driven:
    if (driven.drive.std(axis=(0, 1)) == 0).any():
        raise InputError("a patch of the drive never changes its value; memory of it "
                         "cannot be measured")  # fmt: skip
    return driven


def _at(labels: dict[str, tuple[np.ndarray, dict[str, Any]]]) -> np.ndarray | None:
    axes = [labels[name][0] for name in ("x", "y") if name in labels]
    if not axes or any(axis.dtype.kind not in "iuf" for axis in axes):
        return None
    x = labels["x"][0] if "x" in labels else np.zeros_like(axes[0])
    y = labels["y"][0] if "y" in labels else np.zeros_like(axes[0])
    return np.stack([x, y], axis=1).astype(float)


def _sources(table: xr.Dataset) -> np.ndarray | None:
    """Centre (x, y) of each patch in mm."""
    if "patch" not in table or "x" not in table.coords or "y" not in table.coords:
        return None
    patch = table["patch"].transpose("y", "x").values
    y, x = np.meshgrid(table["y"].values, table["x"].values, indexing="ij")
    found = [(x[patch == k].mean(), y[patch == k].mean())
             for k in range(table.sizes["patch"]) if (patch == k).any()]  # fmt: skip
    return np.array(found) if len(found) == table.sizes["patch"] else None
