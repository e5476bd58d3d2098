"""A substrate with a linear boundary as a sheet, for every engine.

The model wave_memory is the substrate: a shift along -x, and a coupling that only the
start column receives (its `gain_after` is a field), with the boundary's B as kernel.
What a sheet cannot express: boundaries that are not a sum over sites with constant
weights (self-attention weighs sites by what they hold; a function or module does
anything), since a coupling's weights do not change in a run; and gated input, for
the gain of `start` would have to change in time. Loading the history as the initial
state is the same from there on, and is what is exported.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import h5py
import numpy as np

from cortexwave.errors import InputError, RecordingError
from cortexwave.learning.hidden_states import quantity_text
from cortexwave.learning.hidden_waves.boundary import Boundary, LinearBoundary
from cortexwave.learning.hidden_waves.histories import checked_history, checked_steps
from cortexwave.preparation import prepare
from cortexwave.protocol.document import load_protocol
from cortexwave.recording.files import install
from cortexwave.units import quantity

SUBSTRATE, SHEET = "substrate.h5", "sheet.yaml"

_SHEET_TEXT = """\
# A traveling-wave memory substrate as a sheet: columns along x, strings as features.
# Waves travel from the start column at x = {start:.12g} mm to the open end at x = 0;
# at dt = tau sample n is the substrate after n steps. A kernel may not be wider than
# its sheet, and this one reaches from the start column to the oldest: the columns
# beyond the start are silent, there only to make room.
#
#   {substrate}   kernel B of the boundary, gain of the start column, first state
#
# cortexwave run {sheet} -o run.h5       (--backend reference, brian2 or torch)
cortexwave: 1
kind: simulation
title: {title}

sheet:
  shape: [1, {columns}]           # {sites} columns of the substrate, {silent} silent
  spacing: {spacing}
  boundary: open
  features: {dims}

model:
  name: wave_memory
  parameters:
    tau: {tau}               # dt = {courant:.12g} tau, the Courant number
  couplings:
    upstream:
      kernel: {{kind: shift, direction: -x}}
    start:
      kernel: {{kind: stored, path: {substrate}, dataset: B}}
      gain_after: {{kind: file, path: {substrate}, dataset: start}}
  initial:
    h: {{kind: file, path: {substrate}, dataset: h}}

run:
  duration: {duration}        # {steps} steps
  dt: {step}

record:
  variables: [h]
  every: {step}
  dtype: float64
"""


def export_substrate(
    boundary: Boundary, history: np.ndarray, folder: Path | str, *, steps: int,
    title: str, step: str | float = "10 ms", spacing: str | float = "0.1 mm",
    courant: float = 1.0,
) -> Path:  # fmt: skip
    """Write a substrate and its history (site, dim) as a sheet; its protocol's path.

    The folder gets substrate.h5 and sheet.yaml, which `cortexwave run` runs on every
    engine; files of an earlier export are replaced. Columns 0 to s-1 along x are the
    substrate, oldest first: `recording.h.isel(x=slice(s))` is `run_substrate` with
    the same Courant number, sample by sample. `step` is how long a step lasts (text,
    or s), `spacing` how far columns are apart (text, or mm). Raises `InputError`
    for a boundary that no sheet can express, saying why.
    """
    blocks = _linear_blocks(boundary)
    sites, dims = boundary.sites, boundary.dims
    initial = checked_history(history, dims=dims, sites=sites)
    if initial.ndim != 2:
        raise InputError(
            f"the history is {initial.shape}; a sheet begins every trial in the same "
            f"state, so it is one of ({sites}, {dims}): export each by itself"
        )
    steps = checked_steps(steps)
    if not (np.isfinite(courant) and 0 < courant <= 1):
        raise InputError(f"the Courant number is {courant!r}; it is above 0, at most 1")
    if not title.isprintable() or not 0 < len(title) <= 400:
        raise InputError(f"the title is {title!r}; it is one line of 1 to 400 letters")
    dt, apart = quantity_text(step, "ms", 1e3), quantity_text(spacing, "mm", 1.0)
    columns = 2 * sites - 1
    arrays = {
        "B": _as_kernel(blocks),
        "start": (np.arange(columns) == sites - 1).astype(np.float64)[None],
        "h": np.zeros((dims, 1, columns)),
    }
    arrays["h"][:, 0, :sites] = initial.T
    text = _SHEET_TEXT.format(
        substrate=SUBSTRATE, sheet=SHEET, title=json.dumps(title, ensure_ascii=False),
        columns=columns, sites=sites, silent=sites - 1, dims=dims, spacing=apart,
        start=(sites - 1) * quantity(apart, "mm"), step=dt, courant=courant,
        tau=f"{1e3 * quantity(dt, 's') / courant!r} ms", steps=steps,
        duration=f"{steps * 1e3 * quantity(dt, 's'):.12g} ms",
    )  # fmt: skip
    path = _write(Path(folder), arrays, text)
    prepare(load_protocol(path))  # as `cortexwave check` does
    return path


def _linear_blocks(boundary: Boundary) -> np.ndarray:
    """B of a boundary that a sheet can express; `InputError` saying why it cannot."""
    if not isinstance(boundary, LinearBoundary):
        raise InputError(
            f"{boundary.name} cannot be a sheet: a coupling is a sum over sites with "
            "weights that stay as they are, and what this boundary computes is not "
            "(attention weighs the sites by what they hold, a function may do "
            "anything); run it with run_substrate"
        )
    if boundary.sites < 2:
        raise InputError("a sheet takes 2 sites: on a single one nothing travels")
    return boundary.B


def _as_kernel(blocks: np.ndarray) -> np.ndarray:
    """B (site, out, in) as cross-correlation (out, in, 1, 2s - 1) at the start column.

    Its centre is the start column itself, site s - 1; the right half, beyond, is 0.
    """
    sites, dims, _ = blocks.shape
    kernel = np.zeros((dims, dims, 1, 2 * sites - 1))
    kernel[:, :, 0, :sites] = np.moveaxis(blocks, 0, -1)
    return kernel


def _write(folder: Path, arrays: dict[str, np.ndarray], text: str) -> Path:
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder}: a file of this name exists; a folder is due")
    if os.path.lexists(folder / SHEET) and not (folder / SUBSTRATE).exists():
        raise InputError(
            f"{folder}: it holds a file {SHEET} that is not of an exported substrate; "
            "give another folder"
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with h5py.File(folder / f"{SUBSTRATE}.new", "w") as file:
            for name, values in arrays.items():
                file.create_dataset(name, data=values)
        install(folder / f"{SUBSTRATE}.new", folder / SUBSTRATE)
        (folder / f"{SHEET}.new").write_text(text, encoding="utf-8")
        install(folder / f"{SHEET}.new", folder / SHEET)
    except (OSError, RuntimeError) as error:
        if isinstance(error, RecordingError):
            raise
        raise RecordingError(f"{folder}: cannot be written ({error})") from error
    return folder / SHEET
