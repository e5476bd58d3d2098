"""Cost of a whole analysis, as `cortexwave analyse` does it, page included.

    python benchmarks/analyse.py [--surrogates 99] [--quick]

Made recordings, read from their files: 60 s of 10 x 10 sites and 5 s of 64 x 64, at 1
kHz, 5 to 40 Hz, waves in smooth noise. CPU time of the process, one thread, one run
each; the peak is the process' own beyond what the imports take.
"""

from __future__ import annotations

import argparse
import os
import resource
import tempfile
import time
from pathlib import Path

# Libraries read these when they are loaded, so they stand before the imports.
os.environ.update(OMP_NUM_THREADS="1", MKL_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")

import cortexwave as cw
from cortexwave import synthetic
from cortexwave.wave_report import write_wave_page

BAND = (5.0, 40.0)


def made(side: int, seconds: float, path: Path) -> Path:
    """Smooth noise with a plane wave of half a second every four, in a file."""
    sites = synthetic.lattice_sites((side, side), spacing=4.0 / side)
    time_of = {"duration": seconds, "rate": 1000.0, "dtype": "float32"}
    parts = [synthetic.smooth_noise(sites, length=0.3, seed=0, band=(1.0, 100.0),
                                    exponent=1.0, **time_of)]  # fmt: skip
    at = 1.0
    while at + 0.5 < seconds:
        parts.append(synthetic.plane_wave(
            sites, direction=30.0 * at, frequency=15.0, wavelength=6.0, amplitude=1.5,
            window=(at, at + 0.5), **time_of,
        ))  # fmt: skip
        at += 4.0
    return cw.save_recording(synthetic.mixture(*parts), path)


def peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--surrogates", type=int, default=99)
    parser.add_argument("--quick", action="store_true", help="3 s, 19 surrogates")
    chosen = parser.parse_args()
    print("| recording | analyse, CPU s | page, CPU s | peak, MB | verdict |")
    print("| --- | --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory() as folder:
        for side, seconds in ((10, 60.0), (64, 5.0)):
            seconds = min(seconds, 3.0) if chosen.quick else seconds
            path = made(side, seconds, Path(folder) / f"{side}.h5")
            before, start = peak(), time.process_time()
            count = 19 if chosen.quick else chosen.surrogates
            output = Path(folder) / f"w{side}.h5"
            found = cw.analyse(path, output, band=BAND, count=count)
            analysed = time.process_time()
            write_wave_page(found, Path(folder) / "page.png")
            drawn = time.process_time()
            print(f"| {side} x {side}, {seconds:g} s | {analysed - start:.1f} | "
                  f"{drawn - analysed:.1f} | {peak() - before:.0f} | "
                  f"{found.word} |", flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
