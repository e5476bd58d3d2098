"""Panels I to N of a report: what snapshots hold of the past, and if with waves."""

from __future__ import annotations

from cortexwave.comparison.comparing import Comparison
from cortexwave.comparison.panel_tables import drawn, missing, reasons, tables
from cortexwave.view.comparison_memory import (
    draw_decoding,
    draw_dependence,
    draw_formats,
    draw_memory_functions,
)
from cortexwave.view.comparison_page import Panel

_NOT_ASKED = "the study has no key 'memory', so that no trials were read out"


def decoding_panel(found: Comparison) -> Panel:
    if found.study.memory is None:
        return missing(_NOT_ASKED)
    identity, elapsed = tables(found, "identity"), tables(found, "elapsed_time")
    if not any([*identity.values(), *elapsed.values()]):
        return missing(reasons(found, "identity"))
    return drawn(
        draw_decoding(identity, elapsed),
        (
            "Left: shrinkage discriminant on single snapshots, with the 95 % interval "
            "of the first session and, dotted, the 95th percentile of permuted labels. "
            "Right: time since onset by Gaussian likelihood, mean and sd of held-out "
            "snapshots."
        ),
    )


def functions_panel(found: Comparison) -> Panel:
    if found.study.memory is None:
        return missing(_NOT_ASKED)
    made = tables(found, "memory_function")
    if not any(made.values()):
        return missing(reasons(found, "memory_function"))
    return drawn(draw_memory_functions(made), (
        "Held-out squared correlation less chance, mean over patches; dotted, the 95th "
        "percentile of the greatest of circularly shifted drives."))  # fmt: skip


def formats_panel(found: Comparison) -> Panel:
    if found.study.memory is None:
        return missing(_NOT_ASKED)
    made, aligned = tables(found, "generalisation"), tables(found, "alignment")
    if not any([*made.values(), *aligned.values()]):
        return missing(reasons(found, "generalisation"))
    return drawn(draw_formats(made, aligned), (
        "Accuracy by time of training and of test (white: half of the range), the mean "
        "persistence of accuracy by lag, and what a rigid shift of the field regains. "
        "Reference codes on a line (persistence at lags 1, 3, 6 / aligned gain at 3): "
        "wave .2 -.2 -.1 / above .8; static bump 1 1 1 / below 0; standing "
        "oscillation, returns after its period; chain 0 0 0 / below .1. A narrow "
        "diagonal alone does not tell a wave from a chain."))  # fmt: skip


def sequences_panel(found: Comparison) -> Panel:
    if found.study.memory is None:
        return missing(_NOT_ASKED)
    return missing(
        "trials are labelled by one item each; cortexwave.sequence_readout reads out "
        "items by rank of a recording of sequences"
    )


def dependence_panel(found: Comparison) -> Panel:
    if found.study.memory is None:
        return missing(_NOT_ASKED)
    contrast, share = tables(found, "wave_information"), tables(found, "wave_share")
    if not any([*contrast.values(), *share.values()]):
        return missing(reasons(found, "wave_information"))
    return drawn(draw_dependence(contrast, share), (
        "Left: bits of identity in trials of strong less those of weak waves, matched "
        "in class, block and amplitude. Right: share of the bits of phasors that their "
        "wave coordinates hold (eta). An association in recordings; phase at a site "
        "needs an outcome of each trial (cortexwave.phase_at_site)."))  # fmt: skip


def propagator_panel(found: Comparison) -> Panel:
    return missing(
        "for how long the sensors' noise is correlated is not known, and without it "
        "noise is read as memory; cortexwave.propagator and topographic_shift take it"
    )
