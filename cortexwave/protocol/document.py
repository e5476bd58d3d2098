"""The protocol document: what stands in a file of kind `simulation`.

Structure, names and units are checked here, with a line for every fault; what only
shows on the whole (stability, sizes, what lies off the sheet) in `preparation.prepare`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import Field, ValidationInfo, model_validator

from cortexwave.documents import Document, parse_document, read_document
from cortexwave.errors import ModelError, UnitError
from cortexwave.faults import fault_error, nearest
from cortexwave.models import model
from cortexwave.protocol.analyses import Analysis
from cortexwave.sheet.fields import ValueOrField
from cortexwave.sheet.kernels import Delay, Kernel
from cortexwave.sheet.lattice import Boundary, Lattice
from cortexwave.sheet.rendering import Stimulus
from cortexwave.sheet.spec import ModelSpec
from cortexwave.sheet.trials import Trials
from cortexwave.units import Duration, Length, Value, base_unit, quantity
from cortexwave.whole_documents import WholeDocument, whole_document

MOST_SITES = 2**24


class Axes(Document):
    """A boundary for each axis."""

    y: Boundary
    x: Boundary


class Sheet(Document):
    """The lattice: [1, n] is a ring (periodic) or a line, [ny, nx] a sheet."""

    shape: tuple[int, int]
    spacing: Length
    boundary: Boundary | Axes = "periodic"
    features: int = Field(default=1, ge=1, le=4096)

    @model_validator(mode="after")
    def _sites(self) -> Sheet:
        if min(self.shape) < 1:
            raise ValueError(f"shape is {list(self.shape)}; sites count from 1 on")
        if self.shape[0] * self.shape[1] * self.features > MOST_SITES:
            raise ValueError(
                f"shape is {list(self.shape)} with {self.features} features; a sheet "
                f"has at most {MOST_SITES:,} values"
            )
        return self

    def lattice(self) -> Lattice:
        """The lattice that this describes."""
        sides = self.boundary
        boundary = (sides, sides) if isinstance(sides, str) else (sides.y, sides.x)
        return Lattice(self.shape, self.spacing, boundary, self.features)


class CouplingDocument(Document):
    """Changes to one coupling of the model; what is not given stays the model's."""

    kernel: Kernel | None = None
    delay: Delay | None = None
    gain_before: ValueOrField = 1.0
    gain_after: ValueOrField = 1.0


class Model(Document):
    """Which model, and everything that departs from its defaults."""

    name: str
    parameters: dict[str, ValueOrField] = Field(default_factory=dict)
    functions: dict[str, str] = Field(default_factory=dict)
    couplings: dict[str, CouplingDocument] = Field(default_factory=dict)
    initial: dict[str, ValueOrField] = Field(default_factory=dict)
    noise: dict[str, ValueOrField] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _of_the_model(self, info: ValidationInfo) -> Model:
        try:
            spec = model(self.name)
        except ModelError as error:
            raise fault_error("model", [(("name",), str(error))]) from None
        faults = [
            *_unknown("parameters", self.parameters, spec.params),
            *_unknown("functions", self.functions, spec.functions),
            *_unknown("couplings", self.couplings, spec.couplings),
            *_unknown("initial", self.initial, spec.rates),
            *_unknown("noise", self.noise, spec.rates),
        ]
        for name, chosen in self.functions.items():
            if name in spec.functions and chosen not in spec.functions[name]:
                options = ", ".join(spec.functions[name])
                faults.append(
                    (("functions", name), f"'{chosen}' is not one of {options}")
                )
        units = {
            "parameters": {name: param.unit for name, param in spec.params.items()},
            "initial": spec.units,
            "noise": {name: noise_unit(spec, name) for name in spec.rates},
        }
        if not (info.context or {}).get("document"):
            for group, of in units.items():
                _with_base_units(getattr(self, group), of)
        for group, of in units.items():
            for name, value in getattr(self, group).items():
                if name in of and not isinstance(value, Document):
                    faults += _unit_faults((group, name), value, of[name])
        for name, coupling in self.couplings.items():
            for gain in ("gain_before", "gain_after"):
                value = getattr(coupling, gain)
                if not isinstance(value, Document):
                    faults += _unit_faults(("couplings", name, gain), value, "1")
        if faults:
            raise fault_error("model", faults)
        return self

    @property
    def spec(self) -> ModelSpec:
        """The model's specification."""
        return model(self.name)


