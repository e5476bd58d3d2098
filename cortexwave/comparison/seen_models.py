"""A model as the lab would have recorded it: run, scaled, seen through its electrodes.

Every model recording goes through the contacts of one lab session (its places, its dead
sites, its rate, its reference), sessions taken in turn. From there on it is a
recording of channels like any other.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from cortexwave import schema
from cortexwave.analysis.sites import picked, sampling_rate
from cortexwave.comparison.parts import Part, without_excluded
from cortexwave.comparison.study_document import Study
from cortexwave.comparison.study_material import Simulated
from cortexwave.errors import InputError
from cortexwave.lab.amplifier import Amplifier
from cortexwave.lab.array_maps import electrode_map
from cortexwave.lab.electrodes import Electrodes, electrodes_of
from cortexwave.lab.noise import Noise
from cortexwave.lab.observing import VARIABLE, observe
from cortexwave.protocol.document import Protocol, load_protocol
from cortexwave.provenance import sha256_of
from cortexwave.recording.reader import open_recording
from cortexwave.recording.saving import save_recording
from cortexwave.simulation import resuming, running


@dataclass(frozen=True)
class Scale:
    """mm between sites and s between frames; None leaves the sheet's own."""

    spacing: float | None = None
    interval: float | None = None


def protocols_of(study: Study) -> list[tuple[str, int, Protocol]]:
    """Animal, seed and protocol of every simulated session of a study."""
    model = study.model
    if not isinstance(model, Simulated):
        return []
    protocol = load_protocol(study.folder / model.file)
    return [
        (animal.name, seed, protocol.with_changes({**animal.set, "run.seed": seed}))
        for animal in model.animals for seed in animal.seeds
    ]  # fmt: skip


def simulated_parts(study: Study, folder: Path) -> Iterator[Part]:
    """The parts of a model that is run here; those whose file is there are not run.

    A run that was interrupted goes on from its last checkpoint.
    """
    source = study.model.source if isinstance(study.model, Simulated) else None
    for animal, seed, protocol in protocols_of(study):
        key = sha256_of(protocol.resolved())[:12]
        path = folder / f"{animal}_{seed}_{key}.h5"
        if not path.exists():
            unfinished = Path(f"{path}.part")
            steps = resuming(unfinished) if unfinished.exists() else running(
                protocol, path)  # fmt: skip
            for _ in steps:
                pass
        yield Part("model", animal, str(seed), 0, path, source)


def is_sheet(part: Part) -> bool:
    """Whether a part is a sheet that has yet to be seen by electrodes."""
    with open_recording(part.file) as recording:
        return "channel" not in recording.dims and recording.attrs.get(
            "origin") != "lab"  # fmt: skip


def seen_part(
    part: Part, window: Part, study: Study, scale: Scale, folder: Path, seed: int
) -> Part:
    """A model part as recorded by the electrodes of the lab's part `window`.

    The file stands in `folder` and is made once for each scale. Raises `InputError`
    where the array does not fit on the sheet, or cannot sample it.
    """
    if not is_sheet(part):
        return part
    key = sha256_of(json.dumps({
        "file": str(part.file), "size": part.file.stat().st_size,
        "changed": part.file.stat().st_mtime_ns, "window": str(window.file),
        "excluded": window.channels, "scale": [scale.spacing, scale.interval],
        "electrodes": study.electrodes.model_dump(mode="json"),
        "variable": part.variable, "seed": seed, "band": list(study.band),
    }))[:16]  # fmt: skip
    path = folder / f"{part.name}_{key}.h5"
    if not path.exists():
        with open_recording(part.file) as sheet, open_recording(window.file) as lab:
            save_recording(observed(sheet, lab, part, window, study, scale, seed), path)
    return replace(part, file=path, variable=VARIABLE)


def seen_parts(
    given: Sequence[Part], windows: Sequence[Part], study: Study, scale: Scale,
    folder: Path,
) -> Iterator[Part]:  # fmt: skip
    """Model parts, each through the electrodes of a lab part, taken in turn."""
    for number, part in enumerate(given):
        window = windows[number % len(windows)]
        yield seen_part(part, window, study, scale, folder, study.seed + number)


