"""What each session says of each measure: values, or the reason why there are none.

The files of a session are pooled: events one after another, numbers and curves as their
mean. From here on nothing knows whether a session was recorded or simulated.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr

from cortexwave.comparison.facts_file import Facts, reason_of
from cortexwave.comparison.parts import Part
from cortexwave.comparison.primaries import MEASURED
from cortexwave.comparison.wave_facts import TRAVELLING

KINDS = (*TRAVELLING, "standing", "synchronous")
_COLUMNS = {"wavelength": "wavelength", "speed": "speed", "frequency": "frequency",
            "duration": "duration"}  # fmt: skip
_JOINT = ("frequency", "wavelength", "duration")
# Table, variable and coordinate of each measure that is a curve, and of each number.
_CURVES = {
    "spectrum": ("spectrum", "share", "frequency"),
    "coherency_real": ("coherency", "coherency_real", "distance"),
    "coherency_imag": ("coherency", "coherency_imag", "distance"),
    "identity": ("identity", "accuracy", "time"),
    "persistence": ("generalisation", "persistence", "lag"),
    "memory_function": ("memory_function", "memory", "age"),
}
_NUMBERS = {
    "net_direction": ("field", "net_direction"),
    "separability": ("field", "separability"),
    "aligned_gain": ("alignment", "mean_gain"),
    "drift": ("generalisation", "drift_r"),
    "memory_span": ("memory_function", "span"),
    "wave_information": ("wave_information", "difference"),
    "wave_share": ("wave_share", "eta"),
}


@dataclass(frozen=True)
class SessionFacts:
    """One session: whose it is, and the tables of its files."""

    side: str
    subject: str
    session: str
    tables: tuple[Facts, ...]

    @property
    def name(self) -> str:
        """The session as text."""
        return f"{self.subject}/{self.session}"


@dataclass(frozen=True)
class Value:
    """A measure in one session: values (event,), (event, part) or (1, point).

    `coordinate` (point,) of a curve; `reason` where there are no values.
    """

    values: np.ndarray
    coordinate: np.ndarray | None = None
    reason: str = ""


def sessions_of(parts: Sequence[Part], facts: Sequence[Facts]) -> list[SessionFacts]:
    """Parts and their tables by session, in order."""
    found: dict[tuple[str, str, str], list[Facts]] = {}
    for part, tables in zip(parts, facts, strict=True):
        found.setdefault((part.side, part.subject, part.session), []).append(tables)
    return [SessionFacts(*key, tuple(tables)) for key, tables in found.items()]


def value_of(session: SessionFacts, measure: str) -> Value:
    """What a session says of a measure of `MEASURED`."""
    form = MEASURED[measure].form
    if form == "curve":
        return _curve(session, *_CURVES[measure])
    if measure == "rate":
        return _rate(session)
    if measure == "elapsed_time":
        return _elapsed(session)
    if form == "number":
        return _number(session, *_NUMBERS[measure])
    return _events(session, measure)


def tables_of(measure: str) -> tuple[str, ...]:
    """Names of the tables that a measure of `MEASURED` is made of."""
    if measure in _CURVES:
        return (_CURVES[measure][0],)
    if measure == "separability":  # scalars of the field that cost most of it
        return ("field", "separability")
    if measure in _NUMBERS:
        return (_NUMBERS[measure][0],)
    return ("elapsed_time",) if measure == "elapsed_time" else ("events",)


def _events(session: SessionFacts, measure: str) -> Value:
    found, reasons = [], []
    for tables in session.tables:
        events = tables.get("events")
        why = reason_of(events)
        if why or events is None or events.attrs.get("few"):
            reasons.append(why or str(events.attrs["few"]) if events is not None else
                           why)  # fmt: skip
            continue
        found.append(event_values(events, measure))
    if not found:
        return Value(np.zeros(0), reason=_joined(reasons))
    values = np.concatenate(found)
    if not len(values):
        return Value(values, reason="no episode has such a value")
    return Value(values)


def event_values(events: xr.Dataset, measure: str) -> np.ndarray:
    """Values of the episodes of a table: (event,), or (event, part) of "joint".

    Kinds are their places in `KINDS`; directions are those of plane waves.
    """
    kind = events["kind"].values.astype(str)
    if measure == "kinds":
        known = np.isin(kind, KINDS)
        return np.array([KINDS.index(each) for each in kind[known]], dtype=float)
    chosen = kind == "plane" if measure in ("direction", "joint") else np.isin(
        kind, TRAVELLING)  # fmt: skip
    if measure == "joint":
        angle = np.radians(np.asarray(events["direction"].values, dtype=float))
        columns = [np.asarray(events[name].values, dtype=float) for name in _JOINT]
        table = np.stack([*columns, np.cos(angle), np.sin(angle)], axis=1)[chosen]
        return table[np.isfinite(table).all(axis=1)]
    values = np.asarray(events[_COLUMNS.get(measure, measure)].values, dtype=float)
    return values[chosen & np.isfinite(values)]


def _rate(session: SessionFacts) -> Value:
    waves, seconds = counted(session)
    why = [str(each["events"].attrs["few"]) for each in session.tables
           if not reason_of(each.get("events"))
           and each["events"].attrs["word"] != "travelling waves"]  # fmt: skip
    if why:
        return Value(np.zeros(0), reason=_joined(why))
    if not seconds > 0:
        reasons = [reason_of(each.get("events")) for each in session.tables]
        return Value(np.zeros(0), reason=_joined(reasons) or "no second was looked at")
    return Value(np.array([waves / seconds]))


def counted(session: SessionFacts) -> tuple[int, float]:
    """Episodes that follow a wave, and the seconds they were looked for in."""
    waves, seconds = 0, 0.0
    for tables in session.tables:
        events = tables.get("events")
        if events is None or reason_of(events):
            continue
        waves += int(events.attrs["episodes"])
        seconds += float(events.attrs["seconds"])
    return waves, seconds


def _number(session: SessionFacts, table: str, name: str) -> Value:
    found, reasons = [], []
    for tables in session.tables:
        made = tables.get(table)
        if made is None or name not in made:
            reasons.append(reason_of(made) or "it was not computed")
            continue
        value = np.ravel(np.asarray(made[name].values, dtype=float))
        known = value[np.isfinite(value)]
        if known.size:
            found.append(float(known.mean()))
        else:
            reasons.append(str(made.attrs.get(f"{name}_reason", "")) or reason_of(made)
                           or "it has no value")  # fmt: skip
    if not found:
        return Value(np.zeros(0), reason=_joined(reasons))
    return Value(np.array([np.mean(found)]))


def _elapsed(session: SessionFacts) -> Value:
    """Bits that a Gaussian estimate of this R2 holds: -log2(1 - R2) / 2."""
    explained = _number(session, "elapsed_time", "r2")
    if explained.reason:
        return explained
    best = min(max(float(explained.values[0]), 0.0), 1 - 1e-9)
    return Value(np.array([-0.5 * np.log2(1 - best)]))


def _curve(session: SessionFacts, table: str, name: str, axis: str) -> Value:
    found, reasons, at = [], [], None
    for tables in session.tables:
        made = tables.get(table)
        if made is None or name not in made:
            reasons.append(reason_of(made) or "it was not computed")
            continue
        variable = made[name]
        line = variable.dims[-1]
        over = [dim for dim in variable.dims if dim != line]
        values = np.asarray(variable.mean(over).values, dtype=float)
        if not np.isfinite(values).any():
            reasons.append(reason_of(made) or "it has no value")
            continue
        here = np.asarray(made[axis].values, dtype=float)
        at = here if at is None else at
        found.append(values if here.shape == at.shape and np.allclose(here, at)
                     else np.interp(at, here, values))  # fmt: skip
    if at is None:
        return Value(np.zeros(0), reason=_joined(reasons))
    return Value(np.nanmean(found, axis=0)[None], at)


def _joined(reasons: Sequence[str]) -> str:
    return "; ".join(dict.fromkeys(each for each in reasons if each))
