"""With which numbers a thorough comparison draws, and where its sessions stand.

399 surrogates and 999 permutations, unless the study says how many. A p near .05 is
then known to .011 and .007 instead of .022 and .015 (the root of p (1 - p) / draws), so
that what is said of it hangs less on the seed. The grid keeps to the numbers of a plain
comparison: of a cell only the word is asked.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from cortexwave.comparison.measuring import Wanted, wanted_of
from cortexwave.comparison.study_document import Study

SURROGATES, PERMUTATIONS = 399, 999
_MORE = "thorough"  # where a comparison of more draws stands in the folder


def thorough_wanted(study: Study) -> Wanted:
    """What is measured of each recording: more draws where the study says no number."""
    made = wanted_of(study)
    if "surrogates" not in study.model_fields_set:
        made = replace(made, surrogates=SURROGATES)
    asked = study.memory
    stated = asked is not None and "permutations" in asked.model_fields_set
    if made.memory is not None and not stated:
        more = replace(made.memory, permutations=PERMUTATIONS)
        made = replace(made, memory=more)
    return made


def measured_folder(folder: Path, wanted: Wanted, study: Study) -> Path:
    """Where the recordings stand that were measured with these numbers of draws.

    Those of a plain comparison stay beside them, as the grid goes on from them.
    """
    return folder if wanted == wanted_of(study) else folder / _MORE
