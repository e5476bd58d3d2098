"""Cost of a whole comparison of two recordings, as `cortexwave compare` does it.

    python benchmarks/comparison.py [--minutes 10] [--jobs 2]

Made recordings of 96 channels at 1 kHz, one called a model and one the lab's: a plane
wave of 0.3 s to the left or to the right in smooth noise after an onset every 1.5 s,
5 to 40 Hz, trials of 0.4 s, the page included. CPU time and peak memory of the command,
a process for each job, one thread each, one run; the peak is that of the largest.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

# Libraries read these when they are loaded, so they stand before the imports.
os.environ.update(OMP_NUM_THREADS="1", MKL_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")

import numpy as np
import xarray as xr

import cortexwave as cw
from cortexwave import schema

RATE, PITCH, EVERY = 1000.0, 0.4, 1.5  # Hz, mm, s
PIECE = 30.0  # s that are drawn at once


def places() -> np.ndarray:
    """(x, y) in mm of 10 x 10 contacts without the four corners."""
    y, x = np.divmod(np.arange(100), 10)
    kept = ~np.isin(np.arange(100), (0, 9, 90, 99))
    return PITCH * np.stack([x, y], axis=1)[kept]


def made(minutes: float, origin: str, speed: float, seed: int, path: Path) -> Path:
    """Noise smooth in space, 1/f in power, with waves after onsets; in a file."""
    rng, at = np.random.default_rng(seed), places()
    apart = np.linalg.norm(at[:, None] - at[None], axis=-1)
    smooth = np.linalg.cholesky(np.exp(-((apart / 0.6) ** 2) / 2) + 1e-6 * np.eye(96))
    values = np.empty((round(60 * minutes * RATE), 96), dtype="float32")
    size = round(PIECE * RATE)
    shape = np.maximum(np.fft.rfftfreq(size, 1 / RATE), 1.0) ** -0.5
    for start in range(0, len(values), size):
        drawn = np.fft.rfft(rng.normal(size=(size, 96)), axis=0) * shape[:, None]
        piece = np.fft.irfft(drawn, size, axis=0)
        values[start : start + size] = (piece / piece.std() @ smooth.T)[
            : len(values) - start
        ]
    rows = []
    hann, clock = np.hanning(round(0.3 * RATE)), np.arange(round(0.3 * RATE)) / RATE
    for number, onset in enumerate(np.arange(1.0, 60 * minutes - 1.0, EVERY)):
        side = 1.0 if number % 2 else -1.0
        phase = 2 * np.pi * (15.0 * (clock[:, None] - side * at[:, 0] / speed)
                             + rng.uniform())  # fmt: skip
        first = round(onset * RATE)
        values[first : first + clock.size] += 1.5 * hann[:, None] * np.cos(phase)
        rows.append({"onset": onset, "duration": 0.05, "kind": "flash",
                     "stimulus": "right" if side > 0 else "left"})  # fmt: skip
    fields = xr.Dataset(
        {"lfp": (("time", "channel"), values, {"units": "uV"})},
        {"time": ("time", np.arange(len(values)) / RATE, {"units": "s"}),
         "channel": [f"e{number}" for number in range(96)],
         "x": ("channel", at[:, 0], {"units": "mm"}),
         "y": ("channel", at[:, 1], {"units": "mm"})},
        {"origin": origin},
    )  # fmt: skip
    table = schema.with_tables(fields, schema.events_table(rows), None)
    return cw.save_recording(table, path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--keep", type=Path, help="folder of recordings and report")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = chosen.keep or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        model = made(chosen.minutes, "model", 120.0, 1, folder / "model.h5")
        lab = made(chosen.minutes, "lab", 150.0, 2, folder / "lab.h5")
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        began = time.monotonic()
        told = subprocess.run(
            [sys.executable, "-m", "cortexwave.cli", "compare", str(model), str(lab),
             "--band", "5 Hz:40 Hz", "--window", "-100 ms:300 ms", "--quiet", "--json",
             "--jobs", str(chosen.jobs), "-o", str(folder / "report")],
            check=True, capture_output=True, text=True,
        )  # fmt: skip
        elapsed = time.monotonic() - began
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = used.ru_utime + used.ru_stime - before.ru_utime - before.ru_stime
        page = Path(json.loads(told.stdout)["path"])
        print("| two recordings of | CPU s | elapsed s | peak, MB | page, MB |")
        print("| --- | --- | --- | --- | --- |")
        print(f"| {chosen.minutes:g} min, 96 channels | {cpu:.0f} | {elapsed:.0f} | "
              f"{used.ru_maxrss / 1024:.0f} | "
              f"{page.stat().st_size / 1e6:.1f} |")  # fmt: skip


if __name__ == "__main__":
    main()
