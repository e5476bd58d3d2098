"""The robust flow of Horn & Schunck, solved for many pairs of frames at once.

Of a phase that keeps its value along its path, phi_t + v . grad phi = 0, only the
component of v along grad phi is known at a site. Smoothness in space supplies the rest
(Horn & Schunck 1981, eq. 9 to 12); the Charbonnier penalty instead of a square lets
single sites, and borders between patterns, break either rule (Townsend & Gong 2018,
eq. 4 to 6). The flow is the minimum over v of

    sum rho(phi_t + v . g) + smoothness sum rho(|grad v|) + ridge / 2 sum |v|^2,
    rho(e) = robustness^2 sqrt(1 + e^2 / robustness^2)

Both penalties are convex, so there is one minimum and it knows nothing of the frame
before: peers that start at the flow before and stop when it changes by less than 1 %
give results that depend on history. The ridge is 1e-6 of the mean of |g|^2: enough to
choose, where the data leave a component open (a plane wave: the one along its crests),
the smallest flow, and too little to be seen elsewhere.

Each step fixes the weights 1 / sqrt(1 + e^2 / robustness^2) and goes some way down the
linear equations they leave, by conjugate gradients. They are preconditioned by the
same equations with the weights and the squared gradient averaged over sites, which
cosine transforms solve; frames are the last axis, so that all is array arithmetic.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

RIDGE = 1e-6  # of the mean squared gradient
_BLOCK = 2**15  # values of one component: the arrays of a block stay in the cache
_INNER = 12  # steps of conjugate gradients between two settings of the weights
_GAIN = 1e-2  # or until the squared residual has fallen by so much


@dataclass(frozen=True)
class Solution:
    """Flow (frame, y, x) in mm/s, and how far each frame got, (frame,)."""

    velocity_y: np.ndarray
    velocity_x: np.ndarray
    iterations: np.ndarray  # settings of the weights
    relative_change: np.ndarray  # of the flow in the last of them
    residual: np.ndarray  # of the equations, of that at rest
    converged: np.ndarray


def robust_horn_schunck(
    gradient_y: np.ndarray,
    gradient_x: np.ndarray,
    change: np.ndarray,
    *,
    live: np.ndarray,
    spacing: tuple[float, float],
    smoothness: float,
    robustness: float,
    tolerance: float,
    longest: int,
) -> Solution:
    """Velocity of a phase from its gradient (rad/mm) and change (rad/s) at each site.

    Arrays (frame, y, x). A site without gradient or change (NaN) has no part in the
    data; a site that is not `live` none in the smoothness either: it ends the array,
    as an edge does, and its flow is NaN. A frame has converged when the norm of the
    equations' residual, in the metric of the preconditioner (that of an estimate of
    the error left), is below `tolerance` of its value at v = 0.
    """
    frames, *lattice = change.shape
    flow = np.full((2, *change.shape), np.nan)
    course = np.zeros((3, frames))
    count = max(1, _BLOCK // (lattice[0] * lattice[1]))
    for start in range(0, frames, count):
        part = slice(start, start + count)
        block = _Block.of(gradient_y[part], gradient_x[part], change[part], live[part],
                          spacing, smoothness, robustness)  # fmt: skip
        found, course[:, part] = _solve(block, tolerance, longest)
        found[:, ~np.moveaxis(live[part], 0, -1)] = np.nan
        flow[:, part] = np.moveaxis(found, -1, 1)
    iterations, relative_change, residual = course
    return Solution(flow[0], flow[1], iterations.astype(int), relative_change, residual,
                    residual < tolerance)  # fmt: skip


@dataclass(frozen=True)
class _Block:
    """The problem of some frames, (..., y, x, frame), in each frame's own axes.

    Velocities are turned so that the mean of g g' is diagonal: it is of a frame with
    one direction that the preconditioner has to know how little is known across it.
    """

    gradient: np.ndarray  # (2, y, x, frame)
    change: np.ndarray  # 0 where there are no data
    edge_y: np.ndarray  # smoothness / spacing^2 of each pair of live neighbours, or 0
    edge_x: np.ndarray
    ridge: np.ndarray  # (frame,)
    turn: np.ndarray  # (2, frame): cosine and sine
    spacing: tuple[float, float]
    robustness: float
    cosines: tuple[np.ndarray, np.ndarray]  # transforms along y and x
    stiffness: np.ndarray  # (y, x, 1): of each cosine, for weight 1
    sites: np.ndarray  # (frame,) live ones

    @classmethod
    def of(
        cls,
        gradient_y: np.ndarray,
        gradient_x: np.ndarray,
        change: np.ndarray,
        live: np.ndarray,
        spacing: tuple[float, float],
        smoothness: float,
        robustness: float,
    ) -> _Block:
        known = live & np.isfinite(gradient_y + gradient_x + change)
        g_y, g_x, rate = (
            np.moveaxis(np.where(known, a, 0.0), 0, -1)
            for a in (gradient_y, gradient_x, change)
        )
        alive = np.moveaxis(live, 0, -1)
        sites = np.maximum(alive.sum(axis=(0, 1)), 1)
        square = [np.sum(a * b, axis=(0, 1)) for a, b in
                  ((g_y, g_y), (g_x, g_x), (g_y, g_x))]  # fmt: skip
        angle = 0.5 * np.arctan2(2 * square[2], square[0] - square[1])
        turn = np.stack([np.cos(angle), np.sin(angle)])
        stiff = [smoothness / step**2 for step in spacing]
        waves = [np.pi * np.arange(n) / n for n in change.shape[1:]]
        bends = [s * (2 - 2 * np.cos(w)) for s, w in zip(stiff, waves, strict=True)]
        return cls(
            gradient=np.stack(_turned((g_y, g_x), turn)),
            change=np.ascontiguousarray(rate),
            edge_y=stiff[0] * (alive[1:] & alive[:-1]),
            edge_x=stiff[1] * (alive[:, 1:] & alive[:, :-1]),
            ridge=RIDGE * (square[0] + square[1]) / sites,
            turn=turn,
            spacing=spacing,
            robustness=robustness,
            cosines=(_cosines(change.shape[1]), _cosines(change.shape[2])),
            stiffness=(bends[0][:, None] + bends[1])[:, :, None],
            sites=sites,
        )

    def only(self, keep: np.ndarray) -> _Block:
        """The same for some of the frames."""
        return replace(
            self,
            gradient=np.ascontiguousarray(self.gradient[..., keep]),
            change=np.ascontiguousarray(self.change[..., keep]),
            edge_y=np.ascontiguousarray(self.edge_y[..., keep]),
            edge_x=np.ascontiguousarray(self.edge_x[..., keep]),
            ridge=self.ridge[keep],
            turn=self.turn[:, keep],
            sites=self.sites[keep],
        )


def _turned(
    pair: tuple[np.ndarray, np.ndarray] | np.ndarray, turn: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    cosine, sine = turn
    return cosine * pair[0] + sine * pair[1], cosine * pair[1] - sine * pair[0]


def _cosines(count: int) -> np.ndarray:
    """Orthonormal cosines (wave, site), the modes of a line with free ends."""
    sites = np.arange(count) + 0.5
    table = np.cos(np.pi / count * np.arange(count)[:, None] * sites)
    table *= np.sqrt(2 / count)
    table[0] *= np.sqrt(0.5)
    return table


def _solve(
    block: _Block, tolerance: float, longest: int
) -> tuple[np.ndarray, np.ndarray]:
    frames = block.change.shape[-1]
    flow = np.zeros_like(block.gradient)
    course = np.zeros((3, frames))  # iterations, relative change, residual
    left, whole = np.arange(frames), block
    v = flow.copy()
    at_rest = np.zeros(frames)
    for iteration in range(longest + 1):
        system = _System(block, v)
        r = system.residual(v)
        z = system.precondition(r)
        now = _inner(r, z)
        if iteration == 0:
            at_rest = now
        with np.errstate(invalid="ignore", divide="ignore"):
            course[2, left] = np.where(at_rest > 0, np.sqrt(now / at_rest), 0.0)
        going = course[2, left] >= tolerance
        if iteration == longest or not going.any():
            break
        # a frame that is done is left out, but not at each step: leaving out copies
        if going.mean() < 0.7:
            flow[..., left[~going]] = v[..., ~going]
            left, at_rest, now = left[going], at_rest[going], now[going]
            v, r, z = (np.ascontiguousarray(a[..., going]) for a in (v, r, z))
            block = block.only(going)
            system = _System(block, v)
            going = np.ones(len(left), dtype=bool)
        before = v.copy()
        enough = np.maximum(_GAIN * now, 0.1 * tolerance**2 * at_rest)
        _descend(system, v, r, z, now, np.where(going, enough, np.inf))
        course[0, left] += going
        size = _inner(v, v)
        before -= v
        with np.errstate(invalid="ignore", divide="ignore"):
            moved = np.sqrt(_inner(before, before) / size)
        course[1, left[going]] = np.where(size > 0, moved, 0.0)[going]
    flow[..., left] = v
    back = np.stack([whole.turn[0], -whole.turn[1]])
    return np.stack(_turned(flow, back)), course


def _descend(
    system: _System,
    v: np.ndarray,
    r: np.ndarray,
    z: np.ndarray,
    now: np.ndarray,
    enough: np.ndarray,
) -> None:
    """Conjugate gradients, v and r in place, on frames of more than `enough`.

    What becomes of a frame does not depend on those that share its block.
    """
    p, scaled, active = z.copy(), np.empty_like(z), now > enough
    for _ in range(_INNER):
        q = system.product(p)
        bend = _inner(p, q)
        active &= bend > 0
        step = np.where(active, now / np.where(active, bend, 1.0), 0.0)
        v += np.multiply(p, step, out=scaled)
        r -= np.multiply(q, step, out=scaled)
        z = system.precondition(r)
        before, now = now, _inner(r, z)
        active &= now > enough
        if not active.any():
            return
        p *= np.where(active, now / np.where(active, before, 1.0), 0.0)
        p += z


def _inner(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Sum of products over all but frames."""
    frames = a.shape[-1]
    return np.einsum("kf,kf->f", a.reshape(-1, frames), b.reshape(-1, frames))


