"""Only the permitted sentences come out, whatever the numbers are."""

from __future__ import annotations

import itertools
import re

import numpy as np
import pytest

from cortexwave.comparison.ceiling import ratio_to_ceiling
from cortexwave.comparison.gates import recording_faults, trial_faults
from cortexwave.comparison.intervals import Interval
from cortexwave.comparison.pipeline_grid import GRID, robustness
from cortexwave.comparison.verdicts import (
    FormatFound,
    calibration_statement,
    is_permitted,
    memory_verdict,
    undetermined,
    variability_verdict,
    wave_dependence_verdict,
)
from cortexwave.errors import InputError
from cortexwave.memory.verdict import FORMATS

BETWEEN = np.linspace(0.7, 1.3, 21)
WAVE = FormatFound("shift-like", 0.83, 0.07, 0.97)
BUMP = FormatFound("static", -0.94, 0.99, -0.05)


def ratio(distance: float, of: str = "biological variability"):
    return ratio_to_ceiling([distance], BETWEEN, units=7, variability=of)  # type: ignore[arg-type]


def wavelength(distance: float, **changes):
    given = {
        "array": "Utah 10x10 (96 sites, 0.4 mm)", "metric": "wavelength of waves",
        "unit": "mm", "difference": Interval(distance, 0.1, 2 * distance),
        "ratio": ratio(distance), "animals": 7, **changes,
    }  # fmt: skip
    return variability_verdict(**given)


def test_a_model_within_the_variability_of_animals():
    found = wavelength(0.9)
    assert found.word == "within"
    assert found.text == (
        "Seen through array Utah 10x10 (96 sites, 0.4 mm), the model's wavelength of "
        "waves differs from the recording by 0.9 mm [0.1, 1.8]; animals differ from "
        "each other by 1 mm. Within the biological variability of these 7 animals."
    )


def test_sessions_of_one_animal_are_called_repeatability():
    found = wavelength(2.0, ratio=ratio(2.0, "within-animal repeatability"), animals=1)
    assert found.text.endswith(
        "sessions differ from each other by 1 mm. Partly within the within-animal "
        "repeatability of this animal."
    )


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"faults": recording_faults(wavelength=20, extent=4, sites=96, rate=1e3,
                                     highest=40)}, "shorter than a quarter of the"),
        ({"faults": trial_faults(12)}, "12 trials of a class, and 40 are needed"),
        ({"robust": robustness(dict.fromkeys(GRID, "outside"), verdict="within")},
         "fragile over pipeline choices (0 of 24 cells: fragile)"),
        ({"ratio": ratio_to_ceiling([1.0], [], units=1,
                                    variability="within-animal repeatability")},
         "3 are needed (3 animals, or 3 sessions of one)"),
        ({"difference": Interval(np.nan, np.nan, np.nan)}, "is not known"),
    ],
)  # fmt: skip
def test_each_gate_gives_undetermined_and_its_reason(changes, reason):
    found = wavelength(0.9, **changes)
    assert found.word == "undetermined"
    assert found.text.startswith("Undetermined: ")
    assert reason in found.text


def test_an_unknown_interval_is_said_to_be():
    gone = Interval(0.9, np.nan, np.nan)
    assert "by 0.9 mm [interval not known]; " in wavelength(0.9, difference=gone).text


def test_memory_is_told_for_both_sides_with_its_format():
    found = memory_verdict(model_seconds=0.04, recording_seconds=0.0253, model=WAVE,
                           recording=BUMP)  # fmt: skip
    assert found.text == (
        "Both model and recording hold stimulus information in one snapshot for 40 / "
        "25.3 ms beyond the filter control. The format is shift-like (Gamma 0.83, PI "
        "0.07, r 0.97) in the model and static (Gamma -0.94, PI 0.99, r -0.05) in the "
        "recording."
    )
    assert found.word == "different formats"


def test_a_side_that_holds_nothing_leaves_memory_undetermined():
    found = memory_verdict(model_seconds=0.04, recording_seconds=0.0, model=WAVE,
                           recording=WAVE)  # fmt: skip
    assert found.text == ("Undetermined: the recording holds no stimulus information "
                          "beyond the filter control.")  # fmt: skip


