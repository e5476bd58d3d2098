"""Covariates of trials: the numbers of their events, and what was recorded beside."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from cortexwave import schema
from cortexwave.errors import InputError
from cortexwave.memory.covariates import (
    covariate_names,
    covariates_of,
    without_channels,
)
from cortexwave.memory.measuring import Measurement, measured
from cortexwave.memory.trials import trials_from, trials_of

RATE, ONSETS = 100.0, 0.2 + 0.15 * np.arange(80)


@pytest.fixture(scope="module")
def recording():
    """Twelve seconds of eight sites; the eye goes where the stimulus is, and blinks."""
    draw = np.random.default_rng(0)
    time = np.arange(1300) / RATE
    side = draw.permutation(np.arange(80) % 2)
    eye = np.zeros(time.size)
    for onset, where in zip(ONSETS, side, strict=True):
        eye[(time >= onset) & (time < onset + 0.1)] = where
    lfp = draw.standard_normal((time.size, 8)) + 1.5 * eye[:, None] * np.eye(8)[0]
    pupil = time.copy()
    pupil[53] = np.nan
    channels = ("channel", [f"c{k}" for k in range(8)])
    fields = xr.Dataset(
        {"lfp": (("time", "channel"), lfp, {"units": "uV"}),
         "eye": ("time", eye, {"units": "deg"}),
         "pupil": ("time", pupil, {"units": "mm"})},
        {"time": ("time", time, {"units": "s"}), "channel": channels},
    )  # fmt: skip
    table = schema.events_table([
        {"onset": ONSETS[k], "kind": "flash", "stimulus": ("left", "right")[where],
         "x": float(k), "outcome": k % 2} for k, where in enumerate(side)
    ])  # fmt: skip
    table["running"] = ("event", 10.0 + np.arange(80), {"units": "mm/s"})
    return schema.with_tables(fields, table, None)


def _trials(recording, **given):
    return trials_of(recording, window=(-0.02, 0.08), variable="lfp", **given)


def test_names_are_columns_of_numbers_fields_and_channels(recording):
    names = covariate_names(recording)
    # durations and y are all missing, kinds and stimuli are words
    assert names == ["onset", "x", "trial", "outcome", "running", "lfp", "eye", "pupil",
                     *(f"c{k}" for k in range(8))]  # fmt: skip


def test_each_trial_has_its_events_numbers_and_its_own_stretch_of_a_field(recording):
    trials = _trials(recording)
    found = covariates_of(recording, trials, ["running", "pupil", "outcome"])
    assert found.dims == ("trial", "time", "covariate") and found.shape == (80, 11, 3)
    assert found.covariate.values.tolist() == ["running", "pupil", "outcome"]
    np.testing.assert_array_equal(found[:, 3, 0], 10.0 + np.arange(80))
    np.testing.assert_array_equal(found[:, 0, 2], np.arange(80) % 2)
    # the pupil is the time itself: frames nearest to the onsets, and after them
    due = np.round((ONSETS[:, None] + np.arange(-2, 9) / RATE) * RATE) / RATE
    blink = np.isclose(due, 0.53)
    np.testing.assert_allclose(found[:, :, 1], np.where(blink, np.nan, due), atol=1e-9)


def test_a_field_of_several_sites_is_as_many_covariates(recording):
    found = covariates_of(recording, _trials(recording), ["lfp", "x"])
    assert found.covariate.values.tolist() == [*(f"lfp[{k}]" for k in range(8)), "x"]


def test_trials_that_are_left_out_take_their_covariates_with_them(recording):
    rare = recording.copy()
    kinds = np.where(np.arange(80) % 4, "flash", "catch")
    rare["event_kind"] = ("event", kinds.astype(object))
    few = _trials(rare, kinds=["catch"]).chosen(np.array([1, 3, 5]))
    found = covariates_of(rare, few, ["running"])
    np.testing.assert_array_equal(found[:, 0, 0], 10.0 + np.array([4, 12, 20]))
    close = _trials(rare.isel(event=np.r_[0:80:2])).event
    assert close.tolist() == list(range(40))


def test_what_the_eye_alone_tells_is_found_by_the_declared_control(recording):
    asked = {"window": [-0.02, 0.08], "label": "stimulus", "variable": "lfp",
             "times": [0.03, 0.05], "permutations": 19, "seed": 0}  # fmt: skip
    found = measured(recording, Measurement("decoding_controls", {
        **asked, "covariates": ["eye", "pupil"]}))  # fmt: skip
    p = dict(zip(found.control.values.tolist(), found.p.values, strict=True))
    assert p["decoder"] == p["covariates"] == 0.05 < p["without_covariates"]
    assert found.attrs["covariates"] == ["eye", "pupil"]
    # one blinked 30 ms after its onset
    said = str(found.number.sel(control="covariates").item())
    assert said == "C6, 79 of 80 trials"


def test_a_channel_that_is_a_covariate_is_no_site(recording):
    lfp = recording.drop_vars(["eye", "pupil"])
    less = without_channels(lfp, ["c0", "x"])
    trials = _trials(less)
    assert trials.values.shape[2] == 7
    found = covariates_of(less, trials, ["x", "c0"], beside=lfp)
    np.testing.assert_array_equal(
        found[5, :, 1], lfp.lfp.sel(channel="c0").values[93:104]
    )
    asked = {"window": [-0.02, 0.08], "label": "stimulus", "variable": "lfp",
             "times": [0.03, 0.05], "permutations": 19, "seed": 0}  # fmt: skip
    rows = [measured(lfp, Measurement("decoding_controls", {**asked, **more}))
            for more in ({}, {"covariates": ["c0"]})]  # fmt: skip
    # it alone goes with the eye, and so with the stimulus: Phi(1.5 / 2) = 0.77, and
    # three standard errors of 80 trials
    for row, control in zip(rows, ("decoder", "covariates"), strict=True):
        assert row.value.sel(control=control).item() == pytest.approx(0.77, abs=0.14)
    assert rows[1].value.sel(control="decoder") < 0.64


@pytest.mark.parametrize(
    ("name", "told"),
    [("eyes", "no covariate 'eyes'.*running, lfp, eye, .*; did you mean 'eye'"),
     ("stimulus", "no covariate 'stimulus'")],
)  # fmt: skip
def test_a_name_of_nothing_is_refused_with_those_there_are(recording, name, told):
    with pytest.raises(InputError, match=told):
        covariates_of(recording, _trials(recording), ["x", name])


def test_trials_of_no_recording_and_no_names_are_refused(recording):
    values = np.random.default_rng(0).standard_normal((4, 3, 2))
    with pytest.raises(InputError, match="not cut from a recording"):
        covariates_of(recording, trials_from(values, "abab", step=0.01), ["x"])
    with pytest.raises(InputError, match="no covariates are named"):
        covariates_of(recording, _trials(recording), [])
