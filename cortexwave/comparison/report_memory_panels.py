"""Panels I to N of a report: what snapshots hold of the past, and if with waves."""

from __future__ import annotations

import numpy as np
import xarray as xr

from cortexwave.comparison.compared import Comparison
from cortexwave.comparison.panel_tables import drawn, missing, reasons, tables
from cortexwave.view.comparison_memory import (
    draw_decoding,
    draw_dependence,
    draw_formats,
    draw_memory_functions,
    draw_sequences,
)
from cortexwave.view.comparison_page import Panel
from cortexwave.view.comparison_waves import SIDES
from cortexwave.view.propagator import draw_propagator, draw_topographic_shift

_NOT_ASKED = "the study has no key 'memory', so that no trials were read out"


def decoding_panel(found: Comparison) -> Panel:
    if found.study.memory is None:
        return missing(_NOT_ASKED)
    identity, elapsed = tables(found, "identity"), tables(found, "elapsed_time")
    if not any([*identity.values(), *elapsed.values()]):
        return missing(reasons(found, "identity"))
    return drawn(
        draw_decoding(identity, elapsed, tables(found, "filter_control")),
        (
            "Left: shrinkage discriminant on single snapshots, with the 95 % interval "
            "of the first session and, dotted, the 95th percentile of permuted labels. "
            "Middle: the same through a causal filter of the band; dashed, the 95th "
            "percentile of what the filter alone keeps, and nothing is claimed before "
            "the dotted line. Right: time since onset by Gaussian likelihood, mean and "
            "sd of held-out snapshots; the band about the diagonal is the Cramer-Rao "
            f"bound of an unbiased estimate that knows the class.{_controlled(found)}"
        ),
    )


def _controlled(found: Comparison) -> str:
    """What covariates tell and leave, where the study names some."""
    memory = found.study.memory
    if memory is None or not memory.covariates:
        return ""
    rows = {"decoder": "as it is", "covariates": "of covariates alone",
            "without_covariates": "less what they tell"}  # fmt: skip
    told = [
        f"{name}: " + ", ".join(
            f"{words} {_two(table.sel(control=row), 'value')} "
            f"(p {_two(table.sel(control=row), 'p')})" for row, words in rows.items()
        )
        for sessions in tables(found, "controls").values()
        for name, table in sessions if "value" in table
    ]  # fmt: skip
    lacking = "" if told else f"not known: {reasons(found, 'controls')}"
    return (f" Accuracy with covariates {', '.join(memory.covariates)}: "
            f"{'; '.join(told) or lacking}.")  # fmt: skip


def functions_panel(found: Comparison) -> Panel:
    if found.study.memory is None:
        return missing(_NOT_ASKED)
    made = tables(found, "memory_function")
    if not any(made.values()):
        return missing(reasons(found, "memory_function"))
    lines, fisher = tables(found, "lag_position"), tables(found, "fisher_memory")
    lacking = {
        name: reasons(found, table)
        for name, table, there in (
            ("Ages by distance", "lag_position", lines),
            ("J(k)", "fisher_memory", fisher),
        ) if not any(there.values())
    }  # fmt: skip
    said = "".join(f" {name} not known: {why}." for name, why in lacking.items())
    return drawn(draw_memory_functions(made, lines, fisher), (
        "Left: held-out squared correlation less chance, mean over patches; dotted, "
        "the 95th percentile of the greatest of circularly shifted drives. Middle: the "
        "age that each site holds most of, first session of each side, with a "
        f"straight line. Right: Fisher memory, cross-validated.{said}"))  # fmt: skip


def formats_panel(found: Comparison) -> Panel:
    if found.study.memory is None:
        return missing(_NOT_ASKED)
    made, aligned = tables(found, "generalisation"), tables(found, "alignment")
    if not any([*made.values(), *aligned.values()]):
        return missing(reasons(found, "generalisation"))
    return drawn(draw_formats(made, aligned), (
        "Accuracy by time of training and of test (white: half of the range), the mean "
        "persistence of accuracy by lag, what a rigid shift of the field regains, and "
        "the drift of confusions across the array, with 95 % intervals. "
        "Reference codes on a line (persistence at lags 1, 3, 6 / aligned gain at 3): "
        "wave .2 -.2 -.1 / above .8; static bump 1 1 1 / below 0; standing "
        "oscillation, returns after its period; chain 0 0 0 / below .1. A narrow "
        "diagonal alone does not tell a wave from a chain."))  # fmt: skip


def sequences_panel(found: Comparison) -> Panel:
    if found.study.memory is None:
        return missing(_NOT_ASKED)
    made = tables(found, "sequence")
    if not any(made.values()):
        return missing(reasons(found, "sequence"))
    told = "; ".join(
        f"{name}: order {_two(t, 'order_auc')} (p {_two(t, 'order_p')}), collapse on "
        f"time since onset: spread {_two(t, 'collapse_spread')} "
        f"(p {_two(t, 'collapse_p')}), greatest loss by a newer item "
        f"{float(-np.nanmin(t['overwriting'].values, initial=0.0)):.2g}"
        for sessions in made.values() for name, t in sessions
    )  # fmt: skip
    return drawn(draw_sequences(made), (
        "Accuracy of the item at each rank, by time and since its own onset (first "
        "session of each side; dotted, chance). A memory that moves what it holds has "
        f"one curve since onset for all ranks. {told}."))  # fmt: skip


def dependence_panel(found: Comparison) -> Panel:
    if found.study.memory is None:
        return missing(_NOT_ASKED)
    contrast, share = tables(found, "wave_information"), tables(found, "wave_share")
    phases = tables(found, "phase_at_site")
    if not any([*contrast.values(), *share.values(), *phases.values()]):
        return missing(reasons(found, "wave_information"))
    lacking = (
        ""
        if any(phases.values())
        else (f" Outcome by phase: {reasons(found, 'phase_at_site')}.")
    )
    return drawn(draw_dependence(contrast, share, phases), (
        "Left: bits of identity in trials of strong less those of weak waves, matched "
        "in class, block and amplitude. Middle: share of the bits of phasors that "
        "their wave coordinates hold (eta). Right: outcome by the phase at the site "
        "nearest to the middle of the array. An association in recordings."
        f"{lacking}"))  # fmt: skip


def propagator_panel(found: Comparison) -> Panel:
    if found.study.memory is None:
        return missing(_NOT_ASKED)
    operators, shifts = tables(found, "propagator"), tables(found, "topographic_shift")
    if not any([*operators.values(), *shifts.values()]):
        return missing(reasons(found, "propagator"))
    figures = [
        draw(t)
        for made, draw in ((operators, draw_propagator),
                           (shifts, draw_topographic_shift))
        for side in SIDES for _, t in made[side][:1]
    ]  # fmt: skip
    order = ", ".join(
        f"{what} of the {'recording' if side == 'lab' else 'model'}"
        for made, what in ((operators, "operator"), (shifts, "shift"))
        for side in SIDES if made[side]
    )  # fmt: skip
    return Panel("", "", (
        f"From above: {order}; of the first session, its beginning, a step of a "
        "quarter of a cycle of the band's upper end. Not diagnostic alone: rhythms "
        "without waves have such eigenvalues, and a shift may be hidden in another "
        "basis than the sites."), tuple(figures))  # fmt: skip


def _two(table: xr.Dataset, name: str) -> str:
    value = float(table[name]) if name in table else float("nan")
    return f"{value:.2g}" if np.isfinite(value) else "unknown"