class _System:
    """The linear equations that are left where the weights are those of a flow."""

    def __init__(self, block: _Block, v: np.ndarray):
        self.block = block
        g = block.gradient
        error = g[0] * v[0] + g[1] * v[1] + block.change
        data = 1 / np.sqrt(1 + (error / block.robustness) ** 2)
        smooth = 1 / np.sqrt(1 + _roughness(block, v) / block.robustness**2)
        self.edge_y = 0.5 * block.edge_y * (smooth[1:] + smooth[:-1])
        self.edge_x = 0.5 * block.edge_x * (smooth[:, 1:] + smooth[:, :-1])
        self.pull = data * g  # (2, y, x, frame)
        mean = smooth.mean(axis=(0, 1))
        known = np.sum(self.pull * g, axis=(1, 2)) / block.sites + block.ridge
        # a frame without data has nothing to solve, and no 0 to divide by
        known = np.where(known > 0, known, 1.0)
        self.softness = 1 / (block.stiffness * mean + known[:, None, None])
        self._buffers = np.empty((3, *v.shape))

    def residual(self, v: np.ndarray) -> np.ndarray:
        """Right-hand side less left-hand side."""
        return -(self.pull * self.block.change) - self.product(v)

    def product(self, v: np.ndarray) -> np.ndarray:
        """The equations' left-hand side; the array returned is overwritten by the next.

        A pair of neighbours pulls both towards each other, by its weight.
        """
        out, scratch = self._buffers[0], self._buffers[1]
        np.multiply(v, self.block.ridge, out=out)
        g = self.block.gradient
        error = np.multiply(g[0], v[0], out=scratch[0])
        error += np.multiply(g[1], v[1], out=scratch[1])
        out[0] += np.multiply(self.pull[0], error, out=scratch[1])
        out[1] += np.multiply(self.pull[1], error, out=scratch[1])
        down, across = scratch[:, 1:], scratch[:, :, 1:]
        np.subtract(v[:, 1:], v[:, :-1], out=down)
        down *= self.edge_y
        out[:, 1:] += down
        out[:, :-1] -= down
        np.subtract(v[:, :, 1:], v[:, :, :-1], out=across)
        across *= self.edge_x
        out[:, :, 1:] += across
        out[:, :, :-1] -= across
        return out

    def precondition(self, r: np.ndarray) -> np.ndarray:
        """Solve the equations averaged over sites, by cosine transforms."""
        c_y, c_x = self.block.cosines
        _, rows, columns, frames = r.shape
        one, two = self._buffers[1], self._buffers[2]
        flat = 2, rows, columns * frames
        np.matmul(c_x, r, out=one)
        np.matmul(c_y, one.reshape(flat), out=two.reshape(flat))
        two *= self.softness
        np.matmul(c_y.T, two.reshape(flat), out=one.reshape(flat))
        return np.matmul(c_x.T, one)


def _roughness(block: _Block, v: np.ndarray) -> np.ndarray:
    """|grad v|^2 at each site: the mean of both sides' differences, squared.

    A missing neighbour counts as equal: nothing flows over an edge.
    """
    total = np.zeros_like(block.change)
    stiff_y, stiff_x = block.edge_y, block.edge_x
    down = np.sum((v[:, 1:] - v[:, :-1]) ** 2, axis=0) * (stiff_y > 0)
    across = np.sum((v[:, :, 1:] - v[:, :, :-1]) ** 2, axis=0) * (stiff_x > 0)
    down *= 0.5 / block.spacing[0] ** 2
    across *= 0.5 / block.spacing[1] ** 2
    total[1:] += down
    total[:-1] += down
    total[:, 1:] += across
    total[:, :-1] += across
    return total
