"""Fisher memory of known operators, and the same found in what they produce."""

from __future__ import annotations

import numpy as np
import pytest

from cortexwave.errors import InputError
from cortexwave.memory.driven import driven_from
from cortexwave.memory.fisher_memory import fisher_memory, fisher_memory_from_data

SITES = 20  # of the driven systems

HARMONIC = sum(1 / n for n in range(1, SITES + 1))


def test_a_delay_line_forgets_as_one_over_its_age(linear_system):
    # Ganguli, Huh & Sompolinsky 2008: unit noise gathers once per step
    found = fisher_memory(*linear_system("delay"), noise=1.0, lags=SITES + 5)
    due = np.r_[1 / np.arange(1, SITES + 1), np.zeros(5)]
    np.testing.assert_allclose(found.fisher.values[0], due, atol=1e-8)
    assert found.total.item() == pytest.approx(HARMONIC, abs=1e-8)


@pytest.mark.parametrize("decay", [0.5, 0.9, 0.99, 0.999])
def test_a_ring_of_any_decay_has_a_total_of_one(decay):
    ring = decay * np.roll(np.eye(SITES), 1, axis=0)
    found = fisher_memory(ring, np.eye(SITES)[0], noise=1.0, lags=3)
    assert found.total.item() == pytest.approx(1.0, abs=1e-6)


def test_any_normal_operator_has_a_total_of_one(linear_system):
    draw = np.random.default_rng(0)
    turned = 0.95 * np.linalg.qr(draw.standard_normal((SITES, SITES)))[0]
    for moves in (turned, linear_system("leaky")[0]):
        enters = draw.standard_normal(SITES)
        enters /= np.linalg.norm(enters)
        found = fisher_memory(moves, enters, noise=1.0, lags=3)
        assert found.total.item() == pytest.approx(1.0, abs=1e-6)


def test_noise_of_half_the_variance_doubles_fisher_memory(linear_system):
    plain, less = (fisher_memory(*linear_system("delay"), noise=noise, lags=3)
                   for noise in (1.0, 0.5))  # fmt: skip
    np.testing.assert_allclose(less.fisher, 2 * plain.fisher, rtol=1e-12)


@pytest.mark.parametrize(("kind", "total"), [("delay", HARMONIC), ("ring", 1.0)])
def test_data_give_the_curve_of_the_operator_that_made_them(
    kind, total, linear_system, driven_system
):
    found = fisher_memory_from_data(
        driven_system(kind, noise=1.0, values=10_000, seed=3),
        lags=40,
        surrogates=19,
        seed=0,
    )
    due = fisher_memory(*linear_system(kind), noise=1.0, lags=40)
    # 4 standard errors of the total: 0.12 for the line, 0.06 for the ring
    assert found.total.item() == pytest.approx(total, abs=0.5 if total > 2 else 0.25)
    np.testing.assert_allclose(found.fisher[0], due.fisher[0], atol=0.1)
    assert found.total_low.item() < total < found.total_high.item()


def test_states_that_hold_nothing_have_no_fisher_memory():
    draw = np.random.default_rng(1)
    driven = driven_from(draw.standard_normal((4000, 30)), draw.standard_normal(4000),
                         tick=0.01)  # fmt: skip
    found = fisher_memory_from_data(driven, lags=20, surrogates=39, seed=0)
    # squared in one piece, errors alone would add up to 20 * 30 / 4000 = 0.15
    assert found.total.item() == pytest.approx(0.0, abs=0.03)
    assert found.p.min() > 0.01


def test_what_has_no_fisher_memory_is_refused(driven_system):
    with pytest.raises(InputError, match="grows without bound"):
        fisher_memory(np.eye(3), np.ones(3), noise=1.0, lags=3)
    with pytest.raises(InputError, match="free of it"):
        fisher_memory(np.zeros((2, 2)), np.ones(2), noise=np.diag([1.0, 0.0]), lags=3)
    with pytest.raises(InputError, match=r"\(site, input\)"):
        fisher_memory(np.zeros((2, 3)), np.ones(2), noise=1.0, lags=3)
    with pytest.raises(InputError, match="needs 82 in each of 4 stretches"):
        fisher_memory_from_data(
            driven_system("ring", noise=1.0, values=200, seed=0), lags=40, seed=0
        )


def test_values_shown_alike_in_all_trials_make_no_fisher_memory():
    draw = np.random.default_rng(1)
    states = draw.standard_normal((400, 10)) + 0.1 * draw.standard_normal((6, 400, 10))
    shown = np.tile(draw.standard_normal(400), (6, 1))
    found = fisher_memory_from_data(driven_from(states, shown, tick=0.01), lags=4,
                                    blocks=8, surrogates=19, seed=0)  # fmt: skip
    # a response fitted to 400 values is wrong by 1 / 20 at each of 10 sites of unit
    # variance, alike in all trials: 10 / 400 of each lag, were trials kept apart. The
    # standard error of J at one lag is near sqrt(2 * 10) / 400 = 0.011
    assert abs(found.fisher.mean().item()) < 0.014
