"""The methods of a comparison as text, with every parameter and version.

Written from what was set and what the files say, so that it says what was done and
nothing else.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from cortexwave.comparison.compared import Comparison
from cortexwave.comparison.facts_file import reason_of
from cortexwave.comparison.parts import excluded_sessions
from cortexwave.comparison.study_material import Simulated
from cortexwave.provenance import attributes as provenance

_DRAWS = 2000


def methods_text(found: Comparison) -> list[str]:
    """Paragraphs: material, model, waves, memory, statistics, choices, versions."""
    paragraphs = [_material(found), _model(found), _waves(found), _memory(found),
                  _statistics(found), _choices(found), _rivals(found),
                  _versions()]  # fmt: skip
    return [each for each in paragraphs if each]


def _material(found: Comparison) -> str:
    study = found.study
    low, high = study.band
    out = excluded_sessions(study)
    channels = sum(len(part.channels) for part in found.lab_parts)
    times = sum(stop - start for part in found.lab_parts
                for start, stop, _ in part.times)  # fmt: skip
    animals, models = ({s.subject for s in side} for side in (found.lab, found.model))
    return (
        f"Material: {_count(len(found.lab), 'session')} of "
        f"{_count(len(animals), 'animal')} "
        f"({_count(len(found.lab_parts), 'recording')}), compared with "
        f"{_count(len(found.model), 'simulated session')} of "
        f"{_count(len(models), 'model animal')}. {_count(len(out), 'session')}, "
        f"{_count(channels, 'channel')} and {times:.4g} s were left out for "
        "the reasons listed in T5; over times that were left out each channel was "
        "bridged by a straight line and events that overlap them were taken out. Waves "
        f"were analysed between {low:g} and {high:g} Hz."
    )


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _model(found: Comparison) -> str:
    study, text = found.study, []
    if isinstance(study.model, Simulated):
        text.append(
            f"The model is the protocol {study.model.file}, run for "
            f"{len(study.model.animals)} draws of its parameters with "
            f"{sum(len(a.seeds) for a in study.model.animals)} seeds: "
            + "; ".join(f"{a.name} (seeds {', '.join(map(str, a.seeds))}"
                        f"{_changes(a.set)})" for a in study.model.animals) + "."
        )  # fmt: skip
    text.append(found.calibrated.text)
    operator = next((each for each in found.operators.values() if each), None)
    if operator is None:
        text.append(
            "The model's recordings are of channels and were taken as they are."
        )
    else:
        text.append(_operator(operator))
    return " ".join(text)


def _operator(operator: Mapping[str, Any]) -> str:
    source = " + ".join(
        f"{each['weight']:g} {each['field']}"
        + (f" ({1e3 * each['delay']:g} ms before)" if each["delay"] else "")
        for each in operator["source"]
    )
    noise = "; ".join(
        f"noise of power 1/f^{each['exponent']:g} at {each['snr_db']:g} dB within "
        f"{each['band'][0]:g} to {each['band'][1]:g} Hz"
        for each in operator["noise"]
    )
    rate = (operator["amplifier"] or {}).get("rate")
    return (
        f"The sheet was seen through the recordings' electrodes: source {source}; "
        f"{operator['sheet_spacing_mm'][-1]:.4g} mm between sites, "
        f"{1e3 * operator['frame_interval_s']:.4g} ms between frames; array turned by "
        f"{operator['rotation_deg']:g} deg; point spread of sd "
        f"{operator['point_spread_mm']:g} mm; {noise or 'no noise added'}; "
        f"{f'sampled at {rate:g} Hz' if rate else 'own sampling rate'}; "
        f"reference {operator['reference'].replace('_', ' ')}; {len(operator['dead'])} "
        f"dead sites; seed {operator['seed']}."
    )


def _waves(found: Comparison) -> str:
    study = found.study
    return (
        "The phase is the generalised phase of the band-passed recording (Butterworth "
        "of order 4, forwards and backwards). Episodes of waves were found and tested "
        f"against {found.wanted.surrogates} surrogates that keep the in-phase part of "
        "the cross-spectrum at every frequency and have no lags (seed "
        f"{study.seed}); net lags by sign flips. Distributions are of all episodes "
        "that follow a plane, expanding, contracting, rotating or spiral wave, in "
        "recordings of which the verdict is that waves travel. Median frequency and "
        "wavelength are those of frames with a phase-gradient directionality above "
        "0.5, a description. Spectra are medians over sites of Welch spectra in "
        "segments of eight cycles; coherency against distance is the mean of six "
        "stretches of 10 s. The non-separability index is of the first minute, against "
        "surrogates of one spatial covariance and one spectrum."
    )


def _memory(found: Comparison) -> str:
    asked = found.study.memory
    if asked is None:
        return ""
    used = []
    for name in ("identity", "elapsed_time", "generalisation", "alignment",
                 "memory_function", "lag_position", "fisher_memory", "sequence",
                 "phase_at_site", "propagator", "topographic_shift", "filter_control",
                 "controls", "wave_information", "wave_share"):  # fmt: skip
        for session in (*found.lab, *found.model):
            table = session.tables[0].get(name)
            if table is not None and not reason_of(table):
                used.append(f"{name.replace('_', ' ')}: {_parameters(table.attrs)}")
                break
    return (
        f"Trials were cut from {1e3 * asked.window[0]:g} to {1e3 * asked.window[1]:g} "
        f"ms around events and labelled by '{asked.label}'; the recordings were used "
        "as they are, without a band. Folds are whole trials, blocks together; labels "
        f"were permuted {_permutations(found)} times within blocks. "
        + ("Parameters: " + "; ".join(used) + "." if used else
           "No readout could be made.")
    )  # fmt: skip


def _statistics(found: Comparison) -> str:
    study = found.study
    return (
        "The unit of inference is the session within the animal. Intervals are 95 % "
        f"percentile intervals of {_DRAWS} hierarchical bootstrap draws (animals where "
        "there are five or more, sessions, events). Distances: Wasserstein-1 of "
        "numbers, Watson's U2 of directions, Jensen-Shannon divergence of kinds, "
        "energy distance of several measures in robust widths, mean absolute "
        "difference of curves. They are divided by the median distance between animals "
        "(between sessions of one animal where there are fewer than three animals) at "
        "equal numbers of events; within is up to the 95th percentile of that, partly "
        "within up to twice it. p is of the permutation of whole sessions or animals. "
        f"The primaries ({', '.join(study.chosen_primaries)}) were declared in the "
        f"study (SHA-256 {study.declared}) and adjusted by Holm, all others by the "
        "false discovery rate. Equivalence is the inclusion of the interval in the "
        "standard deviation between animals, never a large p."
    )


def _permutations(found: Comparison) -> int:
    return found.wanted.memory.permutations if found.wanted.memory is not None else 0


def _choices(found: Comparison) -> str:
    grid = found.grid
    if grid is None:
        return ""
    low, high = grid.attrs["peak_band"]
    return (
        "The verdicts on the primaries were tried over a grid of 24 choices: the "
        "reference of the recording or the common average of its live sites; the band "
        f"of the study or {low:.3g} to {high:.3g} Hz, 30 % about the median peak of "
        "the recordings' spectra above their aperiodic line; an electrode's point "
        "spread of 0.1, 0.25 or 1 mm sd, of the model alone; with or without episodes "
        "whose median amplitude is below half of the recording's, the time looked at "
        "less the share of such frames. Both sides went through each choice; scales, "
        f"exclusions and seeds stayed, surrogates were {grid.attrs['surrogates']}. A "
        "verdict that stands in fewer than four of five cells is called fragile and "
        "undetermined."
        + "".join(f" {each[0].upper()}{each[1:]}." for each in grid.attrs["notes"])
    )


def _rivals(found: Comparison) -> str:
    known = [table for table in found.recovery.values() if not reason_of(table)]
    if not known:
        return ""
    return (
        "The formats were told apart by simulating a wave, a bump, a standing "
        "oscillation and a chain on the sites of the first session of each side with "
        f"trials, {known[0].attrs['repeats']} times each, in white noise at which a "
        "bump is told apart as well as the recording; all were fitted to each and to "
        "the recording by the energy score of accuracies by lag: still, shifted and "
        "shifted the other way (Gneiting & Raftery 2007; Wilson & Collins 2019)."
    )


def _versions() -> str:
    told = provenance()
    packages = json.loads(str(told["versions"]))
    return (
        f"cortexwave {told['cortexwave_version']}"
        + (f", commit {told['git_commit']}" if told["git_commit"] else "")
        + (" (changed)" if told["git_dirty"] else "")
        + "; " + ", ".join(f"{name} {v}" for name, v in packages.items())
        + f"; {told['platform']}."
    )  # fmt: skip


def _changes(changes: Mapping[str, Any]) -> str:
    return "".join(f", {name} = {value}" for name, value in changes.items())


def _parameters(attributes: Mapping[str, Any]) -> str:
    out = ("measure", "reason", "fewest", "took", "variable", "label", "window",
           "caution", "cautions")  # fmt: skip
    return ", ".join(f"{name} {_said(value)}" for name, value in attributes.items()
                     if name not in out and str(value) != "")  # fmt: skip


def _said(value: Any) -> str:
    """A parameter as text; lists, which files keep as JSON, without their rounding."""
    if isinstance(value, str) and value.startswith("["):
        value = json.loads(value)
    if isinstance(value, list):
        return "[" + ", ".join(_said(each) for each in value) + "]"
    return f"{value:g}" if isinstance(value, float) else str(value)
