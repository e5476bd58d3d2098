"""A process that records known frames and may be killed: a_run.py PATH TRIALS FRAMES.

Prints each promised number of frames once the writer has promised it.
"""

import sys

import numpy as np

from cortexwave.recording.writer import FieldLayout, RecordingLayout, RecordingWriter

SITES = (36, 36)


def known_frames(first, count):
    """Whole numbers that stand nowhere else, (frame, y, x); they compress well."""
    frame = np.arange(first, first + count)[:, None, None]
    site = np.arange(SITES[0] * SITES[1]).reshape(SITES)
    return (frame * site.size + site).astype(np.float32)


def known_layout(trials, frames):
    y, x = (np.arange(n) * 0.1 for n in SITES)
    return RecordingLayout(
        {"h": FieldLayout("1"), "g": FieldLayout("1")}, y, x, 1, trials, frames, 1e-3
    )


def main(path, trials, frames):
    layout = known_layout(trials or None, frames)
    with RecordingWriter(
        path, layout, attributes={"title": "A run"}, protocol="", protocol_resolved="",
        events=None, drive=None,
    ) as writer:  # fmt: skip
        print(0, flush=True)
        for trial in range(trials or 1):
            for first in range(0, frames, layout.block_frames):
                count = min(layout.block_frames, frames - first)
                block = known_frames(trial * frames + first, count)[:, None]
                writer.append(trial, first, {"h": block, "g": -block})
                print(writer.n_valid, flush=True)
        writer.finish()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
