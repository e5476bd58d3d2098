"""How many values of a recording are read at once, so that any length of it will do."""

from __future__ import annotations

AT_ONCE = 2**20  # values: of larger pieces nothing is faster
# That stand in memory at the worst moment for each value of a piece: the values (read,
# in float64, without means, tapered), three tapers' complex coefficients of a band that
# may reach up to half the sampling rate, and what the sums over them take of those.
BYTES_OF_A_VALUE = 160


def values_within(memory: int) -> int:
    """Values to read at once for what is made of them to stay within `memory` bytes."""
    return max(1, min(AT_ONCE, memory // BYTES_OF_A_VALUE))
