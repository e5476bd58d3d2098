"""Events of any number of segments as one table, with the p that holds for all of them.

`Found` is what one segment gives, and sums of it what several do; `events_table` makes
rows of it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr

from cortexwave import schema

# Columns of the table and their units; text has none.
COLUMNS = {
    "start": "s", "end": "s", "duration": "s", "kind": "", "trial": "1",
    "feature": "1", "speed": "mm/s", "direction": "deg", "wavelength": "mm",
    "frequency": "Hz", "x": "mm", "y": "mm", "handedness": "1", "spread": "",
    "score": "1", "sites": "1", "area": "mm^2", "mass": "1", "z": "1", "p": "1",
    "is_wave": "1",
}  # fmt: skip
_WHOLE = {"trial": np.int64, "feature": np.int64, "handedness": np.int64,
          "is_wave": np.bool_}  # fmt: skip


@dataclass(frozen=True)
class Found:
    """Events of some segments, and the greatest mass in each surrogate of them all."""

    rows: tuple[dict, ...]
    null_masses: np.ndarray  # (count,) the greatest
    null_totals: np.ndarray  # (count,) of all together
    total: float = 0.0
    frames: int = 0  # that were looked at
    shortest: float = 0.0  # mm

    @classmethod
    def nothing(cls, count: int) -> Found:
        return cls((), np.zeros(count), np.zeros(count))

    def __add__(self, other: Found) -> Found:
        return Found(
            rows=self.rows + other.rows,
            null_masses=np.maximum(self.null_masses, other.null_masses),
            null_totals=self.null_totals + other.null_totals,
            total=self.total + other.total, frames=self.frames + other.frames,
            shortest=max(self.shortest, other.shortest),
        )  # fmt: skip


def events_table(
    found: Found, *, alpha: float, field: xr.Dataset, seed: int
) -> xr.Dataset:
    """The table of `find_waves` from the events of all segments.

    `field`: any stretch of the wave field they are of; its labels and attributes go on.
    """
    rows = sorted(found.rows, key=lambda row: (row["trial"], row["feature"],
                                               row["start"]))  # fmt: skip
    null = found.null_masses
    spread = max(float(null.std(ddof=1)), 1e-12)
    for row in rows:
        if "mass" in row:
            reached = int(np.sum(null >= row["mass"]))
            row["p"] = (1 + reached) / (1 + len(null))
            row["z"] = (row["mass"] - float(null.mean())) / spread
            row["is_wave"] = row["p"] <= alpha
    beyond = int(np.sum(found.null_totals >= found.total)) if found.total else len(null)
    columns = {}
    values: np.ndarray
    for name, unit in COLUMNS.items():
        if name in _WHOLE:
            values = np.array([row.get(name, 0) for row in rows], dtype=_WHOLE[name])
        elif unit:
            values = np.array([row.get(name, np.nan) for row in rows], dtype=float)
        else:
            values = np.array([row.get(name, "") for row in rows], dtype=object)
        columns[name] = ("event", values, {"units": unit} if unit else {})
        if name in ("trial", "feature"):
            columns |= _labels(field, name, values)
    kept = {name: field.attrs[name] for name in
            ("variable", "band", "phase_method", "sampling_rate", "origin", "reference")
            if name in field.attrs}  # fmt: skip
    told = {"null": "without lags, from window to window", "frames": found.frames,
            "shortest_wavelength": found.shortest, "alpha": alpha,
            "count": len(null), "seed": seed,
            "p_together": (1 + beyond) / (1 + len(null)), "p_any": p_of_either(found),
            "direction_convention": schema.DIRECTION_CONVENTION}  # fmt: skip
    masses = ("surrogate", null, {"units": "1"})
    return xr.Dataset({**columns, "null_mass": masses}, attrs=kept | told)


def p_of_either(found: Found) -> float:
    """p of the better of two: the greatest mass, and the mass of all together.

    Each surrogate gets its own better of the two against all others and the recording,
    so that choosing costs what it should and no more.
    """
    greatest = max((row["mass"] for row in found.rows if "mass" in row), default=0.0)
    pairs = np.stack([np.append(greatest, found.null_masses),
                      np.append(found.total, found.null_totals)])  # fmt: skip
    reached = (pairs[:, None] >= pairs[:, :, None]).mean(axis=2)  # (kind, one)
    # of two that are as good in their better one, the other decides
    better = reached.min(axis=0) + reached.max(axis=0) / (2 * reached.shape[1])
    return float(np.mean(better <= better[0] + 1e-12))


def _labels(field: xr.Dataset, dim: str, rows: np.ndarray) -> dict[str, tuple]:
    """The column of labels of a dim, where they say more than its numbers."""
    if dim not in field.coords or dim not in field.dims:
        return {}
    labels = np.asarray(field[dim].values)
    if np.array_equal(labels, np.arange(labels.size)):
        return {}
    chosen = labels[rows]
    if labels.dtype.kind in "US":
        return {f"{dim}_label": ("event", chosen.astype(object), {})}
    units = "" if labels.dtype.kind == "O" else "1"
    return {f"{dim}_label": ("event", chosen, {"units": units} if units else {})}
