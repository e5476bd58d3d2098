"""The wave of a kind that some frames follow best: centre, wave vector, and the score.

The score of a lag phi(r) is the mean over frames of |mean over sites of
exp(i (phase + phi))|, the same as in `cortexwave.analysis.templates`, here as a smooth
function of two or three numbers that is climbed from the best template. No grid is left
in the answer.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize

from cortexwave.analysis.templates import KINDS, TRAVELLING, Bank, lags

_MOST_FRAMES = 48
# A kind with more to adjust must follow that much better per number (a plane bends a
# little for every noise): about what 100 sites give for nothing.
_PRICE = 0.01
# What a climb from a template may gain: one whose template is farther behind is left.
_GAIN = 0.15
_PAST = 1.1  # of the highest wavenumber that is looked for
_NUMBERS = {"plane": 2, "source": 3, "sink": 3, "rotating": 2, "spiral": 3}


@dataclass(frozen=True)
class Followed:
    """A wave of a kind: what `Bank` says of a template, in numbers that are exact."""

    kind: str
    score: float  # 0 to 1
    wave: np.ndarray  # (2,) rad/mm
    centre: np.ndarray  # (2,) mm
    charge: int
    radial: float  # rad/mm

    def lag(self, positions: np.ndarray, middle: np.ndarray) -> np.ndarray:
        """Lag of each site in rad, (site,)."""
        return lags(positions, middle=middle, wave=self.wave[None],
                    centre=self.centre[None], charge=np.array([self.charge]),
                    radial=np.array([self.radial]))[:, 0]  # fmt: skip

    def turned(self) -> Followed:
        """The wave that the same phases are where phase falls in time."""
        kind = {"source": "sink", "sink": "source"}.get(self.kind, self.kind)
        return Followed(kind, self.score, -self.wave, self.centre, -self.charge,
                        -self.radial)  # fmt: skip

    @property
    def worth(self) -> float:
        """The score less what its numbers cost."""
        return self.score - _PRICE * _NUMBERS[self.kind]


def best_wave(phasors: np.ndarray, bank: Bank) -> Followed:
    """The travelling wave that frames (frame, site) of exp(i phase) follow best.

    Every kind is climbed from its own best template; the one is taken that is worth
    most, so that a bent plane must follow clearly better to be called a source.
    """
    chosen = phasors[:: max(1, len(phasors) // _MOST_FRAMES)]
    power = np.abs(chosen.astype(np.complex64) @ bank.matrix).mean(axis=0)
    starts = []
    for kind in TRAVELLING:
        of_kind = np.flatnonzero(bank.kind == KINDS.index(kind))
        if not of_kind.size:
            continue
        starts.append(int(of_kind[power[of_kind].argmax()]))
    hopeful = power[starts].max() - _GAIN
    found = [climbed(chosen, bank, each) for each in starts if power[each] >= hopeful]
    return max(found, key=lambda each: each.worth)


def climbed(phasors: np.ndarray, bank: Bank, template: int) -> Followed:
    """The wave nearest a template of which frames (frame, site) think best."""
    kind = KINDS[int(bank.kind[template])]
    charge, radial = int(bank.charge[template]), float(bank.radial[template])
    wave, centre = bank.wave[template], bank.centre[template]
    low, high = bank.positions.min(axis=0), bank.positions.max(axis=0)
    size = float(np.max(high - low))

    def made(at: np.ndarray) -> Followed:
        if kind == "plane":
            return Followed(kind, 0.0, at / size, centre, 0, 0.0)
        k = radial if len(at) == 2 else float(at[2]) / size
        return Followed(kind, 0.0, wave, at[:2] * size, charge, k)

    def loss(at: np.ndarray) -> float:
        guess = made(at)
        # centres beyond the array would make any wave a plane one
        outside = np.any(guess.centre < low) or np.any(guess.centre > high)
        if kind != "plane" and outside:
            return 0.0
        # past the limit a wave may be the alias of another
        number = np.hypot(*(guess.wave / bank.highest))
        if max(number, abs(guess.radial) / bank.highest.min()) > _PAST:
            return 0.0
        turned = np.exp(1j * guess.lag(bank.positions, bank.middle))
        return -float(np.abs(phasors @ turned).mean()) / len(turned)

    start = wave * size if kind == "plane" else centre / size
    if kind in ("source", "sink", "spiral"):
        start = np.append(start, radial * size)
    inside = np.clip(start[:2], low / size + 1e-3, high / size - 1e-3)
    if kind != "plane":
        start = np.concatenate([inside, start[2:]])
    steps = np.vstack([start, *(start + 0.15 * row for row in np.eye(len(start)))])
    found = minimize(
        loss, start, method="Nelder-Mead",
        options={"initial_simplex": steps, "xatol": 3e-4, "fatol": 1e-5,
                 "maxfev": 200},
    )  # fmt: skip
    best = made(found.x)
    if kind in ("source", "sink"):  # the climb may have turned one into the other
        kind = "source" if best.radial > 0 else "sink"
    return Followed(kind, -float(found.fun), best.wave, best.centre, best.charge,
                    best.radial)  # fmt: skip
