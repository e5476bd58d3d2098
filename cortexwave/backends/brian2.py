"""Brian2 as an engine: the model's own equations with units, one C++ call a step.

The network is a real one: a NeuronGroup "sheet" of feature * ny * nx neurons bears
the rates as the model writes them, in SI units that Brian2 checks; drive and noise
are network operations, there only where a problem has them. All lateral couplings
are one call of `lateral.h` per step (or its NumPy twin where no C++ compiler is
found), or, with coupling="synapses", Brian2's own summed variables: the readable
oracle, some 50 times slower and without delays.

An input that no stimulus ever drives is one number for the whole sheet. Couplings
that are equal in all but name are computed once. Values below 1e-280 are set to 0
when the couplings are computed, so that no run slows down as a field dies out.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, Literal

import brian2
import numpy as np
from brian2.codegen.runtime.cython_rt import CythonCodeObject
from brian2.codegen.runtime.numpy_rt import NumpyCodeObject
from brian2.core.functions import DEFAULT_CONSTANTS, DEFAULT_FUNCTIONS
from brian2.core.namespace import DEFAULT_UNITS
from brian2.devices.device import RuntimeDevice, get_device
from brian2.utils.logger import brian_excepthook

from cortexwave.backends._brian2_couplings import (
    flat,
    lateral_sums,
    memory_of,
    synapses,
)
from cortexwave.backends._brian2_equations import (
    OURS,
    Names,
    computed,
    embedded,
    equations,
    fields,
    names_of,
    semi_implicit,
)
from cortexwave.backends._brian2_frames import Ring
from cortexwave.backends._brian2_stepping import Inputs, Memory, Stepper
from cortexwave.backends._brian2_units import (
    KEEP_UNIT,
    as_quantity,
    unit_of_source,
    words,
)
from cortexwave.backends._compiler import compiler
from cortexwave.backends.problem import (
    Block,
    Problem,
    State,
    blocks_of,
    initial_state,
)
from cortexwave.errors import CortexwaveError, InputError, ModelError
from cortexwave.sheet.expressions import FUNCTIONS
from cortexwave.units import si_factor

How = Literal["compiled", "synapses"]


def _uncaught(kind: type[BaseException], error: BaseException, trace: Any) -> None:
    """Brian2 asks for a bug report on any uncaught error; not for one of ours."""
    ours = issubclass(kind, CortexwaveError)
    (sys.__excepthook__ if ours else brian_excepthook)(kind, error, trace)


if sys.excepthook is brian_excepthook:
    sys.excepthook = _uncaught


def blocks(
    problem: Problem, start: State | None = None, *, coupling: How = "compiled"
) -> Iterator[Block]:
    """Blocks of frames of a problem, from its start or from a state."""
    return blocks_of(problem, _stepper(problem, coupling), start)


def build(
    problem: Problem,
    *,
    trial: int = 0,
    state: State | None = None,
    coupling: How = "compiled",
) -> brian2.Network:
    """The Brian2 network of one trial, at its start or at a state, ready to run.

    `network["sheet"]` is the NeuronGroup; neuron (feature * ny + y) * nx + x is the
    site (y, x). Drive, noise and delays are in it: `network.run(0.1 * second)` gives
    the field that `blocks` gives. Its time is that of the trial. Brian2's own
    `store` does not keep the past that delays need: go on from a `State` instead.
    """
    if not 0 <= trial < problem.trials:
        raise InputError(
            f"there is no trial {trial}; the problem has {problem.trials}, from 0 on"
        )
    if state is not None and state.trial != trial:
        raise InputError(f"the state is of trial {state.trial}, not of trial {trial}")
    stepper = _stepper(problem, coupling)
    stepper.load(initial_state(problem, trial) if state is None else state)
    return stepper.network


def _stepper(problem: Problem, coupling: How) -> Stepper:
    """The network of a problem, its memory, and how it is stepped."""
    _refuse(problem, coupling)
    spec, names = problem.spec, names_of(problem, shared=coupling == "compiled")
    group = _sheet(problem, names)
    rings: dict[str, Ring] = {}
    if coupling == "synapses":
        lateral = [synapses(problem, one, names, group) for one in problem.couplings]
    else:
        rings, lateral = lateral_sums(problem, names, group)
    memory = Memory(
        {name: _field(problem, memory_of(group, names.first.get(name, name)))
         for name in spec.recordable},
        {name: si_factor(spec.unit_of(name)) for name in spec.recordable},
        rings,
        {one.name: float(unit_of_source(problem, one)) for one in problem.couplings},
        memory_of(group.clock, "timestep"),
        memory_of(group.clock, "t"),
    )  # fmt: skip
    inputs = Inputs(problem, memory, names.driven)
    network = brian2.Network(group, *lateral, *_operations(problem, inputs, group))

    def prepare() -> None:
        network.run(0 * brian2.second, namespace={})

    return Stepper(problem, network, group.state_updater, memory, inputs, prepare)


def _operations(problem: Problem, inputs: Inputs, group: Any) -> list[Any]:
    """Drive and noise, where there are any."""
    operations = []
    if inputs.names:
        operations.append(brian2.NetworkOperation(
            inputs.read_drive, clock=group.clock, when="start", order=-2,
            name="sheet_drive"))  # fmt: skip
    if problem.noise:
        operations.append(brian2.NetworkOperation(
            inputs.add_noise, clock=group.clock, when="after_groups",
            name="sheet_noise"))  # fmt: skip
    return operations


def _field(problem: Problem, values: np.ndarray) -> np.ndarray:
    """A variable's array as (feature, y, x), the same memory; shared ones spread."""
    shape = problem.lattice.field_shape
    if values.size < np.prod(shape):
        return np.broadcast_to(values, shape)
    return values.reshape(shape)


