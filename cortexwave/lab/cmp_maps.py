"""Electrodes of a Blackrock .cmp map: columns and rows, without distances."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from cortexwave.errors import InputError
from cortexwave.lab.electrodes import Electrodes
from cortexwave.lab.map_files import electrodes_from, map_text


def read_cmp(path: str | Path, *, pitch: float) -> Electrodes:
    """Electrodes of a Blackrock .cmp map, `pitch` mm apart.

    Text: // begins a comment; one line of description; then `col row bank elec label`,
    counted from 0, row 0 at the bottom, as y has it. Channels of a recording are found
    by the label.
    """
    path = Path(path)
    if not 0 < pitch < np.inf:
        raise InputError(f"pitch of {path.name} is {pitch} mm, not positive and finite")
    labels: list[str] = []
    places: dict[tuple[int, int], str] = {}
    described = False
    for number, line in enumerate(map_text(path).splitlines(), start=1):
        words = line.split("//")[0].split()
        if not words:
            continue
        if not _is_site(words):
            if described or labels or words[0].isdecimal():
                raise InputError(
                    f"{path}, line {number}: '{line.strip()[:60]}' is not "
                    "`col row bank elec label`"
                )
            described = True
            continue
        place, label = (int(words[0]), int(words[1])), words[4]
        if place in places:
            raise InputError(
                f"{path}, line {number}: '{label}' stands at column {place[0]}, row "
                f"{place[1]}, where '{places[place]}' is"
            )
        places[place] = label
        labels.append(label)
    if not labels:
        raise InputError(f"{path}: no line `col row bank elec label` in it")
    at = np.array([(c * pitch, r * pitch, np.nan) for c, r in places])
    return electrodes_from(path, lambda: Electrodes(tuple(labels), at, float(pitch)))


def _is_site(words: list[str]) -> bool:
    return (
        len(words) >= 5
        and words[0].isdecimal() and words[1].isdecimal() and words[3].isdecimal()
        and max(len(words[0]), len(words[1])) <= 4
        and words[2].isalpha() and len(words[2]) <= 2
    )  # fmt: skip
