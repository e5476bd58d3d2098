"""Traveling-wave working memory: a shift, and a start column that computes.

A string is a feature, a column a site along x; the newest is upstream, the open end
is at x = 0. `start` reads the whole substrate: give it a stored kernel that mixes
features, and a `gain_after` that is 1 at the start column and 0 elsewhere. As it
stands nothing is fed back, a pure store. At dt = tau the shift is exact; below, it
also spreads (the upwind scheme of a one-way wave).
"""

from cortexwave.sheet.kernels import Shift
from cortexwave.sheet.spec import Coupling, ModelSpec, Param

SPEC = ModelSpec(
    name="wave_memory",
    title="Traveling-wave working memory, linear start column",
    paper="Karuvally, Sejnowski & Siegelmann 2024, ICML, PMLR 235:23266, "
    "arXiv 2402.10163, update of the lattice h_(i,j)",
    rates={"h": "(upstream + start + drive - h) / tau"},
    units={"h": "1"},
    params={"tau": Param("10 ms", "time from column to column", positive=True)},
    couplings={
        "upstream": Coupling("h", Shift(direction="-x"), "the upstream column"),
        "start": Coupling("h", Shift(strength=0.0), "what the start column computes"),
    },
    stability="dt <= tau",
    observable="h",
)