def observed(
    sheet: xr.Dataset, lab: xr.Dataset, part: Part, window: Part, study: Study,
    scale: Scale, seed: int,
) -> xr.Dataset:  # fmt: skip
    """What the lab's array would have recorded of a sheet."""
    chosen = study.electrodes
    values = picked(lab, window.variable)
    contacts, dead = contacts_of(lab, window, chosen.map, study.folder)
    names = schema.field_names(sheet)
    known = part.variable if part.variable is not None else (
        names[0] if len(names) == 1 else None)  # fmt: skip
    noise = () if chosen.noise is None else (
        Noise(chosen.noise.snr_db, study.band, chosen.noise.exponent),)  # fmt: skip
    rate, own = sampling_rate(values), _own_rate(sheet, scale)
    return observe(
        sheet, contacts, seed=seed, source=known, spacing=scale.spacing,
        interval=scale.interval, position=chosen.position, rotation=chosen.rotation,
        wrap=chosen.wrap, spread=chosen.spread or 0.0, noise=noise,
        # a model that is coarser in time than the lab stays as it is
        amplifier=Amplifier(rate=rate) if rate < own * 0.999 else None,
        reference="common_average" if _averaged(lab) else "none",
        dead=dead if chosen.dead else (),
    )  # fmt: skip


def contacts_of(
    lab: xr.Dataset, window: Part, named: str | None, folder: Path
) -> tuple[Electrodes, list[str]]:
    """The contacts of a lab recording that have a place, and which of them are dead.

    Of a lab recording on a lattice (already laid on its grid) every site is a contact.
    """
    if named is not None:
        file = folder / named
        chosen = electrode_map(file if Path(named).suffix else named)
        return chosen, []
    if "channel" in lab.dims:
        electrodes = electrodes_of(lab)
        placed = np.flatnonzero(electrodes.placed)
        if not placed.size:
            raise InputError(
                f"{window.file.name}: no channel has a place, so that no model can be "
                "seen through them; import it with --electrodes, or name a map in "
                "'electrodes' of the study"
            )
        labels = [electrodes.labels[k] for k in placed]
        arrays = [electrodes.arrays[k] for k in placed]
        kept = Electrodes(tuple(labels), electrodes.positions[placed],
                          electrodes.pitch, arrays=tuple(arrays))  # fmt: skip
        looks = without_excluded(lab.isel(time=slice(0, 2)), replace(window, times=()))
        field = picked(looks, window.variable)
        live = np.isfinite(field.isel(time=0, trial=0, missing_dims="ignore").values)
        return kept, [electrodes.labels[k] for k in placed if not live[k]]
    y, x = (np.asarray(lab[axis].values, dtype=float) for axis in "yx")
    down, across = np.meshgrid(y, x, indexing="ij")
    at = np.stack([across.ravel(), down.ravel(), np.full(across.size, np.nan)], axis=1)
    pitch = float(np.median(np.diff(x))) if x.size > 1 else float(np.median(np.diff(y)))
    labels = [f"r{r}c{c}" for r in range(y.size) for c in range(x.size)]
    field = picked(lab, window.variable).isel(time=0, trial=0, feature=0,
                                              missing_dims="ignore")  # fmt: skip
    live = np.isfinite(field.transpose("y", "x").values).ravel()
    return Electrodes(tuple(labels), at, pitch), [
        label for label, here in zip(labels, live, strict=True) if not here
    ]


def _averaged(lab: xr.Dataset) -> bool:
    said = str(lab.attrs.get("reference", "")).lower()
    return "average" in said or said == "car"


def _own_rate(sheet: xr.Dataset, scale: Scale) -> float:
    if scale.interval is not None:
        return 1 / scale.interval
    time = np.asarray(sheet["time"].values, dtype=float)
    if time.size < 2:
        raise InputError("the model recording has one frame; electrodes need more")
    return float((time.size - 1) / (time[-1] - time[0]))


def operator_of(part: Part) -> dict[str, Any]:
    """What was done to a sheet to make a recording of channels of it."""
    with open_recording(part.file) as recording:
        return dict(json.loads(recording.attrs.get("observed", "{}")))
