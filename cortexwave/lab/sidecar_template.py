"""A sidecar to be filled in, from what a bare array shows of itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np


@dataclass(frozen=True)
class Shown:
    """What a file shows of an array without a sidecar."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    labels: tuple[str, ...] = ()


def template(path: Path, arrays: Sequence[Shown]) -> str:
    """A sidecar for a file, filled with what the file itself shows."""
    # the largest array is the likeliest signal
    first = max(arrays, key=lambda array: int(np.prod(array.shape, dtype=object)))
    size = " x ".join(str(length) for length in first.shape) or "a single number"
    lines = [f"# {path.with_suffix('.yaml').name}: what {path.name} does not say"]
    if first.name:
        others = "; ".join(f"{array.name} ({' x '.join(map(str, array.shape))})"
                           for array in arrays[:20])  # fmt: skip
        lines.append(f"variable: {first.name}  # there are {others}")
    axes = _likely_axes(first.shape)
    lines += [
        f"axes: [{', '.join(axes)}]  # of {size} ({first.dtype}): time, channel; or "
        "row, column, time",
        "rate: ___ Hz",
        "units: ___  # uV, mV, V; counts with the line `gain: 0.25 uV`; 1 for none",
    ]
    if first.labels:
        labels = ", ".join(first.labels[:4]) + (", ..." if first.labels[4:] else "")
        lines.append(f"# leave_out: []  # columns that are no channels, of {labels}")
    elif "channel" in axes:
        lines.append("# channels: [___, ___]  # labels; without it ch1, ch2, ...")
    if "row" in axes:
        lines += ["positions: {pitch: ___ mm, first: ___}  # first: the corner where "
                  "row 0, column 0 stands, such as upper left"]  # fmt: skip
    else:
        lines += [
            "# positions: {file: electrodes.csv}  # beside this; columns label, "
            "x_mm, y_mm",
            "# positions: {unit: mm, table: {ch1: [0.0, 0.4]}}",
            "# positions: {pitch: ___ mm, shape: [10, 10], first: upper left, order: "
            "along rows}",
        ]
    lines += ["# bad: []", "# reference: ___", "# subject: ___", "# session: ___"]
    return "\n".join(lines) + "\n"


def _likely_axes(shape: tuple[int, ...]) -> list[str]:
    """The longest axis is the likeliest time."""
    names = {1: [], 2: ["channel"], 3: ["row", "column"]}.get(len(shape))
    if names is None:
        return ["___"] * len(shape)
    longest = shape.index(max(shape))
    return [*names[:longest], "time", *names[longest:]]
