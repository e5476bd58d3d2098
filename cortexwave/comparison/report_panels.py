"""Panels A to P of a report: each a figure, or the reason why there is none."""

from __future__ import annotations

from collections.abc import Callable

from cortexwave.comparison.compared import Comparison
from cortexwave.comparison.report_material_panels import (
    operator_panel,
    provenance_panel,
)
from cortexwave.comparison.report_memory_panels import (
    decoding_panel,
    dependence_panel,
    formats_panel,
    functions_panel,
    propagator_panel,
    sequences_panel,
)
from cortexwave.comparison.report_thorough_panels import (
    recovery_panel,
    robustness_panel,
)
from cortexwave.comparison.report_wave_panels import (
    coherency_panel,
    histograms_panel,
    kinds_panel,
    roses_panel,
    spectra_panel,
    wavenumbers_panel,
)
from cortexwave.errors import InputError
from cortexwave.view.comparison_page import Panel


def report_panels(found: Comparison) -> tuple[Panel, ...]:
    """All panels in order; one that cannot be made stands there with its reason."""
    makers: tuple[tuple[str, str, Callable[[Comparison], Panel]], ...] = (
        ("A", "Material: contacts and provenance", provenance_panel),
        ("B", "Measurement operator and span of a single pass", operator_panel),
        ("C", "Power spectra", spectra_panel),
        ("D", "Coherency by distance", coherency_panel),
        ("E", "Wavenumber and frequency", wavenumbers_panel),
        ("F", "Speed, wavelength, frequency, duration", histograms_panel),
        ("G", "Directions, by session", roses_panel),
        ("H", "Kinds of episodes", kinds_panel),
        ("I", "Identity and elapsed time from one snapshot", decoding_panel),
        ("J", "Memory function", functions_panel),
        ("K", "Temporal generalisation, aligned, and drift", formats_panel),
        ("L", "Sequences", sequences_panel),
        ("M", "Dependence on waves", dependence_panel),
        ("N", "Propagator and shift (not diagnostic alone)", propagator_panel),
        ("O", "Robustness over pipeline choices", robustness_panel),
        ("P", "Recovery of rival models", recovery_panel),
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
