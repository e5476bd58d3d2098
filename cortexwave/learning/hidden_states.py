"""The hidden states of a network as a recording like any other, and their readout.

Sample 0 is the initial state, 0; sample n is the network's h_n, after n inputs.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from cortexwave.errors import InputError, SchemaError
from cortexwave.learning.weights import Weights
from cortexwave.provenance import attributes as provenance
from cortexwave.recording.writer import FieldLayout, RecordingLayout, RecordingWriter
from cortexwave.schema import (
    DIRECTION_CONVENTION,
    RECORDING,
    SCHEMA_VERSION,
    events_table,
    validate,
    with_tables,
)
from cortexwave.units import quantity

if TYPE_CHECKING:
    from torch import Tensor, nn

_STATES_AT_ONCE = 2**26  # bytes of states that a batch of trials may take
_STATE = {"units": "1", "long_name": "hidden state"}


def hidden_recording(
    network: nn.Module, inputs: np.ndarray | Tensor, *, step: str | float,
    spacing: str | float,
) -> xr.Dataset:  # fmt: skip
    """The hidden states of a network as a recording, its field `h` without a unit.

    `inputs` is (trial, time, input); dims of h are (trial, time, feature, y, x),
    trial and feature only where there are several. Sample 0 is the initial state, 0.
    Any network that has `states` will do; only a wave RNN's are on a sheet.
    """
    values = checked_inputs(inputs)
    layout = _layout(network, values, step, spacing)
    h = np.empty((len(values), layout.frames, layout.features, *layout.sites),
                 dtype=layout.dtype)  # fmt: skip
    for first, states in _states(network, values):
        h[first : first + len(states)] = states
    coords: dict[str, Any] = {
        "time": ("time", layout.interval * np.arange(layout.frames), {"units": "s"}),
        "y": ("y", layout.y, {"units": "mm"}),
        "x": ("x", layout.x, {"units": "mm"}),
    }
    for dim, size in (("trial", layout.trials or 1), ("feature", layout.features)):
        if dim in layout.dims:
            coords[dim] = (dim, np.arange(size), {"units": "1"})
    attrs = {
        **_attributes(network, layout, title="Hidden states of a network"),
        "schema_version": SCHEMA_VERSION, "direction_convention": DIRECTION_CONVENTION,
        "complete": 1, "n_valid": layout.n_frames,
    }  # fmt: skip
    fields = xr.Dataset({"h": (layout.dims, h.reshape(layout.shape), _STATE)},
                        coords, attrs)  # fmt: skip
    recording = with_tables(fields, _events(values, layout), None)
    validate(recording, RECORDING)
    return recording


def save_hidden(
    network: nn.Module, inputs: np.ndarray | Tensor, path: Path | str, *,
    step: str | float, spacing: str | float, title: str, overwrite: bool = False,
) -> Path:  # fmt: skip
    """Stream `hidden_recording` to a file, a few trials at a time; returns its path."""
    values = checked_inputs(inputs)
    layout = _layout(network, values, step, spacing)
    writer = RecordingWriter(
        path, layout, attributes=_attributes(network, layout, title=title),
        protocol="# hidden states of a network, not simulated from a protocol\n",
        protocol_resolved="{}", events=_events(values, layout), drive=None,
        overwrite=overwrite,
    )  # fmt: skip
    with writer:
        for first, states in _states(network, values):
            for trial, frames in enumerate(states, start=first):
                for begin in range(0, layout.frames, layout.block_frames):
                    block = frames[begin : begin + layout.block_frames]
                    writer.append(trial, begin, {"h": block})
        return writer.finish()


def read_out(recording: xr.Dataset, weights: Weights) -> xr.DataArray:
    """W h + W_bias of a recording's field `h`, dims (trial, time, output).

    At sample n it is the network's output after n inputs; at sample 0 it is W_bias,
    where the network has none yet. Raises `InputError` for weights without a linear
    readout, `SchemaError` where the recording has no such field.
    """
    if weights.W is None or weights.W_bias is None:
        raise InputError(
            "these weights hold no W: the network's readout is not linear, so only "
            "the network itself can apply it"
        )
    validate(recording, RECORDING)
    if "h" not in recording:
        raise SchemaError("the recording has no field 'h' to read out")
    h = recording["h"]
    given = tuple(h.sizes.get(dim, 1) for dim in ("feature", "y", "x"))
    if given != weights.W.shape[1:]:
        raise SchemaError(
            f"'h' is {given} (feature, y, x), the readout reads {weights.W.shape[1:]}"
        )
    kept = [dim for dim in ("trial", "time") if dim in h.dims]
    flat = h.values.reshape(*(h.sizes[dim] for dim in kept), -1).astype(np.float64)
    outputs = flat @ weights.W.reshape(len(weights.W), -1).T + weights.W_bias
    coords = {name: coord for name, coord in h.coords.items()
              if set(coord.dims) <= set(kept)}  # fmt: skip
    return xr.DataArray(
        outputs, coords, [*kept, "output"], "output",
        {"units": "1", "long_name": "W h + b"},
    )  # fmt: skip


def quantity_text(value: str | float, unit: str, scale: float) -> str:
    """A quantity (text, or a number in base units) as text in one unit."""
    base = quantity(value, unit) if isinstance(value, str) else float(value)
    text = f"{scale * base:.12g} {unit}"
    if not quantity(text, unit) > 0:
        raise InputError(f"{value!r} is not positive")
    return text


def checked_inputs(inputs: Any, width: int | None = None) -> np.ndarray:
    """Inputs (trial, time, input) as floats, finite, as wide as the network's."""
    if hasattr(inputs, "detach"):
        inputs = inputs.detach().cpu().numpy()
    values = np.asarray(inputs)
    if values.ndim != 3 or min(values.shape) < 1 or values.dtype.kind not in "biuf":
        raise InputError(
            f"the inputs are {values.dtype} of shape {values.shape}; they are numbers "
            "(trial, time, input)"
        )
    if width not in (None, values.shape[2]):
        raise InputError(
            f"the inputs have shape {values.shape} (trial, time, input); the network "
            f"takes {width} inputs"
        )
    if values.dtype not in (np.float32, np.float64):
        values = values.astype(np.float64)
    bad = np.argwhere(~np.isfinite(values))
    if len(bad):
        place = tuple(int(i) for i in bad[0])
        raise InputError(f"the inputs are not finite at {place} (trial, time, input)")
    return values


