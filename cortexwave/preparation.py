"""From a protocol to numbers: the Problem that an engine gets.

What only shows on the whole is checked here: kernels against the sheet, delays and
durations against dt, dt against the model's stability, stimuli against both.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from cortexwave.backends import backend_names
from cortexwave.backends.problem import Lateral, Problem
from cortexwave.documents import Document
from cortexwave.errors import Fault, InputError, ProtocolError
from cortexwave.faults import nearest
from cortexwave.nodes import shown
from cortexwave.protocol.analyses import covariate_faults
from cortexwave.protocol.document import Protocol, noise_unit
from cortexwave.recording.layout import FieldLayout, RecordingLayout
from cortexwave.schema import EVENT_COLUMNS
from cortexwave.sheet.expressions import evaluate, names_in
from cortexwave.sheet.fields import render
from cortexwave.sheet.kernels import tap_table
from cortexwave.sheet.lattice import Lattice
from cortexwave.sheet.rendering import render_drive
from cortexwave.sheet.spec import ModelSpec
from cortexwave.units import base_unit

MOST_STEPS = 10**10


def prepare(protocol: Protocol) -> Problem:
    """The protocol as numbers in base units: what an engine gets.

    Raises `ProtocolError` with every fault that shows only on the whole: kernels
    larger than the sheet, delays, unstable dt, stimuli that cannot be rendered.
    Warns of stimuli off the sheet.
    """
    checked = _Checked(protocol)
    lattice, spec = protocol.sheet.lattice(), protocol.model.spec
    dt = protocol.run.dt
    steps = checked.multiple("run.duration", protocol.run.duration, dt)
    every = 1
    if protocol.record.every is not None:
        every = checked.multiple("record.every", protocol.record.every, dt)
    parameters = _parameters(checked, spec, lattice)
    _check_stability(checked, spec, lattice, dt, parameters)
    couplings = _couplings(checked, spec, lattice, dt)
    initial = _initial(checked, spec, lattice)
    noise = _noise(checked, spec, lattice)
    record = _recorded(checked, spec)
    if protocol.run.backend not in backend_names():
        known = ", ".join(backend_names())
        near = nearest(protocol.run.backend, backend_names())
        message = f"there is no engine '{protocol.run.backend}', but {known}{near}"
        checked.fault("run.backend", message)
    drive, faults = render_drive(
        protocol.stimuli, protocol.trials, lattice=lattice, dt=dt, steps=max(steps, 1),
        inputs=spec.drives, seed=protocol.run.seed, folder=protocol.folder,
    )  # fmt: skip
    checked.faults += [checked.at_line(fault) for fault in faults]
    checked.raise_faults()
    continuous = protocol.trials.mode == "continuous"
    whole = steps * protocol.trials.count if continuous else steps
    if whole > MOST_STEPS:
        message = f"{whole:.3g} steps in all are more than {MOST_STEPS:,}"
        checked.fault("trials.count", message)
        checked.raise_faults()
    problem = Problem(
        spec=spec, lattice=lattice, dt=dt, steps=whole, every=every,
        parameters=parameters,
        functions={name: protocol.model.functions.get(name, options[0])
                   for name, options in spec.functions.items()},
        couplings=couplings, initial=initial, noise=noise, drive=drive, record=record,
        trials=1 if continuous else protocol.trials.count,
        seed=protocol.run.seed, dtype=protocol.run.dtype,
        engine_noise=protocol.run.noise == "engine",
    )  # fmt: skip
    return replace(problem, block_frames=layout_of(problem, protocol).block_frames)


class _Checked:
    """A protocol under inspection: collects faults instead of stopping at the first."""

    def __init__(self, protocol: Protocol):
        self.protocol = protocol
        self.faults: list[Fault] = []

    def fault(self, place: str, message: str) -> None:
        self.faults.append(self.at_line(Fault(place, message)))

    def at_line(self, fault: Fault) -> Fault:
        path = [
            int(part) if part.isdecimal() else part for part in fault.place.split(".")
        ]
        return replace(fault, line=self.protocol.source.line(path))

    def raise_faults(self) -> None:
        if self.faults:
            raise ProtocolError(self.protocol.source.file, self.faults)

    def multiple(self, place: str, value: float, dt: float) -> int:
        """The value in steps of dt; a fault if it is no multiple."""
        steps = round(value / dt)
        # 1e-6 of a step: decimal fractions are not exact in binary; of very many
        # steps, nor is their number
        if steps < 1 or abs(value / dt - steps) > max(1e-6, 1e-15 * steps):
            near = max(steps, 1) * dt
            self.fault(
                place,
                f"{1e3 * value:.10g} ms is no multiple of dt = {1e3 * dt:.10g} ms; "
                f"the nearest is {1e3 * near:.10g} ms",
            )
        elif steps > MOST_STEPS:
            self.fault(place, f"{steps:.3g} steps are more than {MOST_STEPS:,}")
        return steps

    def field(
        self, place: str, value: Any, lattice: Lattice, unit: str
    ) -> float | np.ndarray:
        """A value or field in base units; a fault if it cannot be rendered."""
        try:
            return render(value, lattice, unit, self.protocol.folder)
        except InputError as error:
            self.fault(place, str(error))
            return 0.0


def _parameters(
    checked: _Checked, spec: ModelSpec, lattice: Lattice
) -> dict[str, float | np.ndarray]:
    given = checked.protocol.model.parameters
    values = {}
    for name, param in spec.params.items():
        default = float(param.default) if param.unit == "1" else param.default
        value = given.get(name, default)
        place = f"model.parameters.{name}"
        values[name] = checked.field(place, value, lattice, param.unit)
        faulty = any(fault.place == place for fault in checked.faults)
        if param.positive and not faulty and not np.all(np.asarray(values[name]) > 0):
            least = np.min(values[name])
            unit = base_unit(param.unit).replace("1", "")
            checked.fault(place, f"{least:g} {unit} is not positive ({param.meaning})")
    return values


def _noise(
    checked: _Checked, spec: ModelSpec, lattice: Lattice
) -> dict[str, float | np.ndarray]:
    """Standard deviation per sqrt(s) of the states that have noise."""
    values = {}
    for name, given in checked.protocol.model.noise.items():
        place = f"model.noise.{name}"
        values[name] = checked.field(place, given, lattice, noise_unit(spec, name))
        if np.any(np.asarray(values[name]) < 0):
            least = f"{np.min(values[name]):g}"
            checked.fault(place, f"a standard deviation of {least} is negative")
    return values


def _couplings(
    checked: _Checked, spec: ModelSpec, lattice: Lattice, dt: float
) -> tuple[Lateral, ...]:
    made = []
    for name, coupling in spec.couplings.items():
        place = f"model.couplings.{name}"
        given = checked.protocol.model.couplings.get(name)
        kernel = given.kernel if given and given.kernel else coupling.kernel
        delay = given.delay if given else None
        before, after = (
            _gain(checked, f"{place}.{key}", getattr(given, key, 1), lattice)
            for key in ("gain_before", "gain_after")
        )
        try:
            taps = tap_table(
                kernel, lattice, dt=dt, delay=delay, folder=checked.protocol.folder
            )
        except InputError as error:
            own = given is None or (given.kernel is None and delay is None)
            hint = " (the model's own kernel)" if own else ""
            checked.fault(place, f"{error}{hint}")
            continue
        made.append(Lateral(name, coupling.source, taps, before, after))
    return tuple(made)


def _gain(
    checked: _Checked, place: str, gain: Any, lattice: Lattice
) -> np.ndarray | None:
    """A gain map, (feature, y, x); None where it is 1 everywhere."""
    if not isinstance(gain, Document) and gain == 1:
        return None
    values = checked.field(place, gain, lattice, "1")
    return np.broadcast_to(values, lattice.field_shape).astype(np.float64)


def _initial(
    checked: _Checked, spec: ModelSpec, lattice: Lattice
) -> dict[str, np.ndarray]:
    given = checked.protocol.model.initial
    values = {}
    for name in spec.states:
        unit = spec.units[name]
        default = spec.initial.get(name, 0.0 if base_unit(unit) == "1" else f"0 {unit}")
        value = checked.field(
            f"model.initial.{name}", given.get(name, default), lattice, unit
        )
        values[name] = np.broadcast_to(value, lattice.field_shape).astype(np.float64)
    return values


def _recorded(checked: _Checked, spec: ModelSpec) -> tuple[str, ...]:
    names = checked.protocol.record.variables or [spec.observable]
    for number, name in enumerate(names):
        if name not in spec.recordable:
            known = ", ".join(spec.recordable)
            message = f"'{name}' cannot be recorded; {spec.name} has {known}"
            checked.fault(f"record.variables.{number}", message)
        elif name in names[:number]:
            checked.fault(f"record.variables.{number}", f"'{name}' is named twice")
    covariates = [*(name for name, unit in EVENT_COLUMNS.items() if unit), *names]
    for path, message in covariate_faults(checked.protocol.analyses, covariates):
        checked.fault(shown(path), message)
    return tuple(names)


def _check_stability(
    checked: _Checked, spec: ModelSpec, lattice: Lattice, dt: float,
    parameters: Mapping[str, float | np.ndarray],
) -> None:  # fmt: skip
    """The model's stability condition at every site; a fault names a dt that is."""

    def holds(step: float) -> bool:
        # a relative 1e-9: at the very limit, rounding must not decide
        values = {**parameters, "spacing": lattice.spacing, "axes": lattice.axes,
                  "dt": step * (1 - 1e-9)}  # fmt: skip
        # NumPy's numbers: a division by 0 is infinite, and then nothing holds
        numbers = {name: np.asarray(value, dtype=np.float64)
                   for name, value in values.items()}  # fmt: skip
        return bool(np.all(evaluate(spec.stability, numbers)))

    needed = {f"model.parameters.{name}" for name in names_in(spec.stability)}
    if needed & {fault.place for fault in checked.faults}:
        return
    with np.errstate(all="ignore"):
        if holds(dt):
            return
        low, high = 0.0, dt  # the condition holds below some dt: find it by halving
        for _ in range(60):
            middle = (low + high) / 2
            low, high = (middle, high) if holds(middle) else (low, middle)
    used = ", ".join(sorted(names_in(spec.stability) & set(parameters)))
    limit = f"only up to dt = {1e3 * low:.6g} ms" if low > 0 else "at no dt"
    checked.fault("run.dt", (
        f"{1e3 * dt:g} ms, but {spec.name} is stable {limit} with these values "
        f"({spec.stability}); lower dt, or change {used}"
    ))  # fmt: skip


def layout_of(problem: Problem, protocol: Protocol) -> RecordingLayout:
    """What the recording of a problem looks like."""
    spec = problem.spec
    fields = {}
    for name in problem.record:
        unit = base_unit(spec.unit_of(name))
        meaning = spec.couplings[name].meaning if name in spec.couplings else name
        fields[spec.stored_name(name)] = FieldLayout(units=unit, long_name=meaning)
    return RecordingLayout(
        fields=fields, y=problem.lattice.y, x=problem.lattice.x,
        features=problem.lattice.features,
        trials=problem.trials if problem.trials > 1 else None,
        frames=problem.frames, interval=problem.every * problem.dt,
        dtype=protocol.record.dtype, compression=protocol.record.compression,
    )  # fmt: skip
