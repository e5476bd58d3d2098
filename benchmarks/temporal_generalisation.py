"""Time of generalisation over time, and of the rigid shift that undoes it.

    python benchmarks/temporal_generalisation.py [--quick]

200 trials x 100 times x 96 sites x 6 classes with 200 permutations, one thread; the
classes are held by a traveling wave. Wall and CPU time of one run each.
"""

from __future__ import annotations

import argparse
import os
import resource
import time
from collections.abc import Callable
from functools import partial

# Libraries read these when they are loaded, so they stand before the imports.
os.environ.update(OMP_NUM_THREADS="1", MKL_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")

import numpy as np

from cortexwave import synthetic
from cortexwave.memory.alignment import shift_aligned_generalisation
from cortexwave.memory.generalisation import temporal_generalisation
from cortexwave.memory.trials import Trials, trials_of


def made(frames: int) -> Trials:
    """200 trials of a wave along a line of 96 sites."""
    recording = synthetic.rival(
        "traveling_wave", trials=34, seed=0, duration=frames / 500, rate=500.0,
        speed=100.0, sites=synthetic.lattice_sites((1, 96), spacing=0.4),
    )  # fmt: skip
    trials = trials_of(recording, window=(0.0, (frames - 1) / 500))
    return trials.chosen(np.arange(200))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--quick", action="store_true", help="20 times, 19 permutations"
    )
    chosen = parser.parse_args()
    frames, count = (20, 19) if chosen.quick else (100, 200)
    trials = made(frames)
    print("| readout | wall s | CPU s | peak, MB |")
    print("| --- | --- | --- | --- |")
    for name in ("lda", "ridge"):
        row(f"temporal generalisation, {name}", partial(
            temporal_generalisation, trials, classifier=name, permutations=count,
            seed=0))  # fmt: skip
    row("rigid shift, 25 times, 16 velocities", partial(
        shift_aligned_generalisation, trials, speeds=np.arange(25.0, 225.0, 25.0),
        directions=(0.0, 180.0), times=trials.clock[:: max(1, frames // 25)],
        longest=0.03, boundary="open", permutations=count, seed=0))  # fmt: skip


def row(name: str, work: Callable[[], object]) -> None:
    before, start = time.process_time(), time.perf_counter()
    work()
    wall, cpu = time.perf_counter() - start, time.process_time() - before
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"| {name} | {wall:.1f} | {cpu:.1f} | {peak:.0f} |", flush=True)


if __name__ == "__main__":
    main()
