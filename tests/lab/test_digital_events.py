"""Words to events and trials by a codes file; onsets by a photodiode."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from cortexwave.errors import InputError, ProtocolError
from cortexwave.lab.digital_events import (
    Codes,
    decoded,
    read_codes,
    session_events,
    words_of,
)
from cortexwave.lab.marker_channels import corrected_onsets, ttl_words
from cortexwave.lab.signals import Contacts, Signal, as_recording
from cortexwave.schema import events, events_table

RATE = 1000.0
FILE = """\
words: changes
mask: 0xFF
debounce: 1 ms
trials: {start: 9, end: 18}
codes:
  - {code: 9, kind: trial_start}
  - {code: 20, kind: stimulus, stimulus: gabor, item: left}
  - {code: 21, kind: stimulus, stimulus: gabor, item: right}
  - {code: 150, kind: response, outcome: correct}
"""


def codes(**changes):
    meant = [{"code": 20, "kind": "stimulus", "item": "left"},
             {"code": 150, "kind": "response", "outcome": "correct"}]  # fmt: skip
    said = {"words": "strobed", "trials": {"start": 9, "end": 18}, "codes": meant}
    return Codes.model_validate(said | changes)


def recorded(values, names, start=0.0, events=None):
    """(time, channel) values at 1 kHz as a recording that is read lazily."""
    values = np.asarray(values, dtype=np.float32)
    signal = Signal("ns2", Path("made.ns2"), "test", RATE, start,
                    len(values), "uV", lambda a, b: values[a:b],
                    Contacts.named(list(names)), events=events)  # fmt: skip
    return as_recording(signal)


def flashes(onsets, frames=3000, rise=0.004, width=0.05):
    """A diode that rises linearly from 0 to 100 over `rise` s, from each onset."""
    time = np.arange(frames)[:, None] / RATE
    after = time - np.asarray(onsets)
    level = 100 * np.clip(after / rise, 0, 1) * (after < width)
    return level.max(axis=1, initial=0)[:, None]


def codes_at(onsets, kind="stimulus"):
    return events_table([{"onset": at, "duration": 0.0, "kind": kind} for at in onsets])


def test_a_codes_file_says_what_words_mean(tmp_path):
    path = tmp_path / "codes.yaml"
    path.write_text(FILE)
    times = [1.0, 1.1, 1.5, 1.9, 3.0, 3.2, 3.9]
    words = np.array([9, 20, 150, 18, 9, 21, 18]) | 0xA500  # lines of another device
    session = decoded(np.array(times), words, read_codes(path))
    assert session.events.kind.values.tolist() == [
        "trial_start", "stimulus", "response", "trial_start", "stimulus"]  # fmt: skip
    assert session.events.item.values.tolist() == ["", "left", "", "", "right"]
    assert session.events.trial.values.tolist() == [0, 0, 0, 1, 1]
    np.testing.assert_array_equal(session.events.onset, [1.0, 1.1, 1.5, 3.0, 3.2])
    np.testing.assert_array_equal(session.trials.start, [1.0, 3.0])
    np.testing.assert_array_equal(session.trials.stop, [1.9, 3.9])
    assert session.trials.outcome.values.tolist() == ["correct", ""]
    assert session.remarks == ()


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("words: changes", "words: edges", "codes.yaml:1: words"),
        ("debounce: 1 ms", "debounce: 1", "codes.yaml:3: debounce.*unit"),
        ("debounce: 1 ms", "debounce: 1 mV", "codes.yaml:3: debounce"),
        ("code: 20, kind: stimulus,", "code: 20,", r"codes.yaml:7: codes\.1\.kind"),
        ("code: 9,", "code: nine,", r"codes.yaml:6: codes\.0\.code"),
        ("code: 21", "code: 20", "code 20 stands twice"),
        ("mask: 0xFF", "mask: 15", "code 20 is never seen through mask 15"),
        ("mask: 0xFF", "masks: 15", "codes.yaml:2: masks"),
    ],
)
def test_a_faulty_codes_file_names_the_line(tmp_path, old, new, said):
    path = tmp_path / "codes.yaml"
    path.write_text(FILE.replace(old, new))
    with pytest.raises(ProtocolError, match=said):
        read_codes(path)


def test_lines_that_settle_within_the_debounce_are_one_word():
    times = np.array([0.0, 0.0003, 0.0006, 0.5])
    words = np.array([16, 20, 22, 20])
    session = decoded(times, words, codes(debounce="1 ms", codes=[
        {"code": 22, "kind": "a"}, {"code": 20, "kind": "b"}]))  # fmt: skip
    assert session.events.kind.values.tolist() == ["a", "b"]
    assert session.events.onset.values.tolist() == [0.0, 0.5]


def test_a_button_that_bounces_is_pressed_once():
    bounce = [1.0, 1.001, 1.002, 1.003, 1.004]
    session = decoded(np.array([0.0, *bounce, 2.0]), np.array([0, 1, 0, 1, 0, 1, 0]),
                      codes(words="changes", debounce="5 ms", trials=None,
                            codes=[{"code": 1, "kind": "press"}]))  # fmt: skip
    assert session.events.onset.values.tolist() == [1.0]


@pytest.mark.parametrize(("words", "count"), [("strobed", 3), ("changes", 1)])
def test_a_word_written_again_is_an_event_only_where_words_are_strobed(words, count):
    session = decoded(np.arange(3.0), np.array([20, 20, 20]), codes(words=words))
    assert session.events.sizes["event"] == count


def test_what_is_odd_among_words_is_said_and_not_swallowed():
    times = np.arange(7.0)
    words = np.array([150, 9, 20, 9, 18, 18, 77])
    session = decoded(times, words, codes())
    assert session.events.trial.values.tolist() == [-1, 0]
    assert session.trials.complete.values.tolist() == [False, True]
    assert np.isnan(session.trials.stop[0])
    assert len(session.remarks) == 3
    assert session.remarks[0].startswith("trial 0 was not ended before the next")
    assert session.remarks[1].startswith("a trial ends at 5 s, and none had begun")
    assert "77 (1 times)" in session.remarks[2]


def test_without_an_end_the_next_start_ends_a_trial():
    session = decoded(np.array([0.0, 2.0]), np.array([9, 9]),
                      codes(trials={"start": 9}))  # fmt: skip
    np.testing.assert_array_equal(session.trials.stop, [2.0, np.nan])


def test_no_words_are_no_events():
    session = decoded(np.array([]), np.array([], dtype=int), codes(debounce="1 ms"))
    assert session.events.sizes["event"] == session.trials.sizes["trial"] == 0


def test_words_out_of_order_are_refused():
    with pytest.raises(InputError, match="not in order"):
        decoded(np.array([1.0, 0.5]), np.array([9, 18]), codes())


def test_words_are_taken_from_the_events_of_a_file():
    table = events_table([{"onset": 2.0, "kind": "digital", "item": 20},
                          {"onset": 1.0, "kind": "digital", "item": 9},
                          {"onset": 1.5, "kind": "comment", "item": "x"}])  # fmt: skip
    recording = recorded(np.zeros((10, 1)), ["a"], events=table)
    times, words = words_of(events(recording))
    assert (times.tolist(), words.tolist()) == ([1.0, 2.0], [9, 20])
    with pytest.raises(InputError, match=r"kind 'serial'.*comment, digital"):
        words_of(table, kind="serial")
    with pytest.raises(InputError, match="'x' of kind 'comment' is not a digital word"):
        words_of(table, kind="comment")


def test_text_of_a_file_is_a_word_where_labels_say_which():
    lines = [(1.0, "XD0 ON"), (1.2, "XD0 OFF")]
    table = events_table(
        [{"onset": onset, "kind": "XD0", "item": item} for onset, item in lines]
    )
    _, words = words_of(table, kind="XD0", labels={"XD0 ON": 1, "XD0 OFF": 0})
    assert words.tolist() == [1, 0]
    with pytest.raises(InputError, match="no word for the items XD0 OFF"):
        words_of(table, kind="XD0", labels={"XD0 ON": 1})


def test_edges_of_ttl_channels_are_words():
    level = np.zeros((200_000, 3))  # more than are looked at together
    level[100:150, 1] = 5e6
    level[120:70_000, 0] = 5e6
    times, words = ttl_words(recorded(level, "abc", 10.0), "ab", threshold=2.5e6)
    assert words.tolist() == [0, 2, 3, 1, 0]
    np.testing.assert_allclose(times, [10.0, 10.1, 10.12, 10.15, 80.0], rtol=1e-12)


def test_a_ttl_channel_keeps_its_state_through_missing_frames():
    level = np.array([0, 5, np.nan, np.nan, 5, 0, np.nan, 0, 5.0])[:, None]
    times, words = ttl_words(recorded(level, "a"), ["a"], threshold=2.0)
    assert words.tolist() == [0, 1, 0, 1]
    np.testing.assert_allclose(times, [0, 0.001, 0.005, 0.008])


def test_onsets_are_moved_to_where_the_diode_crosses():
    given_at = np.array([0.5, 1.2503, 2.0])
    true = given_at + np.array([0.0123, 0.0251, 0.0187])
    made, delays = corrected_onsets(
        codes_at(given_at), recorded(flashes(true), ["diode"]), channel="diode",
        threshold=50.0, window=(0.0, 0.1), kind="stimulus",
    )  # fmt: skip
    # half the height is reached 2 ms after the flash begins; between frames of a
    # rise that is a line the crossing is exact but for float32
    np.testing.assert_allclose(made.onset, true + 0.002, atol=1e-6)
    np.testing.assert_allclose(delays.delay, true + 0.002 - given_at, atol=1e-6)


def test_a_missing_flash_is_refused_and_named():
    recording = recorded(flashes([0.51, 2.02]), ["diode"])
    given = {"channel": "diode", "threshold": 50.0, "window": (0.0, 0.1),
             "kind": "stimulus"}  # fmt: skip
    table = codes_at([0.5, 1.25, 2.0, 9.0])
    with pytest.raises(InputError, match=r"2 of 4 .* no flash on diode .* 1\.25, 9 s"):
        corrected_onsets(table, recording, **given)
    kept, delays = corrected_onsets(table, recording, missing="keep", **given)
    assert delays.missing.values.tolist() == [False, True, False, True]
    assert kept.onset.values[1] == 1.25
    dropped, delays = corrected_onsets(table, recording, missing="drop", **given)
    np.testing.assert_allclose(dropped.onset, [0.512, 2.022], atol=1e-6)
    assert delays.sizes["event"] == 2


def test_only_the_kind_that_is_meant_moves():
    table = xr.concat([codes_at([0.5]), codes_at([0.505], "response")], "event")
    made, _ = corrected_onsets(
        table, recorded(flashes([0.51]), ["d"]), channel="d", threshold=50.0,
        window=(0.0, 0.1), kind="stimulus",
    )  # fmt: skip
    np.testing.assert_allclose(made.onset, [0.512, 0.505], atol=1e-6)
    assert table.onset.values[0] == 0.5


@pytest.mark.parametrize(("edge", "due"), [("rising", 0.7), ("falling", 0.6)])
def test_the_edge_that_is_asked_for_is_taken(edge, due):
    level = np.full((1000, 1), 100.0)
    level[600:700] = 0.0
    made, _ = corrected_onsets(
        codes_at([0.55]), recorded(level, ["d"]), channel="d", threshold=50.0,
        window=(0.0, 0.3), kind="stimulus", edge=edge,
    )  # fmt: skip
    # a step lies between two frames of 1 ms; the line through them halves it
    assert made.onset.item() == pytest.approx(due - 0.0005, abs=1e-9)


def test_a_wrong_channel_is_named_with_those_there_are():
    recording = recorded(np.zeros((10, 2)), ["eye", "diode"])
    with pytest.raises(InputError, match="no channel 'photo'; there are: eye, diode"):
        ttl_words(recording, ["photo"], threshold=1.0)
    with pytest.raises(InputError, match="no events of kind 'flash'"):
        corrected_onsets(codes_at([0.0]), recording, channel="diode", threshold=1.0,
                         window=(0.0, 0.1), kind="flash")  # fmt: skip


def test_events_of_a_session_are_decoded_words_trials_and_all_others():
    codes = Codes.model_validate({
        "words": "strobed", "kind": "XD0", "labels": {"on": 1, "off": 2, "flash": 5},
        "codes": [{"code": 5, "kind": "stimulus"}], "trials": {"start": 1, "end": 2},
    })  # fmt: skip
    table = events_table([
        {"onset": at, "kind": kind, "item": item} for at, kind, item in [
            (0.1, "XD0", "on"), (0.2, "comment", "well"), (0.3, "XD0", "flash"),
            (0.4, "XD0", "off"), (0.5, "comment", "break"), (0.6, "XD0", "on"),
            (0.7, "comment", "again"),
        ]
    ])  # fmt: skip
    found, remarks = session_events(table, codes)
    rows = zip(*(found[name].values for name in ("onset", "kind", "trial")),
               strict=True)  # fmt: skip
    assert [(float(onset), kind, int(trial)) for onset, kind, trial in rows] == [
        (0.1, "trial", 0), (0.2, "comment", 0), (0.3, "stimulus", 0),
        (0.5, "comment", -1), (0.6, "trial", 1), (0.7, "comment", 1),
    ]  # fmt: skip
    assert found["duration"].values[0] == pytest.approx(0.3)
    assert np.isnan(found["duration"].values[4])
    assert remarks == ("trial 1 was not ended",)
