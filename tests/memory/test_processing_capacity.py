"""Capacities for products of inputs, where states are such products."""

from __future__ import annotations

import numpy as np
import pytest

from cortexwave.errors import InputError
from cortexwave.memory.driven import driven_from
from cortexwave.memory.processing_capacity import (
    orthonormal,
    processing_capacity,
    products,
)


def test_polynomials_of_a_uniform_drive_are_legendres():
    drive = np.linspace(-1, 1, 20001)[None, :, None]
    found = orthonormal(drive, 3)
    second = np.sqrt(5) * (3 * drive**2 - 1) / 2
    third = np.sqrt(7) * (5 * drive**3 - 3 * drive) / 2
    np.testing.assert_allclose(found[2], second, atol=1e-3)
    np.testing.assert_allclose(found[3], third, atol=1e-3)


def test_a_binary_drive_has_products_of_different_lags_only():
    drive = np.random.default_rng(0).choice([-1.0, 1.0], (1, 400, 1))
    assert len(orthonormal(drive, 4)) == 2
    assert products([0, 4], 1, 2) == [
        ((0, a, 1), (0, b, 1)) for a in range(4) for b in range(a + 1, 4)
    ]


def test_each_state_is_found_as_the_product_it_is():
    draw = np.random.default_rng(1)
    u = draw.uniform(-1, 1, 4000)
    states = np.stack([u, np.roll(u, 1) * u, (3 * np.roll(u, 2) ** 2 - 1) / 2], axis=1)
    states = np.concatenate([states, draw.standard_normal((4000, 5))], axis=1)
    found = processing_capacity(driven_from(states, u, tick=0.01), lags=[5, 5, 3],
                                surrogates=19, seed=0)  # fmt: skip
    named = found["product"].values[found.capacity_of.values > 0.5].tolist()
    assert named == ["P1(u[-0])", "P1(u[-0]) P1(u[-1])", "P2(u[-2])"]
    # exact but for chance: above the threshold of 31 products by luck, 0.005 each
    assert found.total.item() == pytest.approx(3.0, abs=0.02)
    np.testing.assert_allclose(found.capacity, [1, 2, 0], atol=0.01)
    assert found.nonlinear_share.item() == pytest.approx(2 / 3, abs=0.01)


def test_the_total_does_not_exceed_the_sites():
    # a saturating network of 8 units; the bound is Dambre et al. 2012, theorem 7
    draw = np.random.default_rng(2)
    u = draw.uniform(-1, 1, 6000)
    joined = 0.9 * np.linalg.qr(draw.standard_normal((8, 8)))[0]
    enters, state, states = draw.standard_normal(8), np.zeros(8), []
    for value in u:
        state = np.tanh(joined @ state + enters * value)
        states.append(state)
    found = processing_capacity(driven_from(np.array(states), u, tick=0.01),
                                lags=[20, 6, 4], surrogates=19, seed=0)  # fmt: skip
    assert 4.0 < found.total.item() <= 8.0
    # the network is odd in its drive: even degrees are silent, the third is not
    assert found.capacity[1].item() < 0.02 < 0.1 < found.capacity[2].item()


def test_states_without_the_drive_have_no_capacity():
    draw = np.random.default_rng(3)
    driven = driven_from(draw.standard_normal((1000, 20)), draw.uniform(-1, 1, 1000),
                         tick=0.01)  # fmt: skip
    found = processing_capacity(driven, lags=[6, 5], surrogates=19, seed=0)
    # 27 products, each 0 with a standard deviation of sqrt(2 / 5) / 200: 3 of the sum
    assert found.capacity_all.sum().item() == pytest.approx(0.0, abs=0.05)


def test_too_many_products_are_counted_and_refused():
    driven = driven_from(
        np.random.default_rng(0).standard_normal((900, 3)),
        np.random.default_rng(1).uniform(-1, 1, 900),
        tick=0.01,
    )
    with pytest.raises(InputError, match="make 171700 products"):
        processing_capacity(driven, lags=[0, 0, 100], seed=0)
    with pytest.raises(InputError, match="one number of lags for each degree"):
        processing_capacity(driven, lags=[], seed=0)
