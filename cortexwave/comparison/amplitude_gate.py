"""What was found, less what was found in weak signal: one of the choices of the grid.

Episodes whose amplitude is below half of the recording's median are left out, and with
them, of the time that they were looked for in, the share of such frames. What is not
made of episodes (spectra, coherency, net lags, readouts of trials) stays as it is.
"""

from __future__ import annotations

import numpy as np

from cortexwave.comparison.facts_file import Facts, reason_of
from cortexwave.comparison.loudness import HALF
from cortexwave.comparison.wave_facts import TRAVELLING, why_few


def gated(tables: Facts) -> Facts:
    """The tables of a part with quiet episodes left out of `events`."""
    events = tables.get("events")
    if events is None or reason_of(events) or "amplitude" not in events:
        return tables
    least = HALF * float(events.attrs["amplitude_median"])
    kept = events.isel(event=np.flatnonzero(~(events["amplitude"].values < least)))
    travels = np.isin(kept["kind"].values.astype(str), TRAVELLING)
    told = {
        **events.attrs, "episodes": int(travels.sum()),
        "waves": int(kept["is_wave"].values.sum()),
        "seconds": float(events.attrs["seconds"]) * float(events.attrs["loud"]),
    }  # fmt: skip
    told.pop("few", None)
    few = why_few(str(told["word"]), str(told["verdict"]), told["episodes"])
    if few:
        told["few"] = few
    kept.attrs = told
    return {**tables, "events": kept}
