"""Cost of generalized phase, beside plain SciPy's filter and Hilbert transform.

    python benchmarks/generalized_phase.py [--quick] [--seconds 60] [--sites 100]
                                           [--rounds 9]

Noise of 1/f power at 1 kHz, 5 to 40 Hz, Butterworth of order 4 forwards and backwards,
float64. One thread on one core. All are timed by turns in one process, a round each, so
that what else the machine does meets all alike; times are CPU time of the process. The
ratio is the median over rounds of the time over that of plain SciPy's filter and
Hilbert transform in the same round; the goal for the whole generalized phase is below
1.5. The last column is the greatest difference from the plain script on the unit
circle: "plain" is the definition, one channel at a time with SciPy's pchip.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable

# Libraries read these when they are loaded, so they stand before the imports.
os.environ.update(OMP_NUM_THREADS="1", MKL_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")

import numpy as np
import scipy.fft
import scipy.signal
from scipy.interpolate import PchipInterpolator

from cortexwave.analysis.filters import butterworth
from cortexwave.analysis.phase import analytic_signal, generalized_phase

RATE, BAND, ORDER = 1000.0, (5.0, 40.0), 4


def noise(sites: int, frames: int) -> np.ndarray:
    """(site, time) of power 1/f, unit standard deviation."""
    white = np.random.default_rng(0).standard_normal((sites, frames))
    spectrum = scipy.fft.rfft(white, axis=-1)
    f = np.arange(spectrum.shape[-1], dtype=float)
    f[0] = np.inf
    values = scipy.fft.irfft(spectrum / np.sqrt(f), frames, axis=-1)
    return values / values.std()


def plain_analytic(values: np.ndarray) -> np.ndarray:
    """Filter and Hilbert transform as one writes them with SciPy."""
    sections = scipy.signal.butter(ORDER, BAND, "bandpass", fs=RATE, output="sos")
    filtered = scipy.signal.sosfiltfilt(sections, values, padlen=6 * ORDER)
    return scipy.signal.hilbert(filtered)


def plain_phase(values: np.ndarray) -> np.ndarray:
    """The whole generalized phase, channel by channel."""
    return np.array([_plain_repair(one) for one in plain_analytic(values)])


def _plain_repair(analytic: np.ndarray) -> np.ndarray:
    angle, frames = np.angle(analytic), np.arange(len(analytic))
    flagged = np.append(np.angle(analytic[1:] * analytic[:-1].conj()) < 0, False)
    flagged[0] = False
    edges = np.flatnonzero(np.diff(flagged)) + 1
    known = np.ones(len(analytic), dtype=bool)
    for start, stop in zip(edges[::2], edges[1::2], strict=True):
        known[start : start + 3 * (stop - start - 1) + 1] = False
    return PchipInterpolator(frames[known], np.unwrap(angle[known]))(frames)


def ours_analytic(values: np.ndarray) -> np.ndarray:
    """Filter and Hilbert transform of the package."""
    return analytic_signal(butterworth(values, rate=RATE, band=BAND, order=ORDER))


def ours_phase(values: np.ndarray) -> np.ndarray:
    """The whole generalized phase of the package."""
    return generalized_phase(ours_analytic(values), rate=RATE)[0]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--sites", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--quick", action="store_true", help="3 s, 3 rounds")
    chosen = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    seconds, rounds = (3.0, 3) if chosen.quick else (chosen.seconds, chosen.rounds)
    values = noise(chosen.sites, round(seconds * RATE))
    runners: list[tuple[str, Callable[[np.ndarray], np.ndarray]]] = [
        ("SciPy: filter, Hilbert", plain_analytic),
        ("cortexwave: filter, Hilbert", ours_analytic),
        ("cortexwave: generalized phase", ours_phase),
        ("SciPy: generalized phase", plain_phase),
    ]
    found = [run(values) for _, run in runners]  # also warms up
    analytic, phase = found[0], np.exp(1j * found[3])
    away = [
        np.nan, np.abs(found[1] - analytic).max() / analytic.real.std(),
        np.abs(np.exp(1j * found[2]) - phase).max(), np.nan,
    ]  # fmt: skip
    del found, analytic, phase
    times = np.empty((len(runners), rounds))
    for turn in range(rounds):
        for place, (_, run) in enumerate(runners):
            begun = time.process_time()
            run(values)
            times[place, turn] = time.process_time() - begun
    print(f"{chosen.sites} sites, {seconds:g} s at {RATE:g} Hz")
    print("| what | s: median (min) | of SciPy's filter, Hilbert | max difference |")
    print("| --- | --- | --- | --- |")
    for (name, _), took, error in zip(runners, times, away, strict=True):
        ratio = np.median(took / times[0])
        shown = "-" if np.isnan(error) else f"{error:.0e}"
        print(f"| {name} | {np.median(took):.3f} ({took.min():.3f}) | {ratio:.2f} | "
              f"{shown} |")  # fmt: skip


if __name__ == "__main__":
    main()