def _refuse(problem: Problem, coupling: How) -> None:
    """`InputError` for what Brian2 cannot do."""
    if problem.dtype != "float64":
        raise InputError(
            f"the engine 'brian2' computes in float64 only, not in {problem.dtype}; "
            "take run.dtype: float64, or the engine 'torch'"
        )
    if coupling not in ("compiled", "synapses"):
        raise InputError(f"coupling is '{coupling}'; it is 'compiled' or 'synapses'")
    if not isinstance(get_device(), RuntimeDevice):
        raise InputError(
            "Brian2 is set to a standalone device, which drops network operations, "
            "and with them drive and noise, without a word; call "
            "brian2.set_device('runtime') first"
        )
    slow = [lateral.name for lateral in problem.couplings if lateral.taps.depth > 0]
    if coupling == "synapses" and slow:
        raise InputError(
            f"the coupling '{slow[0]}' has delays, which Brian2's summed variables "
            "do not have; use coupling='compiled'"
        )
    spec = problem.spec
    taken = {**DEFAULT_UNITS, **DEFAULT_CONSTANTS, **DEFAULT_FUNCTIONS}
    for name in (*spec.recordable, *spec.params, *spec.functions):
        if name in taken:
            raise ModelError(
                f"model '{spec.name}': Brian2 has a unit or function of its own named "
                f"'{name}'; rename it to run the model on this engine"
            )


def _sheet(problem: Problem, names: Names) -> brian2.NeuronGroup:
    """The NeuronGroup of a problem: its equations, parameters and functions."""
    spec = problem.spec
    units = {name: words(as_quantity(spec.unit_of(name))) for name in spec.recordable}
    units |= {
        name: words(as_quantity(param.unit)) for name, param in spec.params.items()
    }
    for lateral in problem.couplings:
        unit = words(unit_of_source(problem, lateral))
        units.setdefault(names.sources[lateral.source], unit)
    group = brian2.NeuronGroup(
        problem.lattice.sites * problem.lattice.features,
        equations(problem, names, units),
        method="euler" if spec.scheme == "euler" else semi_implicit(spec),
        namespace=_namespace(problem),
        dtype=np.float64,
        clock=brian2.Clock(problem.dt * brian2.second, name="sheet_clock"),
        name="sheet",
        codeobj_class=CythonCodeObject if _cython_works() else NumpyCodeObject,
    )
    group.equations.check_units(group, run_namespace={})
    for name in fields(problem):
        si = si_factor(spec.params[name].unit) * np.asarray(problem.parameters[name])
        memory_of(group, name)[:] = flat(problem, si)
    if sources := computed(spec, names):
        group.run_regularly(
            "\n".join(f"{name} = {text}" for name, text in sources.items()),
            when="start", order=-1, clock=group.clock, name="sheet_sources",
            codeobj_class=group.codeobj_class,
        )  # fmt: skip
    return group


def _namespace(problem: Problem) -> dict[str, Any]:
    """Parameters that are one number, the spacing, and functions by their names."""
    values: dict[str, Any] = {
        name: float(value) * as_quantity(problem.spec.params[name].unit)
        for name, value in problem.parameters.items()
        if name not in fields(problem)
    }
    values["spacing"] = problem.lattice.spacing * brian2.mmetre
    values |= {name: _function(listed) for listed, name in OURS.items()}
    for name, listed in problem.functions.items():
        ours = listed in OURS
        values[name] = _function(listed) if ours else DEFAULT_FUNCTIONS[listed]
    return values


@lru_cache(maxsize=16)
def _function(listed: str) -> brian2.Function:
    """A listed function in C++ and in NumPy."""
    keeps_unit = listed in KEEP_UNIT
    function = brian2.Function(
        FUNCTIONS[listed],
        arg_units=[None if keeps_unit or listed == "step" else 1],
        return_unit=(lambda unit: unit) if keeps_unit else 1,
    )
    function.implementations.add_numpy_implementation(FUNCTIONS[listed])
    name = f"cortexwave_{OURS[listed]}"
    declared = f'double {name} "cortexwave::{OURS[listed]}"(double)'
    function.implementations.add_implementation(
        "cython", embedded("activations.h", declared), name=name
    )
    return function


@lru_cache(maxsize=1)
def _cython_works() -> bool:
    """Whether Brian2 can compile; says so once if it cannot."""
    if compiler() is not None and CythonCodeObject.is_available():
        return True
    warnings.warn(
        "no C++ compiler that works was found, or no folder where Brian2 may keep "
        "what it compiles: the engine 'brian2' runs its NumPy code, the same field "
        "10 to 100 times slower; `cortexwave doctor` says what to install",
        RuntimeWarning,
        stacklevel=2,
    )
    return False
