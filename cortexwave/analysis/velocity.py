"""How fast and which way a field travels, and whether it travels at all.

A field h(x - v t) has all its space-time power on the line f_t = -v f_x. Power is
averaged along such lines and held against fields in which nothing travels
(`cortexwave.analysis.surrogates`); a second, direct measure fits lag to distance.

Sign: velocity is positive towards +x (or +y). Keller et al. 2024 (arXiv 2309.08045)
write h(x + v t) and f_t = v f_x, positive towards decreasing index: the opposite.

Before the transform each site's mean over time and each frame's mean over sites are
taken away: what stands still (f_t = 0) and what is the same everywhere (f_x = 0) says
nothing of velocity. The line runs over all f_x between 0 and 1/2 cycle per site, on
the frequencies of the discrete transform (so that lengths in time and space may
differ, as bins need not lie on a diagonal), with linear interpolation between the
bins of f_t. Where |v f_x| exceeds 1/2 cycle per step the line is wrapped to where a
sampled wave has its power, v f_x modulo 1; `wrapped` is the part of the line on which
this is so, 0 up to one site per step.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import scipy.fft
import xarray as xr

from cortexwave.analysis.lines import Axis, SiteLines, site_lines
from cortexwave.analysis.surrogates import direction_shares, exceedance, shuffled
from cortexwave.errors import InputError

Surrogate = Literal["shuffled", "phase_randomised"]
_PAPER = "Keller et al. 2024, arXiv 2309.08045"
_GRID = np.arange(-40, 41) / 20  # sites per step


def _power(lines: np.ndarray) -> np.ndarray:
    """|space-time transform|^2 summed over lines: (frequency, wavenumber >= 0)."""
    frames, sites = lines.shape[-2:]
    total = np.zeros((frames, sites // 2 + 1))
    for line in lines:  # one at a time: a sheet has many
        total += np.abs(scipy.fft.fft(scipy.fft.rfft(line, axis=1), axis=0)) ** 2
    return total


@dataclass(frozen=True)
class _Lines:
    """Where the lines of some velocities (sites per step) run through the bins."""

    frames: int
    sites: int
    velocities: np.ndarray

    @property
    def columns(self) -> np.ndarray:
        """Bins of f_x; 0 and the highest of an even number have no direction."""
        return np.arange(1, (self.sites - 1) // 2 + 1)

    @property
    def bins(self) -> tuple[np.ndarray, np.ndarray]:
        """Bin of f_t below each point (velocity, column), and the share of the next."""
        f_t = -self.velocities[:, None] * self.columns / self.sites
        at = (f_t * self.frames) % self.frames
        # at may be rounded to `frames` itself
        return np.floor(at).astype(int) % self.frames, at - np.floor(at)

    def average(self, power: np.ndarray) -> np.ndarray:
        """Mean power along each line, (velocity,)."""
        low, beyond = self.bins
        high = (low + 1) % self.frames
        found = (1 - beyond) * power[low, self.columns]
        return (found + beyond * power[high, self.columns]).mean(axis=1)

    def wrapped(self) -> np.ndarray:
        """Part of each line that lies beyond 1/2 cycle per step, (velocity,)."""
        f_t = np.abs(self.velocities[:, None]) * self.columns / self.sites
        return (f_t > 0.5).mean(axis=1)


def _both_ways(power: np.ndarray) -> np.ndarray:
    """P(f_x, f_t) + P(-f_x, f_t) of a real field, (frequency, wavenumber)."""
    return power + power[-np.arange(len(power)) % len(power)]


def velocity_spectrum(
    recording: xr.Dataset,
    *,
    variable: str,
    velocities: Sequence[float] | np.ndarray | None = None,
    along: Axis = "x",
    surrogates: Sequence[Surrogate] = ("shuffled", "phase_randomised"),
    count: int = 199,
    seed: int,
    ridge: float | None = None,
    alpha: float = 0.05,
) -> xr.Dataset:
    """Power along the lines of each velocity against surrogates, per feature and whole.

    `velocities` in mm/s; None is -2 to 2 sites per step by 0.05. Trials, and rows
    across `along`, add their power; the "whole" adds the features. In the result,
    over `part` ("feature 0", ..., "whole") and `velocity` (mm/s, with a second
    coordinate `sites_per_step`):

    line_power               mean power along the line / mean power of the plane
    ratio, z, p, p_family    over `surrogate` too; see `surrogates.Exceedance`.
                             Against shuffled fields: is power gathered on the line?
                             Against phase-randomised: does it go one way? (A ratio
                             of 2 is then all of it, 1 as much each way.)
    velocity_at_maximum      mm/s, of the greatest line power; `steps_at_maximum` the
                             same in sites per step
    direction_ratio          P(+v) / P(-v) at that velocity; 1 for a standing wave
    ridge_fraction           of the plane's power, what lies within `ridge` of that
                             line; `ridge_chance` the part of the plane that this is
    p_wave, is_wave          the least over the grid of the greater p_family of the
                             two: a wave only where both say so at one velocity.
                             Each part for itself, not corrected over parts: of 16
                             features without a wave some are called one at `alpha`
                             0.05; ask "whole", or divide `alpha` by their number

    `ridge` is the full width in cycles per step; None is four bins of f_t and four of
    f_x, 4 (1/frames + |v|/sites), twice the main lobe's half width on each side. It is
    given as `ridge_width`. Strong power that stands (a slow bump, many times the
    wave's) takes the maximum and widens the null: a wave below it may be missed, and
    where p_family is small tells more than the maximum. A field that does not move
    has power 0, NaN for what is divided by it, and p 1. Memory: a power plane for
    each feature, and a few spectra of one.
    """
    field = site_lines(recording, variable, along)
    grid = _checked_velocities(velocities, field)
    if count < 19:
        raise InputError(f"count is {count}; p below 0.05 needs 19 surrogates or more")
    unknown = [kind for kind in surrogates if kind not in get_args(Surrogate)]
    if unknown or not surrogates or len(set(surrogates)) < len(surrogates):
        raise InputError(f"surrogates {list(surrogates)} are not one or more, each "
                         f"once, of {get_args(Surrogate)}")  # fmt: skip
    if ridge is not None and not 0 < ridge < 1:
        raise InputError(f"ridge is {ridge}; a width in cycles per step is in (0, 1)")
    lines = _Lines(field.frames, field.sites, grid)
    seeds = np.random.SeedSequence(seed).generate_state(count).tolist()
    kinds = list(surrogates)
    power, made = [], []
    for feature in field.features():
        power.append(_power(feature))
        made.append([_MAKERS[kind](feature, power[-1], lines, seeds) for kind in kinds])
    if len(power) > 1:
        power.append(np.sum(power, axis=0))
        made.append(list(np.sum(made, axis=0)))
    observed = np.stack([lines.average(each) for each in power])  # (part, velocity)
    against = [exceedance(observed, np.stack([part[k] for part in made], axis=1))
               for k in range(len(kinds))]  # fmt: skip
    level = np.array([each[1:, lines.columns].mean() for each in power])
    p_wave = np.max([each.p_family for each in against], axis=0).min(axis=-1)
    best = np.argmax(observed, axis=-1)
    still = level == 0
    summary = _at_maximum(power, grid[best], lines, ridge)
    per_velocity = {
        name: (("surrogate", "part", "velocity"),
               np.stack([getattr(each, name) for each in against]), {"units": "1"})
        for name in ("ratio", "z", "p", "p_family")
    }  # fmt: skip
    with np.errstate(invalid="ignore", divide="ignore"):
        relative = observed / level[:, None]
    scale = field.spacing / field.step
    return xr.Dataset(
        {
            "line_power": (("part", "velocity"), relative, {"units": "1"}),
            **per_velocity,
            "velocity_at_maximum": (
                "part", np.where(still, np.nan, grid[best] * scale), {"units": "mm/s"}),
            "steps_at_maximum": (
                "part", np.where(still, np.nan, grid[best]), {"units": "site/step"}),
            **{name: ("part", np.where(still, np.nan, found), {"units": units})
               for name, (found, units) in summary.items()},
            "p_wave": ("part", p_wave, {"units": "1"}),
            "is_wave": ("part", p_wave <= alpha, {"units": "1"}),
        },
        {
            "part": field.parts,
            "surrogate": kinds,
            "velocity": ("velocity", grid * scale, {"units": "mm/s"}),
            "sites_per_step": ("velocity", grid, {"units": "site/step"}),
            "wrapped": ("velocity", lines.wrapped(), {"units": "1"}),
        },
        {**field.attributes, "count": count, "seed": seed, "alpha": alpha,
         "paper": _PAPER, "frames": field.frames, "sites": field.sites},
    )  # fmt: skip


def _shuffled_lines(
    feature: np.ndarray, power: np.ndarray, lines: _Lines, seeds: list[int]
) -> np.ndarray:
    """Line power (count, velocity) of fields shuffled in both axes."""
    return np.stack([lines.average(_power(shuffled(feature, s))) for s in seeds])


def _phase_randomised_lines(
    feature: np.ndarray, power: np.ndarray, lines: _Lines, seeds: list[int]
) -> np.ndarray:
    """Line power (count, velocity) of `surrogates.phase_randomised` fields.

    Phases do not enter the power, so that no field needs to be made.
    """
    both = _both_ways(power)
    shares = (direction_shares(lines.frames, lines.sites, s) for s in seeds)
    return np.stack([lines.average(both * share) for share in shares])


_Maker = Callable[[np.ndarray, np.ndarray, _Lines, list[int]], np.ndarray]
_MAKERS: dict[str, _Maker] = {
    "shuffled": _shuffled_lines,
    "phase_randomised": _phase_randomised_lines,
}


def _at_maximum(
    power: list[np.ndarray], velocity: np.ndarray, lines: _Lines, ridge: float | None
) -> dict[str, tuple[list[float], str]]:
    """Direction ratio and share on the ridge of each part at its own velocity."""
    found: dict[str, tuple[list[float], str]] = {
        "direction_ratio": ([], "1"), "ridge_fraction": ([], "1"),
        "ridge_chance": ([], "1"), "ridge_width": ([], "cycle/step"),
    }  # fmt: skip
    f_t = np.fft.fftfreq(lines.frames)[:, None]
    f_x = lines.columns / lines.sites
    for plane, v in zip(power, velocity, strict=True):
        there, back = _Lines(lines.frames, lines.sites, np.array([v, -v])).average(
            plane
        )
        width = ridge or min(1.0, 4 * (1 / lines.frames + abs(v) / lines.sites))
        away = (f_t + v * f_x + 0.5) % 1 - 0.5  # wrapped, as the lines are
        inside = (np.abs(away) <= width / 2) & (f_t != 0)
        moving = plane[1:, lines.columns].sum()  # f_t = 0 was taken away
        with np.errstate(invalid="ignore", divide="ignore"):
            found["direction_ratio"][0].append(float(np.divide(there, back)))
            on = plane[:, lines.columns][inside].sum()
            found["ridge_fraction"][0].append(float(np.divide(on, moving)))
        found["ridge_chance"][0].append(float(inside[1:].mean()))
        found["ridge_width"][0].append(width)
    return found


def _checked_velocities(
    velocities: Sequence[float] | np.ndarray | None, field: SiteLines
) -> np.ndarray:
    """The grid in sites per step."""
    if velocities is None:
        return _GRID
    grid = np.asarray(velocities, dtype=float)
    if grid.ndim != 1 or not grid.size or not np.isfinite(grid).all():
        raise InputError("velocities are not a list of finite numbers in mm/s")
    if np.any(np.diff(grid) <= 0):
        raise InputError("velocities do not increase; give each once, in order")
    grid = grid * field.step / field.spacing
    if np.abs(grid).max() >= field.sites:
        raise InputError(
            f"velocity {np.abs(grid).max():.4g} sites per step is a whole line of "
            f"{field.sites} sites or more; are the velocities in mm/s?"
        )
    return grid


def space_time_spectrum(
    recording: xr.Dataset, *, variable: str, along: Axis = "x"
) -> xr.Dataset:
    """Space-time power of each feature and the whole, as it is drawn.

    `power(part, frequency, wavenumber)` / its mean; frequency >= 0 in Hz, wavenumber
    in cycles/mm, positive where the wave travels towards +x (or +y). What stands
    still and what is everywhere the same is taken away, as the module says.
    """
    field = site_lines(recording, variable, along)
    planes = [_power(feature) for feature in field.features()]
    planes = [*planes, np.sum(planes, axis=0)] if len(planes) > 1 else planes
    frames, sites = field.frames, field.sites
    rows = -np.arange(frames // 2 + 1)  # f_t <= 0 at f_x >= 0 travels towards +x
    right = (sites - 1) // 2 + 1
    shown = [
        np.concatenate([p[-rows][:, right - 1 : 0 : -1], p[rows][:, :right]], axis=1)
        for p in planes
    ]
    level = [p[1:, 1:right].mean() or np.nan for p in planes]
    wavenumber = np.arange(1 - right, right) / (sites * field.spacing)
    return xr.Dataset(
        {"power": (("part", "frequency", "wavenumber"),
                   np.stack([p / m for p, m in zip(shown, level, strict=True)]),
                   {"units": "1", "long_name": "power / mean"})},
        {"part": field.parts,
         "frequency": ("frequency", -rows / (frames * field.step), {"units": "Hz"}),
         "wavenumber": ("wavenumber", wavenumber, {"units": "1/mm"})},
        {**field.attributes, "frames": frames, "sites": sites},
    )  # fmt: skip