def _states(network: nn.Module, values: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """First trial and states (trial, sample, feature, y, x) of a few trials each."""
    import torch

    if not hasattr(network, "states"):
        kind = getattr(network, "kind", type(network).__name__)
        raise InputError(f"a network of kind '{kind}' has no states to record")
    like = next(network.parameters())
    few, first = 1, 0
    while first < len(values):
        batch = torch.as_tensor(values[first : first + few]).to(like)
        found = network.states(batch)
        states = (
            (found if found.dtype == torch.float64 else found.float()).cpu().numpy()
        )
        yield first, np.pad(states, ((0, 0), (1, 0)) + ((0, 0),) * 3)
        first += few
        few = max(1, _STATES_AT_ONCE * few // states.nbytes)


def _layout(
    network: nn.Module, values: np.ndarray, step: str | float, spacing: str | float
) -> RecordingLayout:
    """What the recording looks like, from the states of one short sequence."""
    _, states = next(_states(network, values[:1, :1]))
    apart = quantity(quantity_text(spacing, "mm", 1.0), "mm")
    features, ny, nx = states.shape[2:]
    return RecordingLayout(
        fields={"h": FieldLayout(**_STATE)},
        y=np.arange(ny) * apart, x=np.arange(nx) * apart, features=features,
        trials=len(values) if len(values) > 1 else None, frames=values.shape[1] + 1,
        interval=quantity(quantity_text(step, "ms", 1e3), "s"), dtype=states.dtype.name,  # type: ignore[arg-type]
    )  # fmt: skip


def _events(values: np.ndarray, layout: RecordingLayout) -> xr.Dataset:
    duration = values.shape[1] * layout.interval
    return events_table([
        {"onset": 0.0, "duration": duration, "kind": "sequence", "stimulus": "inputs",
         "item": str(trial), "trial": trial}
        for trial in range(len(values))
    ])  # fmt: skip


def _attributes(
    network: nn.Module, layout: RecordingLayout, *, title: str
) -> dict[str, str | int | float]:
    kind = str(getattr(network, "kind", type(network).__name__))
    device = str(next(network.parameters()).device)
    return {
        "title": title, "origin": "model", "model": kind, "backend": "network",
        "device": device, "dtype": layout.dtype, "dt": layout.interval, **provenance(),
    }  # fmt: skip
