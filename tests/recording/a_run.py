"""A process that records known frames and may be killed.

a_run.py PATH TRIALS FRAMES CHANNELS: 0 trials are no trial axis, 0 channels a sheet.
Prints each promised number of frames once the writer has promised it.
"""

import sys

import numpy as np

from cortexwave.recording.channels import Channels
from cortexwave.recording.writer import FieldLayout, RecordingLayout, RecordingWriter

SITES = (36, 36)


def known_frames(first, count, channels=0):
    """Whole numbers that stand nowhere else; they compress well.

    (frame, feature, y, x) of a sheet, (frame, channel) of electrodes.
    """
    frame = np.arange(first, first + count)
    site = np.arange(channels or SITES[0] * SITES[1])
    values = (frame[:, None] * site.size + site).astype(np.float32)
    return values if channels else values.reshape(count, 1, *SITES)


def known_layout(trials, frames, channels=0):
    y, x = (None if channels else np.arange(n) * 0.1 for n in SITES)
    place = np.arange(channels) * 0.1
    known = Channels(tuple(f"e{k}" for k in range(channels)), place, place,
                     good=place < 1) if channels else None  # fmt: skip
    fields = {"h": FieldLayout("1"), "g": FieldLayout("1")}
    return RecordingLayout(
        fields, y, x, 1, trials or None, frames, 1e-3, channels=known
    )


def main(path, trials, frames, channels):
    layout = known_layout(trials, frames, channels)
    with RecordingWriter(
        path, layout, attributes={"title": "A run"}, protocol="", protocol_resolved="",
        events=None, drive=None,
    ) as writer:  # fmt: skip
        print(0, flush=True)
        for trial in range(trials or 1):
            for first in range(0, frames, layout.block_frames):
                count = min(layout.block_frames, frames - first)
                block = known_frames(trial * frames + first, count, channels)
                writer.append(trial, first, {"h": block, "g": -block})
                print(writer.n_valid, flush=True)
        writer.finish()


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
