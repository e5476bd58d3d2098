"""Leaky rate units: at dt = tau exactly the wave RNN, h <- f(u * h + V x + b)."""

from cortexwave.sheet.kernels import Shift
from cortexwave.sheet.spec import Choice, Coupling, ModelSpec, Param

SPEC = ModelSpec(
    name="leaky_rate",
    title="Leaky rate units, the wave RNN at dt = tau",
    paper="Keller, Muller, Sejnowski & Welling 2024, ICLR, arXiv 2309.08045, section 2",
    rates={"h": "(-h + f(lateral + drive + bias)) / tau"},
    units={"h": "1"},
    functions={"f": Choice("relu", "tanh", "identity", "sigmoid")},
    params={
        "tau": Param("10 ms", "time constant of a unit", positive=True),
        "bias": Param("0", "constant input"),
    },
    couplings={"lateral": Coupling("h", Shift(), "recurrent input u * h")},
    stability="dt <= tau",
    observable="h",
)
