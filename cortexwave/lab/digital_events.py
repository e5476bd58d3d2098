"""Digital words of a session as its events and trials, by what a codes file says.

Words come from a maker's file (`words_of` its events) or from the edges of recorded
TTL channels (`cortexwave.lab.marker_channels`); a codes file says what each means.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import xarray as xr
from pydantic import BeforeValidator, Field, ValidationError, model_validator

from cortexwave.documents import Document, read_document
from cortexwave.errors import Fault, InputError, ProtocolError
from cortexwave.schema import EVENT_COLUMNS, events_table
from cortexwave.units import quantity

_BITS = 0xFFFF


def _seconds(value: Any) -> float:
    return 0.0 if value == 0 else quantity(value, "s")


class Code(Document):
    """What one word means: columns of the events table."""

    code: int = Field(ge=0, le=_BITS)
    kind: str = Field(min_length=1)
    stimulus: str = ""
    item: str = ""
    outcome: str = ""


class Trials(Document):
    """Words that begin and end a trial; without `end` the next one's start ends it."""

    start: int = Field(ge=0, le=_BITS)
    end: int | None = Field(default=None, ge=0, le=_BITS)


class Codes(Document):
    """A codes file.

    `words` says whether a word is an event each time it is written ("strobed") or
    when it is another than the one before ("changes"). Words are seen through `mask`;
    those within `debounce` of a first one are one word, the last of them, at the time
    of the first: lines do not change all at once, and buttons bounce. Words are a
    file's events of `kind`; where these are text, `labels` says which word each is, as
    {"XD0 ON": 1, "XD0 OFF": 0}.
    """

    kind: str = Field(default="digital", min_length=1)
    labels: dict[str, Annotated[int, Field(ge=0, le=_BITS)]] | None = None
    words: Literal["strobed", "changes"]
    mask: int = Field(default=_BITS, gt=0, le=_BITS)
    debounce: Annotated[float, BeforeValidator(_seconds), Field(ge=0)] = 0.0
    codes: tuple[Code, ...]
    ignore: tuple[int, ...] = (0,)
    trials: Trials | None = None

    @model_validator(mode="after")
    def _codes_can_be_seen(self) -> Codes:
        own = [code.code for code in self.codes]
        twice = sorted({code for code in own if own.count(code) > 1})
        if twice:
            raise ValueError(f"code {twice[0]} stands twice")
        if self.trials is not None:
            own.append(self.trials.start)
            own += [] if self.trials.end is None else [self.trials.end]
        for code in own:
            if code & ~self.mask:
                raise ValueError(f"code {code} is never seen through mask {self.mask}")
        return self


@dataclass(frozen=True)
class Session:
    """Events and trials of a session, and what was odd among its words.

    `events` is a table of `cortexwave.schema.events_table`; its `trial` counts from 0
    and is -1 outside every trial. `trials` (trial) has `start` and `stop` (s; NaN where
    no word ended it), `complete`, `outcome` (the last that was given in it).
    """

    events: xr.Dataset
    trials: xr.Dataset
    remarks: tuple[str, ...]


def read_codes(path: str | Path) -> Codes:
    """A codes file (YAML); `ProtocolError` names the line of each fault."""
    source = read_document(path)
    try:
        return Codes.model_validate(source.values)
    except ValidationError as error:
        faults = []
        for one in error.errors():
            message = one["msg"].removeprefix("Value error, ")
            place = ".".join(map(str, one["loc"]))
            faults.append(Fault(place, message, source.line(one["loc"])))
        raise ProtocolError(source.file, faults) from None