class Run(Document):
    """How long (one trial), in which steps, from which seed, on which engine."""

    duration: Duration
    dt: Duration
    seed: int = Field(default=0, ge=0, lt=2**63)
    backend: str = "torch"
    device: str = "cpu"
    dtype: Literal["float64", "float32"] = "float64"
    noise: Literal["shared", "engine"] = "shared"


class Record(Document):
    """What is kept: states, couplings or drives; every how long; how stored."""

    variables: list[str] | None = Field(default=None, min_length=1)
    every: Duration | None = None
    dtype: Literal["float64", "float32"] = "float32"
    compression: Literal["gzip", "none"] = "gzip"


class Protocol(WholeDocument):
    """A simulation, whole: frozen, checked, made by `load_protocol`."""

    called: ClassVar[str] = "simulation protocol"
    serves: ClassVar[str] = "run; kinds are simulation"

    kind: Literal["simulation"]
    sheet: Sheet
    model: Model
    stimuli: list[Stimulus] = Field(default_factory=list)
    trials: Trials = Trials()
    run: Run
    record: Record = Record()
    analyses: list[Analysis] = Field(default_factory=list, max_length=100)

    def _resolved(self) -> dict[str, Any]:
        """Parameters and functions left to the model are filled in.

        What is asked of the recording stands in it only where it is declared.
        """
        values = super()._resolved()
        if not self.analyses:  # they decide no run: an older run resolves as it did
            del values["analyses"]
        spec = self.model.spec
        given = values["model"]["parameters"]
        for name, param in spec.params.items():
            value = given.get(name, param.default)
            if not isinstance(value, dict):
                value = quantity(_number_or_text(value, param.unit), param.unit)
            given[name] = value
        for name, options in spec.functions.items():
            values["model"]["functions"].setdefault(name, options[0])
        return values


def load_protocol(path: str | Path) -> Protocol:
    """The checked protocol in a YAML file.

    Raises `ProtocolError` with every fault and its line; `InputError` if the file
    cannot be read.
    """
    return whole_document(Protocol, read_document(path))


def parse_protocol(text: str, *, file: str = "<text>") -> Protocol:
    """The checked protocol in a YAML text; relative paths start at `file`'s folder."""
    return whole_document(Protocol, parse_document(text, file=file))


def noise_unit(spec: ModelSpec, state: str) -> str:
    """Unit of the noise of a state: its own per square root of a second."""
    unit = spec.units[state]
    return "1/s**0.5" if unit == "1" else f"{unit}/s**0.5"


def _with_base_units(given: dict[str, Any], units: Mapping[str, str]) -> None:
    """From Python, and from `resolved`, numbers are in base units: 0.02 is "0.02 s"."""
    for name, value in given.items():
        unit = base_unit(units[name]) if name in units else "1"
        if isinstance(value, float | int) and unit != "1":
            given[name] = f"{value!r} {unit}"


def _number_or_text(value: Any, unit: str) -> Any:
    """Defaults are text even where they have no unit."""
    return float(value) if unit == "1" else value


def _unknown(
    group: str, given: Iterable[str], known: Iterable[str]
) -> list[tuple[tuple[str, ...], str]]:
    names = list(known)
    faults: list[tuple[tuple[str, ...], str]] = []
    for name in given:
        if name not in names:
            listed = ", ".join(names) or "none"
            message = f"the model has none of this name, but {listed}"
            message += nearest(name, names)
            faults.append(((group, name), message))
    return faults


def _unit_faults(
    path: tuple[str, ...], value: Value, unit: str
) -> list[tuple[tuple[str, ...], str]]:
    try:
        quantity(value, unit)
    except UnitError as error:
        return [(path, str(error))]
    return []
