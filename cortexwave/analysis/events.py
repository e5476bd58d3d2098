"""Waves as events: when, of which kind, which way, how fast, and whether to believe it.

Travelling kinds (plane, source, sink, rotating, spiral) come from
`cortexwave.analysis.travelling`, each stretch with the p of its mass above fields
without lags, and are then followed exactly (`cortexwave.analysis.following`). Two more
kinds are described, not tested, as nothing travels in them: `synchronous` (all sites
within a small angle of one phase) and `standing` (two phases half a cycle apart).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import xarray as xr

from cortexwave import schema
from cortexwave.analysis.following import Followed, best_wave
from cortexwave.analysis.sites import Sites, sites_of
from cortexwave.analysis.templates import Bank, template_bank
from cortexwave.analysis.travelling import Stretch, runs, test_segment
from cortexwave.errors import InputError

# |mean exp(i phase)| in unison, the threshold of Townsend & Gong 2018 (PLoS Comput
# Biol 14:e1006643) for synchrony. A standing wave has |mean exp(2 i phase)| near 1, and
# both of its phases at a fair share of the sites: 15 % leave 1 - 2 x 0.15 of unison.
SYNCHRONOUS = 0.85
STANDING, STANDING_UNISON = 0.8, 0.7
_MOST_SITES = 256  # of which templates are made; a larger lattice is averaged down
_LEAST_CYCLES = 0.5
LEAST_FRAMES = 16

# Columns of the table and their units; text has none.
COLUMNS = {
    "start": "s", "end": "s", "duration": "s", "kind": "", "trial": "1",
    "feature": "1", "speed": "mm/s", "direction": "deg", "wavelength": "mm",
    "frequency": "Hz", "x": "mm", "y": "mm", "handedness": "1", "spread": "",
    "score": "1", "sites": "1", "area": "mm^2", "mass": "1", "z": "1", "p": "1",
    "is_wave": "1",
}  # fmt: skip
_WHOLE = {"trial": np.int64, "feature": np.int64, "handedness": np.int64,
          "is_wave": np.bool_}  # fmt: skip


@dataclass(frozen=True)
class Found:
    """Events of some segments, and the greatest mass in each surrogate of them all."""

    rows: tuple[dict, ...]
    null_masses: np.ndarray  # (count,)

    def __add__(self, other: Found) -> Found:
        return Found(self.rows + other.rows,
                     np.maximum(self.null_masses, other.null_masses))  # fmt: skip


def find_waves(
    field: xr.Dataset,
    *,
    seed: int,
    count: int = 99,
    alpha: float = 0.05,
    shortest: float | None = None,
    segment: float = 60.0,
) -> xr.Dataset:
    """The episodes of a wave field: a table over `event`, ordered by time.

    Columns: `start`, `end`, `duration` (s), `kind`, `trial`, `feature`, `speed` (mm/s,
    of phase), `direction` (deg, plane), `wavelength` (mm), `frequency` (Hz), `x`, `y`
    (mm, centre), `handedness` (+1 counter-clockwise), `spread` ("out", "in"), `score`
    (0 to 1: the mean over frames of |mean over sites of exp i(phase + lag)|), `sites`
    (share of live sites within 60 degrees of the wave), `area` (mm^2 that these stand
    for), `mass`, `z`, `p`, `is_wave`. NaN where a kind has no such number.

    `p` is the share of `count` surrogates without lags (N3f) in which any stretch, of
    any kind, anywhere in the recording, has such a mass, the recording counted in: it
    holds for all events together. `is_wave` where it is `alpha` or less. `null_mass`
    over `surrogate` are those masses. Synchronous and standing episodes are described
    only (p is NaN). Events last half a cycle or more. Stretches of `segment` s are
    given surrogates of their own, so a recording need be stationary no longer.
    Wavelengths below `shortest` mm (4 pitches) are not looked for.

    Raises `InputError` for lines, for fewer than 9 live sites, and where `count`
    cannot reach `alpha`.
    """
    schema.validate_wave_field(field)
    check_count(count, alpha)
    parts = list(valid_segments(field, segment))
    if not parts:
        raise InputError(
            f"{int(field['valid'].sum())} frames of the wave field are valid; events "
            f"need {LEAST_FRAMES}: the filter spoils {field.attrs['edge']:g} s at "
            "either end of a recording"
        )
    found = Found((), np.zeros(count))
    for k, part in enumerate(parts):
        key = int(np.random.SeedSequence([seed, k]).generate_state(1)[0])
        found = found + segment_events(part, seed=key, count=count, shortest=shortest)
    return events_table(found, alpha=alpha, attributes=field.attrs, seed=seed)


def check_count(count: int, alpha: float) -> None:
    """Raise `InputError` where so few surrogates cannot reach a p of alpha."""
    if not 0 < alpha < 1:
        raise InputError(f"alpha is {alpha:g}; it is a probability between 0 and 1")
    if count < 1 / alpha - 1 - 1e-9:
        raise InputError(
            f"count is {count}: p of {alpha:g} needs {int(np.ceil(1 / alpha - 1))} "
            "surrogates or more"
        )


def valid_segments(field: xr.Dataset, seconds: float) -> Iterator[xr.Dataset]:
    """Valid frames of a wave field in parts of about equal length, at most `seconds`.

    None where fewer than 16 frames are valid.
    """
    valid = np.flatnonzero(np.asarray(field["valid"].values))
    if valid.size < LEAST_FRAMES:
        return
    frames = max(LEAST_FRAMES, round(seconds * float(field.attrs["sampling_rate"])))
    first, stop = int(valid[0]), int(valid[-1]) + 1
    ends = np.linspace(first, stop, -(-(stop - first) // frames) + 1).astype(int)
    for a, b in pairwise(ends):
        yield field.isel(time=slice(a, b))


def segment_events(
    field: xr.Dataset, *, seed: int, count: int, shortest: float | None
) -> Found:
    """Events of one stretch of a wave field whose frames are all valid.

    Each trial and feature is tested by itself; the surrogates of all are joined.
    """
    phase = field["phase"]
    sites = sites_of(phase)
    if not sites.is_plane:
        raise InputError(
            f"field '{field.attrs['variable']}' stands on a line; kinds of waves are "
            "told apart on two dimensions (velocity_spectrum measures lines)"
        )
    found = Found((), np.zeros(count))
    trials, features = field.sizes.get("trial", 1), field.sizes.get("feature", 1)
    for trial in range(trials):
        for feature in range(features):
            at = {"trial": trial, "feature": feature}
            part = field.isel({d: k for d, k in at.items() if d in field.dims})
            held = _Held.of(part, sites, shortest)
            key = int(
                np.random.SeedSequence([seed, trial, feature]).generate_state(1)[0]
            )
            tested = test_segment(
                held.coarse, held.bank, rate=held.rate, highest=held.highest,
                seed=key, count=count, calibrations=_calibrations(count),
            )  # fmt: skip
            rows = [*_travelling(held, tested.stretches)]
            rows += _resting(held, rows)
            rows = [row | at for row in rows]
            found = found + Found(tuple(rows), tested.null_masses)
    return found


def _calibrations(count: int) -> int:
    return max(4, count // 10)


@dataclass(frozen=True)
class _Held:
    """One trial and feature: phases at live sites, and the lattice averaged down."""

    phasors: np.ndarray  # (frame, site) of live sites
    frequency: np.ndarray  # (frame, site) Hz
    time: np.ndarray  # s
    coarse: np.ndarray  # (frame, bank site) analytic signal
    bank: Bank
    area: float  # mm^2 that all live sites stand for
    rate: float
    highest: float

    @classmethod
    def of(cls, part: xr.Dataset, sites: Sites, shortest: float | None) -> _Held:
        frames = part.sizes["time"]
        phase = np.asarray(part["phase"].values, dtype=float).reshape(frames, -1)
        amplitude = np.asarray(part["amplitude"].values, dtype=float)
        amplitude = amplitude.reshape(frames, -1)
        live = np.isfinite(phase).all(axis=0) & (amplitude > 0).any(axis=0)
        phasors = np.exp(1j * phase[:, live])
        coarse, positions, pitch = averaged_down(phasors * amplitude[:, live], sites,
                                                 live)  # fmt: skip
        bank = template_bank(positions, pitch=pitch, shortest=shortest)
        frequency = np.asarray(part["frequency"].values, dtype=float)
        step = sites.spacing or (sites.pitch, sites.pitch)
        return cls(
            phasors=phasors, frequency=frequency.reshape(frames, -1)[:, live],
            time=np.asarray(part["time"].values, dtype=float), coarse=coarse,
            bank=bank, area=int(live.sum()) * abs(step[0] * step[1]),
            rate=float(part.attrs["sampling_rate"]),
            highest=float(part.attrs["band"][1]),
        )  # fmt: skip

    def cycles(self, start: int, stop: int) -> tuple[float, float]:
        """Frequency in Hz of some frames, and how many cycles they last."""
        found = float(np.nanmedian(self.frequency[start:stop]))
        return found, abs(found) * (stop - start) / self.rate


def averaged_down(
    analytic: np.ndarray, sites: Sites, live: np.ndarray
) -> tuple[np.ndarray, np.ndarray, float]:
    """The analytic signal (frame, site), its positions and pitch, on fewer sites.

    A lattice of more than 256 live sites is averaged over squares of sites until it has
    no more (squares without a live site are left out): waves shorter than four of the
    squares are averaged away, and not looked for.
    """
    count = int(live.sum())
    if count <= _MOST_SITES or sites.shape is None:
        return analytic, sites.positions[live], sites.pitch
    side = int(np.ceil(np.sqrt(count / _MOST_SITES)))
    rows, columns = np.divmod(np.flatnonzero(live), sites.shape[1])
    square = rows // side * (sites.shape[1] // side + 1) + columns // side
    _, label, size = np.unique(square, return_inverse=True, return_counts=True)
    total = np.zeros((len(analytic), len(size)), dtype=complex)
    positions = np.zeros((len(size), 2))
    for site, to in enumerate(label):
        total[:, to] += analytic[:, site]
    np.add.at(positions, label, sites.positions[live])
    return total / size, positions / size[:, None], side * sites.pitch


def _travelling(held: _Held, stretches: list[Stretch]) -> Iterator[dict]:
    """Rows of the stretches that last, each frame in the one of the greatest mass."""
    taken = np.zeros(len(held.time), dtype=bool)
    for stretch in sorted(stretches, key=lambda each: (-each.mass, -each.score)):
        start, stop = stretch.start, stretch.stop
        if taken[start:stop].mean() > 0.5:
            continue
        frequency, cycles = held.cycles(start, stop)
        if not cycles >= _LEAST_CYCLES:
            continue
        taken[start:stop] = True
        coarse = held.coarse[start:stop]
        wave = best_wave(coarse / np.maximum(np.abs(coarse), 1e-300), held.bank)
        yield (
            _row(held, start, stop, wave.kind, frequency)
            | _shape(held, wave, start, stop, frequency)
            | {"score": wave.score, "mass": stretch.mass}
        )


def _row(held: _Held, start: int, stop: int, kind: str, frequency: float) -> dict:
    begin, step = float(held.time[start]), 1 / held.rate
    return {"start": begin, "end": begin + (stop - start) * step,
            "duration": (stop - start) * step, "kind": kind, "frequency": frequency,
            "first": start, "last": stop}  # fmt: skip


def _shape(
    held: _Held, wave: Followed, start: int, stop: int, frequency: float
) -> dict:
    """What the numbers of a wave mean, for the columns of the table."""
    bank = held.bank
    coarse = held.coarse[start:stop]
    turned = np.exp(1j * wave.lag(bank.positions, bank.middle))
    along = coarse / np.maximum(np.abs(coarse), 1e-300) * turned
    mean = along.mean(axis=1, keepdims=True)
    share = float(((along * mean.conj()).real > 0.5 * np.abs(mean)).mean())
    found: dict = {"sites": share, "area": share * held.area}
    number = float(np.hypot(*wave.wave)) if wave.kind == "plane" else abs(wave.radial)
    if number > 0:
        found["wavelength"] = 2 * np.pi / number
        found["speed"] = abs(frequency) * found["wavelength"]
    if wave.kind == "plane":
        angle = np.degrees(np.arctan2(wave.wave[1], wave.wave[0]))
        found["direction"] = float((angle + 180) % 360 - 180)
        return found
    found["x"], found["y"] = (float(at) for at in wave.centre)
    found["handedness"] = wave.charge
    if wave.radial:
        found["spread"] = "out" if wave.radial > 0 else "in"
    return found


def _resting(held: _Held, rows: list[dict]) -> list[dict]:
    """Rows of synchronous and standing episodes outside those that travel."""
    unison = np.abs(held.phasors.mean(axis=1))
    doubled = np.abs((held.phasors**2).mean(axis=1))
    free = np.ones(len(unison), dtype=bool)
    for row in rows:
        free[row["first"] : row["last"]] = False
    standing = (doubled >= STANDING) & (unison <= STANDING_UNISON)
    found = []
    for kind, holds, score in (("synchronous", unison >= SYNCHRONOUS, unison),
                               ("standing", standing, doubled)):  # fmt: skip
        for start, stop in runs(holds & free):
            frequency, cycles = held.cycles(start, stop)
            if cycles >= _LEAST_CYCLES:
                row = _row(held, start, stop, kind, frequency)
                found.append(row | {"score": float(score[start:stop].mean())})
    return found


def events_table(
    found: Found, *, alpha: float, attributes: dict, seed: int
) -> xr.Dataset:
    """The table of `find_waves` from the events of all segments."""
    rows = sorted(found.rows, key=lambda row: (row["trial"], row["feature"],
                                               row["start"]))  # fmt: skip
    null = found.null_masses
    spread = max(float(null.std(ddof=1)), 1e-12)
    for row in rows:
        if "mass" in row:
            reached = int(np.sum(null >= row["mass"]))
            row["p"] = (1 + reached) / (1 + len(null))
            row["z"] = (row["mass"] - float(null.mean())) / spread
            row["is_wave"] = row["p"] <= alpha
    columns = {}
    values: np.ndarray
    for name, unit in COLUMNS.items():
        if name in _WHOLE:
            values = np.array([row.get(name, 0) for row in rows], dtype=_WHOLE[name])
        elif unit:
            values = np.array([row.get(name, np.nan) for row in rows], dtype=float)
        else:
            values = np.array([row.get(name, "") for row in rows], dtype=object)
        columns[name] = ("event", values, {"units": unit} if unit else {})
    kept = {name: attributes[name] for name in
            ("variable", "band", "phase_method", "sampling_rate", "origin", "reference")
            if name in attributes}  # fmt: skip
    told = {"null": "without_lags", "alpha": alpha, "count": len(null), "seed": seed,
            "direction_convention": schema.DIRECTION_CONVENTION}  # fmt: skip
    masses = ("surrogate", null, {"units": "1"})
    return xr.Dataset({**columns, "null_mass": masses}, attrs=kept | told)
