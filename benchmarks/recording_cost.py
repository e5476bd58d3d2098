"""What recording costs: time beside a run that is not recorded, and memory.

    python benchmarks/recording_cost.py [--quick] [--engines brian2 torch]

Time: a Wilson-Cowan sheet of 64 x 64, dt 0.1 ms, one variable every 10 steps (1 kHz),
compressed, against the same run that keeps a frame a second; by turns, median over
rounds. "elapsed" is what a user waits, "CPU" what it costs with the threads that
compress. Memory: 256 x 256, a frame every step, streamed; the greatest resident
memory above that after the imports, for two lengths, each in a process of its own.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

os.environ.update(OMP_NUM_THREADS="1", MKL_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")

import numpy as np
import torch
from wilson_cowan_step import problem_of

from cortexwave.backends import backend
from cortexwave.backends.problem import Problem
from cortexwave.recording.layout import FieldLayout, RecordingLayout
from cortexwave.recording.writer import RecordingWriter

MEGABYTE = 2**20
# Oscillates for good (Wilson & Cowan 1972, figure 11), so that frames stay different:
# their P = 1.25 is taken off the threshold, which is 4.
LIVELY = {"gain_e": 1.3, "threshold_e": 2.75, "gain_i": 2.0, "threshold_i": 3.7,
          "tau_e": 10e-3, "tau_i": 10e-3}  # fmt: skip
Spent = np.ndarray  # elapsed and CPU time


def lively(n: int, steps: int, every: int) -> Problem:
    """The sheet of `wilson_cowan_step`, oscillating."""
    problem = problem_of(n, steps, every)
    return replace(problem, parameters={**problem.parameters, **LIVELY})


def recorded(problem: Problem, engine: str, folder: str) -> tuple[Path, Spent]:
    """The file that a problem is run into, and the cost per step without building."""
    layout = RecordingLayout(
        fields={name: FieldLayout("1") for name in problem.record},
        y=problem.lattice.y, x=problem.lattice.x, features=1, trials=None,
        frames=problem.frames, interval=problem.every * problem.dt,
    )  # fmt: skip
    problem = replace(problem, block_frames=layout.block_frames)
    with RecordingWriter(
        Path(folder) / f"{engine}.h5", layout, attributes={}, protocol="",
        protocol_resolved="", events=None, drive=None, overwrite=True,
    ) as writer:  # fmt: skip
        begun, built = now(), 0
        for block in backend(engine).blocks(problem):
            writer.append(block.trial, block.first, block.frames)
            if not block.first:  # what comes before the second block is not timed
                begun, built = now(), len(block.frames[problem.record[0]]) - 1
        file = writer.finish()
    return file, (now() - begun) / (problem.steps - built * problem.every)


def unrecorded(problem: Problem, engine: str) -> Spent:
    """The cost per step of a run of which only the last state is kept."""
    blocks = iter(backend(engine).blocks(problem))
    next(blocks)
    begun = now()
    list(blocks)
    return (now() - begun) / problem.steps


def now() -> Spent:
    """Elapsed and CPU time, in us."""
    return 1e6 * np.array([time.perf_counter(), time.process_time()])


def costs(engine: str, n: int, steps: int, rounds: int) -> str:
    """A line of the table."""
    silent, kept = lively(n, steps, steps), lively(n, steps, 10)
    times = np.empty((2, rounds + 1, 2))  # (recorded, round, elapsed and CPU)
    with tempfile.TemporaryDirectory() as folder:
        for turn in range(rounds + 1):
            times[0, turn] = unrecorded(silent, engine)
            file, times[1, turn] = recorded(kept, engine, folder)
        size = file.stat().st_size / MEGABYTE
    times = times[:, 1:]  # the first round warms up
    without, with_it = np.median(times, axis=1)
    added = 100 * np.median(times[1] / times[0] - 1, axis=0)
    return (f"| {engine} | {without[0]:.1f} | {with_it[0]:.1f} | {added[0]:+.0f} % | "
            f"{added[1]:+.0f} % | {size:.1f} MB |")  # fmt: skip


def memory(frames: int, n: int) -> dict[str, float]:
    """Greatest resident memory, in MB, above the imports in a new process."""
    done = subprocess.run(
        [sys.executable, __file__, "--memory-of", str(frames), str(n)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return json.loads(done.stdout)


def _memory_of(frames: int, n: int) -> None:
    before = _resident("VmRSS")
    with tempfile.TemporaryDirectory() as folder:
        file, _ = recorded(lively(n, frames - 1, 1), "torch", folder)
        size = file.stat().st_size / MEGABYTE
    print(json.dumps({"above": _resident("VmHWM") - before, "file": size}))


def _resident(which: str) -> float:
    """Resident memory of this process, now (VmRSS) or at most (VmHWM), in MB (Linux).

    Not `getrusage`, whose peak a process inherits from the one that started it.
    """
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(which)) / 1024


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--engines", nargs="+", default=["brian2", "torch"])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--quick", action="store_true", help="short and small")
    parser.add_argument("--memory-of", type=int, nargs=2, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    if chosen.memory_of:
        _memory_of(*chosen.memory_of)
        return
    steps, rounds, n = (3000, 1, 16) if chosen.quick else (10_000, chosen.rounds, 64)
    print("| engine | us per step | recorded | elapsed | CPU | file of 1 s |")
    print("| --- | --- | --- | --- | --- | --- |")
    for engine in chosen.engines:
        print(costs(engine, n, steps, rounds), flush=True)
    print("\n| streamed | peak memory above the imports | file |\n| --- | --- | --- |")
    lengths, side = ((20, 40), 16) if chosen.quick else ((2_000, 20_000), 256)
    for frames in lengths:
        found = memory(frames, side)
        print(f"| {side} x {side}, {frames:,} frames | {found['above']:.0f} MB | "
              f"{found['file']:.0f} MB |", flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
