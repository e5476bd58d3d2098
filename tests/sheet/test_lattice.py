"""Where sites are and what lies beyond the edges, against numpy.pad."""

from __future__ import annotations

import numpy as np
import pytest

from cortexwave.errors import InputError
from cortexwave.sheet.lattice import Lattice

PAD = {"periodic": "wrap", "open": "constant", "reflecting": "symmetric"}


@pytest.mark.parametrize("boundary", PAD)
@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("offset", [-7, -3, -1, 0, 1, 2, 7, 15])
def test_neighbours_are_those_of_numpy_pad(boundary, axis, offset):
    shape = (7, 9)
    lattice = Lattice(shape, 0.1, (boundary, boundary))
    n = shape[axis]
    line = np.arange(1.0, n + 1)  # no site is 0, so that 0 is outside
    mode = {"mode": PAD[boundary]}
    padded = np.pad(line, 16, **mode)
    expected = padded[16 + offset : 16 + offset + n]
    found = lattice.neighbours(axis, offset)
    assert np.array_equal(np.where(found < 0, 0.0, line[found]), expected)


def test_axes_may_have_different_boundaries():
    lattice = Lattice((4, 4), 0.1, ("open", "periodic"))
    assert lattice.neighbours(0, -1).tolist() == [-1, 0, 1, 2]
    assert lattice.neighbours(1, -1).tolist() == [3, 0, 1, 2]


def test_displacements_take_the_shorter_way_round_a_ring():
    lattice = Lattice((1, 10), 0.5)  # 5 mm round
    _, dx = lattice.displacements(0.0, 0.0)
    expected = [0, 0.5, 1, 1.5, 2, -2.5, -2, -1.5, -1, -0.5]
    assert dx[0] == pytest.approx(expected, abs=1e-12)
    _, dx = lattice.displacements(0.0, 4.9)
    assert np.abs(dx).max() <= 2.5 + 1e-12
    assert dx[0, 0] == pytest.approx(0.1, abs=1e-12)


def test_displacements_do_not_wrap_at_other_edges():
    lattice = Lattice((3, 4), 1.0, ("open", "reflecting"))
    dy, dx = lattice.displacements(2.0, -1.0)
    assert dy[:, 0].tolist() == [-2, -1, 0]
    assert dx[0].tolist() == [1, 2, 3, 4]


def test_sites_axes_and_positions():
    ring, sheet = Lattice((1, 8), 0.25), Lattice((4, 8), 0.25, features=3)
    assert (ring.axes, sheet.axes) == (1, 2)
    assert (ring.sites, sheet.sites) == (8, 32)
    assert sheet.field_shape == (3, 4, 8)
    assert sheet.y.tolist() == [0, 0.25, 0.5, 0.75]


@pytest.mark.parametrize(
    "kwargs, message",
    [
        ({"shape": (0, 4)}, "whole numbers from 1 on"),
        ({"shape": (4,)}, "it is .ny, nx."),
        ({"shape": (4.0, 4)}, "whole numbers"),
        ({"spacing": 0.0}, "spacing of a lattice is 0.0 mm"),
        ({"spacing": float("nan")}, "not positive and finite"),
        ({"spacing": float("inf")}, "not positive and finite"),
        ({"boundary": ("open", "closed")}, "boundary 'closed' is not one of"),
        ({"boundary": "open"}, "one for y and one for x"),
        ({"boundary": ("open",)}, "one for y and one for x"),
        ({"features": 0}, "at least 1 feature"),
    ],
)
def test_a_lattice_that_cannot_be_is_refused(kwargs, message):
    with pytest.raises(InputError, match=message):
        Lattice(**{"shape": (4, 4), "spacing": 0.1, **kwargs})
