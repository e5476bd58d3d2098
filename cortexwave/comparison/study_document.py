"""The study document: what stands in a file of kind `study`.

Whose recordings are compared with whose, what is left out and why, how the model is
seen through the lab's electrodes, which two scales are fitted and to what, and which
measures were chosen before anything was looked at.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, model_validator

from cortexwave.comparison.primaries import (
    CALIBRATED_BY,
    MOST_PRIMARIES,
    declaration_hash,
    primary_faults,
    usual_primaries,
)
from cortexwave.comparison.study_material import Model, Recordings, Simulated
from cortexwave.documents import Document, parse_document, read_document
from cortexwave.errors import InputError
from cortexwave.faults import fault_error
from cortexwave.protocol.analyses import Covariates, unknown_covariate
from cortexwave.provenance import sha256_of_file
from cortexwave.units import Angle, Duration, Frequency, Length, Position, Speed, Time
from cortexwave.whole_documents import WholeDocument, whole_document


class Noise(Document):
    """Noise added to the model at the electrodes: 10 log10 of signal to noise power."""

    snr_db: float = Field(ge=-60, le=120)
    exponent: float = Field(default=1.0, ge=0, le=4)


class ElectrodesDocument(Document):
    """How a sheet is seen: the lab's own contacts unless a map is named.

    `position` of the middle of the array on the sheet ("centre", or [x, y]); `rotation`
    counter-clockwise; `spread` the sd of the Gaussian point spread; `dead` also those
    contacts that are dead in the lab's session. A model recording of channels is taken
    as it is. `name` is how the report calls the array; `modality` and `area` choose the
    published speeds that are drawn beside those measured.
    """

    name: str = Field(default="of the lab", pattern=r"^\w[\w ,/()+:-]*$", max_length=60)
    modality: str | None = None
    area: str | None = None
    map: str | None = None
    position: tuple[Position, Position] | Literal["centre"] = "centre"
    rotation: Angle = 0.0
    spread: Length | None = None
    wrap: Literal["none", "x", "y", "both"] = "none"
    dead: bool = True
    noise: Noise | None = None


class FrequencyAndWavelength(Document):
    """Both scales from medians: frequency and wavelength. Median speed is spent too."""

    kind: Literal["frequency_and_wavelength"]


class FrequencyAndSpeed(Document):
    """Time from the median frequency, space from a prior speed; wavelength held out.

    `speed` is (low, typical, high) of horizontal fibres, known from elsewhere; `source`
    says where.
    """

    kind: Literal["frequency_and_speed_prior"]
    speed: tuple[Speed, Speed, Speed]
    source: str = Field(min_length=1, max_length=400)

    @model_validator(mode="after")
    def _in_order(self) -> FrequencyAndSpeed:
        if not self.speed[0] <= self.speed[1] <= self.speed[2]:
            raise ValueError("speed is [low, typical, high], in this order")
        return self


class Given(Document):
    """Both scales as given: nothing is fitted. Without them the sheet's own hold."""

    kind: Literal["given"] = "given"
    spacing: Length | None = None
    interval: Duration | None = None


Calibration = Annotated[
    FrequencyAndWavelength | FrequencyAndSpeed | Given, Field(discriminator="kind")
]


class Memory(Document):
    """Trials of the memory readouts: `label` is the event column that is decoded.

    `covariates` name event columns of numbers and recorded fields (eye, pupil, running)
    that might tell the same: the decoder is tried on them alone, and without them.
    """

    label: Literal["stimulus", "item", "kind", "outcome", "x", "y"] = "stimulus"
    window: tuple[Time, Time]
    kinds: list[str] | None = None
    covariates: Covariates | None = None
    permutations: int = Field(default=200, ge=19, le=100_000)
    folds: int = Field(default=10, ge=2, le=100)
    lags: int = Field(default=40, ge=1, le=10_000)

    @model_validator(mode="after")
    def _in_order(self) -> Memory:
        if not self.window[0] < self.window[1]:
            raise ValueError(f"window {list(self.window)} s does not end after it "
                             "begins")  # fmt: skip
        return self


