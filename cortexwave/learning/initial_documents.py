"""Initialisations by name: recurrent couplings, and maps from input to sites.

What each name means in numbers is in `cortexwave.learning.initial`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field

from cortexwave.documents import Document
from cortexwave.learning.readout_documents import Answering, Located

if TYPE_CHECKING:
    from cortexwave.learning.tasks import Shape

BiasStart = Literal["as_published", "zero", "uniform"]
Field_ = tuple[int, int, int]  # (feature, y, x)


class _Recurrent(Document):
    def faults(self, field: Field_, sides: tuple[int, int]) -> Iterable[Located]:
        """What does not fit a field with a kernel of these sides along (y, x)."""
        return ()


class Shift(_Recurrent):
    """Each channel is carried along at its velocity, in sites per step.

    One `velocity` along x for all channels, or a list with one for each channel: a
    number along x or [vy, vx]. v > 0 moves towards DEcreasing index, as in the
    paper; |v| <= 1 along each axis (beyond, upwind steps are unstable: CFL). Along
    an axis the taps are [0, 1 - v, v] for v >= 0 and [|v|, 1 - |v|, 0] for v < 0; of
    both axes the product is taken. A fraction also diffuses: a pulse's variance
    grows by |v| (1 - |v|) sites^2 per step.
    """

    kind: Literal["shift"] = "shift"
    velocity: float | list[float | tuple[float, float]] = 1.0

    def velocities(self, channels: int) -> list[tuple[float, float]]:
        """Velocity (vy, vx) of each channel."""
        given = self.velocity
        each = given if isinstance(given, list) else [given] * channels
        return [(0.0, v) if isinstance(v, float | int) else v for v in each]

    def faults(self, field: Field_, sides: tuple[int, int]) -> Iterable[Located]:
        """What does not fit a field with a kernel of these sides along (y, x)."""
        place = ("velocity",)
        velocities = self.velocities(field[0])
        if len(velocities) != field[0]:
            message = f"{len(velocities)} velocities for {field[0]} channels; give one"
            yield place, f"{message} for each, or a single number for all"
        for axis, name in enumerate("yx"):
            fastest = max((abs(v[axis]) for v in velocities), default=0.0)
            if fastest > 1:
                message = f"{fastest:g} sites per step along {name}; beyond 1 the"
                yield place, f"{message} upwind step is unstable (CFL)"
            elif fastest > 0 and sides[axis] == 1:
                message = f"{fastest:g} along {name}, where the kernel has one site"
                yield place, f"{message} and reaches no neighbour"


class Identity(_Recurrent):
    """Each site keeps its value: centre tap 1 within a channel, all else 0."""

    kind: Literal["identity"] = "identity"


class Random(_Recurrent):
    """Every tap uniform in +-1/sqrt(channels * kernel), torch's default."""

    kind: Literal["random"] = "random"


TiedRecurrent = Annotated[Shift | Identity | Random, Field(discriminator="kind")]


class IdentityMatrix(Document):
    """U = `scale` I."""

    kind: Literal["identity"] = "identity"
    scale: float = 1.0


class ShiftMatrix(Document):
    """Along the ring of units at `velocity`: unit i hears (1 - v) h_i + v h_{i+1}.

    v < 0 hears i - 1. At 1 this is Sigma-init of Keller et al. (2024).
    """

    kind: Literal["shift"] = "shift"
    velocity: float = Field(default=1.0, ge=-1.0, le=1.0)


class RandomMatrix(Document):
    """Every weight uniform in +-1/sqrt(units), torch's default."""

    kind: Literal["random"] = "random"


class RandomCycle(Document):
    """A permutation drawn uniformly from those that are one cycle through all units."""

    kind: Literal["random_cycle"] = "random_cycle"


class RelabelledShift(Document):
    """P S P^T: the shift S by one with its units relabelled at random.

    Every single cycle is S relabelled, so the matrix has the law of random_cycle.
    What differs is the input: a map that names sites (single_site and the like) is
    relabelled with them, so that this network is the shift one seen in another
    order.
    """

    kind: Literal["relabelled_shift"] = "relabelled_shift"


class Orthogonal(Document):
    """`scale` times a matrix drawn uniformly (Haar) from the orthogonal ones."""

    kind: Literal["orthogonal"] = "orthogonal"
    scale: float = 1.0


