"""Panels A to P of a report: each a figure, or the reason why there is none."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
import xarray as xr

from cortexwave.analysis.sites import picked, sites_of
from cortexwave.comparison.comparing import Comparison
from cortexwave.comparison.facts_file import reason_of
from cortexwave.comparison.gates import longest_span
from cortexwave.comparison.panel_tables import drawn, missing, reasons, tables
from cortexwave.comparison.parts import Part, without_excluded
from cortexwave.comparison.pipeline_grid import size_statement
from cortexwave.comparison.published_bands import modalities, reference_bands
from cortexwave.comparison.report_memory_panels import (
    decoding_panel,
    dependence_panel,
    formats_panel,
    functions_panel,
    propagator_panel,
    sequences_panel,
)
from cortexwave.comparison.session_values import KINDS, SessionFacts, event_values
from cortexwave.errors import InputError
from cortexwave.provenance import sha256_of_file
from cortexwave.recording.reader import open_recording
from cortexwave.view.comparison_material import (
    Montage,
    SeenSheet,
    draw_montages,
    draw_seen_sheet,
)
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


def report_panels(found: Comparison) -> tuple[Panel, ...]:
    """All panels in order; one that cannot be made stands there with its reason."""
    makers: tuple[tuple[str, str, Callable[[Comparison], Panel]], ...] = (
        ("A", "Material: contacts and provenance", _provenance),
        ("B", "Measurement operator and span of a single pass", _operator),
        ("C", "Power spectra", _spectra),
        ("D", "Coherency by distance", _coherency),
        ("E", "Wavenumber and frequency", _wavenumbers),
        ("F", "Speed, wavelength, frequency, duration", _histograms),
        ("G", "Directions, by session", _roses),
        ("H", "Kinds of episodes", _kinds),
        ("I", "Identity and elapsed time from one snapshot", decoding_panel),
        ("J", "Memory function", functions_panel),
        ("K", "Temporal generalisation, aligned, and drift", formats_panel),
        ("L", "Sequences", sequences_panel),
        ("M", "Dependence on waves", dependence_panel),
        ("N", "Propagator and shift (not diagnostic alone)", propagator_panel),
        ("O", "Robustness over pipeline choices", _robustness),
        ("P", "Recovery of rival models", _recovery),
    )
    panels = []
    for letter, title, make in makers:
        try:
            made = make(found)
        except InputError as error:
            made = Panel(letter, title, "", missing=str(error))
        panels.append(Panel(letter, title, made.caption, made.figures,
                            made.missing.rstrip(".")))  # fmt: skip
    return tuple(panels)


def _provenance(found: Comparison) -> Panel:
    parts = [found.lab_parts[0], found.model_parts[0]]
    montages = [_montage(part) for part in parts]
    hashes = ", ".join(
        f"{part.file.name} {sha256_of_file(part.file)[:12]}"
        for part in (*found.lab_parts, *found.model_parts)
    )
    return drawn(
        draw_montages(montages),
        "Contacts of the first recording and of the model as it was seen; crosses are "
        "not used. x and y are those of the recording, in mm; directions are "
        f"counter-clockwise from +x. SHA-256 of the files: {hashes}.",
    )


def _montage(part: Part) -> Montage:
    with open_recording(part.file) as opened:
        few = opened.isel(time=slice(0, 64))
        used = without_excluded(few, Part(
            part.side, part.subject, part.session, part.number, part.file,
            part.variable, part.channels))  # fmt: skip
        field = picked(used, part.variable)
        sites = sites_of(field)
        flat = np.asarray(field.values, dtype=float)
    over = tuple(k for k, dim in enumerate(field.dims)
                 if dim in ("trial", "time", "feature"))  # fmt: skip
    alive = np.isfinite(flat).all(axis=over).ravel()
    return Montage(part.name, np.asarray(sites.positions), alive)


def _operator(found: Comparison) -> Panel:
    speeds = _medians(found, "median_speed")
    extents = _medians(found, "extent")
    spans = [
        f"{'recording' if side == 'lab' else 'model'}: {extents[side]:.3g} mm at "
        f"{speeds[side] / 1e3:.3g} m/s are at most "
        f"{1e3 * longest_span(extents[side], speeds[side]):.3g} ms"
        for side in SIDES if np.isfinite(speeds[side]) and np.isfinite(extents[side])
    ]  # fmt: skip
    said = ("One pass of a wave holds the past for no longer than it crosses the array "
            f"({'; '.join(spans) or 'speed not known'}).")  # fmt: skip
    part = found.model_parts[0]
    if not found.operators.get(part.name):
        return missing(
            "the model's recordings are of channels, so that no operator was applied. "
            + said
        )
    return drawn(draw_seen_sheet(_seen(found, part)), f"{found.calibrated.text} {said}")


def _seen(found: Comparison, part: Part) -> SeenSheet:
    """The strongest moment of a seen recording, with the sheet behind it."""
    told = found.operators[part.name]
    source = found.sheets[part.name]
    with open_recording(part.file) as recording:
        field = picked(recording, part.variable).isel(trial=0, missing_dims="ignore")
        values = np.asarray(field.values, dtype=float)
        moment = int(np.nanargmax(np.nanstd(values, axis=field.dims.index("channel"))))
        seen = values[moment]
        places = np.stack([recording["x"].values, recording["y"].values], axis=1)
        share = moment / max(1, values.shape[0] - 1)
    with open_recording(source) as sheet:
        name = told["source"][0]["field"]
        looked = sheet[name].isel(trial=0, feature=0, missing_dims="ignore")
        frame = looked.isel(time=round(share * (looked.sizes["time"] - 1)))
        frame = frame.transpose("y", "x")
        scale = told["sheet_spacing_mm"][-1] / float(
            np.median(np.abs(np.diff(frame["x"].values))))  # fmt: skip
        return SeenSheet(part.name, np.asarray(frame.values, dtype=float),
                         frame["y"].values * scale, frame["x"].values * scale, places,
                         seen)  # fmt: skip


def _medians(found: Comparison, name: str) -> dict[str, float]:
    """Median over sessions of a scalar of the field, by side."""
    made = {}
    for side, sessions in tables(found, "field").items():
        known = [float(table[name]) for _, table in sessions if name in table]
        finite = [each for each in known if np.isfinite(each)]
        made[side] = float(np.median(finite)) if finite else float("nan")
    return made


def _spectra(found: Comparison) -> Panel:
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


def _coherency(found: Comparison) -> Panel:
    made = tables(found, "coherency")
    if not any(made.values()):
        return missing(reasons(found, "coherency"))
    return drawn(draw_coherency(made), (
        "In the band. The imaginary part is ordered along the direction in which the "
        "lags add up, so that noise has a little of it."))  # fmt: skip


def _wavenumbers(found: Comparison) -> Panel:
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
    return drawn(draw_wavenumbers(made, limits, _medians(found, "median_speed")), (
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


def _histograms(found: Comparison) -> Panel:
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


def _roses(found: Comparison) -> Panel:
    roses = [(side, session.name, event_values(events, "direction"))
             for side, session, events in _episodes(found)]  # fmt: skip
    if not any(angles.size for _, _, angles in roses):
        return missing("no plane wave was found")
    return drawn(draw_roses(roses), (
        "Directions of propagation of plane waves, counter-clockwise from +x; areas "
        "are shares. Of a model they are those of the sheet under the array, whose "
        f"angle is {found.study.electrodes.rotation:g} deg."))  # fmt: skip


def _kinds(found: Comparison) -> Panel:
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


def _robustness(found: Comparison) -> Panel:
    sessions = len(found.lab_parts) + len(found.model_parts)
    return missing(
        "this version does not run it, so that no verdict here is known to hold over "
        "reference, band, spread and gate; "
        + size_statement(sessions, found.seconds / max(1, sessions))
    )


def _recovery(found: Comparison) -> Panel:
    return missing(
        "it takes simulations of each rival at these numbers of trials "
        "(cortexwave.comparison.recovery)"
    )
