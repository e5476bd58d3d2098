"""Measurements of a recording: one file, a group each, taken up where they stopped."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from cortexwave.errors import InputError, RecordingError
from cortexwave.memory import measuring as module
from cortexwave.memory.measuring import Measurement, measuring, open_memory
from cortexwave.memory.memory_file import describe_memory, is_memory_file
from cortexwave.memory.memory_function import memory_function
from cortexwave.memory_report import summary_of, write_memory_page
from cortexwave.recording.saving import save_recording
from cortexwave.schema import with_tables

MEMORY = Measurement("memory_function", {"lags": 6, "surrogates": 19, "seed": 1})
POSITION = Measurement("lag_position", {"lags": 8, "surrogates": 19, "seed": 1})
IDENTITY = Measurement("decode_identity", {"window": [0.0, 0.1], "permutations": 19,
                                           "seed": 1})  # fmt: skip


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """Eight sites that hold the value of 0, 1, ... 7 clock steps of 20 ms ago."""
    values = np.random.default_rng(0).standard_normal((1, 300, 1))
    held = np.stack([np.roll(values[0, :, 0], k) for k in range(8)], axis=1)
    field = np.concatenate([np.zeros((1, 8)), np.repeat(held, 2, axis=0)])[:, None]
    fields = xr.Dataset(
        {"h": (("time", "y", "x"), field, {"units": "1"})},
        {"time": ("time", 0.01 * np.arange(601), {"units": "s"}),
         "y": ("y", [0.0], {"units": "mm"}),
         "x": ("x", np.arange(8.0), {"units": "mm"})},
        {"title": "A line"},
    )  # fmt: skip
    drive = xr.Dataset(
        {"values": (("trial", "clock", "patch"), values, {"units": "1"}),
         "patch": (("y", "x"), np.array([[0, *[-1] * 7]]), {"units": "1"})},
        {"clock": ("clock", 0.02 * np.arange(300), {"units": "s"})},
    )  # fmt: skip
    path = tmp_path / "run.h5"
    save_recording(with_tables(fields, None, drive), path)
    return path


def test_results_come_back_from_the_file_as_they_were(recording, tmp_path):
    output = tmp_path / "memory.h5"
    steps = list(measuring(recording, output, [MEMORY, POSITION]))
    assert [(step.done, step.total) for step in steps] == [(0, 2), (1, 2), (2, 2)]
    found = open_memory(output)
    assert list(found) == ["memory_function", "lag_position"]
    import cortexwave as cw

    with cw.open_recording(recording) as opened:
        direct = memory_function(opened, **MEMORY.parameters)
    xr.testing.assert_equal(found["memory_function"], direct)
    assert found["lag_position"].speed.item() == pytest.approx(50.0, rel=0.01)
    assert not output.with_name("memory.h5.parts").exists()


def test_what_cannot_be_measured_says_why_and_the_rest_goes_on(recording, tmp_path):
    output = tmp_path / "memory.h5"
    steps = list(measuring(recording, output, [IDENTITY, POSITION]))
    assert "no event table" in steps[1].reason
    found = open_memory(output)
    assert "undetermined: the recording has no event table" in summary_of(
        found["decode_identity"]
    )
    assert "0.05 m/s" in summary_of(found["lag_position"])
    page = write_memory_page(output, tmp_path / "memory.png")
    assert page.stat().st_size > 10_000


def test_an_interrupted_measurement_goes_on_where_it_was(
    recording, tmp_path, monkeypatch
):
    output = tmp_path / "memory.h5"
    steps = measuring(recording, output, [MEMORY, POSITION])
    next(steps), next(steps)
    steps.close()  # the second was not made
    assert not output.exists()
    calls = []
    original = module.OF_RECORDINGS["lag_position"]
    monkeypatch.setitem(module.OF_RECORDINGS, "memory_function", None)
    monkeypatch.setitem(module.OF_RECORDINGS, "lag_position",
                        lambda *given, **named: calls.append(1)
                        or original(*given, **named))  # fmt: skip
    list(measuring(recording, output, [MEMORY, POSITION]))
    assert calls == [1]
    assert len(open_memory(output)) == 2


def test_other_parameters_are_measured_anew(recording, tmp_path):
    output = tmp_path / "memory.h5"
    steps = measuring(recording, output, [POSITION, MEMORY])
    next(steps), next(steps)
    steps.close()
    other = Measurement("lag_position", {**POSITION.parameters, "lags": 5})
    list(measuring(recording, output, [other]))
    assert open_memory(output)["lag_position"].attrs["lags"] == 5


def test_two_of_a_kind_have_numbered_names(recording, tmp_path):
    output = tmp_path / "memory.h5"
    list(measuring(recording, output, [POSITION, POSITION]))
    assert list(open_memory(output)) == ["lag_position", "lag_position.2"]


@pytest.mark.slow
def test_two_at_a_time_find_what_one_finds(recording, tmp_path):
    for jobs in (1, 2):
        list(measuring(recording, tmp_path / f"{jobs}.h5", [MEMORY, POSITION],
                       jobs=jobs))  # fmt: skip
    one, two = open_memory(tmp_path / "1.h5"), open_memory(tmp_path / "2.h5")
    for name in one:
        xr.testing.assert_equal(one[name], two[name])


def test_what_cannot_be_meant_is_refused_before_anything_runs(recording, tmp_path):
    output = tmp_path / "memory.h5"
    with pytest.raises(InputError, match="declares no `analyses`"):
        list(measuring(recording, output, []))
    with pytest.raises(InputError, match="no measurement 'memory', but"):
        list(measuring(recording, output, [Measurement("memory")]))
    with pytest.raises(InputError, match="jobs is 0"):
        list(measuring(recording, output, [MEMORY], jobs=0))
    with pytest.raises(InputError, match="must end in"):
        list(measuring(recording, tmp_path / "memory.txt", [MEMORY]))
    with pytest.raises(RecordingError, match="not a memory file"):
        list(measuring(recording, recording, [MEMORY], overwrite=True))
    with pytest.raises(RecordingError, match="not a memory file"):
        open_memory(recording)


def test_where_nothing_can_be_measured_there_is_no_file(recording, tmp_path):
    output = tmp_path / "memory.h5"
    with pytest.raises(InputError, match=r"could be measured\. .*no event table"):
        list(measuring(recording, output, [IDENTITY]))
    assert not list(tmp_path.glob("memory*"))


def test_a_memory_file_tells_what_was_measured(recording, tmp_path):
    output = tmp_path / "memory.h5"
    list(measuring(recording, output, [POSITION]))
    told = describe_memory(output)
    assert told["recording_file"] == "run.h5"
    assert told["measurements"] == {"lag_position": POSITION.parameters}
    assert is_memory_file(output)
    assert not is_memory_file(recording)


def test_directions_of_a_document_are_degrees_to_the_readout(recording, monkeypatch):
    seen = {}
    monkeypatch.setitem(module.OF_RECORDINGS, "propagator",
                        lambda recording, **named: seen.update(named))  # fmt: skip
    asked = {"directions": [np.pi / 2], "window": [0, 1]}
    module.measured(xr.Dataset(), Measurement("propagator", asked))
    assert seen == {"directions": [90.0], "window": (0, 1)}