def words_of(
    events: xr.Dataset,
    *,
    kind: str = "digital",
    labels: Mapping[str, int] | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Times (s) and words of a file's events of one kind, in order of time.

    `events` is the table of a signal or `cortexwave.events(recording)`; the words
    stand there as items. Where items are text, `labels` says which word each is, as
    {"XD0 ON": 1, "XD0 OFF": 0}.
    """
    own = events["kind"].values == kind
    if not own.any():
        kinds = ", ".join(sorted(set(events["kind"].values.tolist()))) or "none"
        raise InputError(f"there are no events of kind {kind!r}; there are: {kinds}")
    items = [str(item) for item in events["item"].values[own].tolist()]
    if labels is not None:
        absent = sorted(set(items) - set(labels))
        if absent:
            raise InputError(f"labels say no word for the items {', '.join(absent[:8])}"
                             f" of kind {kind!r}")  # fmt: skip
        items = [str(labels[item]) for item in items]
    odd = [item for item in items if not item.isdecimal() or int(item) > _BITS]
    if odd:
        raise InputError(f"the item {odd[0]!r} of kind {kind!r} is not a digital word, "
                         f"0 to {_BITS}; labels may give it one")  # fmt: skip
    times = events["onset"].values[own]
    order = np.argsort(times, kind="stable")
    return times[order], np.array(items, dtype=np.int64)[order]


def decoded(times: np.ndarray, words: np.ndarray, codes: Codes) -> Session:
    """Events and trials that words at `times` (s, in order) are by a codes file.

    A trial that begins before the last has ended leaves that one incomplete.
    """
    times, words = np.asarray(times, dtype=float), np.asarray(words)
    if times.shape != words.shape or times.ndim != 1:
        raise InputError(f"there are {times.shape} times of {words.shape} words")
    if not np.isfinite(times).all() or (np.diff(times) < 0).any():
        raise InputError("times of words are not in order, or not finite")
    times, words = _settled(times, words & codes.mask, codes)
    rows: list[dict] = []
    trials: list[dict] = []
    remarks: list[str] = []
    unknown: Counter[int] = Counter()
    running = False
    meaning = {code.code: code for code in codes.codes}
    marks = codes.trials
    for time, word in zip(times.tolist(), words.tolist(), strict=True):
        starts = marks is not None and word == marks.start
        ends = marks is not None and word == marks.end
        if starts:
            if running and marks is not None and marks.end is not None:
                remarks.append(f"trial {len(trials) - 1} was not ended before the next "
                               f"began at {time:g} s")  # fmt: skip
            elif running:
                trials[-1] |= {"stop": time, "complete": True}
            trials.append({"start": time, "stop": np.nan, "complete": False,
                           "outcome": ""})  # fmt: skip
            running = True
        if word in meaning:
            said = meaning[word].model_dump(exclude={"code"})
            trial = len(trials) - 1 if running else -1
            rows.append({"onset": time, "duration": 0.0, "trial": trial, **said})
            if running and said["outcome"]:
                trials[-1]["outcome"] = said["outcome"]
        elif not (starts or ends or word in codes.ignore):
            unknown[word] += 1
        if ends and running:
            trials[-1] |= {"stop": time, "complete": True}
            running = False
        elif ends:
            remarks.append(f"a trial ends at {time:g} s, and none had begun")
    if running and trials and marks is not None and marks.end is not None:
        remarks.append(f"trial {len(trials) - 1} was not ended")
    if unknown:
        listed = ", ".join(f"{word} ({n} times)" for word, n in unknown.most_common(10))
        remarks.append(f"the codes file does not say what these words mean: {listed}")
    return Session(events_table(rows), _trials_table(trials), tuple(remarks))


def session_events(
    events: xr.Dataset, codes: Codes
) -> tuple[xr.Dataset, tuple[str, ...]]:
    """A file's events with its words decoded, and what was odd among the words.

    Words become what the codes say; trials are events of kind "trial", with
    duration (NaN where no word ended it) and outcome. All others stay, with the trial
    that they are in, or -1.
    """
    words = words_of(events, kind=codes.kind, labels=codes.labels)
    session = decoded(*words, codes)
    rows = _rows(session.events)
    starts, stops = (session.trials[name].values for name in ("start", "stop"))
    ends = np.where(np.isfinite(stops), stops, np.append(starts[1:], np.inf))
    for row in _rows(events):
        if row["kind"] == codes.kind:
            continue
        if codes.trials is not None:
            at = int(np.searchsorted(starts, row["onset"], "right")) - 1
            row["trial"] = at if at >= 0 and row["onset"] < ends[at] else -1
        rows.append(row)
    outcomes = session.trials["outcome"].values.tolist()
    rows += [
        {"onset": float(start), "duration": float(stop - start), "kind": "trial",
         "trial": number, "outcome": outcome}
        for number, (start, stop, outcome)
        in enumerate(zip(starts, stops, outcomes, strict=True))
    ]  # fmt: skip
    rows.sort(key=lambda row: row["onset"])
    return events_table(rows), session.remarks


def _rows(events: xr.Dataset) -> list[dict]:
    columns = {name: events[name].values.tolist() for name in EVENT_COLUMNS
               if name in events}  # fmt: skip
    return [dict(zip(columns, row, strict=True))
            for row in zip(*columns.values(), strict=True)]  # fmt: skip


def _settled(
    times: np.ndarray, words: np.ndarray, codes: Codes
) -> tuple[np.ndarray, np.ndarray]:
    """Words once they have settled, and, of changes, only those that are any."""
    if codes.words == "changes" and words.size:
        new = np.diff(words, prepend=-1) != 0
        times, words = times[new], words[new]
    if codes.debounce > 0 and words.size:
        firsts = [0]
        for k in range(1, times.size):
            if times[k] - times[firsts[-1]] > codes.debounce:
                firsts.append(k)
        lasts = np.append(firsts[1:], times.size) - 1
        times, words = times[firsts], words[lasts]
        if codes.words == "changes":  # a flicker that came back is no change
            new = np.diff(words, prepend=-1) != 0
            times, words = times[new], words[new]
    return times, words


def _trials_table(trials: list[dict]) -> xr.Dataset:
    def column(name: str, dtype: Any) -> np.ndarray:
        return np.array([trial[name] for trial in trials], dtype=dtype)

    return xr.Dataset({
        "start": ("trial", column("start", float), {"units": "s"}),
        "stop": ("trial", column("stop", float), {"units": "s"}),
        "complete": ("trial", column("complete", bool)),
        "outcome": ("trial", column("outcome", object)),
    })  # fmt: skip
