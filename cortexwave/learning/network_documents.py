"""Networks on paper: what a network is, how it starts, what of it is trained.

No torch here, so that a training file can be checked without it. Directions and
sizes are those of Keller, Muller, Sejnowski and Welling (2024, arXiv 2309.08045):
`units` is the number of sites in each of `channels` rings, and a velocity v > 0
moves a pattern towards DEcreasing x, one site per step at v = 1.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, model_validator

from cortexwave.documents import Document
from cortexwave.faults import fault_error
from cortexwave.learning.baseline_documents import (
    MOST_UNITS,
    CoupledOscillatorDocument,
    GRUDocument,
    IdentityRNNDocument,
    LinearDocument,
    LSTMDocument,
    NeuralWaveMachineDocument,
)
from cortexwave.learning.initial_documents import (
    BiasStart,
    Fed,
    InputMap,
    Shift,
    SingleSite,
    TiedRecurrent,
)
from cortexwave.learning.readout_documents import Located
from cortexwave.sheet.lattice import Boundary

if TYPE_CHECKING:
    from cortexwave.learning.tasks import Shape


class Sides(Document):
    """A boundary for each axis of a sheet."""

    y: Boundary
    x: Boundary


class _Sheet(Fed):
    """Sites on rings, lines or sheets, coupled to their neighbours.

    Give `units`, the sites of each ring or line, or `shape` [ny, nx], those of each
    sheet; `channels` is the number of rings or sheets, all coupled to all.
    `kernel` is the number of sites, odd, that one site hears along x (a sheet: along
    both axes, or [ky, kx]).
    """

    units: int | None = Field(default=None, ge=1)
    shape: tuple[int, int] | None = None
    channels: int = Field(default=1, ge=1, le=4096)
    kernel: int | tuple[int, int] = 3
    activation: Literal["relu", "tanh", "identity", "sigmoid"] = "relu"
    recurrent: TiedRecurrent = Shift()
    input: InputMap = SingleSite()

    @property
    def field(self) -> tuple[int, int, int]:
        """Shape (feature, y, x) of a state; a ring or line has y = 1."""
        ny, nx = self.shape or (1, self.units or 1)
        return self.channels, ny, nx

    @property
    def sides(self) -> tuple[int, int]:
        """Sites of the kernel along y and x."""
        if not isinstance(self.kernel, int):
            return self.kernel
        return (1 if self.field[1] == 1 else self.kernel), self.kernel

    @model_validator(mode="after")
    def _fits(self) -> _Sheet:
        if (self.units is None) == (self.shape is None):
            raise ValueError(
                "give either units (sites of a ring or line) or shape ([ny, nx] of a "
                "sheet)"
            )
        if min(self.field) < 1:
            place = ("shape",)
            message = f"shape is {list(self.field[1:])}; sites count from 1 on"
            raise fault_error("network", [(place, message)])
        faults = list(self._sheet_faults())
        if faults:
            raise fault_error("network", faults)
        return self

    def _sheet_faults(self) -> Iterable[Located]:
        if math.prod(self.field) > MOST_UNITS:
            yield (
                ("channels",),
                f"{self.channels} x {self.field[1]} x {self.field[2]} values are more "
                f"than {MOST_UNITS:,}",
            )
        for axis, side, n in zip("yx", self.sides, self.field[1:], strict=True):
            if side < 1 or side % 2 == 0:
                message = f"{side} along {axis}; a kernel has an odd number of sites"
                yield ("kernel",), message
            elif side > n:
                yield (
                    ("kernel",),
                    f"{side} sites along {axis}, where there are only {n}; at most "
                    f"{n if n % 2 else n - 1}",
                )
        for path, message in self.recurrent.faults(self.field, self.sides):
            given = "recurrent" in self.model_fields_set
            yield ("recurrent", *(path if given else ())), message
        for message in self.input.faults(self.field):
            yield ("input",), message


class _Wave(_Sheet):
    """A wave RNN's biases and boundary.

    `biases`: "one" bias for every site and channel, as the paper writes it, or "two",
    as its code has it: that one, and a scalar for each channel. `site_bias` and
    `channel_bias` say how they start: zero, or uniform, which is +-1/sqrt(inputs)
    for sites and +-1/sqrt(channels * kernel) for channels (torch's defaults). As
    published a channel's bias starts uniform, and a site's at zero where the input
    map names sites, uniform where it is normal or uniform ("- V-init").
    """

    boundary: Boundary | Sides = "periodic"
    biases: Literal["one", "two"] = "two"
    site_bias: BiasStart = "as_published"
    channel_bias: Literal["zero", "uniform"] = "uniform"

    @property
    def site_bias_start(self) -> str:
        """How the sites' bias starts: "zero" or "uniform"."""
        return self.input.bias if self.site_bias == "as_published" else self.site_bias

    @property
    def boundaries(self) -> tuple[Boundary, Boundary]:
        """Boundary along y and x."""
        if isinstance(self.boundary, Sides):
            return self.boundary.y, self.boundary.x
        return self.boundary, self.boundary

    @model_validator(mode="after")
    def _biases(self) -> _Wave:
        if self.biases == "one" and "channel_bias" in self.model_fields_set:
            message = "there is no channel bias; it needs biases: two"
            raise fault_error("network", [(("channel_bias",), message)])
        return self


class WaveRNNDocument(_Wave):
    """h_t = f(u * h_{t-1} + V x_t + b), h_0 = 0: the wave RNN."""

    kind: Literal["wave_rnn"] = "wave_rnn"


class RelabelledWaveRNNDocument(_Wave):
    """A wave RNN whose sites are shown in a random order.

    Its dynamics and its learning are the wave RNN's to the last bit; only the
    topography of what `states` shows is gone: the control that tells a wave from a
    memory.
    """

    kind: Literal["relabelled_wave_rnn"] = "relabelled_wave_rnn"


class LocalRNNDocument(_Sheet):
    """A wave RNN on rings whose kernel differs from site to site.

    Keller et al. (2024), appendix: "locally connected". Two biases of the size of
    the state, as in its code: the recurrent one starts at zero, the other as a wave
    RNN's. Started at random, each site's taps are drawn as a wave RNN's (the code
    draws far smaller ones: its Xavier rule counts the sites as inputs).
    """

    kind: Literal["local_rnn"] = "local_rnn"

    @model_validator(mode="after")
    def _ring(self) -> LocalRNNDocument:
        if self.field[1] > 1:
            message = "a local_rnn has rings; give units"
            raise fault_error("network", [(("shape",), message)])
        return self


NetworkDocument = Annotated[
    WaveRNNDocument
    | RelabelledWaveRNNDocument
    | LocalRNNDocument
    | IdentityRNNDocument
    | NeuralWaveMachineDocument
    | CoupledOscillatorDocument
    | LSTMDocument
    | GRUDocument
    | LinearDocument,
    Field(discriminator="kind"),
]


def network_faults(document: NetworkDocument, shape: Shape) -> list[Located]:
    """What of a network cannot be meant for a task: path below it, and a message."""
    return list(document.faults(shape))
