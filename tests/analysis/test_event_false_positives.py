"""How often fields in which nothing travels have events, and how often waves have none.

Slow: a thousand fields each. The rates are printed (`-s`). The p of the strongest event
holds for a whole recording, so at 0.05 one recording in twenty may have one.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import xarray as xr
from scipy.stats import binom

from cortexwave import synthetic
from cortexwave.analysis.events import find_waves
from cortexwave.analysis.wave_fields import wave_field

pytestmark = pytest.mark.slow

ALPHA, FIELDS, WAVES = 0.05, 1000, 60
BAND = (5.0, 40.0)
SITES = synthetic.lattice_sites((10, 10), spacing=0.4)
TIME = {"duration": 4.0, "rate": 250.0}
# one wave of half a second in ten: in four it would be most of its few frequencies,
# and its reverse, as good a wave, one surrogate in four (48 of 60 radial ones found)
LONGER = {"duration": 10.0, "rate": 250.0}
# inside with 99.9 % if the rate is 0.05
_, HIGH = binom.interval(0.999, FIELDS, ALPHA)


def _smooth(length: float) -> Callable[[int], xr.Dataset]:
    return lambda seed: synthetic.smooth_noise(SITES, length=length, seed=seed, **TIME)


def _unison_bursts(seed: int) -> xr.Dataset:
    noise = synthetic.smooth_noise(SITES, length=0.0, seed=seed, **TIME)
    bursts = [
        synthetic.synchronous(SITES, frequency=15.0, window=(at, at + 0.3), **TIME)
        for at in (0.8, 1.8, 2.8)
    ]
    return synthetic.mixture(noise, *bursts)


def _standing_bursts(seed: int) -> xr.Dataset:
    draw = np.random.default_rng(seed)
    noise = synthetic.smooth_noise(SITES, length=0.0, seed=seed, **TIME)
    bursts = [
        synthetic.standing_wave(SITES, direction=draw.uniform(-180, 180),
                                wavelength=4.0, frequency=12.0, amplitude=np.sqrt(2),
                                window=(at, at + 0.5), **TIME)
        for at in (0.8, 1.8, 2.8)
    ]  # fmt: skip
    return synthetic.mixture(noise, *bursts)


NULLS: dict[str, Callable[[int], xr.Dataset]] = {
    "independent noise": _smooth(0.0),
    "noise smooth over 0.4 mm": _smooth(0.4),
    "noise smooth over 0.8 mm": _smooth(0.8),
    "noise smooth over 1.6 mm": _smooth(1.6),
    "two zero-lag sources": lambda seed: synthetic.two_sources(
        SITES, seed=seed, **TIME
    ),
    "bursts in unison": _unison_bursts,
    "bursts that stand": _standing_bursts,
}


def _rejected(made: xr.Dataset, seed: int, count: int) -> bool:
    field = wave_field(made, band=BAND)
    found = find_waves(field, seed=seed, count=count, alpha=ALPHA)
    return bool(found["is_wave"].any())


@pytest.mark.parametrize("name", NULLS)
def test_where_nothing_travels_one_recording_in_twenty_has_an_event(name):
    count = sum(_rejected(NULLS[name](seed), seed, 19) for seed in range(FIELDS))
    print(f"{name}: {count} of {FIELDS}; up to {HIGH:.0f} are as 0.05")
    # a frame that chance or a standing pattern would explain counts for nothing, so the
    # test is cautious, most on independent noise; what it finds is below
    assert count <= HIGH


def _episode(kind: str, draw: np.random.Generator) -> xr.Dataset:
    """One cycle and more of a wave at 0 dB of the white noise, while it lasts."""
    made = dict(frequency=12.0, window=(1.5, 2.0), amplitude=np.sqrt(2), **LONGER)
    centre = tuple(1.8 + draw.uniform(-0.8, 0.8, 2))
    if kind == "plane":
        return synthetic.plane_wave(SITES, direction=draw.uniform(-180, 180),
                                    wavelength=6.0, **made)  # fmt: skip
    if kind == "radial":
        spread = "out" if draw.random() < 0.5 else "in"
        return synthetic.radial_wave(SITES, centre=centre, spread=spread,
                                     wavelength=4.0, **made)  # fmt: skip
    return synthetic.rotating_wave(SITES, centre=centre,
                                   handedness=1 if draw.random() < 0.5 else -1,
                                   **made)  # fmt: skip


@pytest.mark.parametrize("kind", ["plane", "radial", "rotating"])
def test_one_wave_of_half_a_second_at_0_db_is_found_nine_times_in_ten(kind):
    found = 0
    for seed in range(WAVES):
        noise = synthetic.smooth_noise(SITES, length=0.0, seed=1000 + seed, **LONGER)
        wave = _episode(kind, np.random.default_rng(seed))
        # as many surrogates as `find_waves` takes by itself: with 19 p is .05 at the
        # least, which loses some (51 of 60 radial waves were found)
        found += _rejected(synthetic.mixture(wave, noise), seed, 99)
    print(f"{kind}: {found} of {WAVES}")
    assert found >= 0.9 * WAVES


def test_standing_and_synchronous_episodes_are_called_so():
    right = {"standing": 0, "synchronous": 0}
    for seed in range(WAVES):
        draw = np.random.default_rng(seed)
        noise = synthetic.smooth_noise(SITES, length=0.0, seed=seed, **LONGER)
        made = dict(frequency=12.0, window=(1.5, 2.0), amplitude=np.sqrt(2), **LONGER)
        standing = synthetic.standing_wave(
            SITES, direction=draw.uniform(-180, 180), wavelength=4.0, **made
        )
        synchronous = synthetic.synchronous(SITES, **made)
        for kind, wave in (("standing", standing), ("synchronous", synchronous)):
            field = wave_field(synthetic.mixture(wave, noise), band=BAND)
            found = find_waves(field, seed=seed, count=19)
            inside = (found["start"] < 1.75) & (found["end"] > 1.75)
            kinds = found["kind"].values[inside.values]
            right[kind] += bool(len(kinds)) and set(kinds) == {kind}
    print(right)
    # 0 dB is 2.5 dB of a standing wave in the band: it has half the power of its
    # antinodes. At -1 dB 24 of 24 stand, at -2 dB 20,
    # at -3 dB 7: there half of the power is noise
    assert min(right.values()) >= 0.95 * WAVES
