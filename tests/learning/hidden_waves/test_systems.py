"""History-dependent systems: tasks as published, their family, runs, refusals."""

from __future__ import annotations

from itertools import combinations, product
from math import comb, factorial

import numpy as np
import pytest

from cortexwave.errors import InputError, NotFiniteError
from cortexwave.learning.hidden_waves.spectrum import companion
from cortexwave.learning.hidden_waves.systems import (
    TASKS,
    HistorySystem,
    SignedCopy,
    fibonacci,
    linear_system,
    random_linear,
    run,
    signed_copy,
)

DIAGONAL = 9241421688590303745

# x_k(t) = sign * x_source(t - lag), as the paper's published code lists its tasks
PUBLISHED = {
    "T1": [("+", k, 8) for k in range(8)],
    "T2": [("+", k, 8 - k) for k in range(8)],
    "T3": [("-", 4, 4), ("+", 3, 5), ("-", 2, 6), ("-", 0, 8), ("-", 1, 7),
           ("-", 5, 3), ("+", 7, 1), ("-", 6, 2)],
    "T4": [("-", 5, 3), ("+", 6, 2), ("+", 0, 8), ("+", 1, 7), ("-", 2, 6),
           ("+", 3, 5), ("+", 4, 4), ("-", 7, 1)],
}  # fmt: skip


@pytest.mark.parametrize("name", PUBLISHED)
def test_each_task_is_the_published_equation(name):
    task = TASKS[name]
    found = zip(task.signs, task.sources, task.lags, strict=True)
    assert [("+" if g > 0 else "-", j, lag) for g, j, lag in found] == PUBLISHED[name]


@pytest.mark.parametrize(
    "name, cycles, needed",
    [
        ("T1", [(8, 1)] * 8, 64),
        ("T2", [(lag, 1) for lag in range(8, 0, -1)], 36),
        ("T3", [(24, -1), (6, -1), (3, -1), (3, -1)], 36),
        ("T4", [(35, 1), (1, -1)], 36),
    ],
)
def test_each_task_has_the_published_cycles_and_size(name, cycles, needed):
    assert TASKS[name].cycles() == cycles
    assert TASKS[name].needed_entries == needed


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_run_of_a_task_obeys_its_equation_at_every_step(name):
    history = np.random.default_rng(3).choice([-1.0, 1.0], (5, 8, 8))
    course = run(TASKS[name].system(name), history, 50)
    whole = np.concatenate([history, course], axis=1)  # (batch, time, dim)
    for dim, (sign, source, lag) in enumerate(PUBLISHED[name]):
        read = whole[:, 8 - lag : 58 - lag, source]
        assert np.array_equal(course[:, :, dim], read if sign == "+" else -read)


def test_the_ids_of_a_family_are_all_its_members_once():
    # C(sd, d) d! 2^d functions; d = 3, s = 2
    members = {
        signed_copy(id1, a + 3 * b, id3, dims=3, sites=2)
        for id1 in (sum(1 << bit for bit in bits) for bits in combinations(range(6), 3))
        for a, b in product(range(3), range(2))
        for id3 in range(8)
    }
    assert len(members) == comb(6, 3) * factorial(3) * 2**3


def test_the_blocks_of_a_signed_copy_compute_its_f():
    copy, draw = TASKS["T3"], np.random.default_rng(0)
    history = draw.standard_normal((4, 8, 8))
    expected = sum(history[:, site] @ copy.blocks()[site].T for site in range(8))
    assert np.array_equal(copy.system().f(history), expected)


def test_a_source_that_is_read_twice_counts_to_its_longest_lag():
    # dim 0 is read at lags 3 and 1, dim 1 never: three sites of dim 0 are needed
    copy = SignedCopy(sources=(0, 0), lags=(3, 1), signs=(1, 1), sites=4)
    assert copy.needed_entries == 3
    assert copy.cycles() == [(3, 1)]


def test_two_sites_of_generalised_fibonacci_give_fibonacci_numbers():
    course = run(fibonacci(1, 2), np.array([[1.0], [1.0]]), 10)
    assert course[:, 0].tolist() == [2, 3, 5, 8, 13, 21, 34, 55, 89, 144]


def test_three_sites_of_generalised_fibonacci_give_tribonacci_numbers():
    course = run(fibonacci(2, 3), np.array([[0.0, 0], [0, 0], [1, 2]]), 8)
    assert course[:, 0].tolist() == [1, 2, 4, 7, 13, 24, 44, 81]
    assert course[:, 1].tolist() == [2, 4, 8, 14, 26, 48, 88, 162]


@pytest.mark.parametrize("radius", [0.5, 1.0, 1.3])
def test_a_random_linear_system_has_the_radius_asked_for(radius):
    blocks = random_linear(3, 4, seed=5, radius=radius).linear
    largest = np.abs(np.linalg.eigvals(companion(blocks))).max()
    assert largest == pytest.approx(radius, rel=1e-9)


def test_a_random_linear_system_is_its_seed():
    one, same, other = (random_linear(2, 3, seed=s, radius=1) for s in (1, 1, 2))
    assert np.array_equal(one.linear, same.linear)
    assert not np.array_equal(one.linear, other.linear)


