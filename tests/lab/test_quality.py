"""Faults planted in made recordings are found, each by its reason; clean ones are not.

The clean recording is noise of 1/f spectrum, smooth over an array of 10 x 10 contacts
of 0.4 mm (Gaussian, 1 mm), with white noise of each contact's own.
"""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from scipy.ndimage import gaussian_filter

from cortexwave.errors import InputError
from cortexwave.lab.array_drawing import geometry_text
from cortexwave.lab.quality import Limits, channel_quality
from cortexwave.lab.signals import Contacts, Signal, as_recording

RATE, SIDE, PITCH = 500.0, 10, 0.4


def lfp(seconds=20.0, seed=0, side=SIDE):
    """(time, channel) in uV, deviation about 50."""
    rng = np.random.default_rng(seed)
    frames = round(seconds * RATE)
    frequency = np.fft.rfftfreq(frames, 1 / RATE)
    shape = (frequency.size, side, side)
    spectrum = rng.normal(size=shape) + 1j * rng.normal(size=shape)
    spectrum = gaussian_filter(spectrum.real, (0, 2.5, 2.5), mode="wrap") + (
        1j * gaussian_filter(spectrum.imag, (0, 2.5, 2.5), mode="wrap"))  # fmt: skip
    spectrum /= np.maximum(frequency, 1.0)[:, None, None]
    smooth = np.fft.irfft(spectrum, frames, axis=0)
    values = 50 * smooth / smooth.std() + 5 * rng.normal(size=smooth.shape)
    return values.reshape(frames, -1)


def places(side=SIDE):
    y, x = np.divmod(np.arange(side * side), side)
    return PITCH * np.column_stack([x, y])


def recorded(values, *, positions=None, bad=(), read=None):
    count = np.shape(values)[1]
    contacts = Contacts.named([f"e{k}" for k in range(count)], positions)
    contacts.good[list(bad)] = False
    values = np.asarray(values, dtype=np.float32)
    signal = Signal("ns2", Path("made.ns2"), "test", RATE, 0.0, len(values), "uV",
                    read or (lambda a, b: values[a:b]), contacts)  # fmt: skip
    return as_recording(signal)


@pytest.fixture(scope="module")
def clean():
    return lfp()


def suspects(table):
    return {str(name): str(reason) for name, reason
            in zip(table.channel.values, table.reason.values, strict=True)
            if reason}  # fmt: skip


@pytest.mark.parametrize("seconds", [2.0, 10.0])
def test_at_most_one_channel_in_a_hundred_of_clean_noise_is_suspected(seconds):
    counts = [
        channel_quality(recorded(lfp(seconds, seed), positions=places())).suspicious
        for seed in range(1, 3)
    ]
    assert np.mean(counts) <= 0.01


def test_clean_noise_without_positions_is_not_suspected(clean):
    table = channel_quality(recorded(clean))
    assert table.suspicious.mean() <= 0.01


def test_white_noise_that_no_channels_share_is_not_suspected():
    noise = np.random.default_rng(0).normal(size=(5000, 64))
    assert not channel_quality(recorded(noise)).suspicious.any()


def planted(values, fault):
    rng = np.random.default_rng(1)
    made = values.copy()
    time = np.arange(len(made)) / RATE
    if fault == "flat":
        made[:, 44] = 3.0
    elif fault == "flat in part":
        made[: len(made) // 2, 44] = 0.0
    elif fault == "clipped":
        made[:, 44] = np.clip(made[:, 44], -60, 60)
    elif fault == "line":
        made[:, 44] += 30 * np.sin(2 * np.pi * 50.0 * time)
    elif fault == "line of 60":
        made[:, 44] += 30 * np.sin(2 * np.pi * 60.0 * time)
    elif fault == "unlike":
        made[:, 44] = made[:, 44].std() * rng.normal(size=len(made))
    elif fault == "noisy":
        made[:, 44] *= 8
    elif fault == "faint":
        made[:, 44] /= 20
    elif fault == "missing":
        made[rng.random(len(made)) < 0.05, 44] = np.nan
    elif fault == "absent":
        made[:, 44] = np.nan
    elif fault == "joined":
        made[:, 44] = made[:, 45]
    return made


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("flat", "flat"),
        ("flat in part", "flat for 50% of the time"),
        ("clipped", "clipped: "),
        ("line", "line noise: "),
        ("line of 60", "line noise: "),
        ("unlike", "does not follow its neighbours: correlation "),
        ("noisy", "noisy: its deviation is 7."),
        ("faint", "faint: its deviation is 0.0"),
        ("missing", r"% of samples missing"),
        ("absent", "no values"),
        ("joined", "the same as e45"),
    ],
)
def test_a_planted_fault_is_found_by_its_reason_and_alone(clean, fault, reason):
    found = suspects(channel_quality(recorded(planted(clean, fault),
                                              positions=places())))  # fmt: skip
    assert reason in found.pop("e44")
    assert not set(found) - {"e45"}  # joined contacts are both the same as the other


