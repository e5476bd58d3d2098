"""Which analyses belong to a protocol, as it declares them: names and numbers only.

A kind is the name of a function of `cortexwave.memory`, a field that of one of its
parameters; nothing here can call it. `cortexwave memory` does, on the recording.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated, Literal

from pydantic import Field, model_validator

from cortexwave.documents import Document
from cortexwave.faults import nearest
from cortexwave.nodes import Path_
from cortexwave.units import (
    Angle,
    Duration,
    Frequency,
    Position,
    Speed,
    Time,
    quantity_field,
)

Label = Literal[
    "stimulus", "item", "kind", "outcome", "x", "y", "session", "subject"
]  # fmt: skip
Count = Annotated[int, Field(ge=1, le=1_000_000)]
Nulls = Annotated[int, Field(ge=19, le=100_000)]
Classifier = Literal["lda", "ridge"]
Boundary = Literal["open", "periodic"]
# event columns of numbers, or fields and channels beside what is read out
Covariates = Annotated[list[str], Field(min_length=1, max_length=100)]
Window = tuple[Time, Time]
Band = tuple[Frequency, Frequency]


def _in_order(name: str, window: tuple[float, float]) -> None:
    if not window[0] < window[1]:
        start, stop = (1e3 * each for each in window)
        raise ValueError(f"{name} is {start:g} to {stop:g} ms; it must end after it "
                         "begins")  # fmt: skip


def _rising(band: tuple[float, float] | None) -> None:
    if band is not None and not band[0] < band[1]:
        raise ValueError(f"band is {band[0]:g} to {band[1]:g} Hz; the lower edge comes "
                         "first")  # fmt: skip


class PlaceOfSite(Document):
    """Where a site is: the one nearest to it is taken."""

    y: Position = 0.0
    x: Position


class _Analysis(Document):
    variable: str | None = None
    seed: int = Field(default=0, ge=0, lt=2**63)


class _OfTrials(_Analysis):
    """Trials are cut from `window` around events, labelled by one of their columns."""

    window: Window
    label: Label = "stimulus"
    kinds: list[str] | None = Field(default=None, min_length=1)

    @model_validator(mode="after")
    def _order(self) -> _OfTrials:
        _in_order("window", self.window)
        return self


class MemoryFunction(_Analysis):
    """How much of the drive `lags` values back a state holds."""

    kind: Literal["memory_function"]
    lags: Count
    folds: Annotated[int, Field(ge=2, le=100)] = 5
    surrogates: Nulls = 199


class ProcessingCapacity(_Analysis):
    """Capacity for products of the drive; `lags` of degree 1, of degree 2, ..."""

    kind: Literal["processing_capacity"]
    lags: list[int] = Field(min_length=1, max_length=8)
    folds: Annotated[int, Field(ge=2, le=100)] = 5
    surrogates: Nulls = 49


class FisherMemory(_Analysis):
    """Fisher memory of the drive, cross-validated."""

    kind: Literal["fisher_memory_from_data"]
    lags: Count
    blocks: Annotated[int, Field(ge=4, le=1000)] = 20
    components: Count = 50
    surrogates: Nulls = 99


class LagPosition(_Analysis):
    """The lag of which each site holds most, against its distance from the drive."""

    kind: Literal["lag_position"]
    lags: Count
    surrogates: Nulls = 99


class DecodeIdentity(_OfTrials):
    """The class of a trial from one snapshot, at each time."""

    kind: Literal["decode_identity"]
    classifier: Classifier = "lda"
    times: list[Time] | None = None
    permutations: Nulls = 199


class DecodeElapsedTime(_OfTrials):
    """The time since onset from one snapshot, within `read` of the window."""

    kind: Literal["decode_elapsed_time"]
    read: Window
    stride: Count = 1
    permutations: Nulls = 199


class TemporalGeneralisation(_OfTrials):
    """A decoder fitted at one time, tried at all others."""

    kind: Literal["temporal_generalisation"]
    times: list[Time] | None = None
    permutations: Nulls = 199


class MemoryFormat(_OfTrials):
    """Whether what is held moves, stays, oscillates or changes without a shift."""

    kind: Literal["memory_format"]
    speeds: list[Speed] = Field(min_length=1, max_length=64)
    directions: list[Angle] = Field(min_length=1, max_length=64)
    longest: Duration
    boundary: Boundary
    classifier: Classifier = "lda"
    times: list[Time] | None = None
    permutations: Nulls = 199


class FilterControl(_OfTrials):
    """Identity through a filter, beside what the filter's ringing alone keeps."""

    kind: Literal["filter_control"]
    band: Band
    stimulus_end: Time
    classifier: Classifier = "lda"
    times: list[Time] | None = None
    surrogates: Nulls = 99

    @model_validator(mode="after")
    def _band(self) -> FilterControl:
        _rising(self.band)
        return self


