"""The leading principal components of recordings with more sites than can be paired.

An operator among thousands of sites has millions of entries and no recording is long
enough for them; what it does is asked of the few directions in which the field moves.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from cortexwave.errors import InputError
from cortexwave.memory.series import Series

MOST_SITES = 1000  # whose covariances are still formed
_FRAMES_EACH = 10  # so many frames of all trials stand behind every component


def led(
    measured: Series, rank: int | None, longest: int
) -> tuple[Series, np.ndarray | None]:
    """The recording in its leading components, and the directions (site, component).

    None, and the recording itself, where it has no more than `MOST_SITES` sites. Else
    there are as many components as a tenth of the frames, `MOST_SITES` at most: their
    directions are those of most variance, by which noise that is white in time stays
    so. `longest` is the longest lag in frames, `rank` what is to be worked in.
    """
    trials, frames, sites = measured.values.shape
    if sites <= MOST_SITES:
        return measured, None
    count = min(MOST_SITES, trials * (frames - longest) // _FRAMES_EACH)
    if rank is None or not 1 <= rank <= count:
        raise InputError(
            f"rank is {rank}; {sites} sites, more than {MOST_SITES}, are first reduced "
            f"to {count} components, a tenth of the {trials * (frames - longest)} "
            f"frames, so that a rank of 1 to {count} is due, or a coarser sheet"
        )
    from sklearn.utils.extmath import randomized_svd

    flat = measured.values.reshape(-1, sites)
    # a fixed seed: the directions are a matter of the data, not of chance
    _, _, rows = randomized_svd(flat, n_components=count, random_state=0)
    values = measured.values @ rows.T
    return replace(measured, values=values), rows.T
