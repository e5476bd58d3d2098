"""The one-way wave equation u_t = -c u_x by upwind differences.

The kernel's direction is the direction of travel. At dt = spacing / speed it is an
exact shift; below that it also spreads (numerical diffusion).
"""

from cortexwave.sheet.kernels import Shift
from cortexwave.sheet.spec import Coupling, ModelSpec, Param

SPEC = ModelSpec(
    name="one_way_wave",
    title="One-way wave equation, upwind",
    paper="Courant, Friedrichs & Lewy 1928, Math Ann 100:32; "
    "Trefethen 1982, SIAM Rev 24:113",
    rates={"u": "speed / spacing * (upstream - u) + drive"},
    units={"u": "1"},
    params={"speed": Param("0.2 m/s", "wave speed", positive=True)},
    couplings={"upstream": Coupling("u", Shift(), "value of the upstream neighbour")},
    drives={"drive": "1/s"},
    stability="speed * dt <= spacing",
    observable="u",
)
