"""A model's equations as Brian2 reads them, and C++ as its Cython code holds it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import resources

from cortexwave.backends._brian2_kernels import equal_couplings
from cortexwave.backends.problem import Problem
from cortexwave.sheet.spec import ModelSpec

# The shared variable that is set each step to what the C++ call returns.
COUPLED, COUPLE = "cortexwave_coupled", "cortexwave_couple"
# Listed functions that are not Brian2's own, or are slow there: their name in
# equations, which is that in activations.h.
OURS = {
    "relu": "relu",
    "identity": "identity",
    "step": "step",
    "sigmoid": "sigmoid",
    "tanh": "fast_tanh",
    "exp": "fast_exp",
    "sin": "fast_sin",
    "cos": "fast_cos",
}
_RENAMED = re.compile(r"\b(tanh|exp|sin|cos)(?=\s*\()")


@dataclass(frozen=True)
class Names:
    """What stands for what in the equations of a problem.

    `first` maps a coupling to the earlier one that it equals, `sources` the text of
    a source to the variable that holds it; `driven` are the inputs with a stimulus.
    """

    first: Mapping[str, str]
    sources: Mapping[str, str]
    driven: frozenset[str]


def names_of(problem: Problem, *, shared: bool) -> Names:
    """Names for a problem; `shared` if equal couplings are to be one."""
    sources: dict[str, str] = {}
    for lateral in problem.couplings:
        own = f"source_of_{lateral.name}"
        is_state = lateral.source in problem.spec.rates
        sources.setdefault(lateral.source, lateral.source if is_state else own)
    driven = {source.into for trial in problem.drive.sources for source in trial}
    first = equal_couplings(problem.couplings) if shared else {}
    return Names(first, sources, frozenset(driven))


def equations(
    problem: Problem,
    names: Names,
    units: Mapping[str, str],
) -> str:
    """The model, a line for each variable; `units` are of all names, in SI words.

    An input without stimulus is shared: one number for the sheet, which costs no
    memory to read. Parameters that are one number are not here but in the namespace.
    """
    spec = problem.spec
    lines = [f"d{state}/dt = {in_brian(rate)} : {units[state]}"
             for state, rate in spec.rates.items()]  # fmt: skip
    for name in spec.couplings:
        same = f" = {names.first[name]}" if name in names.first else ""
        lines.append(f"{name}{same} : {units[name]}")
    for name in spec.drives:
        shared = "" if name in names.driven else " (shared)"
        lines.append(f"{name} : {units[name]}{shared}")
    for name in fields(problem):
        lines.append(f"{name} : {units[name]} (constant)")
    for name in computed(spec, names):
        lines.append(f"{name} : {units[name]}")
    return "\n".join([*lines, f"{COUPLED} : 1 (shared)"])


def fields(problem: Problem) -> list[str]:
    """Parameters that differ from site to site."""
    return [name for name, value in problem.parameters.items()
            if not isinstance(value, float | int)]  # fmt: skip


def computed(spec: ModelSpec, names: Names) -> dict[str, str]:
    """Sources that are no states: variables and the expressions they hold."""
    return {name: in_brian(text) for text, name in names.sources.items()
            if name not in spec.rates}  # fmt: skip


def in_brian(expression: str) -> str:
    """An expression with Brian2's slow functions replaced by ours."""
    return _RENAMED.sub(r"fast_\1", expression)


def semi_implicit(spec: ModelSpec) -> Callable[..., str]:
    """A state updater: the states in order, each seeing those already updated."""
    code = "\n".join(f"{state} = {state} + dt*({in_brian(rate)})"
                     for state, rate in spec.rates.items())  # fmt: skip
    return lambda *_, **__: code


def embedded(header: str, declaration: str) -> str:
    """C++ of this folder and what Cython is to know of it.

    Verbatim and not by #include: the cache of compiled code goes by the text that
    Cython sees, so that an edited header would go unnoticed.
    """
    text = resources.files(__package__).joinpath(header).read_text(encoding="utf-8")
    return f'cdef extern from *:\n    """\n{text}\n    """\n    {declaration}\n'