def test_a_linear_system_is_a_vector_autoregression():
    blocks = np.random.default_rng(1).standard_normal((3, 2, 2)) / 3
    history = np.random.default_rng(2).standard_normal((3, 2))
    course = run(linear_system(blocks), history, 5)
    whole = [*history]
    for _ in range(5):  # u(t+1) = sum_i phi_i u(t+1-i), phi_i the block of lag i
        whole.append(sum(blocks[3 - lag] @ whole[-lag] for lag in (1, 2, 3)))
    assert np.abs(course - np.array(whole[3:])).max() < 1e-14  # rounding of 5 sums


def test_a_function_of_ones_own_is_run_on_the_last_vectors():
    def f(history):
        return np.tanh(history[..., 0, :] * history[..., 2, ::-1])

    history = np.random.default_rng(0).standard_normal((3, 2))
    course = run(HistorySystem(2, 3, "own", f), history, 4)
    whole = [*history]
    for _ in range(4):
        whole.append(np.tanh(whole[-3] * whole[-1][::-1]))
    assert np.array_equal(course, np.array(whole[3:]))


@pytest.mark.parametrize(
    "ids, message",
    [
        ((127, 0, 0), "id1 has 7 bits, but 8 dims read one entry each: exactly 8"),
        ((511, 0, 0), "id1 has 9 bits"),
        ((-1, 0, 0), r"id1 is -1, not an integer of 0 to 2\*\*64 - 1"),
        ((2**64, 0, 0), "id1 is 18446744073709551616"),
        ((255.0, 0, 0), "id1 is 255.0"),
        ((255, 8**8, 0), r"id2 is 16777216, not an integer of 0 to 8\*\*8 - 1"),
        ((255, 0, 256), "id3 is 256, not an integer of 0 to 2"),
        ((255, 7 * 8, 0), "digit 1 of id2 is 7: it would swap dim 1 with dim 8"),
        ((True, 0, 0), "id1 is True"),
    ],
)
def test_ids_that_name_no_task_are_refused(ids, message):
    with pytest.raises(InputError, match=message):
        signed_copy(*ids)


def test_all_faulty_ids_are_named_at_once():
    with pytest.raises(InputError, match=r"id1 is -1.*id2 is -1.*id3 is -1"):
        signed_copy(-1, -1, -1)


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"lags": (0, 2)}, r"the lag of dim 0 is 0, not 1 to 4 \(sites\)"),
        ({"lags": (1, 5)}, "the lag of dim 1 is 5"),
        ({"sources": (0, 2)}, "the source of dim 1 is 2, not 0 to 1"),
        ({"signs": (1, 0)}, "the sign of dim 1 is 0, not -1 or 1"),
        ({"lags": (1,)}, "one source, lag and sign for each dim, not 2, 1 and 2"),
        ({"lags": (1.5, 2)}, "the lag of dim 0 is 1.5"),
        ({"sites": 0}, "sites is 0; it is an integer from 1 on"),
    ],
)
def test_a_signed_copy_that_cannot_be_is_refused(changes, message):
    right = {"sources": (1, 0), "lags": (1, 2), "signs": (1, -1), "sites": 4}
    with pytest.raises(InputError, match=message):
        SignedCopy(**{**right, **changes})


def test_an_f_of_the_wrong_shape_is_named():
    system = HistorySystem(2, 3, "mine", lambda history: history)
    with pytest.raises(
        InputError, match=r"mine: f gives shape \(3, 2\).*each is \(2,\)"
    ):
        run(system, np.zeros((3, 2)), 1)


def test_an_f_that_is_not_finite_is_named_with_its_step():
    # 2^(2^n): above 1.8e308 at the 10th squaring of 2
    system = HistorySystem(1, 1, "squares", lambda history: history[..., 0, :] ** 2)
    with (
        np.errstate(over="ignore"),
        pytest.raises(NotFiniteError, match="squares: f is not finite at step 10"),
    ):
        run(system, np.array([[2.0]]), 20)


@pytest.mark.parametrize(
    "history, message",
    [
        (np.zeros((8, 7)), r"the history is \(8, 7\); it ends in \(8, 8\)"),
        (np.full((8, 8), np.nan), "the history holds numbers that are not finite"),
        (np.zeros((8, 8), dtype=complex), "the history is complex128"),
        ([["a"] * 8] * 8, "the history is <U1, not real numbers"),
    ],
)
def test_a_history_that_does_not_fit_is_refused(history, message):
    with pytest.raises(InputError, match=message):
        run(TASKS["T1"].system(), history, 3)


@pytest.mark.parametrize("steps", [0, -1, 2.5, True])
def test_a_number_of_steps_is_an_integer_from_one(steps):
    with pytest.raises(InputError, match="steps is"):
        run(TASKS["T1"].system(), np.zeros((8, 8)), steps)


@pytest.mark.parametrize(
    "blocks, message",
    [
        (np.zeros((2, 3, 4)), r"B is \(2, 3, 4\); it is \(site, dim, dim\)"),
        (np.zeros((3, 3)), r"B is \(3, 3\)"),
        (np.full((1, 1, 1), np.inf), "B holds numbers that are not finite"),
    ],
)
def test_blocks_that_are_none_are_refused(blocks, message):
    with pytest.raises(InputError, match=message):
        linear_system(blocks)


@pytest.mark.parametrize("radius", [0, -1.0, np.inf, np.nan])
def test_a_radius_is_positive(radius):
    with pytest.raises(InputError, match="the radius is"):
        random_linear(2, 2, seed=0, radius=radius)


def test_what_is_not_a_function_is_refused():
    with pytest.raises(InputError, match="mine: f is 3, not a function"):
        HistorySystem(1, 1, "mine", 3)