class Chain(Document):
    """Non-normal: unit i + 1 hears `scale` h_i, unit i hears `feedback` h_{i+1}.

    Orhan and Pitkow (2020, arXiv 1905.13715): alpha is `scale` (1.02 for copy),
    beta `feedback` (their chain with feedback: scale 0.99, feedback 0.04). Unit 0
    is the source, where single_site writes; the last unit forgets.
    """

    kind: Literal["chain"] = "chain"
    scale: float = 1.02
    feedback: float = 0.0


DenseRecurrent = Annotated[
    IdentityMatrix
    | ShiftMatrix
    | RandomMatrix
    | RandomCycle
    | RelabelledShift
    | Orthogonal
    | Chain,
    Field(discriminator="kind"),
]


class _Input(Document):
    """`bias` is how the published code starts the bias that goes with the map."""

    bias: ClassVar[Literal["zero", "uniform"]] = "zero"

    def faults(self, field: Field_, inputs: int | None = None) -> Iterable[str]:
        """What does not fit a field (feature, y, x) with so many inputs, if known."""
        return ()


class SingleSite(_Input):
    """1 from EVERY input to one `site` of every channel, 0 elsewhere: as published.

    It is no code: of one-hot inputs it tells that one came, not which. `site` is
    counted along x, then y, from 0. On an open line a wave leaves at once unless
    the site is upstream (the last one for v > 0).
    """

    kind: Literal["single_site"] = "single_site"
    site: int = Field(default=0, ge=0)

    def faults(self, field: Field_, inputs: int | None = None) -> Iterable[str]:
        """What does not fit a field (feature, y, x) with so many inputs, if known."""
        sites = field[1] * field[2]
        if self.site >= sites:
            yield f"site {self.site}, where sites are 0 to {sites - 1}"


class SingleSitePerSymbol(_Input):
    """1 from each input to a unit of its own: a true code for which symbol came.

    Input d writes to channel d mod c, at site floor(d / c) * floor(n / r), where r =
    ceil(inputs / c) is how many inputs share a channel. With as many channels as
    inputs every input enters at site 0: its channel says which, its position when,
    for n / v steps; where r share a channel, for n / (r v).
    """

    kind: Literal["single_site_per_symbol"] = "single_site_per_symbol"

    def faults(self, field: Field_, inputs: int | None = None) -> Iterable[str]:
        """What does not fit a field (feature, y, x) with so many inputs, if known."""
        if inputs is not None and inputs > math.prod(field):
            yield (
                f"{inputs} symbols, each at a site of its own, where there are "
                f"{field[0]} channels of {field[1] * field[2]} sites"
            )


class SparseRandom(_Input):
    """1 from each input to `active` units drawn at random, 0 elsewhere.

    Without `active` to as many as there are channels, the number of single_site.
    """

    kind: Literal["sparse_random"] = "sparse_random"
    active: int | None = Field(default=None, ge=1)

    def faults(self, field: Field_, inputs: int | None = None) -> Iterable[str]:
        """What does not fit a field (feature, y, x) with so many inputs, if known."""
        if self.active is not None and self.active > math.prod(field):
            yield f"{self.active} active units, where there are {math.prod(field)}"


class NormalInput(_Input):
    """Every weight normal, mean 0 and deviation `std`: 0.001 as in Le et al. (2015)."""

    kind: Literal["normal"] = "normal"
    bias: ClassVar[Literal["zero", "uniform"]] = "uniform"
    std: float = Field(default=0.001, gt=0)


class UniformInput(_Input):
    """Every weight uniform in +-1/sqrt(n), n the number `over` of inputs or units.

    Over inputs is torch's default for linear layers, over units (the values of a
    state) the one for its recurrent layers.
    """

    kind: Literal["uniform"] = "uniform"
    bias: ClassVar[Literal["zero", "uniform"]] = "uniform"
    over: Literal["inputs", "units"] = "inputs"


InputMap = Annotated[
    SingleSite | SingleSitePerSymbol | SparseRandom | NormalInput | UniformInput,
    Field(discriminator="kind"),
]


class Trained(Document):
    """What is trained besides the readout; false freezes weights and their biases.

    Both false is the frozen network of the paper's appendix.
    """

    recurrent: bool = True
    input: bool = True


class Fed(Answering):
    """A network whose input map has a name, and which parts of it are trained."""

    input: InputMap
    train: Trained = Trained()

    def faults(self, shape: Shape) -> Iterable[Located]:
        """What cannot be meant for a task of this shape."""
        yield from super().faults(shape)
        for message in self.input.faults(self.field, shape.inputs):
            yield ("input",), message
