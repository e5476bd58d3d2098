"""Which item of a sequence stood at which rank of which trial.

An array (trial, rank) of symbols, "" where there is none, with the coordinate `onset`
(rank) in s, and `block` (trial) where trials stood in blocks.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np
import xarray as xr

from cortexwave import schema
from cortexwave.errors import InputError
from cortexwave.memory.series import Series

BLANK = ""  # no item at this rank
_TOGETHER = 0.001


def sequence_items(recording: xr.Dataset, *, label: str = "item") -> xr.DataArray:
    """The items of a recording (trial, time, ...), from its events in order of onset.

    `label` is the column that names an item: "item" or "stimulus". Onsets must be the
    same in all trials, to a frame; a trial without an event at one has "" there.
    """
    events = schema.events(recording)
    if label not in ("item", "stimulus"):
        raise InputError(
            f"label is {label!r}; an item is named by 'item' or 'stimulus'"
        )
    if "trial" not in recording.dims:
        raise InputError("the recording has no trials; a sequence is one of a trial")
    if not events.sizes["event"]:
        raise InputError("the recording has no events; a sequence is made of events")
    names = events[label].values.astype(str)
    if (names == BLANK).any():
        raise InputError(f"event column '{label}' is empty in {(names == BLANK).sum()} "
                         f"of {names.size} events")  # fmt: skip
    time = recording["time"].values
    step = float(np.median(np.diff(time)))
    frame = np.rint((events["onset"].values - time[0]) / step).astype(int)
    onsets = np.unique(frame)
    # an onset that rounds to either of two frames is one onset
    first = np.r_[True, np.diff(onsets) > 1]
    rank = np.cumsum(first)[np.searchsorted(onsets, frame)] - 1
    count = recording.sizes["trial"]
    schema.check_trials(events, count)
    numbers = events["trial"].values.astype(int)
    symbols = np.full((count, int(first.sum())), BLANK, dtype=object)
    for trial, at, name in zip(numbers.tolist(), rank.tolist(), names, strict=True):
        if symbols[trial, at] != BLANK:
            when = onsets[first][at] * step
            raise InputError(f"trial {trial} has two events at {when:g} s; items of a "
                             "sequence come one at a time")  # fmt: skip
        symbols[trial, at] = str(name)
    blocks = np.full(count, "", dtype=object)
    blocks[numbers] = events["block"].values.astype(str)
    onset = time[0] + step * onsets[first]
    return xr.DataArray(
        symbols, {"onset": ("rank", onset, {"units": "s"}), "block": ("trial", blocks)},
        ("trial", "rank"), "items",
    )  # fmt: skip


@dataclass(frozen=True)
class SequenceItems:
    """Symbols (trial, rank) as text, onsets (rank,) in s, groups (trial,)."""

    symbols: np.ndarray
    onset: np.ndarray
    groups: np.ndarray

    @property
    def full(self) -> np.ndarray:
        """Trials (trial,) that have an item at every rank."""
        return (self.symbols != BLANK).all(axis=1)


def checked(items: xr.DataArray, measured: Series, fold_count: int) -> SequenceItems:
    """Items that fit the recording; `InputError` where they do not."""
    if items.dims != ("trial", "rank"):
        raise InputError(f"items have dims {items.dims}, not (trial, rank)")
    if items.sizes["trial"] != len(measured.values) or items.sizes["rank"] < 2:
        raise InputError(
            f"items of {items.sizes['trial']} trials and {items.sizes['rank']} ranks; "
            f"the recording has {len(measured.values)} trials, and 2 ranks are needed"
        )
    if "onset" not in items.coords or items["onset"].dims != ("rank",):
        raise InputError("items have no coordinate 'onset' (rank), in s")
    onset = np.asarray(items["onset"].values, dtype=float)
    if not (np.isfinite(onset).all() and (np.diff(onset) > 0).all()):
        raise InputError(f"onsets {onset.tolist()} s do not grow from rank to rank")
    values = items.values
    if values.dtype.kind == "f":
        raise InputError("items are numbers with fractions; a sequence is of symbols: "
                         "text or whole numbers, '' for none")  # fmt: skip
    symbols = values.astype(str)
    for rank in range(onset.size):
        mine = symbols[:, rank]
        names, counts = np.unique(mine[mine != BLANK], return_counts=True)
        if names.size < 2 or counts.min() < fold_count:
            had = dict(zip(names.tolist(), counts.tolist(), strict=True))
            raise InputError(f"rank {rank} has {had} trials of its items; 2 items of "
                             f"{fold_count} trials each are due")  # fmt: skip
    groups = np.zeros(len(symbols), dtype=int)
    if "block" in items.coords:
        _, groups = np.unique(items["block"].values.astype(str), return_inverse=True)
    return SequenceItems(symbols, onset, groups)


def items_together(symbols: np.ndarray) -> str:
    """Ranks whose items depend on one another, in words, or "".

    By the chi-squared test of each pair of ranks at 0.001, in all.
    """
    from scipy.stats import chi2_contingency

    pairs = list(combinations(range(symbols.shape[1]), 2))
    found = []
    for one, other in pairs:
        both = (symbols[:, [one, other]] != BLANK).all(axis=1)
        numbers = [np.unique(symbols[both, r], return_inverse=True)[1].reshape(-1)
                   for r in (one, other)]  # fmt: skip
        if not both.any() or min(each.max() for each in numbers) == 0:
            continue
        table = np.zeros([each.max() + 1 for each in numbers])
        np.add.at(table, tuple(numbers), 1)
        if chi2_contingency(table).pvalue < _TOGETHER / len(pairs):
            found.append(f"{one} and {other}")
    if not found:
        return ""
    return (f"the items of ranks {', '.join(found)} go together: what is read of one "
            "may be known from the other alone")  # fmt: skip
