import h5py
import numpy as np
import pytest

from cortexwave.analysis.filters import butterworth
from cortexwave.analysis.gradient import gradient_of_phase
from cortexwave.analysis.phase import analytic_signal, generalized_phase
from cortexwave.analysis.rotation_measures import (
    candidate_centres,
    circular_correlation,
    rotation,
    rotation_correlation,
)
from cortexwave.analysis.sites import Sites
from cortexwave.analysis.wave_frames import frames_from

CENTRE = (1.76, 1.88)  # that of the golden fields, in mm


def lattice(shape=(10, 10), spacing=(0.4, 0.4)):
    y, x = (d * np.arange(n) for n, d in zip(shape, spacing, strict=True))
    x, y = np.meshgrid(x, y)
    return Sites(np.stack([x.ravel(), y.ravel()], axis=1), shape, spacing,
                 min(map(abs, spacing)))  # fmt: skip


def frames_of_phase(phase, sites, frequency=10.0):
    phase = np.atleast_2d((phase + np.pi) % (2 * np.pi) - np.pi)
    slopes = gradient_of_phase(phase, sites)
    return frames_from(phase, np.full(phase.shape, frequency), *slopes, sites)


def angle(sites, centre):
    x, y = (sites.positions - centre).T
    return np.arctan2(y, x)


@pytest.mark.parametrize("centre", [CENTRE, (1.0, 1.0), (2.5, 1.3), (1.2, 2.7)])
@pytest.mark.parametrize("handedness", [1, -1])
def test_centre_score_and_handedness_of_a_rotation_are_exact(centre, handedness):
    sites = lattice()
    found = rotation(frames_of_phase(0.3 - handedness * angle(sites, centre), sites))
    assert found["rotation"] == pytest.approx(1.0, abs=1e-9)
    # the search ends where a step gains less than 1e-5 of the score
    assert found["rotation_x"] == pytest.approx(centre[0], abs=1e-4)
    assert found["rotation_y"] == pytest.approx(centre[1], abs=1e-4)
    assert found["handedness"] == handedness


def test_a_centre_on_a_site_costs_no_more_than_that_site():
    sites = lattice()
    found = rotation(frames_of_phase(-angle(sites, (1.2, 2.8)), sites))
    assert found["rotation"] >= 99 / 100
    assert found["rotation_x"] == pytest.approx(1.2, abs=0.1)


@pytest.mark.parametrize("shape", [(4, 4), (5, 5), (7, 12), (16, 16), (40, 40)])
def test_centres_are_found_on_lattices_of_any_size(shape):
    sites = lattice(shape)
    middle = sites.positions.mean(axis=0) + np.array([0.11, -0.07])
    found = rotation(frames_of_phase(-angle(sites, middle), sites))
    assert found["rotation"] == pytest.approx(1.0, abs=1e-6)
    assert found["rotation_x"] == pytest.approx(middle[0], abs=1e-3)
    assert found["rotation_y"] == pytest.approx(middle[1], abs=1e-3)


def test_handedness_is_that_of_the_wave_not_of_the_phase():
    # phase that falls in time turns the other way, and so does y pointing down
    sites = lattice(spacing=(-0.4, 0.4))
    phase = -angle(sites, (1.76, -1.88))
    assert rotation(frames_of_phase(phase, sites))["handedness"] == 1
    assert rotation(frames_of_phase(phase, sites, frequency=-10.0))["handedness"] == -1


def test_a_rotation_in_noise_keeps_centre_and_handedness():
    # 0 dB broadband is 14 in power within 35 of 500 Hz: 0.19 rad of phase noise
    draw = np.random.default_rng(0)
    sites = lattice()
    z = np.exp(-1j * angle(sites, CENTRE)) + np.sqrt(0.5 / 14) * (
        draw.standard_normal((500, 100)) + 1j * draw.standard_normal((500, 100))
    )
    found = rotation(frames_of_phase(np.angle(z), sites))
    assert (found["rotation"] > 0.95).all()
    assert (found["handedness"] == 1).all()
    away = np.hypot(found["rotation_x"] - CENTRE[0], found["rotation_y"] - CENTRE[1])
    assert away.max() < 0.4


def test_the_refined_score_is_the_greatest_there_is_nearby():
    # a spiral is no exact rotation; a fine search by hand is the slow reference
    sites = lattice()
    away = np.hypot(*(sites.positions - CENTRE).T)
    phase = -angle(sites, CENTRE) - 0.3 * away
    frames = frames_of_phase(phase, sites)
    found = rotation(frames)
    x, y = np.meshgrid(np.linspace(1.4, 2.2, 41), np.linspace(1.4, 2.2, 41))
    scores = [np.abs(np.mean(np.exp(1j * (phase + angle(sites, c)))))
              for c in np.stack([x.ravel(), y.ravel()], axis=1)]  # fmt: skip
    assert found["rotation"][0] > 0.9
    assert found["rotation"][0] >= max(scores) - 0.003


