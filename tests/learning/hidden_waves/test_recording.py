"""A substrate as a recording: what `epochs`, `describe` and figures make of it."""

from __future__ import annotations

import numpy as np
import pytest

import cortexwave as cw
from cortexwave.errors import InputError, RecordingError
from cortexwave.learning.hidden_waves.boundary import LinearBoundary
from cortexwave.learning.hidden_waves.recording import (
    save_substrate,
    substrate_recording,
)
from cortexwave.learning.hidden_waves.substrate import run_substrate
from cortexwave.learning.hidden_waves.systems import TASKS
from cortexwave.schema import RECORDING, validate
from cortexwave.view import draw_frames, draw_space_time, write_movie


def a_course(trials=3, steps=20):
    history = np.random.default_rng(0).choice([-1.0, 1.0], (trials, 8, 8))
    return run_substrate(LinearBoundary(TASKS["T2"].blocks()), steps, history=history)


def recorded(course):
    return substrate_recording(course, step="5 ms", spacing="0.4 mm", title="T2")


def test_columns_lie_along_x_and_strings_are_features():
    course = a_course()
    recording = recorded(course)
    validate(recording, RECORDING)
    assert recording.h.dims == ("trial", "time", "feature", "y", "x")
    for site in range(8):
        column = recording.h.isel(y=0).sel(x=0.4 * site, method="nearest")
        assert np.array_equal(column.values, course[:, :, site])
    assert recording.x.values == pytest.approx(0.4 * np.arange(8))
    assert recording.time.values == pytest.approx(5e-3 * np.arange(21))
    assert (recording.x.units, recording.time.units, recording.h.units) == (
        "mm", "s", "1",
    )  # fmt: skip
    assert recording.attrs["n_valid"] == 63 and recording.attrs["title"] == "T2"


def test_waves_travel_towards_minus_x():
    h = recorded(a_course()).h.values[..., 0, :]  # (trial, time, feature, x)
    assert np.array_equal(h[:, 1:, :, :-1], h[:, :-1, :, 1:])


@pytest.mark.parametrize(
    "course, dims",
    [
        (np.ones((5, 4, 3)), ("time", "feature", "y", "x")),
        (np.ones((1, 5, 4, 1)), ("time", "y", "x")),
        (np.ones((2, 5, 4, 1)), ("trial", "time", "y", "x")),
    ],
)
def test_axes_stand_only_where_there_are_several(course, dims):
    assert recorded(course).h.dims == dims


def test_a_recording_is_cut_around_its_events():
    recording = recorded(a_course(trials=3))
    cut = cw.epochs(recording, cw.events(recording), window=(0.0, 0.05))
    assert cut.h.dims == ("trial", "time", "feature", "y", "x")
    assert np.array_equal(cut.h.values, recording.h.values[:, :11])


def test_a_file_of_it_is_described_and_read_as_it_was(tmp_path):
    course = a_course(trials=2, steps=300)  # several blocks
    path = save_substrate(course, tmp_path / "t2.h5", step="5 ms", spacing="0.4 mm",
                          title="T2, two histories")  # fmt: skip
    told = cw.describe(path)
    assert told["complete"] and told["trials"] == 2 and told["features"] == 8
    assert told["sheet"] == {"shape": [1, 8], "spacing_mm": pytest.approx(0.4)}
    assert told["duration_s"] == pytest.approx(1.5)
    assert told["events"] == {"count": 2, "kinds": {"memory": 2}}
    with cw.open_recording(path) as stored:
        assert np.array_equal(stored.h.values, recorded(course).h.values)


def test_an_existing_file_is_kept_unless_told(tmp_path):
    path = save_substrate(a_course(), tmp_path / "a.h5", step=0.01, spacing=0.1,
                          title="first")  # fmt: skip
    with pytest.raises(RecordingError, match="exists"):
        save_substrate(a_course(), path, step=0.01, spacing=0.1, title="second")
    save_substrate(a_course(), path, step=0.01, spacing=0.1, title="second",
                   overwrite=True)  # fmt: skip
    assert cw.describe(path)["title"] == "second"


def test_figures_and_movies_are_drawn_of_it(tmp_path):
    recording = recorded(a_course())
    assert draw_space_time(recording, trial=1, feature=2).axes
    assert draw_frames(recording, count=4).axes
    assert write_movie(recording, tmp_path / "t2.html").stat().st_size > 1000


@pytest.mark.parametrize(
    "course, message",
    [
        (np.ones((8, 8)), r"the course is \(8, 8\); it is \(time, site, dim\) or"),
        (np.ones((0, 8, 8)), r"the course is \(0, 8, 8\)"),
        (np.full((2, 2, 2), np.nan), "the course holds numbers that are not finite"),
    ],
)
def test_what_is_no_course_is_refused(course, message):
    with pytest.raises(InputError, match=message):
        recorded(course)


@pytest.mark.parametrize("changes", [{"step": "0 ms"}, {"spacing": -1.0}])
def test_steps_and_spacings_are_positive(changes):
    sizes = {"step": "5 ms", "spacing": "1 mm", **changes}
    with pytest.raises(InputError, match="is not positive"):
        substrate_recording(np.ones((2, 2, 2)), title="T2", **sizes)
