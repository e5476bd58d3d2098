"""What electrodes see of a sheet: its fields, summed with weights and delays."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse
import xarray as xr

from cortexwave import schema
from cortexwave.errors import InputError
from cortexwave.lab.sheet_sampling import Sheet

_BLOCK_VALUES = 1 << 21  # of the sheet at once
_EXCITATION, _INHIBITION = "excitation", "inhibition"
_SYNAPTIC = re.compile(
    r"(synaptic|recurrent) input\b.*|(excitation|inhibition) received by (\w+)"
)


@dataclass(frozen=True)
class Term:
    """A field that electrodes see: its weight (with its sign) and delay in s.

    With a delay of 6 ms electrodes see at t what the field was 6 ms before.
    """

    field: str
    weight: float = 1.0
    delay: float = 0.0


def sources_of(recording: xr.Dataset) -> tuple[Term, ...]:
    """The synaptic inputs of a recording, weighted as the field potential sees them.

    Fields whose long name says so. Where excitation and inhibition of a population are
    both recorded: excitation as it was 6 ms before, and 1.65 of inhibition, both
    positive (Mazzoni et al. 2015, PLoS Comput Biol 11:e1004584, reference weighted sum
    of magnitudes); else each with weight 1 and no delay. Of several populations the one
    whose name says excitation (E), else the first. Empty where there are none.
    Strengths that a model multiplies its inputs by (w_ee, w_ei) are not in the fields:
    give `Term`s where they differ.
    """
    kinds: dict[str, tuple[str, str]] = {}
    for name in schema.field_names(recording):
        match = _SYNAPTIC.fullmatch(str(recording[name].attrs.get("long_name", "")))
        if match:
            kinds[name] = (match[2] or _EXCITATION, match[3] or "")
    populations = sorted({to for _, to in kinds.values()},
                         key=lambda to: (to[:1] != "E", to))  # fmt: skip
    if not populations:
        return ()
    chosen = {name: kind for name, (kind, to) in kinds.items() if to == populations[0]}
    if set(chosen.values()) == {_EXCITATION, _INHIBITION}:
        return tuple(Term(name, 1.0, 6e-3) if kind == _EXCITATION else Term(name, 1.65)
                     for name, kind in chosen.items())  # fmt: skip
    return tuple(Term(name) for name in chosen)


def source_of(
    recording: xr.Dataset, source: str | Sequence[Term] | None, gain: float | None
) -> tuple[tuple[Term, ...], str]:
    """Terms that were checked, and the unit of what is observed."""
    names = schema.field_names(recording)
    if isinstance(source, str):
        terms: tuple[Term, ...] = (Term(source),)
    elif source is not None:
        terms = tuple(source)
    else:
        terms = sources_of(recording)
        potentials = [name for name in names if recording[name].attrs["units"] == "uV"]
        if not terms and len(potentials) == 1:
            terms = (Term(potentials[0]),)
    if not terms:
        raise InputError(
            "the recording has no synaptic input for electrodes to see; record one "
            "(record.variables of the protocol), or name a source (--source): "
            f"{', '.join(names)}; a rate is not what a field potential shows"
        )
    for term in terms:
        if term.field not in names:
            raise InputError(
                f"no field '{term.field}' to observe (--source); there is "
                f"{', '.join(names)}"
            )
        field = recording[term.field]
        if not {"y", "x"} <= set(field.dims):
            raise InputError(
                f"field '{term.field}' has dims {field.dims}; electrodes look at a "
                "sheet, (y, x)"
            )
        if field.dtype.kind != "f":
            raise InputError(f"field '{term.field}' is {field.dtype}, no real number")
        if field.attrs["units"] == "rad":
            raise InputError(
                f"field '{term.field}' is an angle; observe its cosine instead"
            )
        if not (np.isfinite(term.weight) and term.weight != 0):
            raise InputError(
                f"weight of '{term.field}' is {term.weight}; not 0, finite"
            )
        if not (np.isfinite(term.delay) and term.delay >= 0):
            raise InputError(f"delay of '{term.field}' is {term.delay} s; 0 or more")
    units = {str(recording[term.field].attrs["units"]) for term in terms}
    if len(units) > 1:
        raise InputError(f"the source sums fields in {sorted(units)}: one unit is due")
    unlike = [
        t.field
        for t in terms
        if recording[t.field].dims != recording[terms[0].field].dims
    ]
    if unlike:
        raise InputError(f"fields '{terms[0].field}' and '{unlike[0]}' differ in dims")
    if gain is not None and not (np.isfinite(gain) and gain != 0):
        raise InputError(f"gain is {gain} uV per unit of the source; not 0, finite")
    return terms, units.pop() if gain is None else "uV"


def summed(
    recording: xr.Dataset, terms: tuple[Term, ...], frames: np.ndarray | slice
) -> np.ndarray:
    """The weighted fields at some frames, (trial, time, site), no delay."""
    total: np.ndarray | None = None
    for term in terms:
        field = recording[term.field].isel(time=frames)
        rest = [dim for dim in ("trial",) if dim in field.dims]
        last = [dim for dim in ("feature",) if dim in field.dims]
        values = np.asarray(
            field.transpose(*rest, "time", *last, "y", "x").values, float
        )
        values = values if rest else values[None]
        values = values.sum(axis=2) if last else values
        values = values.reshape(*values.shape[:2], -1)
        if not np.isfinite(values).all():
            trial, time, site = np.argwhere(~np.isfinite(values))[0]
            row, column = divmod(int(site), field.sizes["x"])
            raise InputError(
                f"field '{term.field}' has missing values (trial {trial}, time "
                f"{float(field['time'].values[time]):g} s, row {row}, column "
                f"{column}); electrodes cannot look at what is not there: cut the "
                "recording before"
            )
        total = term.weight * values if total is None else total + term.weight * values
    assert total is not None
    return total


def sampled(
    recording: xr.Dataset, terms: tuple[Term, ...], sheet: Sheet,
    weights: scipy.sparse.csr_array,
) -> np.ndarray:  # fmt: skip
    """What contacts see before anything is added, (trial, time, channel), in blocks."""
    field = recording[terms[0].field]
    frames, trials = sheet.time.size, field.sizes.get("trial", 1)
    block = max(
        1, _BLOCK_VALUES // (weights.shape[1] * trials * field.sizes.get("feature", 1))
    )
    values = np.zeros((trials, frames, weights.shape[0]))
    for delay in sorted({term.delay for term in terms}):
        late = tuple(term for term in terms if term.delay == delay)
        seen = np.empty_like(values)
        for begin in range(0, frames, block):
            part = slice(begin, min(begin + block, frames))
            read = summed(recording, late, part)
            flat = read.reshape(-1, read.shape[-1])
            seen[:, part] = (weights @ flat.T).T.reshape(*read.shape[:2], -1)
        values += seen if delay == 0 else _delayed(seen, delay / sheet.interval)
    return values


def _delayed(values: np.ndarray, frames: float) -> np.ndarray:
    """Values (trial, time, channel) later by some frames, linear between them.

    Before the first frame the field was as it is at the first.
    """
    at = np.maximum(np.arange(values.shape[1]) - frames, 0)
    low = np.floor(at).astype(int)
    part = (at - low)[None, :, None]
    high = np.minimum(low + 1, values.shape[1] - 1)
    return (1 - part) * values[:, low] + part * values[:, high]
