"""The sidecar: a small YAML beside a bare array that says what its numbers are.

    # grasp.yaml, beside grasp.npy
    axes: [time, channel]     # or [row, column, time] of a lattice
    rate: 1000 Hz
    units: uV                 # V, mV; counts with `gain: 0.25 uV`; 1 for none
    positions: {file: electrodes.csv}

Row and column count from 0. `first` is the corner where row 0, column 0 stands as the
array is looked at, so that rows grow downwards from an upper corner and y, which
points up, falls with them.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BeforeValidator, Field, PrivateAttr, field_validator

from cortexwave.documents import Document, Source, read_document
from cortexwave.errors import InputError, ProtocolError
from cortexwave.faults import check_document, fault_error
from cortexwave.lab.contact_units import CLOSEST, WIDEST
from cortexwave.lab.sidecar_template import Shown, template
from cortexwave.units import (
    Frequency,
    Length,
    Time,
    base_unit,
    quantity,
    quantity_field,
)


def _text(value: object) -> object:
    """Labels such as 7 are text, too; a switch is a slip."""
    whole = isinstance(value, int) and not isinstance(value, bool)
    return str(value) if whole else value


Label = Annotated[str, BeforeValidator(_text)]
Place = tuple[Annotated[int, Field(ge=0)], Annotated[int, Field(ge=0)]]
Corner = Literal["upper left", "upper right", "lower left", "lower right"]
Axis = Literal["time", "channel", "row", "column"]
LengthUnit = Literal["um", "mm", "cm", "m"]


class Positions(Document):
    """Where the contacts stand: one of `table`, `file`, `variable`, `pitch`."""

    table: dict[Label, tuple[float, ...]] | None = None  # label: [x, y] or [x, y, z]
    file: str | None = None
    variable: str | None = None  # of the same file, (channel, 2 or 3)
    unit: LengthUnit | None = None
    pitch: Length | None = None
    shape: Place | None = None  # rows, columns
    first: Corner | None = None
    order: Literal["along rows", "along columns"] | None = None
    absent: tuple[Place, ...] = ()

    def model_post_init(self, context: Any) -> None:
        ways = {"table", "file", "variable", "pitch"}
        given = sorted(name for name in ways if getattr(self, name) is not None)
        faults: list[tuple[tuple[str | int, ...], str]] = []
        if len(given) != 1:
            message = f"one of {', '.join(sorted(ways))} is due, not "
            faults.append(((), message + (" and ".join(given) or "none")))
        elif given == ["pitch"] and self.first is None:
            faults.append((("first",), (
                "this key is missing: the corner where row 0, column 0 stands, such "
                "as upper left (rows then grow downwards)"
            )))  # fmt: skip
        elif given in (["table"], ["variable"]) and self.unit is None:
            faults.append((("unit",), "this key is missing: um, mm, cm or m"))
        for label, at in (self.table or {}).items():
            if len(at) not in (2, 3):
                faults.append((("table", label), f"x, y or x, y, z, not {len(at)}"))
        if faults:
            raise fault_error("Positions", faults)


class Sidecar(Document):
    """What a bare array does not say of itself; quantities in base units."""

    variable: str | None = None
    axes: tuple[Axis, ...]
    rate: Frequency
    units: str
    gain: quantity_field("uV", positive=True) | None = None  # type: ignore[valid-type]
    start: Time = 0.0
    channels: tuple[Label, ...] | None = None
    channels_variable: str | None = None  # text in the same file
    leave_out: tuple[Label, ...] = ()
    positions: Positions | None = None
    bad: tuple[Label | Place, ...] = ()
    reference: str = ""
    subject: Label = ""
    session: Label = ""
    _source: Source | None = PrivateAttr(default=None)

    @field_validator("axes")
    @classmethod
    def _known_axes(cls, axes: tuple[Axis, ...]) -> tuple[Axis, ...]:
        allowed = ({"time"}, {"time", "channel"}, {"time", "row", "column"})
        if set(axes) not in allowed or len(set(axes)) != len(axes):
            raise ValueError(
                f"[{', '.join(axes)}]; allowed are time alone, time and channel, or "
                "time, row and column, in the order in which the array has them"
            )
        return axes

    @field_validator("units", mode="before")
    @classmethod
    def _known_units(cls, units: object) -> object:
        text = str(_text(units)).replace("\u03bc", "µ")
        if text != "counts":
            base_unit(text)
        return text

    def model_post_init(self, context: Any) -> None:
        if (self.units == "counts") != (self.gain is not None):
            raise fault_error("Sidecar", [(("gain",), (
                "units are counts, so that the voltage of one is due, such as "
                "'0.25 uV'" if self.gain is None else
                f"only counts have a gain; units are {self.units}"
            ))])  # fmt: skip

    @property
    def scale(self) -> tuple[str, float]:
        """The unit of the values as a recording has them, and the factor to it."""
        if self.gain is not None:
            return "uV", float(self.gain)
        unit = base_unit(self.units)
        return unit, 1.0 if unit == "1" else quantity(f"1 {self.units}", unit)

    @property
    def source(self) -> Source:
        """The document it was read from."""
        return self._source or Source("<sidecar>", "", {}, {})

    def fault(self, path: Sequence[str | int], message: str) -> ProtocolError:
        """An error that names the place in the document, with its line."""
        return self.source.refusal([(tuple(path), message)])

    @property
    def attributes(self) -> dict[str, str]:
        """What it says of the recording as a whole, where it says it."""
        named = ("reference", "subject", "session")
        return {name: getattr(self, name) for name in named if getattr(self, name)}


def sidecar_of(
    path: Path, arrays: Sequence[Shown], given: str | Path | None = None
) -> Sidecar:
    """The checked sidecar of a file: `given`, or the one of its name beside it.

    `InputError` with a template to fill where there is none; `ProtocolError` with
    every fault and its line.
    """
    file = path.with_suffix(".yaml") if given is None else Path(given)
    if given is None and not file.exists():
        raise InputError(
            f"{path} does not say its rate, axes or units, and {file.name} does not "
            f"stand beside it; write {file} (or another file, and give it as sidecar) "
            "and replace every ___ in it:\n\n"
            f"{template(path, arrays)}"
        )
    source = read_document(file)
    sidecar: Sidecar = check_document(Sidecar, source)
    sidecar._source = source
    return sidecar


def lattice_axes(
    shape: tuple[int, int], pitch: float, first: str
) -> tuple[np.ndarray, np.ndarray]:
    """y of each row and x of each column, mm, of a lattice seen from its `first`."""
    y, x = (pitch * np.arange(length) for length in shape)
    upper, left = first.startswith("upper"), first.endswith("left")
    return (y[::-1] if upper else y), (x if left else x[::-1])


def lattice_positions(sidecar: Sidecar, said: Positions, count: int) -> np.ndarray:
    path = ("positions", "shape")
    assert said.pitch is not None and said.first is not None
    for name in ("shape", "order"):
        if getattr(said, name) is None:
            raise sidecar.fault(("positions", name), (
                "this key is missing: channels in one row of a list need shape, "
                "such as [10, 10] (rows, columns), and order: along rows or along "
                "columns"
            ))  # fmt: skip
    assert said.shape is not None
    rows, columns = said.shape
    beyond = [at for at in said.absent if at[0] >= rows or at[1] >= columns]
    live = rows * columns - len(set(said.absent))
    if live != count or beyond:
        raise sidecar.fault(path, (
            f"{rows} x {columns} places without {len(said.absent)} absent ones are "
            f"{live}, but there are {count} channels; `absent: [[0, 0]]` names places "
            "inside that have none"
        ))  # fmt: skip
    check_pitch(sidecar, said.pitch)
    places = [(row, column) for row in range(rows) for column in range(columns)]
    if said.order == "along columns":
        places.sort(key=lambda place: (place[1], place[0]))
    places = [place for place in places if place not in set(said.absent)]
    y, x = lattice_axes((rows, columns), said.pitch, said.first)
    return np.array([(x[column], y[row], np.nan) for row, column in places])


def check_pitch(sidecar: Sidecar, pitch: float) -> None:
    """Raise a fault where a lattice's pitch (mm) is that of no array."""
    if not CLOSEST <= pitch <= WIDEST:
        raise sidecar.fault(("positions", "pitch"), (
            f"{pitch:g} mm; contacts stand {CLOSEST:g} to {WIDEST:g} mm apart"
        ))  # fmt: skip
