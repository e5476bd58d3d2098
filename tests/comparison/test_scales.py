"""Two scales and nothing else; gates; how much time an array holds."""

from __future__ import annotations

import numpy as np
import pytest

from cortexwave.comparison.gates import (
    aliasing_caution,
    fastest_speed,
    longest_span,
    recording_faults,
    refuse_model,
    slope_error,
    trial_faults,
)
from cortexwave.comparison.pipeline_grid import GRID, Cell, robustness
from cortexwave.comparison.scales import (
    ModelWaves,
    fit_frequency_and_speed_prior,
    fit_frequency_and_wavelength,
    implied,
    statement,
)
from cortexwave.errors import InputError

# one site per step, 40 sites long: 0.025 cycles per step
SHIFT = ModelWaves(frequency=25.0, wavelength=40.0, spacing=1.0, step=1e-3)


def test_a_shift_of_one_site_per_step_at_a_fifth_of_a_metre_per_second():
    # 0.1 mm per site and 0.5 ms per step: 0.2 m/s
    made = fit_frequency_and_wavelength(SHIFT, frequency=50.0, wavelength=4.0)
    assert made.spacing == pytest.approx(0.1)
    assert made.step == pytest.approx(0.5e-3)
    assert made.spacing / made.step == pytest.approx(200.0)


def test_frequency_and_wavelength_together_fix_the_speed():
    made = fit_frequency_and_wavelength(SHIFT, frequency=20.0, wavelength=10.0)
    speed = SHIFT.wavelength * SHIFT.frequency * made.calibrated(length=1, time=-1)
    assert speed == pytest.approx(20.0 * 10.0)
    assert set(made.spent) == {"frequency", "wavelength", "speed"}
    assert made.held_out == ()


def test_a_speed_prior_leaves_the_wavelength_to_be_tested():
    made = fit_frequency_and_speed_prior(
        SHIFT, frequency=20.0, speed=(100.0, 300.0, 600.0)
    )
    predicted = SHIFT.wavelength * made.calibrated(length=1)
    assert predicted == pytest.approx(300.0 / 20.0)
    assert made.spent == ("frequency", "speed")
    assert made.held_out == ("wavelength",)
    assert made.spacing_range == pytest.approx((made.spacing / 3, made.spacing * 2))


def test_calibration_gives_the_model_the_frequency_it_was_fitted_to():
    made = fit_frequency_and_speed_prior(SHIFT, frequency=17.0, speed=(1, 2, 3))
    assert SHIFT.frequency * made.calibrated(time=-1) == pytest.approx(17.0)


def test_the_units_of_the_uncalibrated_model_do_not_matter():
    other = ModelWaves(frequency=25e3, wavelength=4.0, spacing=0.1, step=1e-6)
    one = fit_frequency_and_wavelength(SHIFT, frequency=50.0, wavelength=4.0)
    two = fit_frequency_and_wavelength(other, frequency=50.0, wavelength=4.0)
    assert (two.spacing, two.step) == pytest.approx((one.spacing, one.step))


def test_what_the_scales_imply_is_told():
    made = fit_frequency_and_wavelength(SHIFT, frequency=50.0, wavelength=4.0)
    told = implied(made, time_constants={"tau": 1e-3}, speeds={"axonal speed": 1000.0})
    # a leaky chain that moves one site per tau at 0.2 m/s has a tau of 0.5 ms
    assert told["tau"] == (pytest.approx(0.5e-3), "s")
    assert told["axonal speed"] == (pytest.approx(200.0), "mm/s")
    assert told["site spacing"] == (pytest.approx(0.1), "mm")


def test_the_statement_says_what_was_spent():
    spent = statement(fit_frequency_and_wavelength(SHIFT, frequency=50, wavelength=4))
    assert spent == (
        "0.1 mm per site and 0.5 ms per step were fitted to frequency 50 Hz and "
        "wavelength 4 mm. Calibrated quantities (frequency, wavelength, speed) are not "
        "evidence; only their spread can still be tested."
    )
    prior = statement(fit_frequency_and_speed_prior(SHIFT, frequency=50,
                                                    speed=(100, 200, 600)))  # fmt: skip
    assert "0.1 mm per site (0.05 to 0.3 over the prior)" in prior
    assert prior.endswith("(frequency, speed) are not evidence; wavelength held out.")


@pytest.mark.parametrize(
    ("speed", "seconds"), [(100.0, 0.040), (300.0, 4 / 300), (600.0, 4 / 600)]
)
def test_a_pass_over_four_millimetres_holds_a_few_tens_of_milliseconds(speed, seconds):
    assert longest_span(4.0, speed) == pytest.approx(seconds)


def test_ten_centimetres_of_cortex_hold_up_to_four_tenths_of_a_second():
    assert longest_span(100.0, 250.0) == pytest.approx(0.4)


