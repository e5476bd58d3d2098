"""Are sums over blocks longer than with the sign of each block tossed?

Where nothing leads, a block of a recording is as likely as the same block reversed in
time, which changes the sign of every lag in it (of the imaginary part of its
cross-spectrum) and nothing else. If blocks are independent, the recording is one of
2^(blocks - 1) equally likely ones, and the rank of its statistic among them is an
exact test (Fisher 1935; Winkler et al. 2014). No surrogate needs to be made: the sums
are linear in the signs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

FEWEST_BLOCKS = 6  # 2^5 = 32 choices of signs: p can be as small as 0.03
# sums of the same numbers in another order are equal to within rounding
_ROUNDING = 1e-12


@dataclass(frozen=True)
class Flipped:
    """p of each statistic and of the smallest of them; see `flipped`."""

    p: dict[str, float]
    combined: float
    z: dict[str, float]
    choices: int


def signs(blocks: int, *, count: int, seed: int) -> np.ndarray:
    """Signs (choice, block) of +1 and -1; the first choice is that of the recording.

    All 2^(blocks - 1) where these are no more than 1 + `count` (the sign of everything
    together does not matter), else `count` drawn at random after the first.
    """
    if blocks - 1 < 60 and 2 ** (blocks - 1) <= 1 + count:
        bits = np.arange(2 ** (blocks - 1))[:, None] >> np.arange(blocks) & 1
        return 1.0 - 2.0 * bits
    tossed = np.random.default_rng(seed).integers(0, 2, (count, blocks))
    return np.concatenate([np.ones((1, blocks)), 1.0 - 2.0 * tossed])


def lengths(sign: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Sum over tiles of |sum over blocks s v|^2, (choice,).

    `values` (block, tile, entry). What is added up within a tile may cancel; tiles
    cannot cancel each other. Computed from the products of blocks, as there are many
    more entries than blocks.
    """
    blocks = values.shape[0]
    flat = values.reshape(blocks, -1)
    products = flat @ flat.T
    return np.einsum("ca,ca->c", sign @ products, sign)


def flipped(statistics: dict[str, np.ndarray]) -> Flipped:
    """Rank of the first choice in each statistic (choice,), greater being rarer.

    p is how often a choice reaches the first, which counts itself: exact where all
    choices are there, (1 + #) / (1 + count) where they were drawn. The combined p ranks
    the smallest p of the recording among the smallest p of every choice, under the same
    signs, so that looking at several statistics costs no more than it should (Westfall
    & Young 1993). z: distance from the mean of the other choices in their sd.
    """
    choices = len(next(iter(statistics.values())))
    ranks, p, z = [], {}, {}
    for name, values in statistics.items():
        slack = _ROUNDING * np.abs(values).max(initial=0.0)
        ordered = np.sort(values)
        # how many choices reach each choice
        rank = choices - np.searchsorted(ordered, values - slack, side="left")
        ranks.append(rank)
        p[name] = float(rank[0] / choices)
        spread = values[1:].std()
        far = values[0] - values[1:].mean()
        z[name] = float(far / spread) if spread > slack else np.nan
    smallest = np.min(ranks, axis=0)
    combined = float(np.mean(smallest <= smallest[0]))
    return Flipped(p=p, combined=combined, z=z, choices=choices)
