"""Every exception of the package, and the exit code of the command line for each.

CortexwaveError            something went wrong; the message says what and where
  InputError        2      what was given cannot be meant
    UnitError              a quantity without a unit, or with the wrong one
    ModelError             a model specification that breaks the rules of models
    ProtocolError          a document with faults; carries all of them
    SchemaError            an xarray object that is not the noun it should be
    RecordingError         a file that is not a readable recording
  RunError          3      the run began and could not be finished
    NotFiniteError         a state stopped being a finite number
    DiskFullError          the disk is (nearly) full; the file was closed in time
  Interrupted     130      stopped by the user; a valid file was left
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


class CortexwaveError(Exception):
    """Base of all errors raised on purpose by cortexwave."""

    exit_code = 2


class InputError(CortexwaveError, ValueError):
    """What was given cannot be meant."""


class UnitError(InputError):
    """A quantity without a unit, with an unknown one, or of the wrong dimension."""


class ModelError(InputError):
    """A model specification that breaks the rules of `cortexwave.sheet.spec`."""


class SchemaError(InputError):
    """An xarray object that does not satisfy its schema."""


class RecordingError(InputError):
    """A file that cannot be read, or must not be written, as a recording."""


@dataclass(frozen=True)
class Fault:
    """One thing wrong in a document: where it stands and what is allowed."""

    place: str
    message: str
    line: int | None = None


class ProtocolError(InputError):
    """A document with faults; `faults` holds all of them, in order of line."""

    def __init__(self, file: str, faults: Sequence[Fault]):
        self.file = file
        self.faults = tuple(
            sorted(faults, key=lambda fault: (fault.line or 0, fault.place))
        )
        super().__init__("\n".join(self._lines()))

    def _lines(self) -> list[str]:
        lines = []
        for fault in self.faults:
            where = f"{self.file}:{fault.line}" if fault.line else self.file
            what = f"{fault.place}: {fault.message}" if fault.place else fault.message
            lines.append(f"{where}: {what}")
        return lines


class RunError(CortexwaveError, RuntimeError):
    """The run began and could not be finished."""

    exit_code = 3


class NotFiniteError(RunError):
    """A state stopped being a finite number; names the state, time and site."""


class DiskFullError(RunError):
    """The disk is nearly full; the file was closed while it still could be."""


class Interrupted(CortexwaveError, KeyboardInterrupt):  # noqa: N818
    """Stopped by the user between two blocks; `path` is the valid file left."""

    exit_code = 130

    def __init__(self, message: str, path: str = ""):
        self.path = path
        super().__init__(message)
