"""What a comparison found, which reports, tables and figures are made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import xarray as xr

from cortexwave.comparison.calibrating import Calibrated
from cortexwave.comparison.measure_rows import Row
from cortexwave.comparison.measuring import Wanted
from cortexwave.comparison.parts import Part
from cortexwave.comparison.session_values import SessionFacts
from cortexwave.comparison.study_document import Study


@dataclass(frozen=True)
class Comparison:
    """What was found: sessions of both sides, the scales, a row for each measure.

    `lab_parts` and `model_parts` are the recordings that were measured, as `wanted`,
    the model's as seen through the lab's electrodes; `operators` (by the name of the
    part) says how, `sheets` are the sheets behind them. Of a thorough comparison `grid`
    is that of `robustness_grid`, `recovery` that of `format_recovery` by side.
    """

    study: Study
    folder: Path
    lab: tuple[SessionFacts, ...]
    model: tuple[SessionFacts, ...]
    lab_parts: tuple[Part, ...]
    model_parts: tuple[Part, ...]
    operators: dict[str, dict[str, Any]]
    sheets: dict[str, Path]
    calibrated: Calibrated
    rows: dict[str, Row]
    wanted: Wanted
    grid: xr.Dataset | None = None
    recovery: Mapping[str, xr.Dataset] = field(default_factory=dict)

    @property
    def seconds(self) -> float:
        """What measuring took of all recordings, now or when it was done."""
        return sum(
            float(each["events"].attrs.get("took", 0.0))
            for session in (*self.lab, *self.model)
            for each in session.tables
        )

    @property
    def primaries(self) -> list[Row]:
        """The rows that were declared before anything was looked at."""
        return [self.rows[name] for name in self.study.chosen_primaries]

    @property
    def exploratory(self) -> list[Row]:
        """The other rows."""
        return [row for row in self.rows.values() if not row.primary]
