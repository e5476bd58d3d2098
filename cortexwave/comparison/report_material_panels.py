"""Panels A and B of a report: the material, and the model as the electrodes see it."""

from __future__ import annotations

import numpy as np

from cortexwave.analysis.sites import picked, sites_of
from cortexwave.comparison.compared import Comparison
from cortexwave.comparison.gates import longest_span
from cortexwave.comparison.panel_tables import drawn, medians, missing
from cortexwave.comparison.parts import Part, without_excluded
from cortexwave.provenance import sha256_of_file
from cortexwave.recording.reader import open_recording
from cortexwave.view.comparison_material import (
    Montage,
    SeenSheet,
    draw_montages,
    draw_seen_sheet,
)
from cortexwave.view.comparison_page import Panel
from cortexwave.view.comparison_waves import SIDES


def provenance_panel(found: Comparison) -> Panel:
    parts = [found.lab_parts[0], found.model_parts[0]]
    montages = [_montage(part) for part in parts]
    hashes = ", ".join(
        f"{part.file.name} {sha256_of_file(part.file)[:12]}"
        for part in (*found.lab_parts, *found.model_parts)
    )
    return drawn(
        draw_montages(montages),
        "Contacts of the first recording and of the model as it was seen; crosses are "
        "not used. x and y are those of the recording, in mm; directions are "
        f"counter-clockwise from +x. SHA-256 of the files: {hashes}.",
    )


def _montage(part: Part) -> Montage:
    with open_recording(part.file) as opened:
        few = opened.isel(time=slice(0, 64))
        used = without_excluded(few, Part(
            part.side, part.subject, part.session, part.number, part.file,
            part.variable, part.channels))  # fmt: skip
        field = picked(used, part.variable)
        sites = sites_of(field)
        flat = np.asarray(field.values, dtype=float)
    over = tuple(k for k, dim in enumerate(field.dims)
                 if dim in ("trial", "time", "feature"))  # fmt: skip
    alive = np.isfinite(flat).all(axis=over).ravel()
    return Montage(part.name, np.asarray(sites.positions), alive)


def operator_panel(found: Comparison) -> Panel:
    speeds = medians(found, "median_speed")
    extents = medians(found, "extent")
    spans = [
        f"{'recording' if side == 'lab' else 'model'}: {extents[side]:.3g} mm at "
        f"{speeds[side] / 1e3:.3g} m/s are at most "
        f"{1e3 * longest_span(extents[side], speeds[side]):.3g} ms"
        for side in SIDES if np.isfinite(speeds[side]) and np.isfinite(extents[side])
    ]  # fmt: skip
    said = ("One pass of a wave holds the past for no longer than it crosses the array "
            f"({'; '.join(spans) or 'speed not known'}).")  # fmt: skip
    part = found.model_parts[0]
    if not found.operators.get(part.name):
        return missing(
            "the model's recordings are of channels, so that no operator was applied. "
            + said
        )
    return drawn(draw_seen_sheet(_seen(found, part)), f"{found.calibrated.text} {said}")


def _seen(found: Comparison, part: Part) -> SeenSheet:
    """The strongest moment of a seen recording, with the sheet behind it."""
    told = found.operators[part.name]
    source = found.sheets[part.name]
    with open_recording(part.file) as recording:
        field = picked(recording, part.variable).isel(trial=0, missing_dims="ignore")
        values = np.asarray(field.values, dtype=float)
        moment = int(np.nanargmax(np.nanstd(values, axis=field.dims.index("channel"))))
        seen = values[moment]
        places = np.stack([recording["x"].values, recording["y"].values], axis=1)
        share = moment / max(1, values.shape[0] - 1)
    with open_recording(source) as sheet:
        name = told["source"][0]["field"]
        looked = sheet[name].isel(trial=0, feature=0, missing_dims="ignore")
        frame = looked.isel(time=round(share * (looked.sizes["time"] - 1)))
        frame = frame.transpose("y", "x")
        scale = told["sheet_spacing_mm"][-1] / float(
            np.median(np.abs(np.diff(frame["x"].values))))  # fmt: skip
        return SeenSheet(part.name, np.asarray(frame.values, dtype=float),
                         frame["y"].values * scale, frame["x"].values * scale, places,
                         seen)  # fmt: skip
