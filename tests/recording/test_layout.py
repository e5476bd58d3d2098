"""How a recording is divided into blocks and chunks, and what cannot be recorded."""

import numpy as np
import pytest

from cortexwave.errors import RecordingError
from cortexwave.recording.layout import FieldLayout


@pytest.mark.parametrize(
    ("shape", "features", "frames", "chunk"),
    [
        ((256, 256), 1, 20_000, (128, 16, 16)),
        ((64, 64), 3, 20_000, (128, 1, 16, 16)),
        ((48, 40), 1, 128, (128, 16, 16)),
        ((1, 1000), 1, 5000, (128, 1, 256)),  # as many values in a thin chunk
        ((5, 3), 1, 5000, (128, 5, 3)),
        ((64, 64), 1, 33, (64, 22, 23)),  # 64 holds 33 frames
        ((5, 3), 1, 1, (1, 5, 3)),
    ],
)
def test_chunks_are_128_frames_of_16_by_16_or_as_many_values(
    shape, features, frames, chunk, layout
):
    assert layout(shape, frames, features=features).chunk == chunk


@pytest.mark.parametrize(
    ("shape", "block"), [((256, 256), 128), ((257, 256), 64), ((4096, 4096), 1)]
)
def test_a_block_of_one_field_in_float64_never_exceeds_64_MiB(shape, block, layout):  # noqa: N802
    made = layout(shape, 20_000)
    assert made.block_frames == block
    assert block == 1 or block * shape[0] * shape[1] * 8 <= 64 * 2**20


def test_block_bytes_count_all_fields_as_they_are_stored(layout):
    fields = {"e": FieldLayout("1"), "i": FieldLayout("1")}
    made = layout((8, 8), 1000, fields=fields, dtype="float64")
    assert made.block_bytes == 2 * 128 * 8 * 8 * 8


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"fields": {}}, "no field"),
        ({"fields": {"a/b": FieldLayout("1")}}, "'a/b'"),
        ({"fields": {"time": FieldLayout("s")}}, "'time' is taken"),
        ({"fields": {"event_x": FieldLayout("s")}}, "'event_x' is taken"),
        ({"fields": {"h": FieldLayout("")}}, "units of 'h'"),
        ({"y": np.array([])}, "y is not a list"),
        ({"x": np.array([0.0, np.nan])}, "x holds a position that is not finite"),
        ({"features": 0}, "features is 0"),
        ({"frames": 0}, "frames is 0"),
        ({"frames": 2.5}, "frames is 2.5, not a whole number"),
        ({"trials": -1}, "trials is -1"),
        ({"interval": float("nan")}, "interval is nan s"),
        ({"dtype": "float16"}, "'float16', not float32 or float64"),
        ({"compression": "lzf"}, "'lzf', not gzip or none"),
    ],
)
def test_what_cannot_be_recorded_is_named(changes, message, layout):
    with pytest.raises(RecordingError, match=message):
        layout(**changes)
