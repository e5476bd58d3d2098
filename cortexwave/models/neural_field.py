"""Amari's neural field with linear adaptation: fronts, and traveling pulses.

With adaptation off (epsilon = 0) it is Amari's field, whose fronts travel at
(s/tau)(1 - 2 threshold)/(2 threshold) for an exponential kernel of length s.
"""

from cortexwave.sheet.kernels import Exponential
from cortexwave.sheet.spec import Coupling, ModelSpec, Param

SPEC = ModelSpec(
    name="neural_field",
    title="Amari neural field with linear adaptation",
    paper="Pinto & Ermentrout 2001, SIAM J Appl Math 62:206, eq. 1; "
    "Amari 1977, Biol Cybern 27:77",
    rates={
        "u": "(-u - q + lateral + drive) / tau",
        "q": "epsilon * (u - beta*q) / tau",
    },
    units={"u": "1", "q": "1"},
    params={
        "tau": Param("10 ms", "time constant of activity", positive=True),
        "threshold": Param("0.2", "activity above which a site fires"),
        "epsilon": Param("0", "rate of adaptation, relative to 1/tau"),
        "beta": Param("0", "decay of adaptation"),
    },
    couplings={
        "lateral": Coupling(
            "step(u - threshold)",
            Exponential(length=1.0, radius=5.0, normalise="density"),
            "synaptic input from sites that fire",
        )
    },
    stability="dt * (1 + epsilon*beta) <= 2 * tau",
    observable="u",
)
