"""Recordings to write: any layout, any values, in one call."""

from __future__ import annotations

import numpy as np
import pytest

from cortexwave.recording.writer import FieldLayout, RecordingLayout, RecordingWriter
from cortexwave.schema import events_table


def _layout(shape=(20, 18), frames=300, **changes):
    given = dict(
        fields={"h": FieldLayout("1", "activity")}, y=np.arange(shape[0]) * 0.4,
        x=np.arange(shape[1]) * 0.4, features=1, trials=None, frames=frames,
        interval=1e-3,
    )  # fmt: skip
    return RecordingLayout(**{**given, **changes})


def _open_writer(path, made, **changes):
    given = dict(
        attributes={"title": "A test"}, protocol="kind: simulation\n",
        protocol_resolved="{}", events=events_table([]), drive=None,
    )  # fmt: skip
    return RecordingWriter(path, made, **{**given, **changes})


def _values_of(made, seed=0):
    """Random values of every field, (trial, frame, feature, y, x)."""
    shape = (made.trials or 1, made.frames, made.features, *made.sites)
    draw = np.random.default_rng(seed)
    return {name: draw.standard_normal(shape).astype(made.dtype)
            for name in made.fields}  # fmt: skip


def _blocks_of(made, values):
    """Arguments of every `append`, in order."""
    for trial in range(made.trials or 1):
        for first in range(0, made.frames, made.block_frames):
            block = slice(first, first + made.block_frames)
            yield trial, first, {n: v[trial, block] for n, v in values.items()}


def _write(path, made, *, blocks=None, **changes):
    """Write the first `blocks` blocks (all of them, and finish, if None)."""
    values = _values_of(made)
    with _open_writer(path, made, **changes) as writer:
        for number, block in enumerate(_blocks_of(made, values)):
            if number == blocks:
                return values
            writer.append(*block)
        writer.finish()
    return values


@pytest.fixture
def place(tmp_path):
    """A folder and the path of a recording in it that is not there yet."""
    return tmp_path / "run.h5"


@pytest.fixture
def layout():
    return _layout


@pytest.fixture
def open_writer():
    return _open_writer


@pytest.fixture
def values_of():
    return _values_of


@pytest.fixture
def blocks_of():
    return _blocks_of


@pytest.fixture
def write():
    return _write