def test_dependence_on_waves_is_an_association_of_either_sign():
    found = wave_dependence_verdict(Interval(-0.2, -0.3, -0.1))
    assert found.text == (
        "In the recording, decoding was 0.2 bits lower in high-wave than in "
        "amplitude-matched low-wave epochs [0.1, 0.3]. This is an association; it does "
        "not show that waves store the memory."
    )
    assert wave_dependence_verdict(Interval(0.2, 0.1, 0.3)).word == "higher"


def test_the_calibration_is_no_evidence():
    assert calibration_statement(["frequency", "speed"], 4 / 300).text == (
        "Calibrated quantities (frequency, speed) are not evidence. The memory span of "
        "a single pass on this array is at most L/v = 13.3 ms."
    )


NUMBERS = (1e-9, 0.123456, 1.0, 99.95, 12345.6, 3e7)


@pytest.mark.parametrize("scale", NUMBERS)
@pytest.mark.parametrize("sign", [1, -1])
def test_numbers_of_any_size_stay_within_the_templates(scale, sign):
    interval = Interval(sign * scale, -scale, 2 * scale)
    found = [
        wavelength(1.0, difference=interval, unit=unit) for unit in ("mm/s", "1", "%")
    ]
    found += [
        wave_dependence_verdict(interval),
        calibration_statement(["frequency"], scale),
    ]
    found += [
        memory_verdict(
            model_seconds=scale, recording_seconds=scale,
            model=FormatFound(word, sign * scale, np.nan, scale),  # type: ignore[arg-type]
            recording=WAVE,
        )
        for word in FORMATS
    ]  # fmt: skip
    assert all(is_permitted(each.text) for each in found)
    assert not any(re.search(r"\de[-+]", each.text) for each in found)


def test_every_word_of_a_ratio_has_its_sentence():
    words = {wavelength(distance).word for distance in (0.5, 2.0, 9.0)}
    assert words == {"within", "partly within", "outside"}


@pytest.mark.parametrize(
    "text",
    [
        "The model is validated.",
        "Undetermined: but the model matches the recording.",
        "Undetermined: p = .2, so the difference is not significant.",
        "The model's speed is within the biological variability.",
        wavelength(0.9).text + " The model is right.",
        wavelength(0.9).text.replace("Within the", "Not within the"),
        calibration_statement(["frequency"], 0.01).text.replace(
            "not evidence", "proof"
        ),
        "",
    ],
)
def test_no_other_words_are_permitted(text):
    assert not is_permitted(text)


@pytest.mark.parametrize(
    ("call", "culprit"),
    [
        (lambda: wavelength(0.9, array="A. The model is right"), "not a verdict"),
        (lambda: wavelength(0.9, metric="validated speed"), "not a verdict"),
        (lambda: wavelength(0.9, animals=0), "0 animals"),
        (lambda: undetermined([]), "without a reason"),
        (lambda: undetermined(["this confirms the model"]), "not a verdict"),
        (lambda: calibration_statement(["Speed"], 0.1), "not a verdict"),
        (lambda: calibration_statement(["speed"], np.nan), "number nan"),
    ],
)
def test_names_and_reasons_cannot_smuggle_claims(call, culprit):
    with pytest.raises(InputError, match=culprit):
        call()


def test_words_of_method_are_no_claims():
    found = undetermined(
        ["cross-validated bits of matched epochs are not above chance"]
    )
    assert is_permitted(found.text)


def test_reasons_stand_once_and_in_order():
    found = undetermined(["too few sites.", "no\n ceiling", "too few sites"])
    assert found.text == "Undetermined: too few sites; no ceiling."


def test_all_verdicts_of_a_grid_of_cases_are_permitted():
    intervals = [Interval(0.5, 0.2, 0.8), Interval(0.5, np.nan, np.nan)]
    kinds = ["biological variability", "within-animal repeatability"]
    for interval, kind, distance, animals in itertools.product(
        intervals, kinds, (0.5, 2.0, 9.0), (1, 2, 12)
    ):
        found = wavelength(distance, difference=interval, ratio=ratio(distance, kind),
                           animals=animals)  # fmt: skip
        assert is_permitted(found.text)
