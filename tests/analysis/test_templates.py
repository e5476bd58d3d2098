"""Templates of waves: what a frame scores that is one, and one that is not."""

from __future__ import annotations

import numpy as np
import pytest

from cortexwave.analysis.following import best_wave
from cortexwave.analysis.sites import Sites
from cortexwave.analysis.templates import KINDS, TRAVELLING, lags, template_bank
from cortexwave.errors import InputError

PITCH = 0.4


def _grid(rows: int = 10, columns: int = 10) -> np.ndarray:
    y, x = np.meshgrid(np.arange(rows), np.arange(columns), indexing="ij")
    return PITCH * np.stack([x.ravel(), y.ravel()], axis=-1)


BANK = template_bank(_grid(), pitch=(PITCH, PITCH))


def _phasors(lag: np.ndarray) -> np.ndarray:
    """Frames of a wave of a lag through one cycle, (frame, site)."""
    return np.exp(1j * (np.linspace(0, 2 * np.pi, 8)[:, None] - lag))


def _about(centre: tuple[float, float]) -> tuple[np.ndarray, np.ndarray]:
    apart = BANK.positions - centre
    return np.hypot(*apart.T), np.arctan2(apart[:, 1], apart[:, 0])


def test_every_template_scores_one_for_its_own_wave():
    lag = lags(BANK.positions, middle=BANK.middle, wave=BANK.wave, centre=BANK.centre,
               charge=BANK.charge, radial=BANK.radial)  # fmt: skip
    scores, _ = BANK.scores(np.exp(-1j * lag.T))
    own = scores[np.arange(len(BANK.kind)), BANK.kind]
    # single precision, a sum of 100 terms
    np.testing.assert_allclose(own, 1, atol=1e-5)
    assert set(BANK.kind.tolist()) == set(range(len(KINDS)))


@pytest.mark.parametrize("shape", [(10, 10), (3, 3), (1, 12), (16, 5)])
def test_pairs_of_mirrored_templates_score_as_each_template_by_itself(shape):
    rows, columns = shape
    live = np.random.default_rng(1).random(rows * columns) < 0.9
    live[:9] = True
    bank = template_bank(_grid(rows, columns)[live], pitch=(PITCH, PITCH))
    draw = np.random.default_rng(0)
    phasors = np.exp(2j * np.pi * draw.random((700, live.sum())))
    scores, which = bank.scores(phasors)
    each = np.abs(phasors @ bank.matrix)  # in double precision
    for kind in range(len(KINDS)):
        rows_of = np.flatnonzero(bank.kind == kind)
        if not rows_of.size:
            assert (scores[:, kind] == 0).all()
            continue
        # single precision: sums of up to 100 terms below 1
        np.testing.assert_allclose(scores[:, kind], each[:, rows_of].max(1), atol=2e-6)
        found = each[np.arange(len(each)), which[:, kind]]
        np.testing.assert_allclose(found, scores[:, kind], atol=2e-6)
        assert (bank.kind[which[:, kind]] == kind).all()


def test_phases_of_no_order_score_what_the_best_of_so_many_templates_would():
    """Of n free phases |mean|^2 is exponential with mean 1 / n, for each template."""
    draw = np.random.default_rng(0)
    frames = np.exp(2j * np.pi * draw.random((400, 100)))
    scores, _ = BANK.scores(frames)
    count = (BANK.kind == KINDS.index("plane")).sum()
    # the greatest of m independent exponentials is about log(m) means; templates are
    # not all independent, so it is at most that (two sd of the greatest above)
    assert (scores[:, 0] ** 2).mean() < (np.log(count) + 2) / 100
    synchronous = scores[:, KINDS.index("synchronous")] ** 2
    assert synchronous.mean() == pytest.approx(0.01, rel=0.15)


