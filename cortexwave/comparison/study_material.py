"""Whose recordings a study compares: subjects, sessions, files, what is left out.

Documents of the lab's side and of the model's, which is recordings or a protocol to be
run for each simulated animal.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from cortexwave.documents import Document
from cortexwave.units import Time

_NAME = r"^[A-Za-z0-9][A-Za-z0-9_.-]*$"
Name = Annotated[str, Field(pattern=_NAME, max_length=80)]
Reason = Annotated[str, Field(min_length=1, max_length=400)]


class Span(Document):
    """Times of a recording that are left out, and why."""

    start: Time
    stop: Time
    reason: Reason

    @model_validator(mode="after")
    def _in_order(self) -> Span:
        if not self.start < self.stop:
            raise ValueError(
                f"it stops at {self.stop:g} s, and starts at {self.start:g} s"
            )
        return self


class Channels(Document):
    """Channels of a recording that are left out, by label, and why."""

    labels: list[str] = Field(min_length=1)
    reason: Reason


class Exclusions(Document):
    """What of a session is left out: every entry has its reason."""

    channels: list[Channels] = Field(default_factory=list)
    times: list[Span] = Field(default_factory=list)


class Session(Document):
    """One session: its recordings (each by itself, then pooled) and its exclusions.

    A session with `excluded` is not used at all; it is listed with that reason.
    """

    name: Name
    files: list[str] = Field(min_length=1, max_length=1000)
    exclude: Exclusions = Exclusions()
    excluded: Reason | None = None


class Subject(Document):
    """One animal or person (of a model: one draw of its parameters)."""

    name: Name
    sessions: list[Session] = Field(min_length=1, max_length=10_000)

    @model_validator(mode="after")
    def _once(self) -> Subject:
        _distinct("session", [session.name for session in self.sessions])
        return self


class Animal(Document):
    """A simulated animal: changes to the protocol, and a seed for each session."""

    name: Name
    seeds: list[int] = Field(min_length=1, max_length=1000)
    set: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _seeds(self) -> Animal:
        if len(set(self.seeds)) < len(self.seeds) or min(self.seeds) < 0:
            raise ValueError(
                f"seeds are {self.seeds}: each once, whole numbers from 0 on"
            )
        return self


class Recordings(Document):
    """Recordings that are there, by subject and session."""

    kind: Literal["recordings"] = "recordings"
    variable: str | None = None
    subjects: list[Subject] = Field(min_length=1, max_length=10_000)

    @model_validator(mode="after")
    def _once(self) -> Recordings:
        _distinct("subject", [subject.name for subject in self.subjects])
        return self


class Simulated(Document):
    """A protocol run for each animal and seed; `source` is what electrodes see.

    `source` names a field; without it electrodes see the summed synaptic input.
    """

    kind: Literal["protocol"]
    file: str
    source: str | None = None
    animals: list[Animal] = Field(min_length=1, max_length=1000)

    @model_validator(mode="after")
    def _once(self) -> Simulated:
        _distinct("animal", [animal.name for animal in self.animals])
        return self


Model = Annotated[Recordings | Simulated, Field(discriminator="kind")]


def _distinct(what: str, names: list[str]) -> None:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"{what} {', '.join(twice)} stands twice")
