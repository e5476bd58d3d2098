"""Phase oscillators coupled to their neighbours, with a phase lag."""

from cortexwave.sheet.kernels import Box
from cortexwave.sheet.spec import Coupling, ModelSpec, Param

_NEIGHBOURS = Box(radius=0.1, normalise="sum", centre=False)

SPEC = ModelSpec(
    name="kuramoto",
    title="Kuramoto phase oscillators",
    paper="Wiley, Strogatz & Girvan 2006, Chaos 16:015103, eq. 1",
    # sum_j w_j sin(theta_j - theta - lag), by the addition theorem
    rates={
        "theta": "omega + strength"
        " * (cos(theta + lag) * sines - sin(theta + lag) * cosines) + drive"
    },
    units={"theta": "rad"},
    params={
        "omega": Param("60 rad/s", "natural angular frequency"),
        "strength": Param("20 Hz", "strength of coupling"),
        "lag": Param("0 rad", "phase lag of coupling"),
    },
    couplings={
        "sines": Coupling("sin(theta)", _NEIGHBOURS, "mean sine of the neighbours"),
        "cosines": Coupling("cos(theta)", _NEIGHBOURS, "mean cosine"),
    },
    drives={"drive": "rad/s"},
    stability="dt * abs(strength) <= 1",
    observable="theta",
)