def test_what_does_not_turn_has_no_high_score():
    sites = lattice()
    x, y = (sites.positions - CENTRE).T
    phase = np.stack([0 * x, x, -2 * np.hypot(x, y), np.where(x > 0, np.pi, 0)])
    assert rotation(frames_of_phase(phase, sites))["rotation"].max() < 0.85


def test_independent_phases_have_low_scores():
    phase = np.random.default_rng(1).uniform(-np.pi, np.pi, (500, 100))
    assert rotation(frames_of_phase(phase, lattice()))["rotation"].max() < 0.5


def test_dead_sites_do_not_move_the_centre():
    sites = lattice()
    phase = -angle(sites, CENTRE)
    phase[[0, 9, 26, 44, 73, 90, 99]] = np.nan
    found = rotation(frames_of_phase(phase, sites))
    assert found["rotation"] == pytest.approx(1.0, abs=1e-9)
    assert found["rotation_x"] == pytest.approx(CENTRE[0], abs=1e-4)


def test_a_frame_without_live_sites_has_no_rotation():
    sites = lattice()
    phase = np.stack([-angle(sites, CENTRE), np.full(100, np.nan)])
    found = rotation(frames_of_phase(phase, sites))
    assert all(np.isnan(each[1]) and np.isfinite(each[0]) for each in found.values())


def test_scattered_electrodes_turn_as_well():
    positions = np.random.default_rng(2).uniform(0, 4, (60, 2))
    sites = Sites(positions, None, None, 0.4)
    phase = -angle(sites, CENTRE)[None]
    frames = frames_from(phase, phase * 0 + 10, phase * 0, phase * 0, sites)
    found = rotation(frames)
    assert found["rotation"] == pytest.approx(1.0, abs=1e-9)
    assert found["rotation_x"] == pytest.approx(CENTRE[0], abs=1e-4)


def test_centres_keep_a_pitch_from_the_edge():
    centres = candidate_centres(lattice())
    assert len(centres) == 49
    assert centres.min() == pytest.approx(0.6)
    assert centres.max() == pytest.approx(3.0)
    assert candidate_centres(lattice((3, 3))).tolist() == [[0.4, 0.4]]


def test_the_usual_correlation_is_one_of_equal_angles_and_of_opposite_ones_less():
    first = np.random.default_rng(3).vonmises(0.4, 2.0, (5, 40))
    assert circular_correlation(first, first + 1.3) == pytest.approx(1.0)
    assert circular_correlation(first, 0.2 - first) == pytest.approx(-1.0)


def test_the_usual_correlation_of_a_perfect_rotation_depends_on_the_lattice():
    # T3: both means are accidents on a full turn; our score is 1 whatever the lattice
    scores = []
    for n in (10, 32):
        sites = lattice((n, n))
        middle = (n / 2 - 0.5 - 0.1) * 0.4, (n / 2 - 0.5 + 0.2) * 0.4
        frames = frames_of_phase(1.0 - angle(sites, middle), sites)
        scores.append(abs(rotation_correlation(frames)["rotation_correlation"][0]))
        assert rotation(frames)["rotation"] == pytest.approx(1.0, abs=1e-6)
    assert min(scores) < 0.5


@pytest.mark.parametrize(
    "name", ["plane", "plane_neg", "radial_out", "rotating", "rotating_neg", "spiral"]
)
def test_rotation_correlation_of_wave_matlab(golden, name):
    with h5py.File(golden("mullerlab_10x10_a.h5")) as file:
        frames = file[f"{name}/frames"][()].astype(int) - 1  # theirs begin at 1
        phase = file[f"{name}/gp_phase"][()].astype(float)[..., frames]
        column, row = file[f"{name}/rot_center_xy"][()] - 1
        expected = file[f"{name}/rot_rho"][()]
    phase = np.moveaxis(phase, -1, 0).reshape(-1, 100)
    j, i = np.divmod(np.arange(100), 10)
    theta = np.arctan2(j - row[:, None], i - column[:, None])  # y down
    found = -circular_correlation(phase, theta)
    # single precision of their phase, 1e-7, over the resultant that its mean is from:
    # on a full turn that is a hundredth
    assert found == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize(
    ("name", "handedness"), [("rotating", -1), ("rotating_neg", 1)]
)
def test_rotating_fields_are_recognised(golden, name, handedness):
    # +1 in the file turns from +col to +row, which is down: clockwise with y up
    with h5py.File(golden("inputs_10x10.h5")) as file:
        values = file[name][()].astype(float)
    passed = butterworth(values, rate=1000.0, band=(5.0, 40.0))
    phase, _ = generalized_phase(analytic_signal(passed), rate=1000.0)
    phase = np.moveaxis(phase[..., 200:1800:20], -1, 0).reshape(-1, 100)
    found = rotation(frames_of_phase(phase, lattice((10, 10), (-1.0, 1.0))))
    assert (found["rotation"] > 0.95).all()
    assert (found["handedness"] == handedness).all()
    assert np.abs(found["rotation_x"] - 4.4).max() < 1
    assert np.abs(found["rotation_y"] + 4.7).max() < 1