def test_numbers_are_those_that_were_planted(clean):
    made = planted(clean, "clipped")
    table = channel_quality(recorded(made, positions=places())).isel(channel=44)
    share = np.mean(np.abs(made[:, 44]) == 60)
    assert table.clipped.item() == pytest.approx(share)
    part = planted(clean, "missing")
    table = channel_quality(recorded(part)).isel(channel=44)
    assert table.missing.item() == pytest.approx(np.isnan(part[:, 44]).mean())


def test_the_deviation_is_that_within_stretches_of_two_seconds(clean):
    stretches = clean.reshape(10, round(2 * RATE), 100)
    within = np.sqrt(stretches.var(axis=1, ddof=1).mean(axis=0))
    table = channel_quality(recorded(clean))
    assert table.deviation.attrs["units"] == "uV"
    np.testing.assert_allclose(table.deviation, within, rtol=1e-5)  # float32 sums


def test_a_coarsely_digitised_channel_is_not_taken_for_a_clipped_one(clean):
    table = channel_quality(recorded(10 * np.round(clean / 10), positions=places()))
    assert not [one for one in suspects(table).values() if "clipped" in one]


def test_half_of_the_channels_dead_do_not_hide_each_other(clean):
    made = clean.copy()
    made[:, ::2] = 0.0
    table = channel_quality(recorded(made, positions=places()))
    assert table.suspicious[::2].all() and table.suspicious[1::2].mean() <= 0.02


def test_a_gap_of_the_whole_recording_is_no_fault_of_its_channels(clean):
    made = clean.copy()
    made[3000:5500] = np.nan
    made[:1000, 3] = np.nan
    table = channel_quality(recorded(made, positions=places()))
    assert suspects(table) == {"e3": "13.3% of samples missing"}  # 1000 of 7500


def test_a_recording_without_any_values_has_no_good_channel():
    table = channel_quality(recorded(np.full((1000, 8), np.nan)))
    assert set(table.reason.values) == {"no values"}


def test_what_the_file_calls_bad_stays_bad(clean):
    table = channel_quality(recorded(clean, bad=[7]))
    assert table.reason.values[7] == "the file calls it bad"


def test_of_few_channels_none_is_called_unlike_the_others(clean):
    few = clean[:, :3] * [1, 1, 50]
    assert not channel_quality(recorded(few)).suspicious.any()


def test_limits_are_the_callers(clean):
    made = recorded(planted(clean, "line"), positions=places())
    table = channel_quality(made, limits=Limits(line=1e9))
    assert not [one for one in suspects(table).values() if "line" in one]
    with pytest.raises(InputError, match="limit flat is 0"):
        Limits(flat=0)


def test_a_long_recording_is_looked_at_in_part_and_in_little_memory(clean):
    lengths = []

    def read(start, stop):
        lengths.append(stop - start)
        return np.resize(clean, (stop - start, 100)).astype(np.float32)

    one_hour = np.broadcast_to(np.float32(0), (round(3600 * RATE), 100))
    values = Signal("ns2", Path("made.ns2"), "test", RATE, 0.0, len(one_hour), "uV",
                    read, Contacts.named([f"e{k}" for k in range(100)]))  # fmt: skip
    recording = as_recording(values)
    tracemalloc.start()
    table = channel_quality(recording, at_most=20.0)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert table.attrs["looked_at"] == 20.0 and table.attrs["lasts"] == 3600.0
    assert max(lengths) <= 2 * RATE
    # the time coordinate has 14 MB, the stretch 0.4; the hour would have 720
    assert peak < 40e6


