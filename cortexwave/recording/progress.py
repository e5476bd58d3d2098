"""How far the writing of a recording is."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Progress:
    """Frames written, of how many."""

    frames: int
    of: int