def test_unison_with_phase_noise_seems_to_travel_as_fast_as_is_said():
    # 0.3 rad on 10 x 10 sites 0.4 mm apart at 20 Hz: a median of 4.09 m/s
    y, x = np.mgrid[:10, :10] * 0.4
    places = np.stack([x.ravel(), y.ravel()], axis=1)
    error = slope_error(0.3, places, independent=100)
    median = 2 * np.pi * 20 / (error * np.sqrt(2 * np.log(2)))
    assert median == pytest.approx(4090, rel=1e-3)
    assert fastest_speed(20.0, error) == pytest.approx(median * np.sqrt(np.log(2) / 2))
    phases = 0.3 * np.random.default_rng(1).normal(size=(4000, 100))
    plane = np.linalg.pinv(np.column_stack([np.ones(100), places]))[1:]
    slopes = np.linalg.norm(phases @ plane.T, axis=1)
    # the median of 4000 Rayleigh lengths is known to 1 %
    assert np.median(2 * np.pi * 20 / slopes) == pytest.approx(median, rel=0.04)


WELL = {"wavelength": 8.0, "extent": 3.6, "sites": 96, "rate": 1000.0, "highest": 40.0}
SEEN = {**WELL, "spacing": 0.1, "sheet": 12.0, "pitch": 0.4}


def test_a_usual_array_and_a_fine_sheet_pass():
    assert recording_faults(**WELL) == []
    refuse_model(**SEEN)


@pytest.mark.parametrize(
    ("change", "culprit"),
    [
        ({"sites": 15}, "15 live sites, and 16 are needed"),
        ({"wavelength": 15.0}, "3.6 mm is shorter than a quarter of the wavelength"),
        ({"wavelength": float("nan")}, "no wavelength could be measured"),
        ({"rate": 399.0}, "399 Hz is below 10 samples per cycle of 40 Hz"),
    ],
)
def test_each_gate_names_what_is_too_little(change, culprit):
    (fault,) = recording_faults(**{**WELL, **change})
    assert culprit in fault
    with pytest.raises(InputError, match=culprit.split(",")[0]):
        refuse_model(**{**SEEN, **change})


@pytest.mark.parametrize(
    ("change", "culprit"),
    [
        ({"wavelength": 1.5}, "below 4 pitches of 0.4 mm"),
        ({"spacing": 0.11}, "more than a quarter of the pitch"),
        ({"sheet": 10.0}, "below 3 widths of the array"),
    ],
)
def test_a_model_that_electrodes_cannot_see_is_refused(change, culprit):
    with pytest.raises(InputError, match=culprit):
        refuse_model(**{**SEEN, **change})


def test_all_faults_of_a_model_are_told_at_once():
    with pytest.raises(InputError, match=r"sites.*samples.*pitches.*widths"):
        refuse_model(
            **{**SEEN, "sites": 3, "rate": 9.0, "wavelength": 1.0, "sheet": 1.0}
        )


def test_a_short_wave_in_a_recording_is_cautioned_and_not_refused():
    # sampled waves fold, so a recording cannot tell: its faults stay empty
    assert recording_faults(**{**WELL, "wavelength": 1.5}) == []
    assert "3.8 pitches; aliasing not excluded" in aliasing_caution(
        wavelength=1.5, pitch=0.4
    )
    assert aliasing_caution(wavelength=1.6, pitch=0.4) == ""


def test_forty_trials_of_a_class_are_needed():
    assert trial_faults(40) == []
    assert trial_faults(39) == ["39 trials of a class, and 40 are needed"]


@pytest.mark.parametrize(
    ("call", "culprit"),
    [
        (lambda: fit_frequency_and_wavelength(SHIFT, frequency=0, wavelength=1),
         "frequency is 0"),
        (lambda: fit_frequency_and_wavelength(SHIFT, frequency=np.nan, wavelength=1),
         "no waves were found"),
        (lambda: fit_frequency_and_speed_prior(SHIFT, frequency=1, speed=(3, 2, 1)),
         "in order"),
        (lambda: longest_span(4.0, 0.0), "both are above 0"),
        (lambda: fastest_speed(10.0, 0.0), "both are above 0"),
        (lambda: slope_error(0.3, np.zeros((9, 2)), 9), "spread along both axes"),
    ],
)  # fmt: skip
def test_what_has_no_scale_is_refused(call, culprit):
    with pytest.raises(InputError, match=culprit):
        call()


def test_the_grid_has_24_different_cells():
    assert len(set(GRID)) == 24


@pytest.mark.parametrize(("other", "holds"), [(4, True), (5, False)])
def test_a_verdict_holds_in_four_of_five_cells(other, holds):
    words = {cell: "outside" if k < other else "within" for k, cell in enumerate(GRID)}
    found = robustness(words, verdict="within")
    assert found.holds is holds  # 20 of 24 is .83, 19 is .79
    assert ("fragile" in found.said) is not holds


def test_undetermined_cells_count_against_a_verdict():
    words = dict.fromkeys(GRID, "undetermined")
    words[GRID[0]] = "within"
    found = robustness(words, verdict="within")
    assert (found.holds, found.word) == (False, "undetermined")


def test_a_grid_with_a_hole_is_refused():
    with pytest.raises(InputError, match="23 of 24 cells"):
        robustness({Cell("none", "study", 0.1, False): "within"}, verdict="within")
