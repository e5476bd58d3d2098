"""Lateral couplings in a Brian2 network: one C++ call a step, or summed variables."""

from __future__ import annotations

from typing import Any

import brian2
import numpy as np
from brian2.codegen.runtime.cython_rt import CythonCodeObject

from cortexwave.backends._brian2_equations import COUPLE, COUPLED, Names, embedded
from cortexwave.backends._brian2_frames import Ring, Term
from cortexwave.backends._brian2_kernels import pairs
from cortexwave.backends._brian2_lateral import (
    SPECTRAL_COMPILED,
    SPECTRAL_NUMPY,
    LateralSums,
)
from cortexwave.backends._brian2_units import (
    as_quantity,
    scale_of,
    unit_of_source,
    words,
)
from cortexwave.backends.problem import Lateral, Problem
from cortexwave.sheet.kernels import Taps


def lateral_sums(
    problem: Problem, names: Names, group: brian2.NeuronGroup
) -> tuple[dict[str, Ring], list[Any]]:
    """Have the group compute its couplings each step; the ring of each.

    What is returned besides has to be added to the network.
    """
    spec = problem.spec
    terms = {
        lateral.name: Term(
            memory_of(group, names.sources[lateral.source]),
            flat(problem, lateral.before),
            _scaled(lateral.taps, scale_of(problem, lateral)),
            flat(problem, lateral.after),
            memory_of(group, names.first.get(lateral.name, lateral.name)),
        )
        for lateral in problem.couplings
    }
    own = [term for name, term in terms.items() if name not in names.first]
    states = [memory_of(group, name) for name in spec.rates]
    compiled = group.codeobj_class is CythonCodeObject
    sums = LateralSums(
        problem.lattice, own, states,
        spectral_from=SPECTRAL_COMPILED if compiled else SPECTRAL_NUMPY,
    )  # fmt: skip
    group.namespace[COUPLE] = _couple_function(sums)
    group.run_regularly(
        f"{COUPLED} = {COUPLE}(t_in_timesteps)", when="start", order=0,
        clock=group.clock, name="sheet_lateral", codeobj_class=group.codeobj_class,
    )  # fmt: skip
    rings = {name: sums.ring_of(term) for name, term in terms.items()}
    operations = []
    if compiled and sums.spectral:
        timestep = memory_of(group.clock, "timestep")
        operations.append(brian2.NetworkOperation(
            lambda: sums.transform(int(timestep[0])), clock=group.clock,
            when="start", order=1, name="sheet_transforms"))  # fmt: skip
    return rings, operations


def _couple_function(sums: LateralSums) -> brian2.Function:
    """The call for all couplings of a step; it keeps the memory alive."""

    def in_numpy(step: Any) -> float:
        sums.couple(int(np.asarray(step).item()))
        return 0.0

    function = brian2.Function(
        in_numpy, arg_units=[1], return_unit=1, arg_types=["integer"], stateless=False
    )
    function.implementations.add_numpy_implementation(in_numpy)
    compiled = f"{COUPLE}_compiled"
    declared = 'double cortexwave_cpp "cortexwave::couple"(const int64_t *, int64_t)'
    function.implementations.add_implementation(
        "cython",
        embedded("lateral.h", declared)
        + f"cdef double {compiled}(int64_t step):\n"
        + "    return cortexwave_cpp(_namespacecortexwave_plan, step)\n",
        namespace={"cortexwave_plan": sums.address},
        name=compiled,
    )
    return function


def synapses(
    problem: Problem, lateral: Lateral, names: Names, group: brian2.NeuronGroup
) -> brian2.Synapses:
    """Every tap of every site as a synapse: Brian2's own way."""
    name, source = lateral.name, names.sources[lateral.source]
    unit = as_quantity(problem.spec.unit_of(name))
    of_weight = words(unit / unit_of_source(problem, lateral))
    made = brian2.Synapses(
        group, group,
        f"{name}_weight : {of_weight} (constant)\n"
        f"{name}_post = {name}_weight * {source}_pre : {words(unit)} (summed)",
        clock=group.clock, name=f"{name}_synapses", namespace={},
        codeobj_class=group.codeobj_class,
    )  # fmt: skip
    before, after, weights = pairs(lateral, problem.lattice)
    made.connect(i=before, j=after)
    memory_of(made, f"{name}_weight")[:] = scale_of(problem, lateral) * weights
    return made


def _scaled(taps: Taps, scale: float) -> Taps:
    weights = taps.weights if scale == 1.0 else scale * taps.weights
    return Taps(taps.offsets, weights, taps.delays)


def memory_of(group: Any, name: str) -> np.ndarray:
    """The array of a variable, flat, in SI units; it stays where it is."""
    values: np.ndarray = group.variables[name].get_value()
    return values


def flat(problem: Problem, field: np.ndarray | None) -> Any:
    if field is None:
        return None
    full = np.broadcast_to(field, problem.lattice.field_shape)
    return np.array(full, dtype=np.float64).ravel()
