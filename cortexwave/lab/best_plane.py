"""The plane that contacts in space stand nearest to, and their places within it."""

from __future__ import annotations

import numpy as np

FLAT = 1e-9  # of the extent: rounding


def in_plane(positions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Positions (n, 2) within the plane that fits (n, 3) best, and distances from it.

    The plane is turned into that of x and y by the shortest way, about the middle of
    the positions. Signed distances (n,) in mm; the plane is of least squares.
    """
    at = np.asarray(positions, dtype=float)
    if at.shape[1] == 2:
        return at, np.zeros(len(at))
    middle = at.mean(axis=0)
    spread = at - middle
    extent = max(float(np.abs(spread).max()), 1e-30)
    if np.abs(spread[:, 2]).max() <= FLAT * extent:
        return at[:, :2], spread[:, 2]
    values, axes = np.linalg.svd(spread, full_matrices=True)[1:]
    if len(values) < 2 or values[1] <= 1e-6 * values[0]:
        # on a line every plane fits: the one that is least steep
        along = axes[0]
        normal = np.array([0.0, 0.0, 1.0]) - along[2] * along
        if np.linalg.norm(normal) < 1e-6:
            normal = np.array([1.0, 0.0, 0.0])
        normal /= np.linalg.norm(normal)
    else:
        normal = axes[2]
    leading = 2 if abs(normal[2]) > 1e-9 else int(np.argmax(np.abs(normal)))
    normal = normal * np.sign(normal[leading])
    turned = spread @ _turn_up(normal).T
    return turned[:, :2] + middle[:2], turned[:, 2]


def _turn_up(normal: np.ndarray) -> np.ndarray:
    """The shortest rotation that takes a unit vector, not down, to +z (Rodrigues)."""
    x, y, z = normal
    cross = np.array([[0, 0, -x], [0, 0, -y], [x, y, 0]])
    return np.eye(3) + cross + cross @ cross / (1 + z)
