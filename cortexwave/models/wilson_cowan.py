"""Excitatory and inhibitory sheets with four kernels (Wilson & Cowan)."""

from cortexwave.sheet.kernels import Gaussian
from cortexwave.sheet.spec import Choice, Coupling, ModelSpec, Param

_NARROW = Gaussian(sigma=0.2, radius=0.5, normalise="sum")
_WIDE = Gaussian(sigma=0.3, radius=0.5, normalise="sum")

SPEC = ModelSpec(
    name="wilson_cowan",
    title="Wilson-Cowan excitatory and inhibitory sheets",
    paper="Wilson & Cowan 1973, Kybernetik 13:55, eqs 1.3.1-2 without refractoriness",
    rates={
        "E": "(-E + S(gain_e * (w_ee*ee - w_ei*ei + drive_e - threshold_e))) / tau_e",
        "I": "(-I + S(gain_i * (w_ie*ie - w_ii*ii + drive_i - threshold_i))) / tau_i",
    },
    units={"E": "1", "I": "1"},
    functions={"S": Choice("sigmoid", "tanh", "relu")},
    params={
        "tau_e": Param("10 ms", "time constant of excitation", positive=True),
        "tau_i": Param("20 ms", "time constant of inhibition", positive=True),
        "gain_e": Param("1.2", "slope of the excitatory response"),
        "gain_i": Param("1.0", "slope of the inhibitory response"),
        "threshold_e": Param("2.8", "input at half response of excitation"),
        "threshold_i": Param("4.0", "input at half response of inhibition"),
        "w_ee": Param("16", "weight excitatory to excitatory"),
        "w_ei": Param("12", "weight inhibitory to excitatory"),
        "w_ie": Param("15", "weight excitatory to inhibitory"),
        "w_ii": Param("3", "weight inhibitory to inhibitory"),
    },
    couplings={
        "ee": Coupling("E", _NARROW, "excitation received by E"),
        "ei": Coupling("I", _WIDE, "inhibition received by E"),
        "ie": Coupling("E", _NARROW, "excitation received by I"),
        "ii": Coupling("I", _WIDE, "inhibition received by I"),
    },
    drives={"drive_e": "1", "drive_i": "1"},
    stability="dt <= 2 * tau_e * tau_i / (tau_e + tau_i)",
    observable="E",
)
