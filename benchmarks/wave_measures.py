"""Cost of the measures of waves, beside a plain NumPy script of the same measures.

    python benchmarks/wave_measures.py [--quick] [--seconds 60] [--rounds 5]

A plane wave in 0 dB of white noise, 10 x 10 sites at 1 kHz, band 5 to 40 Hz. One thread
on one core; both are timed by turns in one process, a round each, in CPU time of the
process; the ratio is the median over rounds. The script is what one would write: whole
arrays, `nanmedian`, a loop over frames for the phase-distance correlation (on a
hundredth of the frames, times a hundred) and over the same centres for the rotation,
without refinement. The last column is the greatest difference of the medians over
frames, relative. `gradient` is that of `phase_gradient`, which a wave field has.
"""

from __future__ import annotations

import argparse
import os
import time

# Libraries read these when they are loaded, so they stand before the imports.
os.environ.update(OMP_NUM_THREADS="1", MKL_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")

import numpy as np
import xarray as xr

from cortexwave import synthetic
from cortexwave.analysis.gradient import phase_gradient
from cortexwave.analysis.measures import MEASURES, measure
from cortexwave.analysis.rotation_measures import candidate_centres
from cortexwave.analysis.sites import sites_of
from cortexwave.analysis.wave_fields import wave_field

PITCH = 0.4  # mm
FEW = 100  # one frame in so many where the script has a loop over frames


def field_of(seconds: float) -> xr.Dataset:
    sites = synthetic.lattice_sites((10, 10), spacing=PITCH)
    wave = synthetic.plane_wave(
        sites, duration=seconds, rate=1000.0, direction=30.0, frequency=15.0,
        wavelength=6.0,
    )  # fmt: skip
    return wave_field(synthetic.with_noise(wave, snr_db=0.0, seed=1), band=(5.0, 40.0))


def plain_gradient(field: xr.Dataset) -> None:
    z = np.exp(1j * field["phase"].values)
    for axis in (1, 2):
        w = np.moveaxis(z, axis, -1)
        out = np.empty(w.shape)
        out[..., 1:-1] = np.angle(w[..., 2:] * w[..., :-2].conj()) / (2 * PITCH)
        out[..., 0] = np.angle(w[..., 1] * w[..., 0].conj()) / PITCH
        out[..., -1] = np.angle(w[..., -1] * w[..., -2].conj()) / PITCH


def plain_local(field: xr.Dataset) -> dict[str, np.ndarray]:
    u, v = -field["gradient_x"].values, -field["gradient_y"].values
    slope = np.hypot(u, v)
    space = (1, 2)
    z = np.exp(1j * field["phase"].values)
    frequency = np.abs(field["frequency"].values)
    return {
        "speed": np.nanmedian(2 * np.pi * frequency / slope, axis=space),
        "wavelength": np.nanmedian(2 * np.pi / slope, axis=space),
        "direction": np.degrees(np.arctan2(v.mean(space), u.mean(space))),
        "pgd": np.hypot(u.mean(space), v.mean(space)) / slope.mean(space),
        "planarity": np.abs(((u + 1j * v) / slope).mean(space)),
        "synchrony": np.abs(z.mean(space)),
        "bimodality": np.abs((z**2).mean(space)),
        "divergence": (np.gradient(u, PITCH, axis=2)
                       + np.gradient(v, PITCH, axis=1)).mean(space),
        "curl": (np.gradient(v, PITCH, axis=2)
                 - np.gradient(u, PITCH, axis=1)).mean(space),
    }  # fmt: skip


def plain_rotation(field: xr.Dataset) -> dict[str, np.ndarray]:
    sites = sites_of(field["phase"])
    z = np.exp(1j * field["phase"].values).reshape(-1, sites.count)
    best = np.zeros(len(z))
    for centre in candidate_centres(sites):
        x, y = (sites.positions - centre).T
        turn = np.exp(1j * np.arctan2(y, x))
        for template in (turn, turn.conj()):
            best = np.maximum(best, np.abs(z @ template) / sites.count)
    return {"rotation": best}


def plain_source(field: xr.Dataset) -> dict[str, np.ndarray]:
    sites = sites_of(field["phase"])
    u, v = -field["gradient_x"].values, -field["gradient_y"].values
    spread = np.gradient(u, PITCH, axis=2) + np.gradient(v, PITCH, axis=1)
    phase = field["phase"].values.reshape(-1, sites.count)
    found = []
    for frame in range(0, len(phase), FEW):
        at = sites.positions[np.argmax(spread[frame])]
        d = np.linalg.norm(sites.positions - at, axis=1)
        s, c = np.sin(phase[frame]), np.cos(phase[frame])
        rs, rc, both = (np.corrcoef(a, b)[0, 1] for a, b in ((d, s), (d, c), (s, c)))
        found.append(np.sqrt((rc**2 + rs**2 - 2 * rc * rs * both) / (1 - both**2)))
    return {"source_rho": np.array(found)}


def spent(action, field: xr.Dataset) -> tuple[float, object]:
    begun = time.process_time()
    found = action(field)
    return time.process_time() - begun, found


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="3 s, one round")
    chosen = parser.parse_args()
    seconds, rounds = (3.0, 1) if chosen.quick else (chosen.seconds, chosen.rounds)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    field = field_of(seconds)
    local = ["speed", "wavelength", "direction", "pgd", "planarity", "synchrony",
             "bimodality", "divergence", "curl"]  # fmt: skip
    frames = [name for name, one in MEASURES.items() if one.per == "frame"]
    trial = [name for name, one in MEASURES.items() if one.per == "trial"]
    rows = {
        "gradient": (phase_gradient, plain_gradient, 1),
        "nine local measures": (lambda f: measure(f, local), plain_local, 1),
        "rotation": (lambda f: measure(f, ["rotation"]), plain_rotation, 1),
        "source and its rho": (lambda f: measure(f, ["source_rho"]), plain_source, FEW),
        f"all {len(frames)} per frame": (lambda f: measure(f, frames), None, 1),
        f"all {len(trial)} per trial": (lambda f: measure(f, trial), None, 1),
    }
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in rows}
    apart = dict.fromkeys(rows, np.nan)
    for turn in range(rounds + 1):
        for name, (ours, plain, factor) in rows.items():
            mine, found = spent(ours, field)
            theirs, expected = spent(plain, field) if plain else (np.nan, None)
            if turn:  # the first round warms up
                times[name].append((mine, theirs * factor))
            if isinstance(expected, dict):
                apart[name] = difference(found, expected, field)
    print(f"{seconds:g} s of 10 x 10 at 1 kHz, CPU seconds: median (min)\n")
    print("| what | cortexwave | plain script | faster | apart |")
    print("| --- | --- | --- | --- | --- |")
    for name, each in times.items():
        mine, theirs = np.array(each).T
        plain = f"{np.median(theirs):.2f}" if np.isfinite(theirs).all() else "-"
        ratio = f"{np.median(theirs / mine):.1f}" if plain != "-" else "-"
        gap = f"{apart[name]:.1e}" if np.isfinite(apart[name]) else "-"
        print(f"| {name} | {np.median(mine):.2f} ({mine.min():.2f}) | {plain} | "
              f"{ratio} | {gap} |")  # fmt: skip


def difference(found, expected: dict[str, np.ndarray], field: xr.Dataset) -> float:
    """Greatest relative difference of the medians over valid frames."""
    worst = 0.0
    for name, values in expected.items():
        valid = field["valid"].values
        if len(values) != len(valid):  # smoothed divergence: not the same source
            return float("nan")
        one, other = (np.nanmedian(v[valid]) for v in (found[name].values, values))
        worst = max(worst, abs(one - other) / max(1e-3, abs(other)))
    return worst


if __name__ == "__main__":
    main()
