"""Which analyses belong to a protocol, as it declares them: names and numbers only.

A kind is the name of a function of `cortexwave.memory`, a field that of one of its
parameters; nothing here can call it. `cortexwave memory` does, on the recording.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from cortexwave.documents import Document
from cortexwave.units import Time, quantity_field

Label = Literal[
    "stimulus", "item", "kind", "outcome", "x", "y", "session", "subject"
]  # fmt: skip
Count = Annotated[int, Field(ge=1, le=1_000_000)]
Nulls = Annotated[int, Field(ge=19, le=100_000)]


class _Analysis(Document):
    variable: str | None = None
    seed: int = Field(default=0, ge=0, lt=2**63)


class _OfTrials(_Analysis):
    """Trials are cut from `window` around events, labelled by one of their columns."""

    window: tuple[Time, Time]
    label: Label = "stimulus"
    kinds: list[str] | None = Field(default=None, min_length=1)

    @model_validator(mode="after")
    def _in_order(self) -> _OfTrials:
        if not self.window[0] < self.window[1]:
            start, stop = (1e3 * each for each in self.window)
            raise ValueError(f"window is {start:g} to {stop:g} ms; it must end after "
                             "it begins")  # fmt: skip
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
    classifier: Literal["lda", "ridge"] = "lda"
    times: list[Time] | None = None
    permutations: Nulls = 199


class DecodeElapsedTime(_OfTrials):
    """The time since onset from one snapshot, within `read` of the window."""

    kind: Literal["decode_elapsed_time"]
    read: tuple[Time, Time]
    stride: Count = 1
    permutations: Nulls = 199


class TemporalGeneralisation(_OfTrials):
    """A decoder fitted at one time, tried at all others."""

    kind: Literal["temporal_generalisation"]
    times: list[Time] | None = None
    permutations: Nulls = 199


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
    boundary: Literal["open", "periodic"] = "open"
    rank: Count | None = None
    stride: Count = 1
    lags: Count = 10
    count: Nulls = 199


Analysis = Annotated[
    MemoryFunction | ProcessingCapacity | FisherMemory | LagPosition | DecodeIdentity
    | DecodeElapsedTime | TemporalGeneralisation | Propagator | TopographicShift,
    Field(discriminator="kind"),
]  # fmt: skip


class Analyses(Document):
    """Analyses alone, as the command line gives them."""

    analyses: list[Analysis] = Field(min_length=1, max_length=100)
