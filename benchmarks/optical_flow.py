"""Cost of the flow of phase for a whole recording, beside a plain Horn-Schunck.

    python benchmarks/optical_flow.py [--rounds 5] [--seconds 60] [--quick]

A plane wave (15 Hz, 90 mm/s) in white noise of its own power, 5 to 40 Hz, at 1 kHz and
0.4 mm. `robust_flow` and `normal_flow` go through the whole recording of 10 x 10 sites;
of 64 x 64, and by the plain script, some pairs of frames. The plain script is what one
writes from Horn & Schunck 1981 in NumPy: a pair at a time, 100 steps of their average
of neighbours, from rest, alpha^2 = 0.5 as in the robust flow, no robust weights and no
test of convergence. Beside the cost stands the median of the velocity along the wave
vector (90 mm/s without noise, which steepens gradients and so slows all three), and
how far the equations were solved: the residual relative to that at rest, at worst, or
for the plain script, of its own linear equations, the median.

CPU time on one core, by turns in one process; medians over rounds (a whole recording is
timed once per round).
"""

from __future__ import annotations

import argparse
import itertools
import os
import time
from collections.abc import Callable
from typing import Any

if __name__ == "__main__":  # libraries read these when they are loaded
    os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")

import numpy as np
import xarray as xr

from cortexwave.analysis.flow import normal_flow, robust_flow
from cortexwave.analysis.wave_fields import wave_field

RATE, PITCH = 1000.0, 0.4  # Hz, mm
WAVE = 2 * np.pi / 6 * np.array([np.cos(np.pi / 6), np.sin(np.pi / 6)])  # rad/mm, x, y
ALPHA, STEPS = 0.5, 100


def recording_of(side: int, seconds: float, seed: int) -> xr.Dataset:
    frames = round(seconds * RATE)
    t = np.arange(frames) / RATE
    at = PITCH * np.arange(side)
    lag = WAVE[0] * at[None, :] + WAVE[1] * at[:, None]
    values = np.cos(2 * np.pi * 15 * t[:, None, None] - lag)
    noise = np.random.default_rng(seed).standard_normal(values.shape)
    values += noise * np.sqrt(0.5)
    return xr.Dataset(
        {"v": (("time", "y", "x"), values, {"units": "uV"})},
        {"time": ("time", t, {"units": "s"}), "y": ("y", at, {"units": "mm"}),
         "x": ("x", at, {"units": "mm"})},
    )  # fmt: skip


def wrapped(angle: np.ndarray) -> np.ndarray:
    return (angle + np.pi) % (2 * np.pi) - np.pi


def neighbours(values: np.ndarray) -> np.ndarray:
    """Horn & Schunck's average: sixths of the sides, twelfths of the corners."""
    p = np.pad(values, 1, mode="edge")
    sides = p[1:-1, :-2] + p[1:-1, 2:] + p[:-2, 1:-1] + p[2:, 1:-1]
    corners = p[:-2, :-2] + p[:-2, 2:] + p[2:, :-2] + p[2:, 2:]
    return sides / 6 + corners / 12


def slopes(phase: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    found = []
    for axis in (0, 1):
        step = wrapped(np.diff(phase, axis=axis))
        first, last = step.take([0], axis), step.take([-1], axis)
        inner = (step.take(range(1, step.shape[axis]), axis)
                 + step.take(range(step.shape[axis] - 1), axis)) / 2  # fmt: skip
        found.append(np.concatenate([first, inner, last], axis))
    return found[0], found[1]


def plain(phase: np.ndarray) -> Told:
    """The plain script, of phase (frame, y, x)."""
    flows, residuals = [], []
    # 3 (average - v) is their Laplacian
    weight = 3 * ALPHA
    for before, after in itertools.pairwise(phase):
        (y0, x0), (y1, x1) = slopes(before), slopes(after)
        g_y, g_x, change = (y0 + y1) / 2, (x0 + x1) / 2, wrapped(after - before)
        u, v = np.zeros(change.shape), np.zeros(change.shape)
        for _ in range(STEPS):
            mean_u, mean_v = neighbours(u), neighbours(v)
            pull = (g_x * mean_u + g_y * mean_v + change) / (weight + g_x**2 + g_y**2)
            u, v = mean_u - g_x * pull, mean_v - g_y * pull
        error = g_x * u + g_y * v + change
        left = [
            weight * (neighbours(w) - w) - g * error for w, g in ((u, g_x), (v, g_y))
        ]
        at_rest = np.hypot(g_x, g_y) * change
        residuals.append(np.linalg.norm(left) / np.linalg.norm(at_rest))
        flows.append(np.stack([v, u]) * PITCH * RATE)
    found = np.array(flows)
    speed = along(found[:, 0], found[:, 1])
    return len(flows), speed, f"{np.median(residuals):.1e}"


Told = tuple[int, float, str]  # pairs, mm/s along the wave vector, residual


def summary(flow: xr.Dataset) -> Told:
    speed = along(flow["velocity_y"].values, flow["velocity_x"].values)
    left = f"{float(flow['residual'].max()):.1e}" if "residual" in flow else "-"
    return flow.sizes["time"], speed, left


def along(velocity_y: np.ndarray, velocity_x: np.ndarray) -> float:
    unit = WAVE / np.linalg.norm(WAVE)
    return float(np.nanmedian(velocity_x * unit[0] + velocity_y * unit[1]))


def clock(task: Callable[[], Any]) -> tuple[float, Any]:
    start = time.process_time()
    result = task()
    return time.process_time() - start, result


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--quick", action="store_true", help="2 s, one round")
    given = parser.parse_args()
    if given.quick:
        given.rounds, given.seconds = 1, 2.0
    print("| sites | pairs | flow | CPU s | us per pair | of plain | mm/s along k "
          "(truth 90) | residual |\n|---|---|---|---|---|---|---|---|")  # fmt: skip
    for side, seconds, few in ((10, given.seconds, 200), (64, 1.0, 40)):
        field = wave_field(recording_of(side, seconds, seed=0), band=(5.0, 40.0))
        middle = field.sizes["time"] // 2
        part = field if side == 10 else field.isel(time=slice(middle, middle + 201))
        phase = field["phase"].values[middle : middle + few + 1]
        tasks = {
            "plain": lambda phase=phase: plain(phase),
            "robust_flow": lambda part=part: robust_flow(
                part, smoothness=ALPHA, robustness=RATE
            ),
            "normal_flow": lambda part=part: normal_flow(part),
        }
        costs: dict[str, list[float]] = {name: [] for name in tasks}
        told: dict[str, Told] = {}
        for _ in range(given.rounds):
            for name, task in tasks.items():
                cost, result = clock(task)
                costs[name].append(cost)
                told[name] = result if name == "plain" else summary(result)
        each = {name: float(np.median(costs[name])) / told[name][0] for name in tasks}
        for name, (pairs, speed, residual) in told.items():
            print(
                f"| {side} x {side} | {pairs} | {name} | {np.median(costs[name]):.3g} "
                f"| {1e6 * each[name]:.0f} | {each[name] / each['plain']:.3f} "
                f"| {speed:.1f} | {residual} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
