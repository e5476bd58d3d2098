"""The damped two-way wave equation, u_tt + 2 g u_t + w0^2 u = c^2 lap u + drive.

With restoring = damping it is the field of Robinson, Rennie & Wright (1997); with
both 0 the plain wave equation. The semi-implicit step (velocity first) is leapfrog:
plain Euler is unstable at any dt.
"""

from cortexwave.sheet.kernels import Laplacian
from cortexwave.sheet.spec import Coupling, ModelSpec, Param

SPEC = ModelSpec(
    name="damped_wave",
    title="Damped two-way wave equation",
    paper="Robinson, Rennie & Wright 1997, Phys Rev E 56:826, eq. 3",
    rates={
        "velocity": "speed**2 * laplacian - 2*damping*velocity"
        " - restoring**2 * u + drive",
        "u": "velocity",
    },
    units={"velocity": "1/s", "u": "1"},
    params={
        "speed": Param("0.2 m/s", "wave speed"),
        "damping": Param("0 Hz", "rate at which amplitude decays"),
        "restoring": Param("0 rad/s", "angular frequency of uniform oscillation"),
    },
    couplings={"laplacian": Coupling("u", Laplacian(), "curvature of u", "1/mm**2")},
    drives={"drive": "1/s**2"},
    scheme="semi_implicit",
    # The shortest wave, 2 sites long, has the greatest frequency; the roots of
    # z^2 - (2 - 2 g dt - w^2 dt^2) z + 1 - 2 g dt leave the unit circle at z = -1.
    stability="dt**2 * (restoring**2 + 4*axes*speed**2 / spacing**2)"
    " <= 4 * (1 - damping*dt)",
    observable="u",
)