def test_neighbours_are_of_the_same_array(clean):
    """Two arrays that know only their own places, of signals that are not alike."""
    made = np.hstack([clean, lfp(seed=9)])
    recording = recorded(made, positions=np.vstack([places(), places()]))
    apart = recording.assign_coords(array=("channel", ["V1"] * 100 + ["V4"] * 100))
    table = channel_quality(apart)
    assert not table.suspicious.any()
    # of neighbours that are not alike half the correlations would be about 0
    assert table.correlation.min() > 0.8


def test_trials_are_looked_at_together(clean):
    trials = recorded(clean[:5000]).ns2.values.reshape(5, 1000, 100)
    trials[:, :, 3] = 0.0
    recording = xr.Dataset(
        {"lfp": (("trial", "time", "channel"), trials, {"units": "uV"})},
        {"time": ("time", np.arange(1000) / RATE, {"units": "s"}),
         "channel": [f"e{k}" for k in range(100)]},
    )  # fmt: skip
    assert suspects(channel_quality(recording)) == {"e3": "flat"}


def test_the_array_is_drawn_with_its_dead_contacts():
    """A Utah-like array of 3 x 4: y up, a corner absent, one contact dead."""
    at = (
        np.array([[x, y] for y in range(3) for x in range(4) if (x, y) != (0, 2)]) * 0.4
    )
    recording = recorded(np.zeros((4, 11)), positions=at, bad=[1])
    assert geometry_text(recording).splitlines() == [
        "11 contacts, 1 bad (x), pitch 0.4 mm, 1.2 x 0.8 mm",
        "  . . .",
        ". . . .",
        ". x . .",
    ]


def test_what_is_suspected_is_drawn_dead(clean):
    recording = recorded(planted(clean, "flat"), positions=places())
    text = geometry_text(recording, channel_quality(recording)).splitlines()
    assert text[1 + 9 - 4].split()[4] == "x"
    assert sum(line.count("x") for line in text[1:]) == 1


def test_arrays_are_drawn_apart_and_unknown_places_said():
    recording = recorded(np.zeros((4, 3)), positions=np.array(
        [[0, 0], [1, 0], [np.nan, np.nan]]))  # fmt: skip
    arrays = recording.assign_coords(array=("channel", ["a", "a", "b"]))
    first, second = geometry_text(arrays).split("\n\n")
    assert first.splitlines()[1] == ". ."
    assert second == "b: 1 contact, 0 bad (x), their places are not known"


def test_a_large_array_is_drawn_smaller():
    x = 0.02 * np.arange(1000)
    recording = recorded(np.zeros((4, 1000)), positions=np.column_stack([x, 0 * x]))
    assert max(map(len, geometry_text(recording).splitlines())) <= 2 * 64


def test_a_sheet_is_told_how_it_gets_channels():
    sheet = xr.Dataset({"v": (("time", "y", "x"), np.zeros((3, 2, 2)))})
    with pytest.raises(InputError, match="to_channels"):
        channel_quality(sheet)
    with pytest.raises(InputError, match="to_channels"):
        geometry_text(sheet)


def test_a_turned_grid_is_drawn_upright_and_a_bent_one_is_said():
    angle = np.deg2rad(30)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    at = np.array([[x, y] for y in range(3) for x in range(4)]) * 0.4
    # 0.072 mm and 0.008 mm high: 0.032 off their mean
    bent = np.column_stack([at @ turn.T, 0.2 * (at[:, 0] - 0.6) ** 2])
    for given, said in ((at @ turn.T, ""), (bent, ", up to 0.032 mm off a plane")):
        head, *rows = geometry_text(recorded(np.zeros((4, 12)), positions=given)
                                    ).splitlines()  # fmt: skip
        assert rows == [". . . ."] * 3
        assert head.endswith(f"turned by 30 deg{said}")
