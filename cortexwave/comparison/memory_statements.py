"""The two sentences on memory: for how long and in which format, and with waves or not.

How long is until the last moment at which identity is decoded beyond what the filter
alone holds; of several sessions the median.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr

from cortexwave.comparison.compared import Comparison
from cortexwave.comparison.facts_file import reason_of
from cortexwave.comparison.gates import trial_faults
from cortexwave.comparison.intervals import Interval
from cortexwave.comparison.session_values import SessionFacts, value_of
from cortexwave.comparison.verdicts import (
    FormatFound,
    Statement,
    memory_verdict,
    undetermined,
    wave_dependence_verdict,
)
from cortexwave.memory.verdict import format_of

_NO_TRIALS = "the study names no trials to read out"


def memory_statement(found: Comparison) -> Statement:
    """For how long, and in which format, both sides hold the stimulus."""
    if found.study.memory is None:
        return undetermined([_NO_TRIALS])
    faults = []
    for side, sessions in (("model", found.model), ("recording", found.lab)):
        fewest = [int(t.attrs["fewest"]) for t in _tables(sessions, "identity")
                  if "fewest" in t.attrs]  # fmt: skip
        if not fewest:
            faults.append(f"{side}: {_reason(sessions, 'identity')}")
        else:
            faults += [f"{side}: {each}" for each in trial_faults(min(fewest))]
    return memory_verdict(
        model_seconds=held_seconds(found.model),
        recording_seconds=held_seconds(found.lab),
        model=format_found(found.model), recording=format_found(found.lab),
        faults=faults,
    )  # fmt: skip


def held_seconds(sessions: Sequence[SessionFacts]) -> float:
    """Median time (s) for which a snapshot tells the class; 0 where it never does."""
    held = []
    for table in _tables(sessions, "filter_control"):
        if "claimed_until" in table.attrs:
            until = float(table.attrs["claimed_until"])
            held.append(until if np.isfinite(until) else 0.0)
    return float(np.median(held)) if held else 0.0


def format_found(sessions: Sequence[SessionFacts]) -> FormatFound:
    """The format that most sessions show, with the mean of its numbers."""
    words = []
    for session in sessions:
        for each in session.tables:
            made, moved = each.get("generalisation"), each.get("alignment")
            if made is None or moved is None or "accuracy" not in made:
                continue
            if "aligned" not in moved:
                continue
            words.append(str(format_of(made, moved)["format"].values))
    numbers = []
    for name in ("aligned_gain", "persistence", "drift"):
        known = [value.values for value in (value_of(s, name) for s in sessions)
                 if not value.reason]  # fmt: skip
        finite = [float(np.nanmean(v[0, 1:] if v.ndim == 2 else v)) for v in known]
        numbers.append(float(np.mean(finite)) if finite else float("nan"))
    usual = max(set(words), key=words.count) if words else "undetermined"
    if words and words.count(usual) <= len(words) / 2:
        usual = "undetermined"
    return FormatFound(usual, *numbers)  # type: ignore[arg-type]


def link_statement(found: Comparison) -> Statement:
    """Whether the recording's readout goes with its waves."""
    if found.study.memory is None:
        return undetermined([_NO_TRIALS])
    known = [
        (float(t["difference"]), float(t["low"]), float(t["high"]))
        for t in _tables(found.lab, "wave_information")
        if "difference" in t and np.isfinite(float(t["difference"]))
    ]
    if not known:
        return undetermined([_reason(found.lab, "wave_information")])
    # sessions are independent: the error of their mean is that of each, over the root
    middle = float(np.mean([each[0] for each in known]))
    half = float(np.sqrt(np.sum([((high - low) / 2) ** 2 for _, low, high in known])))
    half /= len(known)
    if abs(middle) <= half:
        return undetermined([
            "bits in high-wave less in amplitude-matched low-wave epochs are "
            f"{middle:.3g} [{middle - half:.3g}, {middle + half:.3g}], which may be 0"
        ])  # fmt: skip
    return wave_dependence_verdict(Interval(middle, middle - half, middle + half))


def _tables(sessions: Sequence[SessionFacts], name: str) -> list[xr.Dataset]:
    return [each[name] for session in sessions for each in session.tables
            if name in each]  # fmt: skip


def _reason(sessions: Sequence[SessionFacts], name: str) -> str:
    said = [reason_of(each.get(name)) for s in sessions for each in s.tables]
    return "; ".join(dict.fromkeys(each for each in said if each)) or "no value"
