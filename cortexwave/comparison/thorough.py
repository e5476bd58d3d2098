"""What a thorough comparison adds, and what it costs, said before it begins."""

from __future__ import annotations

from cortexwave.comparison.pipeline_grid import GRID
from cortexwave.comparison.study_document import Recordings, Study


def cost_statement(study: Study) -> str:
    """How many passes over recordings the grid of a study takes."""
    sides = [study.lab, *([study.model] if isinstance(study.model, Recordings) else [])]
    parts = sum(
        len(session.files)
        for side in sides
        for subject in side.subjects
        for session in subject.sessions
        if session.excluded is None
    )
    if not isinstance(study.model, Recordings):
        parts += sum(len(animal.seeds) for animal in study.model.animals)
    return (
        f"thorough: {len(GRID)} cells x {parts} recordings = {len(GRID) * parts} more "
        "analyses of waves"
    )