class Study(WholeDocument):
    """A comparison, whole: frozen, checked, made by `load_study`."""

    called: ClassVar[str] = "study document"
    serves: ClassVar[str] = "compared; that is 'study'"

    kind: Literal["study"]
    band: tuple[Frequency, Frequency]
    lab: Recordings
    model: Model
    # None: no memory readout is made, and the report says that none was asked for
    memory: Memory | None = None
    # of the sensors, to 1/e; 0 is white. None: no operator of a step is estimated
    noise_correlation: Time | None = None
    electrodes: ElectrodesDocument = ElectrodesDocument()
    calibration: Calibration = Given()
    # None: the usual six that this study has, less what the calibration spends
    primaries: list[str] | None = Field(
        default=None, min_length=1, max_length=MOST_PRIMARIES
    )
    # sha256 that `cortexwave check` prints: a declaration changed later is refused
    frozen: str | None = Field(default=None, pattern="^[0-9a-f]{64}$")
    surrogates: int = Field(default=99, ge=19, le=100_000)
    seed: int = Field(default=0, ge=0, lt=2**32)

    @model_validator(mode="after")
    def _whole(self) -> Study:
        faults: list[tuple[tuple[str | int, ...], str]] = []
        low, high = self.band
        if not low < high:
            faults.append((("band",), f"it ends at {high:g} Hz, and begins at "
                           f"{low:g} Hz"))  # fmt: skip
        faults += [
            (("primaries", place), message)
            for place, message in primary_faults(
                self.primaries or [], self.spent, self.memory is not None
            )
        ]
        if self.frozen is not None and self.frozen != self.declared:
            faults.append((("frozen",), (
                f"the declaration was changed after it was frozen: primaries, band, "
                f"calibration and memory now hash to {self.declared}"
            )))  # fmt: skip
        if self.noise_correlation is not None and self.noise_correlation < 0:
            faults.append((("noise_correlation",), (
                f"{self.noise_correlation:g} s is no correlation time of noise; "
                "0 is white noise"
            )))  # fmt: skip
        used = [s for subject in self.lab.subjects for s in subject.sessions
                if s.excluded is None]  # fmt: skip
        if not used:
            faults.append((("lab", "subjects"), "every session is excluded"))
        if faults:
            raise fault_error("study", faults)
        return self

    @property
    def spent(self) -> tuple[str, ...]:
        """The measures that the calibration is fitted to, which are no evidence."""
        return CALIBRATED_BY.get(self.calibration.kind, ())

    @property
    def chosen_primaries(self) -> list[str]:
        """The primaries, declared or usual."""
        if self.primaries is not None:
            return list(self.primaries)
        return usual_primaries(self.spent, self.memory is not None)

    @property
    def declared(self) -> str:
        """SHA-256 of what must not change once anything has been looked at."""
        memory = None if self.memory is None else self.memory.model_dump(mode="json")
        if memory is not None and memory["covariates"] is None:
            del memory["covariates"]  # a declaration of before keeps its hash
        return declaration_hash({
            "primaries": self.chosen_primaries, "band": list(self.band),
            "calibration": self.calibration.model_dump(mode="json"),
            "memory": memory,
        })  # fmt: skip


def load_study(path: str | Path) -> Study:
    """The checked study in a YAML file.

    Raises `ProtocolError` with every fault and its line; `InputError` if the file
    cannot be read.
    """
    return whole_document(Study, read_document(path))


def parse_study(text: str, *, file: str = "<text>") -> Study:
    """The checked study in a YAML text; relative paths start at `file`'s folder."""
    return whole_document(Study, parse_document(text, file=file))


