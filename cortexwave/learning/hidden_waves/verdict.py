"""Whether a recovered basis can be trusted, and every reason why not.

The limits are conventions: on networks trained on T1 to T4 sound bases have a condition
of 1 to 4 and a leak below 0.1, a random orthogonal matrix a leak of about 0.5.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cortexwave.learning.hidden_waves.agreement import Agreement
from cortexwave.learning.hidden_waves.fixed_point import STANDS_STILL
from cortexwave.learning.hidden_waves.spectrum import Comparison

WORST_CONDITION = 20.0
WORST_LEAK = 0.25
LEAST_ROOM = 0.25  # of the directions of a state, that must not be needed
WORST_ANGLE = 0.05  # rad; the 64 angles of T1 are 0.79 apart, the 35 of T4's ring 0.18


@dataclass(frozen=True)
class Evidence:
    """What a verdict rests on.

    `due` is how many eigenvalues should persist, `units` how many there are.
    """

    residual: float
    kinked: bool
    persistent: int
    due: int
    units: int
    radius: float
    condition: float
    leak: np.ndarray
    agreement: Agreement | None
    comparison: Comparison | None


def reasons_against(evidence: Evidence) -> tuple[str, ...]:
    """Every reason not to trust a basis, the most basic first; none if it is sound.

    More eigenvalues than are due are no reason by themselves: a network may hold more
    than the task needs.
    """
    found = evidence
    reasons = []
    if found.residual > STANDS_STILL:
        reasons.append(
            f"it was linearised where the network does not stand still (largest "
            f"|F(h) - h| {found.residual:.2g})"
        )
    if found.kinked:
        reasons.append(
            "the network has no derivative there (a unit is at the corner of its "
            "activation); linearise elsewhere"
        )
    if found.persistent < found.due:
        reasons.append(
            f"{found.persistent} eigenvalues are beyond {found.radius:g} where "
            f"{found.due} entries are to be held"
        )
    if found.condition > WORST_CONDITION:
        reasons.append(
            f"the condition of Psi is {found.condition:.3g} (above "
            f"{WORST_CONDITION:g}): its waves are not distinct directions"
        )
    leaky = np.flatnonzero(found.leak > _worst_leak(found))
    if found.comparison is None and found.due > (1 - LEAST_ROOM) * found.units:
        reasons.append(
            f"{found.due} entries fill nearly all {found.units} directions of a state, "
            "so that any basis would hold what is passed: without a theory nothing "
            "tells it from that of a random network"
        )
    if leaky.size:
        reasons.append(
            f"{100 * np.nanmax(found.leak):.0f} % of what the boundary passes is "
            f"outside the basis (dims {', '.join(map(str, leaky))}): sites or lags are "
            "too few, or there is no wave"
        )
    reasons += _against_theory(found)
    return tuple(reasons)


def _worst_leak(found: Evidence) -> float:
    """The leak from which on there is no wave.

    A random basis of `due` among `persistent` directions leaks 1 - due / persistent;
    without a theory half of that already is no evidence of a wave.
    """
    if found.comparison is not None or found.persistent <= found.due:
        return WORST_LEAK
    return min(WORST_LEAK, (1 - found.due / found.persistent) / 2)


def _against_theory(found: Evidence) -> list[str]:
    reasons = []
    compared, agreed = found.comparison, found.agreement
    if compared is not None and compared.angle_error > WORST_ANGLE:
        reasons.append(
            f"its eigenvalues are {compared.angle_error:.2g} rad from the theory's"
        )
    if agreed is not None and agreed.lines_same < agreed.lines:
        reasons.append(
            f"{agreed.lines - agreed.lines_same} of {agreed.lines} dims are not read "
            "as the theory has them read"
        )
    return reasons
