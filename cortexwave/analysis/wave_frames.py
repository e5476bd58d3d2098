"""A stretch of a wave field as arrays: what every measure of waves is computed from.

`Frames` are single moments, for what is measured frame by frame; a `Course` is the
analytic signal of one trial, block by block, for what needs a whole trial. Both are
read as they are needed, so that a field may be longer than the memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import xarray as xr

from cortexwave.analysis.sites import Sites, frames_of, sites_of
from cortexwave.errors import InputError

READ = 1 << 22  # values read at once
_BLOCK = 1 << 15  # values that stay in the cache from one operation to the next
_FRAMES = 256


SiteKey = tuple[bytes, tuple[int, int] | None, tuple[float, float] | None, float]


def site_key(sites: Sites) -> SiteKey:
    """What tells sites apart, for what is made once for block after block of them."""
    return sites.positions.tobytes(), sites.shape, sites.spacing, sites.pitch


def sites_by_key(key: SiteKey) -> Sites:
    return Sites(np.frombuffer(key[0]).reshape(-1, 2), *key[1:])


@dataclass(frozen=True)
class Frames:
    """Moments of a wave field, each value (frame, site) if nothing else is said.

    `travel` points where the wave goes: the gradient of phase against the sign that
    the frequency has at most sites of the frame (a single site may run backwards where
    its amplitude vanishes, without a wave doing so). 0 stands where nothing is known.
    """

    sites: Sites
    cosine: np.ndarray  # of phase; 0 where the site is missing
    sine: np.ndarray
    live: np.ndarray  # bool
    frequency: np.ndarray  # Hz; NaN where missing
    sense: np.ndarray  # (frame,): +1, or -1 where phase falls in time
    travel_x: np.ndarray  # rad/mm
    travel_y: np.ndarray  # rad/mm
    slope: np.ndarray  # rad/mm, length of travel
    known: np.ndarray  # bool, both parts of the gradient are known

    @property
    def phasor(self) -> np.ndarray:
        return self.cosine + 1j * self.sine


@dataclass(frozen=True)
class Course:
    """The analytic signal of one trial and feature, where the filter left it whole.

    `blocks()` gives (time, site) complex, 0 where a site is missing, each block without
    a gap in time and all but the last of a stretch `READ` values long.
    """

    sites: Sites
    rate: float  # Hz
    band: tuple[float, float]  # Hz
    blocks: Callable[[], Iterator[np.ndarray]]


def frames_from(
    phase: np.ndarray,
    frequency: np.ndarray,
    gradient_y: np.ndarray,
    gradient_x: np.ndarray,
    sites: Sites,
) -> Frames:
    """Frames of phase (rad), frequency (Hz), gradients (rad/mm), all (frame, site)."""
    live = ~np.isnan(phase)
    cosine, sine = _cosine_and_sine(phase)
    if not live.all():
        cosine[~live], sine[~live] = 0, 0
    rising = (frequency > 0).sum(axis=1) >= (frequency < 0).sum(axis=1)
    sense = np.where(rising, 1.0, -1.0)
    travel_x, travel_y = -sense[:, None] * gradient_x, -sense[:, None] * gradient_y
    slope = np.sqrt(travel_x**2 + travel_y**2)
    known = ~np.isnan(slope)
    if not known.all():
        for values in (travel_x, travel_y, slope):
            values[~known] = 0
    return Frames(
        sites, cosine, sine, live, frequency, sense, travel_x, travel_y, slope, known
    )


def _cosine_and_sine(angle: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both of angles in rad, to 4e-16.

    By the tangent of their half, which NumPy has in vector instructions: a sixth of the
    time that its cosine and sine take, which were most of what a block cost.
    """
    tangent = np.tan(0.5 * angle)
    both = 2 / (1 + tangent * tangent)
    return both - 1, both * tangent


def frame_blocks(field: xr.Dataset) -> Iterator[tuple[slice, Iterator[Frames]]]:
    """Stretches of time of a wave field, each with its frames.

    The frames of a stretch, one block after the other, are those of its values in C
    order of (trial, feature, time).
    """
    needed = ["phase", "frequency", "gradient_y", "gradient_x"]
    sites = sites_of(field["phase"])
    if not sites.is_plane:
        raise InputError(
            f"the {sites.count} sites of the field stand in one line; measures of its "
            "frames need sites in a plane"
        )
    per_frame = field["phase"].size // field.sizes["time"]
    step = max(1, READ // per_frame)
    for start in range(0, field.sizes["time"], step):
        stretch = slice(start, min(start + step, field.sizes["time"]))
        yield stretch, _blocks(field.isel(time=stretch), needed, sites)


def _blocks(field: xr.Dataset, names: list[str], sites: Sites) -> Iterator[Frames]:
    rows = [frames_of(field[name]).reshape(-1, sites.count) for name in names]
    # what is made once per block should be used for many frames
    size = max(_BLOCK // sites.count, min(_FRAMES, READ // sites.count), 1)
    for start in range(0, len(rows[0]), size):
        phase, frequency, gradient_y, gradient_x = (
            row[start : start + size] for row in rows
        )
        yield frames_from(phase, frequency, gradient_y, gradient_x, sites)


def courses(field: xr.Dataset) -> Iterator[Course]:
    """The courses of a wave field, in C order of (trial, feature)."""
    sites = sites_of(field["phase"])
    band = tuple(float(edge) for edge in np.asarray(field.attrs["band"]))
    rate = float(field.attrs["sampling_rate"])
    stretches = _stretches(np.asarray(field["valid"].values, dtype=bool))
    for trial in range(field.sizes.get("trial", 1)):
        for feature in range(field.sizes.get("feature", 1)):
            which = {"trial": trial, "feature": feature}
            one = field[["phase", "amplitude"]].isel(which, missing_dims="ignore")
            yield Course(sites, rate, (band[0], band[1]),
                         _reader(one, stretches, sites))  # fmt: skip


def _reader(
    one: xr.Dataset, stretches: list[tuple[int, int]], sites: Sites
) -> Callable[[], Iterator[np.ndarray]]:
    step = max(1, READ // sites.count)

    def blocks() -> Iterator[np.ndarray]:
        for begin, end in stretches:
            for start in range(begin, end, step):
                part = one.isel(time=slice(start, min(start + step, end)))
                phase, amplitude = (frames_of(part[name])[0, 0]
                                    for name in ("phase", "amplitude"))  # fmt: skip
                signal = amplitude * np.exp(1j * phase)
                yield np.where(np.isnan(signal), 0, signal)

    return blocks


def _stretches(valid: np.ndarray) -> list[tuple[int, int]]:
    """Begins and ends of the stretches of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], valid.astype(int), [0]])))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))
