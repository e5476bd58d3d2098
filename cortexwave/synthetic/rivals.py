"""Rival ways to hold an item for a while, as trials whose truth is known.

Each item (class) leaves a pattern of activity that the kind carries on in its own way;
at the onset classes are as far apart in every kind, so that no single moment tells the
kinds apart: what differs is the format in time.

traveling_wave        the packet moves across the array
static_bump           it stays where it began
standing_oscillation  it stays and oscillates, cos(2 pi t / period)
chain                 the wave with its sites in another order at every frame: a fixed
                      sequence of patterns without metric
relabelled_wave       the wave with its sites in one random order: the same dynamics
                      and the same memory, without topography
leaky_integrator      it stays and fades, exp(-t / time_constant)
delay_line            one site at a time is active; what reaches the edge is lost
delay_ring            the same, and what leaves at one edge enters at the other
two_sources           it fades at one place while it appears at another, as far as a
                      wave would get: the centre of activity moves, and nothing travels
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

import numpy as np
import xarray as xr

from cortexwave import schema
from cortexwave.errors import InputError
from cortexwave.synthetic.course import check_positive, frame_count
from cortexwave.synthetic.noise import generator_of
from cortexwave.synthetic.places import LatticeSites, Places, SitesLike, places_of
from cortexwave.synthetic.truths import UNITS, VARIABLE, written

Rival = Literal[
    "traveling_wave", "static_bump", "standing_oscillation", "chain",
    "relabelled_wave", "leaky_integrator", "delay_line", "delay_ring", "two_sources",
]  # fmt: skip
RIVALS: tuple[Rival, ...] = get_args(Rival)
_TRAVEL = ("traveling_wave", "delay_line", "delay_ring")
_LINE = LatticeSites((1, 48), (0.4, 0.4))
_MARGIN = 2.5  # widths between an edge and the first or the last packet


def rival(
    kind: Rival,
    *,
    trials: int,
    seed: int,
    sites: SitesLike = _LINE,
    classes: int = 6,
    rate: float = 100.0,
    duration: float = 0.14,
    before: float = 0.0,
    speed: float = 80.0,
    direction: float = 0.0,
    width: float = 0.64,
    noise: float = 0.55,
    period: float = 0.08,
    time_constant: float = 0.05,
    layout: Literal["along", "across"] = "along",
    centres: Sequence[tuple[float, float]] | np.ndarray | None = None,
    blocks: int = 5,
) -> xr.Dataset:
    """A recording (trial, time, site...) in uV of `trials` per class, with its events.

    The packet is a Gaussian of height 1 uV and sd `width` (mm) that begins at the
    centre of its class, moves at `speed` (mm/s) to `direction` (deg), in white noise
    of sd `noise` (uV). Onsets are `before` s after the start, which is noise alone;
    `duration` s follow at `rate` Hz. `centres` (class, 2), x and y in mm; None spaces
    them evenly through the middle of the array, "along" the direction so that no packet
    leaves, or "across" it, at the upstream edge. (Along it, the item of a wave and
    the time since its onset are one coordinate; across it they are two.) Trials of a
    class are dealt evenly to `blocks`, each in its own random order.

    Events: one per trial, `stimulus` and `item` "0", "1", ... in the order of centres,
    `x`, `y` the centre, `block`, `trial`. `memory.trials.trials_of` cuts them. The
    random orders of a chain or a relabelled wave depend on `seed` alone.
    Delay lines are scaled so that the mean squared distance of classes at the onset is
    the wave's. The defaults are a line of 48 sites, 2 sites and 10 ms a frame.
    """
    if kind not in RIVALS:
        raise InputError(f"kind is {kind!r}; a rival is one of {', '.join(RIVALS)}")
    for name, value, unit in (
        ("width", width, "mm"), ("period", period, "s"),
        ("time_constant", time_constant, "s"),
    ):  # fmt: skip
        check_positive(name, value, unit)
    for name, number, unit in (
        ("noise", noise, "uV"), ("before", before, "s"), ("speed", speed, "mm/s"),
    ):  # fmt: skip
        if not 0 <= number < np.inf:
            raise InputError(f"{name} is {number} {unit}; it is 0 or positive")
    for name, count, least in (("trials", trials, 1), ("blocks", blocks, 1),
                               ("classes", classes, 2)):  # fmt: skip
        if not isinstance(count, int) or count < least:
            raise InputError(f"{name} is {count!r}; it is a whole number from {least}")
    frames, silent = frame_count(duration, rate), round(before * rate)
    places = places_of(sites)
    toward = np.array([np.cos(np.deg2rad(direction)), np.sin(np.deg2rad(direction))])
    travel = speed * (frames - 1) / rate
    begins = (
        _spaced(places, toward, classes, travel, _MARGIN * width, layout)
        if centres is None
        else _given(centres)
    )
    generator = generator_of(seed)
    moved = speed * np.arange(frames)[:, None] / rate * toward  # (time, 2)
    patterns = _patterns(kind, places, begins, moved, width, generator)
    seconds = np.arange(frames) / rate
    if kind == "standing_oscillation":
        patterns *= np.cos(2 * np.pi * seconds / period)[:, None]
    if kind == "leaky_integrator":
        patterns *= np.exp(-seconds / time_constant)[:, None]
    codes, block = _order(len(begins), trials, blocks, generator)
    values = noise * generator.standard_normal(
        (codes.size, silent + frames, places.count)
    )
    values[:, silent:] += patterns[codes]
    truth = {
        "kind": kind, "travels": kind in _TRAVEL and speed > 0, "start": before,
        "end": before + duration, "speed": float(speed), "direction": float(direction),
        "width": float(width), "noise": float(noise), "seed": seed,
        "centres": begins.tolist(), "period": float(period),
        "time_constant": float(time_constant), "trials_per_class": trials,
    }  # fmt: skip
    rows = [
        {"onset": silent / rate, "duration": 1 / rate, "kind": "stimulus",
         "stimulus": str(code), "item": str(code), "x": begins[code, 0],
         "y": begins[code, 1], "trial": k, "block": str(block[k])}
        for k, code in enumerate(codes.tolist())
    ]  # fmt: skip
    time = np.arange(silent + frames) / rate
    fields = xr.Dataset(
        {VARIABLE: (("trial", "time", *places.dims),
                    values.reshape(codes.size, -1, *places.shape), {"units": UNITS})},
        {"trial": np.arange(codes.size), "time": ("time", time, {"units": "s"}),
         **places.coords},
        {"origin": "synthetic", "truth": written(truth)},
    )  # fmt: skip
    return schema.with_tables(fields, schema.events_table(rows), None)


def _patterns(
    kind: Rival,
    places: Places,
    begins: np.ndarray,
    moved: np.ndarray,
    width: float,
    generator: np.random.Generator,
) -> np.ndarray:
    """What each class is without noise, (class, time, site), before it fades."""
    course = begins[:, None] + moved  # (class, time, 2)
    wave = _packet(places, course, width)
    if kind == "chain":
        orders = [generator.permutation(places.count) for _ in range(len(moved))]
        return np.stack([wave[:, t, order] for t, order in enumerate(orders)], axis=1)
    if kind == "relabelled_wave":
        return wave[..., generator.permutation(places.count)]
    if kind == "traveling_wave":
        return wave
    if kind in ("delay_line", "delay_ring"):
        line = _one_site(places, course, ring=kind == "delay_ring")
        apart = _apart(line[:, 0])
        if apart == 0 or np.unique(line[:, 0].argmax(axis=1)).size < len(begins):
            raise InputError(
                f"{len(begins)} classes begin at the same sites of a delay line; give "
                "centres that are a pitch or more apart, on the array"
            )
        return line * np.sqrt(_apart(wave[:, 0]) / apart)
    if kind == "two_sources":
        turn = np.pi / 2 * np.linspace(0, 1, len(moved))[:, None]
        near, far = (_packet(places, course[:, [at]], width) for at in (0, -1))
        return np.cos(turn) * near + np.sin(turn) * far
    return np.repeat(wave[:, :1], len(moved), axis=1)


def _packet(places: Places, course: np.ndarray, width: float) -> np.ndarray:
    """Gaussians of height 1 around (..., 2) in mm, (..., site)."""
    across = course[..., :1] - places.x
    up = course[..., 1:] - places.y
    return np.exp(-(across**2 + up**2) / (2 * width**2))


def _one_site(places: Places, course: np.ndarray, *, ring: bool) -> np.ndarray:
    """1 at the site nearest to (..., 2) in mm, (..., site); 0 where it has left."""
    if places.axes is None:
        raise InputError("a delay line lies on a lattice; the sites are scattered")
    course = course.copy()
    outside = np.zeros(course.shape[:-1], dtype=bool)
    index = np.zeros(course.shape[:-1], dtype=int)
    for axis, at in zip((1, 0), places.axes, strict=True):  # y, then x
        step = at[1] - at[0] if at.size > 1 else np.inf
        # rounded to 1e-6 first: halfway between two sites it is always the later one
        line = np.floor(np.round((course[..., axis] - at[0]) / step, 6) + 0.5)
        nearest = line.astype(int)
        if ring:
            nearest %= at.size
        outside |= (nearest < 0) | (nearest >= at.size)
        index = index * at.size + nearest
    made = np.zeros((*index.shape, places.count))
    np.put_along_axis(made, np.where(outside, 0, index)[..., None], 1.0, axis=-1)
    made[outside] = 0.0
    return made


def _apart(patterns: np.ndarray) -> float:
    """Mean squared distance of pairs of (class, site)."""
    away = patterns[:, None] - patterns
    return float((away**2).sum(axis=2).sum() / (len(patterns) * (len(patterns) - 1)))


def _spaced(
    places: Places, unit: np.ndarray, classes: int, travel: float, margin: float,
    layout: str,
) -> np.ndarray:  # fmt: skip
    """Centres (class, 2) in mm, evenly along or across the direction of travel."""
    if layout not in ("along", "across"):
        raise InputError(f"layout is {layout!r}; it is 'along' or 'across'")
    at = np.stack([places.x, places.y], axis=1)
    middle = (at.min(axis=0) + at.max(axis=0)) / 2
    side = np.array([-unit[1], unit[0]])
    reach = [float(np.abs((at - middle) @ way).max()) for way in (unit, side)]
    if layout == "along":
        first, last = -reach[0] + margin, reach[0] - margin - travel
        if not last > first:
            raise InputError(
                f"a packet that travels {travel:g} mm leaves an array of "
                f"{2 * reach[0]:g} mm along the direction, less {2 * margin:g} mm of "
                "margin (2.5 widths at each end); give a lower speed, a shorter "
                "duration, a smaller width, or centres"
            )
        return middle + np.linspace(first, last, classes)[:, None] * unit
    room = reach[1] - margin
    if not room > 0:
        raise InputError(
            f"the array is {2 * reach[1]:g} mm across the direction; {classes} classes "
            f"need more than {2 * margin:g} mm there; lay them 'along', or give centres"
        )
    start = min(margin, reach[0]) - reach[0]
    return (
        middle + start * unit + np.linspace(-room, room, classes)[:, None] * side
    )  # fmt: skip


def _given(centres: Sequence[tuple[float, float]] | np.ndarray) -> np.ndarray:
    begins = np.asarray(centres, dtype=float)
    if begins.ndim != 2 or begins.shape[1] != 2 or len(begins) < 2:
        raise InputError(f"centres have shape {begins.shape}; they are (class, 2): x "
                         "and y in mm of 2 classes or more")  # fmt: skip
    if not np.isfinite(begins).all():
        raise InputError("centres are not all finite")
    return begins


def _order(
    classes: int, trials: int, blocks: int, generator: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Class and block of every trial, block after block, in random order in each."""
    block = np.tile(np.arange(trials) % blocks, classes)
    codes = np.repeat(np.arange(classes), trials)
    order = np.lexsort((generator.random(codes.size), block))
    return codes[order], block[order]
