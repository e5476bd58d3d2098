"""Separability says what it says, and nothing of propagation."""

from __future__ import annotations

import numpy as np
import pytest

import cortexwave.synthetic as synthetic
from cortexwave.analysis.separability import non_separability, separability
from cortexwave.errors import InputError

SITES = synthetic.lattice_sites((5, 5), spacing=0.4)
TIME = {"duration": 8.0, "rate": 125.0}


def test_a_product_has_an_index_of_0():
    draw = np.random.default_rng(0)
    power = np.outer(draw.random(7), draw.random(12))
    assert non_separability(power) == pytest.approx(0.0, abs=1e-12)  # rounding


def test_power_on_a_ridge_of_n_places_has_an_index_of_1_less_1_over_n():
    # each row and column has one entry: n equal singular values
    assert non_separability(np.diag([3.0, 1.0, 4.0, 2.0])) == pytest.approx(3 / 4)


def test_scale_of_power_does_not_matter_nor_order_of_frequencies():
    power = np.random.default_rng(0).random((5, 9))
    index = non_separability(power)
    assert non_separability(1e-12 * power[:, ::-1]) == pytest.approx(index, rel=1e-9)


def test_separable_noise_is_separable_and_the_decoy_of_two_sources_is_not():
    noise = synthetic.smooth_noise(SITES, length=0.4, seed=1, **TIME)
    decoy = synthetic.two_sources(SITES, seed=1, **TIME)
    found = [separability(each, band=(4.0, 40.0), seed=1, count=39)
             for each in (noise, decoy)]  # fmt: skip
    assert found[0].verdict.item() == "separable, as far as is seen"
    # nothing travels in it: a rejection must not be worded as a wave
    assert found[1].verdict.item() == "not separable in space and time"
    assert found[1].nsi.item() > 5 * found[1].nsi_chance.item()


def test_dead_sites_are_left_out():
    noise = synthetic.smooth_noise(SITES, length=0.4, seed=1, **TIME)
    noise.signal[:, 1, 1] = np.nan
    assert np.isfinite(separability(noise, band=(4.0, 40.0), seed=1, count=19).nsi)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"band": (9.0, 11.0)}, "holds 3 frequencies"),
        ({"count": 5}, "count is 5"),
        ({"band": (4.0, 90.0)}, "band ends at 90 Hz"),
    ],
)
def test_what_cannot_be_meant_is_refused_by_name(change, message):
    noise = synthetic.smooth_noise(SITES, length=0.4, seed=1, **TIME)
    with pytest.raises(InputError, match=message):
        separability(noise, **{"band": (4.0, 40.0), "seed": 1, **change})
