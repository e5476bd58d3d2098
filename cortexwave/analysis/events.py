"""Waves as events: when, of which kind, which way, how fast, and whether to believe it.

Travelling kinds (plane, source, sink, rotating, spiral) come from
`cortexwave.analysis.travelling`, each stretch with the p of its mass above fields
without lags, and are then followed exactly (`cortexwave.analysis.following`). Two more
kinds are described, not tested, as nothing travels in them: `synchronous` (all sites
within a small angle of one phase) and `standing` (two phases half a cycle apart).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from numbers import Integral

import numpy as np
import xarray as xr

from cortexwave import schema
from cortexwave.analysis.counter_waves import stands
from cortexwave.analysis.event_table import Found, events_table
from cortexwave.analysis.following import Followed, best_wave
from cortexwave.analysis.reduced import Reduced, reduced
from cortexwave.analysis.templates import Bank, template_bank
from cortexwave.analysis.travelling import (
    WINDOW_CYCLES,
    Stretch,
    runs,
    test_segment,
)
from cortexwave.errors import InputError

# |mean exp(i phase)| in unison, the threshold of Townsend & Gong 2018 (PLoS Comput
# Biol 14:e1006643) for synchrony. What stands, z(r, t) = a(r) exp(i w t) with a real
# a(r), has |sum z^2| / sum |z|^2 = 1, less by the share of noise: 0.5 is 0 dB. Unless
# both signs of a(r) have a fair share of the sites (0.15) it is in unison.
SYNCHRONOUS = 0.85
STANDING, STANDING_UNISON = 0.5, 0.7
_LEAST_CYCLES = 0.5
LEAST_FRAMES = 16
SEGMENT = 60.0  # s that surrogates are made of


def find_waves(
    field: xr.Dataset,
    *,
    seed: int,
    count: int = 99,
    alpha: float = 0.05,
    shortest: float | None = None,
    segment: float = SEGMENT,
) -> xr.Dataset:
    """The episodes of a wave field: a table over `event`, ordered by time.

    Columns: `start`, `end`, `duration` (s), `kind`, `trial`, `feature` (numbers from 0
    along those dims; where the field has labels of them, `trial_label` and
    `feature_label` are those, as measures have them), `speed` (mm/s, of phase),
    `direction` (deg, plane), `wavelength` (mm), `frequency` (Hz), `x`, `y` (mm,
    centre), `handedness` (+1 counter-clockwise), `spread` ("out", "in"), `score` (0 to
    1: the mean over frames of |mean over sites of exp i(phase + lag)|), `sites` (share
    of live sites within 60 degrees of the wave), `area` (mm^2 that these stand for),
    `mass`, `z`, `p`, `is_wave`. NaN where a kind has no such number.

    What runs against itself is standing: a wave whose counter-wave (of lags of the
    other sign) has more than sqrt(2) - 1 of its amplitude.

    `p` is the share of `count` surrogates without lags (N3f) in which any stretch, of
    any kind, anywhere in the recording, has such a mass, the recording counted in: it
    holds for all events together. `is_wave` where it is `alpha` or less. `null_mass`
    over `surrogate` are those masses; the attribute `p_together` is that of the mass of
    all stretches together: many waves tell what one of them does not; `p_any` that of
    the better of both, the choice between them paid for. Synchronous and standing
    episodes are described only (p is NaN). Events last half a cycle or more.
    Surrogates are made in windows of five cycles of the band's lower end: within one
    the field is taken to be stationary. Stretches of `segment` s are standardised by
    themselves, and cut the events at their ends: one such window long at least (60 s
    are enough in any band).

    Wavelengths below `shortest` mm (4 pitches; 2 pitches to twice the array) are not
    looked for, and what is there of them may pass for something longer; of a lattice of
    more than 256 sites a pitch is that of the squares it is averaged over, as the
    attribute `shortest_wavelength` (mm) says.

    Raises `InputError` for lines, for fewer than 9 live sites, where `count` cannot
    reach `alpha`, and for a `shortest` or a `segment` beyond these limits.
    """
    schema.validate_wave_field(field)
    check_count(count, alpha, seed)
    _check_segment(segment, float(field.attrs["band"][0]))
    kept = reduced(field)
    if kept.frames < LEAST_FRAMES:
        raise InputError(
            f"{kept.frames} frames that the filter does not spoil are left of the wave "
            f"field (of those at {kept.rate:.4g} Hz, which are looked at), and events "
            f"need {LEAST_FRAMES}; it spoils {field.attrs['edge']:g} s at either end"
        )
    parts = -(-kept.frames // max(LEAST_FRAMES, round(segment * kept.rate)))
    ends = np.linspace(0, kept.frames, parts + 1).astype(int)
    found = Found.nothing(count)
    for k, (start, stop) in enumerate(pairwise(ends)):
        found = found + segment_events(
            kept.part(start, stop), seed=seed_of(seed, k), count=count,
            shortest=shortest,
        )  # fmt: skip
    return events_table(found, alpha=alpha, field=field, seed=seed)


def check_count(count: int, alpha: float, seed: int) -> None:
    """Raise `InputError` where so few surrogates cannot reach alpha; for bad seeds."""
    if not 0 < alpha < 1:
        raise InputError(f"alpha is {alpha:g}; it is a probability between 0 and 1")
    whole = isinstance(count, Integral) and isinstance(seed, Integral)
    if not whole or seed < 0:
        raise InputError(
            f"count is {count!r} and seed {seed!r}; both are whole numbers, seed from "
            "0 on"
        )
    if count < 1 / alpha - 1 - 1e-9:
        raise InputError(
            f"count is {count}: p of {alpha:g} needs {int(np.ceil(1 / alpha - 1))} "
            "surrogates or more"
        )


def _check_segment(segment: float, lowest: float) -> None:
    """Raise `InputError` where a segment is shorter than a window of its surrogates."""
    least = min(SEGMENT, WINDOW_CYCLES / lowest)
    if not least * (1 - 1e-9) <= segment < np.inf:
        raise InputError(
            f"segment is {segment:g} s; of a band that begins at {lowest:g} Hz it is "
            f"{least:.4g} s or longer"
        )


def seed_of(seed: int, *numbers: int) -> int:
    """A seed of its own for each segment, trial or feature."""
    return int(np.random.SeedSequence([seed, *numbers]).generate_state(1)[0])


def segment_events(
    kept: Reduced, *, seed: int, count: int, shortest: float | None
) -> Found:
    """Events of one segment of a reduced wave field.

    Each trial and feature is tested by itself; the surrogates of all are joined.
    """
    found = Found.nothing(count)
    for trial, feature in np.ndindex(kept.live.shape):
        one = _One.of(kept, trial, feature, shortest)
        tested = test_segment(
            one.analytic, one.bank, rate=kept.rate, lowest=kept.lowest,
            seed=seed_of(seed, trial, feature), count=count,
            calibrations=max(4, count // 10),
        )  # fmt: skip
        rows = _travelling(one, tested.stretches)
        rows += _resting(one, rows)
        at = {"trial": trial, "feature": feature}
        found = found + Found(
            rows=tuple(row | at for row in rows), null_masses=tested.null_masses,
            null_totals=tested.null_totals, frames=kept.frames,
            total=sum(each.mass for each in tested.stretches),
            shortest=float(2 * np.pi / one.bank.highest.min()),
        )  # fmt: skip
    return found


@dataclass(frozen=True)
class _One:
    """One trial and feature of a segment, at the sites that live all along."""

    analytic: np.ndarray  # (frame, site)
    frequency: np.ndarray  # (frame,) Hz
    unison: np.ndarray
    doubled: np.ndarray
    time: np.ndarray  # s
    bank: Bank
    area: float  # mm^2 that all live sites stand for
    rate: float

    @classmethod
    def of(
        cls, kept: Reduced, trial: int, feature: int, shortest: float | None
    ) -> _One:
        analytic = kept.analytic[trial, feature]
        live = np.isfinite(analytic).all(axis=0)
        bank = template_bank(
            kept.cells.positions[live], pitch=kept.cells.pitch, shortest=shortest
        )
        return cls(
            analytic=analytic[:, live], frequency=kept.frequency[trial, feature],
            unison=kept.unison[trial, feature], doubled=kept.doubled[trial, feature],
            time=kept.time, bank=bank, rate=kept.rate,
            area=float(kept.live[trial, feature]) * kept.cells.area,
        )  # fmt: skip

    def phasors(self, start: int, stop: int) -> np.ndarray:
        part = self.analytic[start:stop]
        return part / np.maximum(np.abs(part), 1e-30)

    def rests(self, start: int, stop: int) -> bool:
        """Whether on the whole two opposite phases tell the frames."""
        part = slice(start, stop)
        return bool(self.doubled[part].mean() >= STANDING
                    and self.unison[part].mean() <= STANDING_UNISON)  # fmt: skip

    def row(self, start: int, stop: int, kind: str) -> dict | None:
        """What every kind has; None below half a cycle."""
        frequency = float(np.nanmedian(self.frequency[start:stop]))
        duration = (stop - start) / self.rate
        if not abs(frequency) * duration >= _LEAST_CYCLES:
            return None
        # a frame stands for the time up to the next one
        begin = float(self.time[start])
        return {"start": begin, "end": begin + duration, "duration": duration,
                "kind": kind, "frequency": frequency, "first": start,
                "last": stop}  # fmt: skip


def _travelling(one: _One, stretches: list[Stretch]) -> list[dict]:
    """Rows of the stretches that last; of those of one wave the one of most mass."""
    found: list[dict] = []
    for stretch in sorted(stretches, key=lambda each: (-each.mass, -each.score)):
        start, stop = stretch.start, stretch.stop
        row = one.row(start, stop, stretch.kind)
        if row is None or _covered(start, stop, found) > 0.5:
            continue
        wave = best_wave(one.phasors(start, stop), one.bank)
        if one.rests(start, stop) and stands(
            one.analytic[start:stop], wave.lag(one.bank.positions, one.bank.middle)
        ):
            continue
        if row["frequency"] < 0:
            wave = wave.turned()
        row |= _shape(one, wave, start, stop, row["frequency"])
        row |= {"kind": wave.kind, "score": wave.score, "mass": stretch.mass}
        alike = [each for each in found if each["kind"] == wave.kind
                 and each["first"] < stop and start < each["last"]]  # fmt: skip
        for each in alike:  # parts of the wave that another kind stood out in first
            found.remove(each)
            row["mass"] = max(row["mass"], each["mass"])
        found.append(row)
    return found


def _covered(start: int, stop: int, rows: list[dict]) -> float:
    """The share of frames that rows hold already."""
    taken = np.zeros(stop - start, dtype=bool)
    for row in rows:
        taken[max(0, row["first"] - start) : max(0, row["last"] - start)] = True
    return float(taken.mean())


def _shape(one: _One, wave: Followed, start: int, stop: int, frequency: float) -> dict:
    """What the numbers of a wave mean, for the columns of the table."""
    lag = wave.lag(one.bank.positions, one.bank.middle)
    turned = np.exp(1j * np.sign(frequency) * lag)
    along = one.phasors(start, stop) * turned
    mean = along.mean(axis=1, keepdims=True)
    share = float(((along * mean.conj()).real > 0.5 * np.abs(mean)).mean())
    found: dict = {"sites": share, "area": share * one.area}
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


def _resting(one: _One, rows: list[dict]) -> list[dict]:
    """Rows of synchronous and standing episodes outside those that travel."""
    free = np.ones(len(one.time), dtype=bool)
    for row in rows:
        free[row["first"] : row["last"]] = False
    standing = (one.doubled >= STANDING) & (one.unison <= STANDING_UNISON)
    found = []
    for kind, holds, score in (
        ("synchronous", one.unison >= SYNCHRONOUS, one.unison),
        ("standing", standing, one.doubled),
    ):
        for start, stop in runs(holds & free):
            lasting = one.row(start, stop, kind)
            if lasting is not None:
                found.append(lasting | {"score": float(score[start:stop].mean())})
    return found
