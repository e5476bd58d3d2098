"""A trained wave RNN as a sheet: weights, inputs and a protocol for every engine.

At dt = tau a leaky_rate sheet is the wave RNN, h <- f(u * h + V x + b). Sample 0 of
its recording is the initial state, 0; sample n is the network's h_n, after n inputs.
"""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import h5py
import numpy as np

from cortexwave.errors import InputError, RecordingError
from cortexwave.learning.hidden_states import (
    checked_inputs,
    hidden_recording,
    quantity_text,
    read_out,
    save_hidden,
)
from cortexwave.learning.network_weights import weights_of
from cortexwave.learning.weights import Weights
from cortexwave.learning.weights_file import save_weights
from cortexwave.preparation import prepare
from cortexwave.protocol.document import load_protocol
from cortexwave.recording.files import install
from cortexwave.units import quantity

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = ["export_sheet", "hidden_recording", "read_out", "save_hidden"]

WEIGHTS, INPUTS, SHEET = "weights.h5", "inputs.h5", "sheet.yaml"

_SHEET_TEXT = """\
# A trained wave RNN as a sheet of cortex. At dt = tau the model is the network,
# h <- f(u * h + V x + b): sample 0 is the initial state, sample n the network's h_n.
#
#   {weights}   kernel u, input map V, bias{readout}
#   {inputs}    the sequences shown, one in each trial
#
# cortexwave run {sheet} -o run.h5       (--backend reference, brian2 or torch)
cortexwave: 1
kind: simulation
title: {title}

sheet:
  shape: [{ny}, {nx}]
  spacing: {spacing}
  boundary: {boundary}
  features: {features}

model:
  name: leaky_rate
  functions: {{f: {activation}}}
  parameters:
    tau: {step}               # = dt: one step of the network
    bias: {{kind: file, path: {weights}, dataset: bias}}
  couplings:
    lateral:
      kernel: {{kind: stored, path: {weights}, dataset: u}}

stimuli:
  - kind: sequence
    name: inputs
    values: {{path: {inputs}, dataset: values}}
    map: {{path: {weights}, dataset: V}}
    step: {step}

trials:
  count: {trials}

run:
  duration: {duration}        # {steps} steps
  dt: {step}

record:
  variables: [h]
  every: {step}
  dtype: float64
"""


def export_sheet(
    network: nn.Module, inputs: np.ndarray | Tensor, folder: Path | str, *,
    step: str | float = "10 ms", spacing: str | float = "0.1 mm", title: str,
) -> Path:  # fmt: skip
    """Write a network and inputs (trial, time, input) as a sheet; its protocol's path.

    The folder gets weights.h5, inputs.h5 and sheet.yaml, which `cortexwave run` runs
    on every engine; files of an earlier export are replaced. `step` is how long a
    step of the network lasts (text, or s), `spacing` how far sites are apart (text,
    or mm). W stands in weights.h5 where the readout is linear; of an MLP or a
    time-course readout only the sheet is exported. Raises `InputError` for a network
    that cannot be a sheet (dense, gated, oscillating), saying why.
    """
    dt, apart = quantity_text(step, "ms", 1e3), quantity_text(spacing, "mm", 1.0)
    weights = weights_of(network, step=quantity(dt, "s"))
    values = checked_inputs(inputs, width=len(weights.V))
    if not title.isprintable() or not 0 < len(title) <= 400:
        raise InputError(f"the title is {title!r}; it is one line of 1 to 400 letters")
    folder = Path(folder)
    _check_folder(folder)
    text = _protocol_text(weights, values.shape, dt=dt, spacing=apart, title=title)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        save_weights(replace(weights, attributes={"title": title}), folder / WEIGHTS)
        with h5py.File(folder / f"{INPUTS}.new", "w") as file:
            stored = file.create_dataset("values", data=values, compression="gzip",
                                         shuffle=True)  # fmt: skip
            for axis, dim in enumerate(("trial", "time", "input")):
                stored.dims[axis].label = dim
        install(folder / f"{INPUTS}.new", folder / INPUTS)
        (folder / f"{SHEET}.new").write_text(text, encoding="utf-8")
        install(folder / f"{SHEET}.new", folder / SHEET)
    except (OSError, RuntimeError) as error:
        if isinstance(error, RecordingError):
            raise
        raise RecordingError(f"{folder}: cannot be written ({error})") from error
    prepare(load_protocol(folder / SHEET))  # as `cortexwave check` does
    return folder / SHEET


def _check_folder(folder: Path) -> None:
    """Raise `InputError` where files would be replaced that no export has written."""
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder}: a file of this name exists; a folder is due")
    others = [name for name in (INPUTS, SHEET) if os.path.lexists(folder / name)]
    if others and not (folder / WEIGHTS).exists():
        raise InputError(
            f"{folder}: it holds a file {others[0]} that is not of an exported "
            "network; give another folder"
        )


def _protocol_text(
    weights: Weights, shape: tuple[int, ...], *, dt: str, spacing: str, title: str
) -> str:
    features, ny, nx = weights.bias.shape
    y, x = weights.boundary
    return _SHEET_TEXT.format(
        weights=WEIGHTS, inputs=INPUTS, sheet=SHEET,
        readout="" if weights.W is None else ", readout W",
        title=json.dumps(title, ensure_ascii=False),
        ny=ny, nx=nx, features=features, spacing=spacing,
        boundary=x if x == y else f"{{y: {y}, x: {x}}}",
        activation=weights.activation, step=dt, trials=shape[0], steps=shape[1],
        duration=f"{shape[1] * 1e3 * quantity(dt, 's'):.12g} ms",
    )  # fmt: skip
