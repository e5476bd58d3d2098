"""Packets that are like a recording's responses, and stay on its array as they travel.

Rivals hold items as packets. These are as wide as makes their responses reach as far as
the recording's do, measured alike; they begin along the direction of travel as far
apart as they can, and the time that is looked at is the time for which they stay.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from cortexwave.comparison.response_reach import response_reach
from cortexwave.errors import InputError
from cortexwave.memory.trials import Trials, trials_of
from cortexwave.synthetic.rivals import rival

_WIDEST = 0.2  # of the array: a width at each end then leaves three fifths of it
_TRAVEL = 0.5  # of what is left; the rest is for items to differ in
_MOMENTS = 16  # as of the search for a shift: more cost their square, and show no more
_FEWEST_MOMENTS = 3
_HALVINGS = 6  # of a tenfold range: to 4 %
_QUIET = 1e-3  # uV: noise of packets 1 uV high whose own reach is measured


@dataclass(frozen=True)
class Packets:
    """Width (mm), places (class, 2) of packets at the onset, the trials they are for.

    `trials` end when packets would leave the array, at few moments; `reach` (mm) is
    that of their responses. `bounded`: no packets that have room reach as far, or none
    that the sites resolve as little.
    """

    width: float
    centres: np.ndarray
    trials: Trials
    reach: float
    bounded: bool


def packets_like(
    trials: Trials, *, speed: float, direction: float, seed: int
) -> Packets:
    """Packets whose responses reach as far as those of trials from the onset on.

    They travel at `speed` (mm/s) to `direction` (deg). Raises `InputError` where sites
    have no places, items no response, or packets leave within three frames.
    """
    if trials.positions is None:
        raise InputError("sites have no positions; packets are laid out in space")
    places = np.asarray(trials.positions, dtype=float)
    way = np.array([np.cos(np.radians(direction)), np.sin(np.radians(direction))])
    middle = (places.min(axis=0) + places.max(axis=0)) / 2
    along = 2 * float(np.abs((places - middle) @ way).max())

    def laid(width: float) -> Packets:
        room = _TRAVEL * (along - 2 * width)
        cut = _while_there(trials, speed=speed, room=room)
        last = along / 2 - width - speed * float(cut.clock[-1])
        steps = np.linspace(width - along / 2, last, trials.classes.size)
        reach = response_reach(cut, seed=seed)
        return Packets(width, middle + steps[:, None] * way, cut, reach, False)

    def too_wide(made: Packets) -> bool:
        return _own_reach(made, speed, direction) > made.reach

    low, high = _pitch(places) / 2, _WIDEST * along
    if low >= high:
        raise InputError(
            f"the array is {along:.3g} mm long towards {direction:.0f} deg: it has too "
            "few sites for packets to travel on"
        )
    for end, beyond in ((low, True), (high, False)):
        made = laid(end)
        if too_wide(made) is beyond:
            return replace(made, bounded=True)
    for _ in range(_HALVINGS):
        width = float(np.sqrt(low * high))
        low, high = (low, width) if too_wide(laid(width)) else (width, high)
    return laid(float(np.sqrt(low * high)))


def _own_reach(made: Packets, speed: float, direction: float) -> float:
    """Reach (mm) of the packets' own responses, on the same sites, without noise."""
    assert made.trials.positions is not None
    frames, step = made.trials.clock.size, made.trials.step
    recording = rival(
        "traveling_wave", trials=4, seed=0, sites=made.trials.positions,
        classes=len(made.centres), rate=1 / step, duration=frames * step, speed=speed,
        direction=direction, width=made.width, noise=_QUIET, centres=made.centres,
    )  # fmt: skip
    clock = recording["time"].values
    own = trials_of(recording, window=(0.0, float(clock[-1] - clock[0])))
    return response_reach(own, seed=0)


def _while_there(trials: Trials, *, speed: float, room: float) -> Trials:
    """Trials cut to the time in which a packet crosses `room` mm, at few moments."""
    kept = np.flatnonzero(trials.clock * speed <= room * (1 + 1e-9))
    if kept.size < _FEWEST_MOMENTS:
        raise InputError(
            f"at {speed:.3g} mm/s a packet stays on the array for "
            f"{1e3 * room / speed:.3g} ms, and frames are {1e3 * trials.step:.3g} ms "
            f"apart; {_FEWEST_MOMENTS} are needed"
        )
    kept = kept[:: int(np.ceil(kept.size / _MOMENTS))]
    return replace(trials, values=trials.values[:, kept], clock=trials.clock[kept])


def _pitch(places: np.ndarray) -> float:
    apart = np.linalg.norm(places[:, None] - places[None], axis=-1)
    return float(np.median(np.where(apart > 0, apart, np.inf).min(axis=1)))
