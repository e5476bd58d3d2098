"""Where power over wavenumbers peaks, to a fraction of the array's resolution."""

from __future__ import annotations

import numpy as np

from cortexwave.analysis.sites import Sites
from cortexwave.analysis.wavenumber_spectrum import Wavenumbers

_ROUNDS = 14  # halvings of the step of the refinement
_RAY = np.linspace(-4, 4, 321)  # about a peak, in 1 / width of the array


def peaks(
    power: np.ndarray, spectra: np.ndarray, sites: Sites, grid: Wavenumbers
) -> dict[str, np.ndarray]:
    """The refined peak and its width at each frequency, 1/mm and deg."""
    names = ("wavenumber", "wavenumber_x", "wavenumber_y", "direction",
             "half_power_width")  # fmt: skip
    found = {name: np.full(len(power), np.nan) for name in names}
    resolution = 1 / float(np.ptp(sites.positions, axis=0).max())
    for f, plane in enumerate(power):
        row, column = np.unravel_index(np.argmax(plane), plane.shape)
        start = np.array([grid.x[column], grid.y[row]])
        peak = _refined(spectra[:, f], sites.positions, start, grid)
        size = float(np.linalg.norm(peak))
        limits = np.array([grid.x[-1], grid.y[-1]])
        wide = limits > 0
        if size == 0 or np.any(np.abs(peak)[wide] > limits[wide] * (1 - 1e-6)):
            continue
        ray = peak + np.outer(_RAY * resolution, peak / size)
        course = _power_at(spectra[:, f], sites.positions, ray)
        found["wavenumber"][f] = size
        found["wavenumber_x"][f], found["wavenumber_y"][f] = peak
        angle = np.degrees(np.arctan2(peak[1], peak[0]))
        found["direction"][f] = (angle + 180) % 360 - 180
        found["half_power_width"][f] = _width(_RAY * resolution, course, len(_RAY) // 2)
    return found


def _power_at(
    spectra: np.ndarray, positions: np.ndarray, wavenumbers: np.ndarray
) -> np.ndarray:
    """Power (wavenumber,) summed over stretches, of spectra (stretch, site)."""
    waves = np.exp(2j * np.pi * positions @ wavenumbers.T)
    return np.asarray((np.abs(spectra @ waves) ** 2).sum(axis=0))


def _refined(
    spectra: np.ndarray, positions: np.ndarray, start: np.ndarray, grid: Wavenumbers
) -> np.ndarray:
    """The maximum of power near a wavenumber (x, y) of the grid.

    Steps to the top of a paraboloid through 3 x 3 values of log power, each at half
    the distance of the last.
    """
    peak = start.copy()
    steps = np.array([axis[1] - axis[0] if axis.size > 1 else 0.0
                      for axis in (grid.x, grid.y)]) / 2  # fmt: skip
    limits = np.array([grid.x[-1], grid.y[-1]])
    around = np.array([(i, j) for j in (-1, 0, 1) for i in (-1, 0, 1)])
    for _ in range(_ROUNDS):
        with np.errstate(divide="ignore"):
            height = np.log(_power_at(spectra, positions, peak + around * steps))
        height = height.reshape(3, 3)  # (y, x)
        gradient = np.array([height[1, 2] - height[1, 0],
                             height[2, 1] - height[0, 1]]) / 2  # fmt: skip
        bend = np.array([height[1, 2] + height[1, 0], height[2, 1] + height[0, 1]])
        bend -= 2 * height[1, 1]
        twist = (height[2, 2] - height[2, 0] - height[0, 2] + height[0, 0]) / 4
        curvature = np.array([[bend[0], twist], [twist, bend[1]]])
        curvature -= np.eye(2) * 1e-300
        wide = steps > 0
        move = np.zeros(2)
        if np.isfinite(height).all():
            part = curvature[np.ix_(wide, wide)]
            if np.all(np.linalg.eigvalsh(part) < 0):
                move[wide] = np.linalg.solve(part, -gradient[wide])
            else:
                move = np.sign(gradient)
        peak = np.clip(peak + np.clip(move, -1, 1) * steps, -limits, limits)
        steps = steps / 2
    return peak


def _width(at: np.ndarray, course: np.ndarray, top: int) -> float:
    """Full width at half of the height at `top`; NaN where a side does not fall so."""
    half = course[top] / 2
    ends = []
    for side in (-1, 1):
        values = course[top::side]
        below = np.flatnonzero(values < half)
        if not below.size:
            return float("nan")
        k = int(below[0])
        share = (values[k - 1] - half) / (values[k - 1] - values[k])
        places = at[top::side]
        ends.append(places[k - 1] + share * (places[k] - places[k - 1]))
    return float(abs(ends[1] - ends[0]))


def ring_peaks(profile: np.ndarray, radius: np.ndarray) -> dict[str, np.ndarray]:
    """Peaks over |k|, by a parabola through three rings; NaN at the first and last."""
    nothing = np.full(len(profile), np.nan)
    size, width = nothing.copy(), nothing.copy()
    for f, course in enumerate(profile):
        top = int(np.argmax(course))
        if not 0 < top < len(course) - 1 or not course[top] > 0:
            continue
        near = slice(top - 1, top + 2)
        a, b, _ = np.polyfit(radius[near] - radius[top], course[near], 2)
        size[f] = radius[top] - b / (2 * a) if a < 0 else radius[top]
        width[f] = _width(radius, course, top)
    return {"wavenumber": size, "wavenumber_x": nothing, "wavenumber_y": nothing,
            "direction": nothing, "half_power_width": width}  # fmt: skip
