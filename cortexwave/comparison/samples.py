"""Values of events with the session and the animal that each was measured in.

Events of one session are not independent, nor are sessions of one animal: what is
inferred from values without these labels is inferred from too many (Saravanan et al.
2020, arXiv 2007.07797). So every interval and p of the comparison takes a `Sample`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from cortexwave.errors import InputError


@dataclass(frozen=True)
class Sample:
    """Values (event,) or (event, measure), all finite, in order of subject and session.

    `subject` and `session` (event,) are texts, none empty; sessions of two subjects may
    have the same name. `left_out` counts the events whose value was missing.
    """

    values: np.ndarray
    subject: np.ndarray
    session: np.ndarray
    left_out: int = 0

    @property
    def subjects(self) -> list[str]:
        """The subjects there are, in order."""
        return sorted(set(self.subject.tolist()))

    @property
    def sessions(self) -> list[tuple[str, str]]:
        """The sessions there are as (subject, session), in order."""
        return sorted(
            set(zip(self.subject.tolist(), self.session.tolist(), strict=True))
        )

    def of(self, subject: str, session: str | None = None) -> np.ndarray:
        """Values of a subject, or of one of its sessions."""
        kept = self.subject == subject
        return self.values[
            kept if session is None else kept & (self.session == session)
        ]

    def chosen(self, events: np.ndarray) -> Sample:
        """Some of the events, by index or mask."""
        return replace(
            self, values=self.values[events], subject=self.subject[events],
            session=self.session[events],
        )  # fmt: skip


def sample(
    values: np.ndarray | Sequence[float],
    *,
    subject: Sequence[object] | np.ndarray | str,
    session: Sequence[object] | np.ndarray | str,
) -> Sample:
    """A sample of values (event,) or (event, measure), sorted by subject and session.

    `subject` and `session` name those of each event, or of all where they are one text.
    Events with a missing value (NaN) are left out and counted; infinite ones refused.
    """
    values = np.asarray(values, dtype=float)
    if values.ndim not in (1, 2) or not len(values):
        raise InputError(f"values are {values.shape}; they are (event,) or (event, "
                         "measure), one event at least")  # fmt: skip
    if np.isinf(values).any():
        raise InputError(f"{int(np.isinf(values).sum())} values are infinite; what is "
                         "not known is NaN")  # fmt: skip
    names = {"subject": _names(subject, len(values), "subject"),
             "session": _names(session, len(values), "session")}  # fmt: skip
    known = np.isfinite(values.reshape(len(values), -1)).all(axis=1)
    if not known.any():
        raise InputError(f"all {len(values)} values are missing")
    order = np.lexsort((names["session"], names["subject"]))
    order = order[known[order]]
    return Sample(values[order], names["subject"][order], names["session"][order],
                  int((~known).sum()))  # fmt: skip


def _names(
    given: Sequence[object] | np.ndarray | str, count: int, what: str
) -> np.ndarray:
    if isinstance(given, str):
        given = [given] * count
    if len(given) != count:
        raise InputError(f"{len(given)} names of {what}s for {count} events")
    names = np.array([str(each) for each in given])
    missing = int(np.isin(names, ["", "nan", "None"]).sum())
    if missing:
        raise InputError(
            f"{what} is not given for {missing} of {count} events; events of one "
            f"{what} are not independent, so no interval and no p is given without it"
        )
    return names
