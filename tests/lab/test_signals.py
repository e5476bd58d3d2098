"""Signals shown as recordings: names that are free, clocks on which frames differ."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cortexwave import schema
from cortexwave.errors import RecordingError
from cortexwave.lab.signals import Contacts, Signal, as_recording
from cortexwave.recording.reader import open_recording
from cortexwave.recording.saving import save_recording


def made(name: str = "lfp", rate: float = 30_000.0, start: float = 0.0) -> Signal:
    events = schema.events_table([{"onset": start + 0.01, "kind": "go"}])
    return Signal(name, Path("made.ns5"), "test", rate, start, 600, "uV",
                  lambda a, b: np.zeros((b - a, 2), "f4"),
                  Contacts.named(["a", "b"]), events=events)  # fmt: skip


@pytest.mark.parametrize("name", ["x", "time", "channel", "good", "event_onset",
                                  "drive_u", "protocol", ""])  # fmt: skip
def test_a_signal_leaves_a_recordings_own_names_alone(name, tmp_path):
    recording = as_recording(made(name))
    assert f"signal_{name}" in recording
    kept = open_recording(save_recording(recording, tmp_path / "kept.h5"))
    assert kept[f"signal_{name}"].shape == (600, 2)


@pytest.mark.parametrize("name", ["xx", "timed", "events2", "lfp", "ns2"])
def test_other_names_stay(name):
    assert name in as_recording(made(name))


def test_a_clock_of_seconds_since_1970_begins_at_0_with_its_events(tmp_path):
    recording = as_recording(made(start=1.7e9))
    assert recording.attrs["time_origin"] == 1.7e9
    # steps of 33 us stand 140 of the smallest steps of a double there apart
    np.testing.assert_allclose(np.diff(recording["time"]), 1 / 30_000, rtol=1e-9)
    assert schema.events(recording)["onset"].item() == pytest.approx(0.01, abs=5e-7)
    save_recording(recording, tmp_path / "kept.h5")


def test_a_clock_that_can_be_told_stays():
    recording = as_recording(made(start=3600.0))
    assert recording["time"].values[0] == 3600.0
    assert "time_origin" not in recording.attrs


@pytest.mark.parametrize(
    ("rate", "start"), [(0.0, 0.0), (-1.0, 0.0), (np.nan, 0.0), (np.inf, 0.0),
                        (1000.0, np.nan), (1000.0, 1e18)]
)  # fmt: skip
def test_a_clock_that_cannot_be_is_refused(rate, start):
    with pytest.raises(RecordingError, match=r"made\.ns5: 'lfp' has .* no clock"):
        as_recording(made(rate=rate, start=start))
