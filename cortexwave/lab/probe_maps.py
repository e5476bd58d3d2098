"""Electrodes of the probes in a JSON file of probeinterface."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from cortexwave.errors import InputError
from cortexwave.lab.contact_units import LENGTHS, check_apart
from cortexwave.lab.electrodes import Electrodes, Shape, electrodes_at, pitch_of
from cortexwave.lab.map_files import electrodes_from, map_text


def read_probe(path: str | Path) -> Electrodes:
    """Electrodes of probeinterface's JSON; each probe is an array of its own.

    Labels are the contact ids, else the numbers of the device's channels, else of the
    contacts; the probe's name before them where ids repeat among probes.
    """
    path = Path(path)
    map_text(path)  # its size, and whether it can be read
    try:
        from probeinterface import read_probeinterface
    except ImportError as error:
        raise InputError(
            f"{path}: reading a probe's JSON needs probeinterface: "
            "pip install 'cortexwave[lab]'"
        ) from error
    try:
        probes = read_probeinterface(path).probes
        found = [
            (probe, np.asarray(probe.contact_positions, float),
             LENGTHS[{"µm": "um"}.get(probe.si_units, probe.si_units)])
            for probe in probes
        ]  # fmt: skip
    except (KeyError, ValueError, TypeError, AttributeError, IndexError) as error:
        raise InputError(
            f"{path}: it is no probe of probeinterface ({error!r})"
        ) from error
    if not found:
        raise InputError(f"{path}: it has no probe")
    names = [
        str(probe.annotations.get("name") or k) for k, (probe, *_) in enumerate(found)
    ]
    labels: list[str] = []
    arrays: list[str] = []
    sizes: list[float] = []
    shapes: set[str] = set()
    places = []
    for name, (probe, at, scale) in zip(names, found, strict=True):
        ids = probe.contact_ids
        if ids is None or not all(str(each) for each in ids):
            ids = probe.device_channel_indices
        if ids is None or len(set(ids)) < len(at):
            ids = np.arange(len(at))
        labels += [str(each) for each in ids]
        arrays += [name if len(found) > 1 else ""] * len(at)
        places.append(
            np.column_stack([at * scale, np.full((len(at), 3 - at.shape[1]), np.nan)])
        )
        for kind, given in zip(
            probe.contact_shapes, probe.contact_shape_params, strict=True
        ):
            side, mark = _contact_size(str(kind), dict(given))
            sizes.append(side * scale)
            shapes.add(mark)
    if len(set(labels)) < len(labels):
        labels = [
            f"{array}:{label}" for array, label in zip(arrays, labels, strict=True)
        ]
    shape: Shape = "square" if shapes == {"square"} else "disc"
    size = float(np.median(sizes)) if sizes else 0.0
    at = np.concatenate(places)
    check_apart(pitch_of(at, arrays), at, str(path), named=True)
    return electrodes_from(
        path, lambda: electrodes_at(labels, at, size=size, shape=shape, arrays=arrays)
    )


def _contact_size(kind: str, given: dict) -> tuple[float, str]:
    if kind == "circle":
        return 2 * float(given.get("radius", 0)), "disc"
    width = float(given.get("width", 0))
    return float(np.sqrt(width * float(given.get("height", width)))), "square"
