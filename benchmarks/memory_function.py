"""Time of a memory function: 10,000 values of a drive, 1,000 sites, 100 lags.

An open line of 1,000 sites with noise at each step; 199 surrogates, five folds, the
limit in many rows and 1,000 draws of the bootstrap included.
"""

from __future__ import annotations

import time

import numpy as np

from cortexwave.memory.driven import driven_from
from cortexwave.memory.memory_function import memory_function

VALUES, SITES, LAGS = 10_000, 1_000, 100


def main() -> None:
    draw = np.random.default_rng(0)
    drive = draw.standard_normal(VALUES)
    state, states = np.zeros(SITES), np.empty((VALUES, SITES))
    for step, value in enumerate(drive):
        state = np.roll(state, 1)
        state[0] = value
        state += 0.1 * draw.standard_normal(SITES)
        states[step] = state
    driven = driven_from(states, drive, tick=0.02)
    began = time.perf_counter()
    found = memory_function(driven, lags=LAGS, seed=0)
    took = time.perf_counter() - began
    print(f"memory_function of {VALUES} x {SITES}, {LAGS} lags: {took:.1f} s; "
          f"capacity {found.capacity.item():.2f}")  # fmt: skip


if __name__ == "__main__":
    main()