def check_study_document(
    study: Study, *, recordings: Literal["due", "to come"] = "due"
) -> None:
    """Hold a study against the files it names: each is there, below its folder.

    And its covariates against the lab's recordings, of which one at least has each.
    With recordings "to come" those may be absent: measures are best declared before
    there is anything to look at. Raises `ProtocolError` with every fault and its line.
    """
    waited = recordings_to_come(study) if recordings == "to come" else []
    faults = list(_file_faults(study, waited)) or list(_covariate_faults(study))
    if faults:
        raise study.source.refusal(faults)
    refuse_copies(study)


def refuse_copies(study: Study) -> None:
    """`InputError` where one recording stands for two: of sessions, animals, or sides.

    Copies would count as sessions that agree, and a model as another animal. Of
    sessions that are excluded nothing counts.
    """
    sizes: dict[int, list[str]] = {}
    for name in _used_recordings(study):
        sizes.setdefault((study.folder / name).stat().st_size, []).append(name)
    seen: dict[str, str] = {}
    for name in (each for alike in sizes.values() if len(alike) > 1 for each in alike):
        digest = sha256_of_file(study.folder / name)
        if digest in seen:
            raise InputError(
                f"{seen[digest]} and {name} are the same recording; each stands for "
                "one session of one animal, on one side; exclude one of them"
            )
        seen[digest] = name


def _used_recordings(study: Study) -> list[str]:
    """Recordings of both sides that are there and not excluded, as often as named."""
    sides = [each for each in (study.lab, study.model) if isinstance(each, Recordings)]
    return [
        name
        for side in sides for subject in side.subjects for session in subject.sessions
        if session.excluded is None
        for name in session.files if (study.folder / name).is_file()
    ]  # fmt: skip


def recordings_to_come(study: Study) -> list[str]:
    """The recordings that a study names and that are not there yet."""
    return [
        name
        for path, name in named_files(study)
        if "files" in path and not (study.folder / name).is_file()
    ]


def _file_faults(
    study: Study, waited: list[str]
) -> Iterable[tuple[tuple[str | int, ...], str]]:
    root = study.folder.resolve()
    for path, name in named_files(study):
        file = (root / name).resolve()
        if Path(name).is_absolute() or not file.is_relative_to(root):
            yield (
                path,
                f"{name} lies outside the folder of the study; a study names files "
                "below its own folder, so that it can be moved",
            )
        elif not file.is_file() and name not in waited:
            yield path, f"{name}: there is no such file in {root}"


def _covariate_faults(study: Study) -> Iterable[tuple[tuple[str | int, ...], str]]:
    from cortexwave.memory.covariates import covariate_names
    from cortexwave.recording.reader import open_recording

    names = (study.memory.covariates if study.memory else None) or []
    files = [study.folder / name for path, name in named_files(study)
             if path[0] == "lab" and "files" in path]  # fmt: skip
    if not names or not all(file.is_file() for file in files):
        return
    known: list[str] = []
    for file in files:
        with open_recording(file) as opened:
            known += covariate_names(opened)
    known = list(dict.fromkeys(known))
    for place, name in enumerate(names):
        if name not in known:
            yield ("memory", "covariates", place), unknown_covariate(name, known)


def named_files(study: Study) -> list[tuple[tuple[str | int, ...], str]]:
    """Every file that a study names, with the place of its name."""
    found: list[tuple[tuple[str | int, ...], str]] = []
    sides: list[tuple[str, Any]] = [("lab", study.lab), ("model", study.model)]
    for side, material in sides:
        if isinstance(material, Simulated):
            found.append(((side, "file"), material.file))
            continue
        for i, subject in enumerate(material.subjects):
            for j, session in enumerate(subject.sessions):
                path = (side, "subjects", i, "sessions", j, "files")
                found += [((*path, k), file) for k, file in enumerate(session.files)]
    chosen = study.electrodes.map
    if chosen is not None and Path(chosen).suffix:
        found.append((("electrodes", "map"), chosen))
    return found
