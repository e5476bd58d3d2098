"""Published speeds of cortical waves, to be drawn beside a histogram and never scored.

How a wave is measured decides how fast it seems (the scalp sees ten times the speed of
an array), so rows are matched by modality and never pooled or interpolated. What a
source did not state is missing here.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Literal

from cortexwave.errors import InputError
from cortexwave.faults import nearest


@dataclass(frozen=True)
class ReferenceBand:
    """Speeds (mm/s) of one study in one preparation; None where it states none.

    `band_hz` is None where the source names a rhythm (`band`) and no edges. `source` is
    "secondary" where the numbers were read in another paper; `doi` is "" where it was
    not seen. `url` is where the numbers were read.
    """

    study: str
    year: int
    species: str
    area: str
    modality: str
    band: str
    band_hz: tuple[float, float] | None
    low: float | None
    typical: float | None
    high: float | None
    source: Literal["primary", "secondary"]
    doi: str
    url: str
    note: str


@lru_cache(maxsize=1)
def published() -> tuple[ReferenceBand, ...]:
    """All rows there are."""
    text = (
        files("cortexwave.comparison")
        .joinpath("published_bands.csv")
        .read_text("utf-8")
    )
    return tuple(_band(row) for row in csv.DictReader(text.splitlines()))


def modalities() -> list[str]:
    """The modalities that have a published speed."""
    return sorted({row.modality for row in published()})


def reference_bands(
    *,
    modality: str,
    area: str | None = None,
    band: tuple[float, float] | None = None,
) -> list[ReferenceBand]:
    """Rows of one modality (and area, and frequencies in Hz that overlap); [] if none.

    A row whose source states no frequencies is found only where `band` is None, and
    never in another modality: no row is better than one of something else.
    """
    if modality.lower() not in (each.lower() for each in modalities()):
        raise InputError(
            f"modality is '{modality}'; speeds are published for "
            f"{', '.join(modalities())}{nearest(modality, modalities())}"
        )
    if band is not None and not 0 <= band[0] <= band[1]:
        raise InputError(f"band is {band} Hz; it is (low, high)")
    return [
        row for row in published()
        if row.modality.lower() == modality.lower()
        and (area is None or row.area.lower() == area.lower())
        and (band is None or _overlap(row.band_hz, band))
    ]  # fmt: skip


def _overlap(own: tuple[float, float] | None, asked: tuple[float, float]) -> bool:
    return own is not None and own[0] <= asked[1] and asked[0] <= own[1]


def _band(row: dict[str, str]) -> ReferenceBand:
    def speed(name: str) -> float | None:
        text = row[f"speed_{name}_m_per_s"]
        return 1e3 * float(text) if text else None

    edges = (row["band_low_hz"], row["band_high_hz"])
    return ReferenceBand(
        study=row["study"], year=int(row["year"]), species=row["species"],
        area=row["area"], modality=row["modality"], band=row["band"],
        band_hz=(float(edges[0]), float(edges[1])) if all(edges) else None,
        low=speed("low"), typical=speed("typical"), high=speed("high"),
        source="primary" if row["source"] == "primary" else "secondary",
        doi=row["doi"], url=row["url"], note=row["note"],
    )  # fmt: skip
