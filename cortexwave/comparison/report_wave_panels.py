"""Panels C to H of a report: spectra, coherency, wavenumbers, episodes of waves."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import xarray as xr

from cortexwave.comparison.compared import Comparison
from cortexwave.comparison.facts_file import reason_of
from cortexwave.comparison.panel_tables import (
    drawn,
    medians,
    missing,
    reasons,
    tables,
)
from cortexwave.comparison.published_bands import modalities, reference_bands
from cortexwave.comparison.session_values import KINDS, SessionFacts, event_values
from cortexwave.view.comparison_page import Panel
from cortexwave.view.comparison_waves import (
    SIDES,
    draw_coherency,
    draw_histograms,
    draw_kinds,
    draw_roses,
    draw_spectra,
    draw_wavenumbers,
)
from cortexwave.view.wave_distributions import Reference


def spectra_panel(found: Comparison) -> Panel:
    made = tables(found, "spectrum")
    if not any(made.values()):
        return missing(reasons(found, "spectrum"))
    slopes = "; ".join(
        f"{name}: slope {float(t['exponent']):.2f}, peak {float(t['peak']):.3g} Hz"
        for side in SIDES for name, t in made[side]
    )  # fmt: skip
    return drawn(
        draw_spectra(made, found.study.band),
        "Median over sites; thin lines are sessions, thick ones their mean; dotted, "
        f"the aperiodic line fitted outside the band (grey). {slopes}.",
    )


def coherency_panel(found: Comparison) -> Panel:
    made = tables(found, "coherency")
    if not any(made.values()):
        return missing(reasons(found, "coherency"))
    return drawn(draw_coherency(made), (
        "In the band. The imaginary part is ordered along the direction in which the "
        "lags add up, so that noise has a little of it."))  # fmt: skip


def wavenumbers_panel(found: Comparison) -> Panel:
    made = tables(found, "radial")
    if not any(made.values()):
        return missing(reasons(found, "radial"))
    said = []
    for side, sessions in tables(found, "field").items():
        for name, t in sessions:
            said.append(
                f"{'recording' if side == 'lab' else 'model'} {name}: {_net(t)}"
            )
    limits = (0.0, 1.5 * found.study.band[1])
    return drawn(draw_wavenumbers(made, limits, medians(found, "median_speed")), (
        "Power relative to the greatest at each frequency; the line is the median "
        f"speed. {'; '.join(said)}. NSI above chance says 'not separable in space and "
        "time', which smooth fields without waves are, too."))  # fmt: skip


def _net(table: xr.Dataset) -> str:
    """Net direction and separability, each with its chance level and p."""
    words = []
    for short, name, p in (
        ("DAI", "net_direction", "net_lags_p"),
        ("NSI", "separability", "separability_p"),
    ):
        chance = _two(table, f"{name}_chance")
        words.append(
            f"{short} {_two(table, name)} (chance {chance}, p {_two(table, p)})"
        )
    return ", ".join(words)


def _two(table: xr.Dataset, name: str) -> str:
    value = float(table[name]) if name in table else float("nan")
    return f"{value:.2g}" if np.isfinite(value) else "unknown"


def _episodes(found: Comparison) -> Iterable[tuple[str, SessionFacts, xr.Dataset]]:
    for side, sessions in (("lab", found.lab), ("model", found.model)):
        for session in sessions:
            for each in session.tables:
                if not reason_of(each.get("events")):
                    yield side, session, each["events"]


def histograms_panel(found: Comparison) -> Panel:
    names = (
        ("speed", "speed (m/s)", 1e-3),
        ("wavelength", "wavelength (mm)", 1.0),
        ("frequency", "frequency (Hz)", 1.0),
        ("duration", "duration (ms)", 1e3),
    )
    samples: dict[str, dict[str, np.ndarray]] = {}
    for name, _, factor in names:
        for side in SIDES:
            values = [
                factor * event_values(events, name)
                for own, _, events in _episodes(found)
                if own == side
            ]
            samples.setdefault(name, {})[side] = (
                np.concatenate(values) if values else np.zeros(0)
            )
    if not any(values.size for sides in samples.values() for values in sides.values()):
        return missing("no episode of a wave was found on either side")
    bands, said = _published(found)
    return drawn(
        draw_histograms(samples, [(name, label) for name, label, _ in names], bands),
        "All episodes that follow a wave, whatever the verdict on the recording; "
        f"dashed lines are medians. {said}",
    )


def _published(found: Comparison) -> tuple[list[Reference], str]:
    chosen = found.study.electrodes
    if chosen.modality is None:
        return [], (
            "No published speeds are drawn: electrodes.modality of the study names "
            f"none ({', '.join(modalities())})."
        )
    rows = reference_bands(
        modality=chosen.modality, area=chosen.area, band=found.study.band
    )
    known = [row for row in rows if row.low is not None and row.high is not None]
    bands = [Reference(row.low / 1e3, row.high / 1e3, row.study) for row in known
             if row.low is not None and row.high is not None]  # fmt: skip
    if not known:
        return [], "No published speed is of this modality, area and band."
    listed = "; ".join(f"{row.study} {row.year}, {row.species} {row.area}"
                       for row in known)  # fmt: skip
    return bands, f"Grey: published speeds of this modality ({listed}); never scored."


def roses_panel(found: Comparison) -> Panel:
    roses = [(side, session.name, event_values(events, "direction"))
             for side, session, events in _episodes(found)]  # fmt: skip
    if not any(angles.size for _, _, angles in roses):
        return missing("no plane wave was found")
    return drawn(draw_roses(roses), (
        "Directions of propagation of plane waves, counter-clockwise from +x; areas "
        "are shares. Of a model they are those of the sheet under the array, whose "
        f"angle is {found.study.electrodes.rotation:g} deg."))  # fmt: skip


def kinds_panel(found: Comparison) -> Panel:
    counts = []
    for side, session, events in _episodes(found):
        codes = event_values(events, "kinds").astype(int)
        tally = np.bincount(codes, minlength=len(KINDS))
        counts.append((side, session.name, [int(each) for each in tally]))
    if not any(sum(each) for _, _, each in counts):
        return missing("no episode was found")
    return drawn(
        draw_kinds(counts, KINDS),
        ("Episodes by kind; standing and synchronous ones are described, not tested."),
    )
