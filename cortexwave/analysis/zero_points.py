"""Where a field of arrows is zero between the sites of a lattice, and how it turns.

Inside a cell of four sites each component is bilinear; the points where both are zero
are the roots of a quadratic, so they come in closed form, without contours.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

_LEAST = 8  # live sites of a loop
_ROUNDING = 1e-9  # of a cell


@dataclass(frozen=True)
class ZeroPoints:
    """Zeros of a field (frame, y, x): in which frame, where, and the slopes there.

    `row` and `column` count sites from 0 and have fractions. `jacobian` (point, 2, 2)
    holds the components (y, x) along the first axis, and their derivatives along (y, x)
    along the second, per site.
    """

    frame: np.ndarray
    row: np.ndarray
    column: np.ndarray
    jacobian: np.ndarray

    def __getitem__(self, keep: np.ndarray) -> ZeroPoints:
        return ZeroPoints(
            self.frame[keep], self.row[keep], self.column[keep], self.jacobian[keep]
        )


# where there is no root, what follows from it is no number
@np.errstate(invalid="ignore", divide="ignore")
def zero_points(field_y: np.ndarray, field_x: np.ndarray) -> ZeroPoints:
    """All zeros of a field of two components, each (frame, y, x), in order of frame.

    Cells with a missing corner are left out. Slopes are those inside the cell.
    """
    corners = [
        np.stack([a[:, :-1, :-1], a[:, :-1, 1:], a[:, 1:, :-1], a[:, 1:, 1:]])
        for a in (field_y, field_x)
    ]
    may = np.ones(corners[0].shape[1:], dtype=bool)
    for corner in corners:  # a comparison with a missing value is false
        may &= (corner.min(axis=0) <= 0) & (corner.max(axis=0) >= 0)
        # a component that is zero in all of a cell has no point there
        may &= corner.max(axis=0) > corner.min(axis=0)
    frame, row, column = np.nonzero(may)
    a, b = (_bilinear(corner[:, frame, row, column]) for corner in corners)
    found = []
    for t in _roots(
        b[2] * a[3] - b[3] * a[2],
        b[0] * a[3] + b[2] * a[1] - b[1] * a[2] - b[3] * a[0],
        b[0] * a[1] - b[1] * a[0],
    ):
        slope_a, slope_b = a[1] + a[3] * t, b[1] + b[3] * t
        first = np.abs(slope_a) >= np.abs(slope_b)
        s = -np.where(first, a[0] + a[2] * t, b[0] + b[2] * t)
        s /= np.where(first, slope_a, slope_b)
        inside = _within(s) & _within(t)
        slopes = [np.stack([c[2] + c[3] * s, c[1] + c[3] * t], axis=-1) for c in (a, b)]
        found.append(ZeroPoints(frame, row + t, column + s,
                                np.stack(slopes, axis=1))[inside])  # fmt: skip
    joined = ZeroPoints(*(
        np.concatenate([getattr(part, name) for part in found])
        for name in ("frame", "row", "column", "jacobian")
    ))  # fmt: skip
    return _once(joined)


def _bilinear(corner: np.ndarray) -> tuple[np.ndarray, ...]:
    """Coefficients of 1, s, t and s t; s goes along x, t along y, both from 0 to 1."""
    f00, f01, f10, f11 = corner
    return f00, f01 - f00, f10 - f00, f11 - f01 - f10 + f00


def _roots(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> tuple[np.ndarray, ...]:
    """Real roots of a t^2 + b t + c, NaN where there are none; also where a is 0."""
    # the sum that does not cancel; the other root from the product of both
    q = -0.5 * (b + np.where(b < 0, -1.0, 1.0) * np.sqrt(b * b - 4 * a * c))
    return q / a, c / q


def _within(part: np.ndarray) -> np.ndarray:
    return (part >= -_ROUNDING) & (part <= 1 + _ROUNDING)


def _once(points: ZeroPoints) -> ZeroPoints:
    """Points in order of frame; one on the side of two cells counts once."""
    if not points.frame.size:
        return points
    places = [np.rint(a / (4 * _ROUNDING)).astype(np.int64) for a in
              (points.row, points.column)]  # fmt: skip
    order = np.lexsort((places[1], places[0], points.frame))
    new = np.zeros(len(order), dtype=bool)
    new[0] = True
    new[1:] = np.diff(points.frame[order]) > 0
    for place in places:  # rounding may put it to either side of a whole number
        new[1:] |= np.abs(np.diff(place[order])) > 1
    return points[order[new]]


def winding_numbers(
    angle: np.ndarray, points: ZeroPoints, *, radius: int
) -> np.ndarray:
    """Turns of an angle (frame, y, x) in rad on a square loop about each point.

    The loop goes from +x to +y, by index, through the 8 `radius` sites at that
    distance from the site nearest to the point. Missing sites are stepped over; NaN
    where two follow each other, where fewer than 8 are live, or the loop leaves the
    array.
    """
    side = np.arange(-radius, radius)
    edge = np.full(2 * radius, radius)
    down, across = (np.concatenate(part) for part in (
        (side, edge, -side, -edge), (edge, -side, -edge, side)))  # fmt: skip
    rows = np.rint(points.row).astype(int)[:, None] + down
    columns = np.rint(points.column).astype(int)[:, None] + across
    _, height, width = angle.shape
    inside = ((rows >= 0) & (rows < height) & (columns >= 0)
              & (columns < width)).all(axis=1)  # fmt: skip
    found = np.full(points.frame.shape, np.nan)
    loop = angle[points.frame[inside, None], rows[inside], columns[inside]]
    live = np.isfinite(loop)
    whole = live.sum(axis=1) >= _LEAST
    # a missing site repeats the one before, which the one behind then follows; of two
    # in succession one stays missing, and so does the sum
    loop = np.where(live, loop, np.roll(loop, 1, axis=1))
    change = np.roll(loop, -1, axis=1) - loop
    change -= 2 * np.pi * np.rint(change / (2 * np.pi))
    turns = np.rint(change.sum(axis=1) / (2 * np.pi))
    found[inside] = np.where(whole, turns, np.nan)
    return found