class DecodingControls(_OfTrials):
    """The decoder of identity beside decoders that should find less, or nothing."""

    kind: Literal["decoding_controls"]
    times: list[Time] = Field(min_length=1)
    band: Band | None = None
    covariates: Covariates | None = None
    matched_sites: Count | None = None
    classifier: Classifier = "lda"
    permutations: Nulls = 199

    @model_validator(mode="after")
    def _band(self) -> DecodingControls:
        _rising(self.band)
        return self


class SequenceReadout(_Analysis):
    """The items of a sequence by rank, and their order at time `at` of a trial."""

    kind: Literal["sequence_readout"]
    at: Time
    label: Literal["item", "stimulus"] = "item"
    times: list[Time] | None = None
    classifier: Classifier = "lda"
    permutations: Nulls = 199


class DecodeInterval(_Analysis):
    """The time between the two events of a trial, from one snapshot after both."""

    kind: Literal["decode_interval"]
    window: Window
    kinds: list[str] | None = Field(default=None, min_length=1)
    classifier: Classifier = "lda"
    times: list[Time] | None = None
    permutations: Nulls = 199

    @model_validator(mode="after")
    def _order(self) -> DecodeInterval:
        _in_order("window", self.window)
        return self


class PhaseAtSite(_Analysis):
    """Whether an outcome depends on the phase at a place when an event began."""

    kind: Literal["phase_at_site"]
    band: Band
    place: PlaceOfSite
    response: Window | None = None
    against: PlaceOfSite | None = None
    kinds: list[str] | None = Field(default=None, min_length=1)
    permutations: Nulls = 199

    @model_validator(mode="after")
    def _order(self) -> PhaseAtSite:
        _rising(self.band)
        if self.response is not None:
            _in_order("response", self.response)
        elif self.against is not None:
            raise ValueError("against is a place whose response is taken away, and no "
                             "response was asked for")  # fmt: skip
        return self


class Propagator(_Analysis):
    """The map that takes a recording one step on, and its eigenvalues."""

    kind: Literal["propagator"]
    noise_correlation: quantity_field("ms", least=0.0)  # type: ignore[valid-type]
    rank: Count | None = None
    stride: Count = 1
    lags: Count = 10


class TopographicShift(_Analysis):
    """Whether that map is a shift across the array."""

    kind: Literal["topographic_shift"]
    noise_correlation: quantity_field("ms", least=0.0)  # type: ignore[valid-type]
    boundary: Boundary = "open"
    rank: Count | None = None
    stride: Count = 1
    lags: Count = 10
    count: Nulls = 199


Analysis = Annotated[
    MemoryFunction | ProcessingCapacity | FisherMemory | LagPosition | DecodeIdentity
    | DecodeElapsedTime | DecodeInterval | DecodingControls | FilterControl
    | TemporalGeneralisation | MemoryFormat | SequenceReadout | PhaseAtSite
    | Propagator | TopographicShift,
    Field(discriminator="kind"),
]  # fmt: skip


class Analyses(Document):
    """Analyses alone, as the command line gives them."""

    analyses: list[Analysis] = Field(min_length=1, max_length=100)


def covariate_faults(
    analyses: Sequence[Analysis], known: Sequence[str]
) -> Iterator[tuple[Path_, str]]:
    """Path and message of each covariate that is none of the names known."""
    for number, each in enumerate(analyses):
        for place, name in enumerate(getattr(each, "covariates", None) or ()):
            if name not in known:
                path = ("analyses", number, "covariates", place)
                yield path, unknown_covariate(name, known)


def unknown_covariate(name: str, known: Sequence[str]) -> str:
    """That there is no covariate of a name, and which there are."""
    more = f" and {len(known) - 20} more" if len(known) > 20 else ""
    return (f"there is no covariate '{name}'; event columns of numbers, fields and "
            f"channels are {', '.join(known[:20])}{more}{nearest(name, known)}"
            )  # fmt: skip