@pytest.mark.parametrize("direction", range(-180, 180, 15))
def test_a_plane_wave_is_followed_exactly_whichever_way_it_goes(direction):
    k = 2 * np.pi / 5.3
    vector = k * np.array(
        [np.cos(np.radians(direction)), np.sin(np.radians(direction))]
    )
    found = best_wave(_phasors(BANK.positions @ vector), BANK)
    assert found.kind == "plane"
    # the simplex stops at 1e-4 of the array's 3.6 mm
    np.testing.assert_allclose(found.wave, vector, atol=1e-3 * k)
    assert found.score == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("kind", ["source", "sink"])
def test_a_radial_wave_is_followed_to_its_centre(kind):
    r, _ = _about((1.37, 2.11))
    sign = 1 if kind == "source" else -1
    found = best_wave(_phasors(sign * 2 * np.pi / 3.1 * r), BANK)
    assert found.kind == kind
    np.testing.assert_allclose(found.centre, (1.37, 2.11), atol=0.01)
    assert found.radial == pytest.approx(sign * 2 * np.pi / 3.1, rel=1e-3)


@pytest.mark.parametrize("seed", range(12))
def test_a_noisy_radial_wave_goes_the_way_of_its_wavenumber(seed):
    draw = np.random.default_rng(seed)
    r, _ = _about((1.97, 2.17))
    sign = 1 if seed % 2 else -1
    lag = sign * 2 * np.pi / 4.0 * r + 0.8 * draw.standard_normal(100)
    found = best_wave(_phasors(lag), BANK)
    assert (found.kind, np.sign(found.radial)) == (
        ("source", 1) if sign > 0 else ("sink", -1)
    )


@pytest.mark.parametrize("charge", [1, -1])
@pytest.mark.parametrize("radial", [0.0, 2 * np.pi / 3.0, -2 * np.pi / 3.0])
def test_a_turning_wave_is_followed_with_its_sense_and_spread(charge, radial):
    r, theta = _about((1.7, 1.9))
    found = best_wave(_phasors(charge * theta + radial * r), BANK)
    assert found.kind == ("spiral" if radial else "rotating")
    assert found.charge == charge
    np.testing.assert_allclose(found.centre, (1.7, 1.9), atol=0.02)
    assert found.radial == pytest.approx(radial, abs=0.01 * abs(radial) + 1e-9)


def test_dead_sites_are_left_out_and_do_not_move_the_answer():
    live = np.ones(100, dtype=bool)
    live[[0, 9, 90, 99, 26, 73]] = False
    bank = template_bank(_grid()[live], pitch=(PITCH, PITCH))
    apart = bank.positions - (1.37, 2.11)
    found = best_wave(_phasors(2 * np.pi / 3.1 * np.hypot(*apart.T)), bank)
    np.testing.assert_allclose(found.centre, (1.37, 2.11), atol=0.01)


def test_a_plane_wave_with_noise_is_not_called_a_source():
    """A source has one number more to bend to noise, and must pay for it."""
    draw = np.random.default_rng(1)
    lag = BANK.positions @ np.array([0.9, 0.5])
    kinds = [
        best_wave(_phasors(lag + 0.6 * draw.standard_normal(100)), BANK).kind
        for _ in range(20)
    ]
    assert kinds.count("plane") >= 19


def test_planes_stay_within_the_alias_guard_and_are_not_near_unison():
    planes = BANK.wave[BANK.kind == KINDS.index("plane")]
    length = np.hypot(*planes.T)
    assert length.max() <= 2 * np.pi / (4 * PITCH) * (1 + 1e-9)
    across = np.hypot(*(planes * (3.6 + PITCH)).T)
    assert across.min() >= np.pi / 2


def test_fewer_than_nine_sites_are_refused():
    with pytest.raises(InputError, match="8 live sites"):
        template_bank(_grid()[:8], pitch=(PITCH, PITCH))


def test_kinds_that_travel_come_first():
    assert KINDS[: len(TRAVELLING)] == TRAVELLING


def test_sites_know_whether_they_span_a_plane():
    line = np.stack([np.arange(5.0), np.zeros(5)], axis=-1)
    assert not Sites(line, None, None, 1.0).is_plane
