"""What importing a lab's file costs: time against real time, memory, opening.

    python benchmarks/import_lab.py [--minutes 10] [--channels 96] [--rates 1000 2000]

A Blackrock-like .ns5 (30 kHz, int16, spectrum near 1/f and clicks of spikes) is
generated in a temporary folder (3.5 GB for 10 minutes of 96 channels) and imported, in
a process of its own on one core. CPU time is that of all threads, hashing of the source
and compression among them; the peak is of resident memory, the Python process and its
imports among it. Opening is CPU time, too, of the first file that a process opens.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

os.environ.update(OMP_NUM_THREADS="1", MKL_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")

import numpy as np
from blackrock_files import RATE, block_head, electrodes, headers

SECONDS_AT_ONCE = 10


def blackrock(path: Path, seconds: int, channels: int) -> Path:
    """A .ns5 of file specification 2.3; its seconds repeat, so that it is soon made."""
    head = headers((2, 3), electrodes(channels))
    with path.open("wb") as file:
        file.write(head + block_head((2, 3), 0, RATE * seconds))
        some = counts(min(seconds, SECONDS_AT_ONCE), channels).tobytes()
        left = 2 * channels * RATE * seconds
        while left > 0:
            left -= file.write(some[:left])
    return path


def counts(seconds: int, channels: int) -> np.ndarray:
    generator = np.random.default_rng(0)
    drift = generator.normal(0, 12, (RATE * seconds, channels)).cumsum(axis=0)
    drift -= np.linspace(0, 1, len(drift))[:, None] * drift[-1]
    noise = generator.normal(0, 40, drift.shape)
    clicks = -300 * (generator.random(drift.shape) < 20 / RATE)
    return (drift + noise + clicks).clip(-32764, 32764).astype("<i2")


def imported(source: Path, output: Path, rate: float) -> dict[str, float]:
    """What one import costs, in this process."""
    from cortexwave.lab.importing import Wanted, importing
    from cortexwave.recording.reader import open_recording

    wall, cpu = time.perf_counter(), time.process_time()
    wanted = Wanted(rate=rate if rate < RATE else None)
    for _ in importing(source, output, wanted, overwrite=True):
        pass
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    status = Path("/proc/self/status").read_text()  # ru_maxrss counts the parent's, too
    peak = int(status.partition("VmHWM:")[2].split()[0]) / 1024
    begun = time.process_time()
    open_recording(output).close()
    opening = time.process_time() - begun
    size = output.stat().st_size / 1e6
    return {"wall": wall, "cpu": cpu, "peak": peak, "opening": opening, "size": size}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--channels", type=int, default=96)
    parser.add_argument("--rates", type=float, nargs="+", default=[1000.0, 2000.0])
    parser.add_argument("--one", nargs=3, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        source, output, rate = given.one
        print(json.dumps(imported(Path(source), Path(output), float(rate))))
        return
    seconds = round(60 * given.minutes)
    print("| to | CPU s | x real time | elapsed s | peak MB | file MB | opening |\n"
          "| --- | --- | --- | --- | --- | --- | --- |")  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        source = blackrock(Path(folder) / "a.ns5", seconds, given.channels)
        for rate in given.rates:
            command = [sys.executable, __file__, "--one", str(source),
                       str(Path(folder) / "a.h5"), str(rate)]  # fmt: skip
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            cost = json.loads(done.stdout)
            print(f"| {rate:g} Hz | {cost['cpu']:.1f} | {seconds / cost['cpu']:.0f} | "
                  f"{cost['wall']:.1f} | {cost['peak']:.0f} | {cost['size']:.0f} | "
                  f"{cost['opening']:.2f} |")  # fmt: skip


if __name__ == "__main__":
    main()
