"""The wave memory against its paper (Karuvally, Sejnowski & Siegelmann 2024).

Update of the lattice: h_i(t+1) = h_{i+1}(t), and f of all columns at the start.
"""

from __future__ import annotations

import numpy as np
from scipy.stats import binom

from cortexwave.sheet.kernels import Stored

EXACT = 1e-12  # as for the other wave models: a few roundings a step


def a_memory(make_problem, folder, *, columns, features, taps, steps, initial):
    """Columns, and as many beyond the start less one; taps (lag, out, in) at it."""
    width = 2 * columns - 1
    kernel = np.zeros((features, features, width))
    for lag, weights in taps.items():
        kernel[:, :, columns - lag] = weights
    np.save(folder / "B.npy", kernel)
    start = np.zeros((features, 1, width))
    start[..., columns - 1] = 1.0
    h = np.zeros((features, 1, width))
    h[:, 0, :columns] = initial
    return make_problem(
        "wave_memory", shape=(1, width), boundary=("open", "open"), features=features,
        kernels={"start": Stored(path=str(folder / "B.npy"))},
        gains={"start": (None, start)}, dt=10e-3, parameters={"tau": 10e-3},
        steps=steps, initial={"h": h},
    )  # fmt: skip


def test_repeat_copy_says_its_items_again_and_again(make_problem, frames, tmp_path):
    # task T1: u(t+1) = u(t-s+1), so that every column repeats with period s
    items = np.random.default_rng(0).choice([-1.0, 1.0], (4, 8))
    problem = a_memory(make_problem, tmp_path, columns=8, features=4, steps=80,
                       taps={8: np.eye(4)}, initial=items)  # fmt: skip
    field = frames(problem)["h"][:, :, 0, :8]
    for step in range(81):
        expected = np.roll(items, -step, axis=1)
        assert np.abs(field[step] - expected).max() < EXACT


def test_two_columns_count_fibonacci_numbers(make_problem, frames, tmp_path):
    # the paper's first example of a history-dependent system
    problem = a_memory(make_problem, tmp_path, columns=2, features=1, steps=10,
                       taps={1: 1.0, 2: 1.0}, initial=[[1.0, 1.0]])  # fmt: skip
    newest = frames(problem)["h"][:, 0, 0, 1]
    assert np.round(newest, 9).tolist() == [1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144]


def test_without_feedback_it_is_a_store_that_empties_at_the_open_end(
    make_problem, frames
):
    # nothing comes back from the end: s steps and it is empty
    problem = make_problem("wave_memory", shape=(1, 12), boundary=("open", "open"),
                           dt=10e-3, parameters={"tau": 10e-3}, steps=14)  # fmt: skip
    field = frames(problem)["h"][:, 0, 0]
    for step in range(12):
        assert np.abs(field[step, : 12 - step] - field[0, step:]).max() < EXACT
    assert np.abs(field[12:]).max() < EXACT


def test_below_courant_one_it_spreads_as_the_upwind_scheme(make_problem, frames):
    pulse = np.zeros((1, 1, 60))
    pulse[..., -1] = 1.0
    problem = make_problem(
        "wave_memory", shape=(1, 60), boundary=("open", "open"), dt=3e-3,
        parameters={"tau": 10e-3}, steps=50, initial={"h": pulse},
    )  # fmt: skip
    last = frames(problem)["h"][-1, 0, 0, ::-1]
    assert np.abs(last - binom.pmf(np.arange(60), 50, 0.3)).max() < EXACT
