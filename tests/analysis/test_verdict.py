"""What may be said of a recording, and what may not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import xarray as xr

from cortexwave.analysis.verdict import Material, verdict

ENOUGH = Material(sites=100, extent=4.0, seconds=60.0, rate=1000.0, band=(5.0, 40.0),
                  wavelength=6.0)  # fmt: skip


def _events(
    waves: int, together: float = 0.5, p: float = 0.01, count: int = 99
) -> xr.Dataset:
    """Five episodes, of which so many have `p`, the others none to speak of."""
    either = min(together, p if waves else 1.0)  # as if the choice were free
    each = np.where(np.arange(5) < waves, p, 0.9)
    each[4] = np.nan  # an episode that follows no wave has no p
    return xr.Dataset(
        {"p": ("event", each), "mass": ("event", np.ones(5))},
        attrs={
            "alpha": 0.05,
            "count": count,
            "frames": 1000,
            "p_together": together,
            "p_any": either,
        },
    )


def _lags(
    p: float, directed: float = 0.5, said: str = "", caution: str = ""
) -> xr.Dataset:
    return xr.Dataset(
        {
            "p": p,
            "p_directed": directed,
            "direction": 30.0,
            "verdict": said,
            "rests_on_one_site": 0.0,
        },
        attrs={"alpha": 0.05, "caution": caution, "reference": ""},
    )


def test_net_lags_are_evidence():
    found = verdict(ENOUGH, _events(0), _lags(0.001, 0.001))
    assert found.word == "travelling waves"
    assert "net lags (p = 0.001) towards 30 deg" in found.sentence


def test_single_events_are_evidence():
    found = verdict(ENOUGH, _events(2), _lags(0.6))
    assert found.word == "travelling waves"
    assert "2 single event(s)" in found.sentence
    assert "net lags" not in found.sentence


def test_episodes_together_are_evidence():
    found = verdict(ENOUGH, _events(0, together=0.01), _lags(0.6))
    assert found.word == "travelling waves"
    assert "all episodes together (p = 0.01)" in found.sentence


def test_each_of_two_tests_is_held_to_a_half():
    """A verdict that either may give errs twice as often as one."""
    just = verdict(ENOUGH, _events(2, p=0.04), _lags(0.04, 0.01))
    assert just.word == "no propagation found"
    assert "no net lags (p = 0.04, held to 0.025)" in just.sentence
    draw = np.random.default_rng(0)
    called = sum(
        verdict(ENOUGH, _events(1, p=p), _lags(lags)).word == "travelling waves"
        for p, lags in draw.random((2000, 2))
    )
    # of independent tests 1 - 0.975^2 = 4.9 %; the 99.9 % binomial interval
    assert 67 <= called <= 131


def test_few_surrogates_are_said_to_be_too_few_for_events_alone():
    found = verdict(ENOUGH, _events(1, p=0.05, count=19), _lags(0.6))
    assert found.word == "no propagation found"
    assert "39 surrogates are needed" in str(found)
    assert "surrogates are needed" not in str(verdict(ENOUGH, _events(1), _lags(0.6)))


def test_without_either_nothing_is_claimed_and_absence_is_not_either():
    found = verdict(ENOUGH, _events(0), _lags(0.6))
    assert found.word == "no propagation found"
    assert "does not show that nothing travels" in found.sentence


def test_the_least_p_of_several_features_is_corrected():
    lags = _lags(0.02).expand_dims(feature=3)
    assert verdict(ENOUGH, _events(0), lags).word == "no propagation found"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"seconds": 0.5}, "2.5 cycles of 5 Hz"),
        ({"sites": 12}, "12 live sites"),
        ({"wavelength": 20.0}, "shorter than a quarter of the wavelength"),
    ],
    ids=["short", "few", "small"],
)
def test_too_little_is_undetermined_whatever_the_tests_say(change, reason):
    found = verdict(replace(ENOUGH, **change), _events(3), _lags(0.001, 0.001))
    assert found.word == "undetermined"
    assert reason in found.sentence


def test_lags_that_could_not_be_tested_leave_it_undetermined():
    untested = _lags(np.nan, said="undetermined: 1 whole segments; 6 are needed")
    assert verdict(ENOUGH, _events(0), untested).word == "undetermined"
    assert "6 are needed" in verdict(ENOUGH, _events(0), untested).sentence
    missing = verdict(ENOUGH, _events(0), None, lags_missing="no time")
    assert missing.reasons == ("no time",)


def test_lags_of_one_site_are_no_evidence():
    lags = _lags(0.001, 0.4).assign(rests_on_one_site=1.0)
    found = verdict(ENOUGH, _events(0), lags)
    assert found.word == "no propagation found"
    assert "rest on one site alone" in found.sentence


def test_events_are_evidence_where_lags_could_not_be_tested():
    untested = _lags(np.nan, said="undetermined: a rhythm keeps its phase")
    assert verdict(ENOUGH, _events(1), untested).word == "travelling waves"


def test_cautions_stand_beside_a_verdict_and_do_not_change_it():
    slow = replace(ENOUGH, rate=160.0)
    found = verdict(slow, _events(1), _lags(0.6, caution="steady"), aliasing="maybe")
    assert found.word == "travelling waves"
    assert [each.split()[0] for each in found.cautions] == [
        "sources",
        "160",
        "steady",
        "maybe",
    ]
