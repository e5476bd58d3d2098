"""Rival memories under a lasting drive: states whose memory function is known.

x(t) = A x(t - 1) + v u(t) + noise(t), the drive u having just come in at time t, so
that lag 0 is what is seen of it at once. Noise enters the state and is carried along.
"""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np

from cortexwave.errors import InputError
from cortexwave.synthetic.noise import generator_of

DrivenRival = Literal[
    "delay_line", "delay_ring", "leaky_integrator", "standing_oscillation",
    "static_bump",
]  # fmt: skip
DRIVEN_RIVALS: tuple[DrivenRival, ...] = get_args(DrivenRival)


def driven_rival(
    kind: DrivenRival,
    drive: np.ndarray,
    *,
    sites: int,
    noise: float,
    seed: int,
    decay: float = 1.0,
    period: float = 8.0,
    threshold: float = 1.0,
    width: float = 1.6,
    entry: int = 0,
) -> np.ndarray:
    """States (step, site) of a memory driven by `drive` (step,), one value a step.

    delay_line, delay_ring: shifted by a site a step from site `entry`, times `decay`;
    at the end it is lost, or goes round.
    leaky_integrator: all of it at site `entry`, times `decay` a step; the other sites
    hold noise alone.
    standing_oscillation: a mode of one spatial pattern, cos(pi (site + 1/2) / sites),
    that turns by 2 pi / `period` a step and fades by `decay`; its quadrature is not
    seen.
    static_bump: a Gaussian of sd `width` sites that keeps its place until a drive of
    modulus `threshold` or more takes it to another: the middle for 0, an end for
    3 times the threshold and beyond. Not linear.
    `noise` is its sd per step and site: inside the state where it is linear (of the
    oscillation: of both parts of the mode, and as much on every site), else on top.
    """
    course = np.asarray(drive, dtype=float)
    if course.ndim != 1 or course.size < 2 or not np.isfinite(course).all():
        raise InputError(f"drive has shape {course.shape}; it is (step,), 2 finite "
                         "numbers or more")  # fmt: skip
    if not 0 <= noise < np.inf:
        raise InputError(f"noise is {noise}; it is 0 or positive")
    generator = generator_of(seed)
    if kind == "static_bump":
        return _bump(course, sites, noise, threshold, width, generator)
    if kind == "standing_oscillation":
        return _oscillation(course, sites, noise, decay, period, generator)
    operator, entered = rival_operator(kind, sites=sites, decay=decay, entry=entry)
    pushed = noise * generator.standard_normal((course.size, sites))
    pushed += course[:, None] * entered
    state, states = np.zeros(sites), np.empty((course.size, sites))
    for step, push in enumerate(pushed):
        state = operator @ state + push
        states[step] = state
    return states


def rival_operator(
    kind: Literal["delay_line", "delay_ring", "leaky_integrator"],
    *,
    sites: int,
    decay: float = 1.0,
    entry: int = 0,
) -> tuple[np.ndarray, np.ndarray]:
    """A (site, site) and v (site,) of x(t) = A x(t - 1) + v u(t)."""
    if kind not in ("delay_line", "delay_ring", "leaky_integrator"):
        raise InputError(f"kind is {kind!r}; there is an operator of delay_line, "
                         "delay_ring and leaky_integrator")  # fmt: skip
    if not isinstance(sites, int) or sites < 1:
        raise InputError(f"sites is {sites!r}; it is a whole number from 1")
    if not 0 <= entry < sites:
        raise InputError(f"entry is {entry}; the sites are 0 to {sites - 1}")
    # what leaves at the end of a line may grow on its way; what stays may not
    most = np.inf if kind == "delay_line" else 1.0
    if not 0 < decay < most:
        raise InputError(f"decay of a {kind} is {decay}; it is above 0 and below "
                         f"{most:g}")  # fmt: skip
    if kind == "leaky_integrator":
        operator = decay * np.eye(sites)
    else:
        operator = decay * np.eye(sites, k=-1)
        if kind == "delay_ring":
            operator[0, -1] = decay
    return operator, np.eye(sites)[entry]


def _oscillation(
    drive: np.ndarray, sites: int, noise: float, decay: float, period: float,
    generator: np.random.Generator,
) -> np.ndarray:  # fmt: skip
    if not 0 < decay < 1:
        raise InputError(f"decay of a standing_oscillation is {decay}; it is above 0 "
                         "and below 1")  # fmt: skip
    if not period >= 2:
        raise InputError(f"period is {period} steps; it is 2 or more")
    turn = decay * np.exp(2j * np.pi / period)
    pushed = drive + noise * (
        generator.standard_normal(drive.size)
        + 1j * generator.standard_normal(drive.size)
    )
    mode, course = 0j, np.empty(drive.size)
    for step, push in enumerate(pushed):
        mode = turn * mode + push
        course[step] = mode.real
    pattern = np.cos(np.pi * (np.arange(sites) + 0.5) / sites)
    return course[:, None] * pattern + noise * generator.standard_normal(
        (drive.size, sites)
    )


def _bump(
    drive: np.ndarray, sites: int, noise: float, threshold: float, width: float,
    generator: np.random.Generator,
) -> np.ndarray:  # fmt: skip
    if not threshold > 0 or not width > 0:
        raise InputError(f"threshold is {threshold} and width {width} sites; both are "
                         "positive")  # fmt: skip
    # the last step at which the bump was moved; -1 before the first
    moved = np.where(np.abs(drive) >= threshold, np.arange(drive.size), -1)
    last = np.maximum.accumulate(moved)
    held = np.where(last < 0, 0.0, drive[np.maximum(last, 0)])
    middle = (sites - 1) / 2
    centre = middle * (1 + np.clip(held / (3 * threshold), -1, 1))
    states = np.exp(-((np.arange(sites) - centre[:, None]) ** 2) / (2 * width**2))
    return states + noise * generator.standard_normal(states.shape)
