"""Analyses that protocols declare: what they may say, and that functions know it."""

from __future__ import annotations

import inspect
from typing import get_args

import pytest

from cortexwave.errors import ProtocolError
from cortexwave.memory.measuring import OF_RECORDINGS, OF_TRIALS
from cortexwave.memory.trials import trials_of
from cortexwave.protocol.analyses import Analysis
from cortexwave.protocol.document import parse_protocol

KINDS = {
    get_args(each.model_fields["kind"].annotation)[0]: each
    for each in get_args(get_args(Analysis)[0])
}
TEXT = """
cortexwave: 1
kind: simulation
title: "A test sheet"
sheet: {shape: [1, 8], spacing: 0.1 mm}
model: {name: leaky_rate}
run: {duration: 20 ms, dt: 1 ms}
"""


def _parameters(function) -> dict[str, inspect.Parameter]:
    listed = list(inspect.signature(function).parameters.items())
    return dict(listed[1:])  # the first is the data


def test_every_kind_is_a_function_and_every_function_a_kind():
    assert set(KINDS) == set(OF_RECORDINGS) | set(OF_TRIALS)


@pytest.mark.parametrize("kind", sorted(OF_RECORDINGS))
def test_fields_of_a_recordings_analysis_are_the_functions_parameters(kind):
    parameters = _parameters(OF_RECORDINGS[kind])
    fields = set(KINDS[kind].model_fields) - {"kind"}
    assert fields <= set(parameters)
    assert _needed(parameters) <= fields


@pytest.mark.parametrize("kind", sorted(OF_TRIALS))
def test_fields_of_a_trials_analysis_are_those_of_cutting_and_reading(kind):
    parameters = _parameters(OF_TRIALS[kind])
    cutting = _parameters(trials_of)
    fields = set(KINDS[kind].model_fields) - {"kind"}
    # `read` is the window that times are told apart in, within the trials' own
    reading = {"window" if name == "read" else name for name in fields - set(cutting)}
    assert reading <= set(parameters)
    assert _needed(parameters) <= reading
    assert _needed(cutting) <= fields


def _needed(parameters: dict[str, inspect.Parameter]) -> set[str]:
    return {name for name, each in parameters.items() if each.default is each.empty}


def test_times_are_text_with_units():
    line = "analyses: [{kind: decode_identity, window: [-10 ms, 0.3 s]}]"
    (found,) = parse_protocol(TEXT + line).analyses
    assert found.window == pytest.approx((-0.01, 0.3))


def test_a_protocol_with_analyses_resolves_to_itself():
    line = "analyses: [{kind: decode_identity, window: [-10 ms, 0.3 s]}]"
    protocol = parse_protocol(TEXT + line)
    again = parse_protocol(protocol.resolved())
    assert again.analyses == protocol.analyses
    assert "analyses" not in parse_protocol(TEXT).resolved()


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("{kind: memory_funktion, lags: 4}", "memory_function"),
        ("{kind: memory_function}", "lags"),
        ("{kind: memory_function, lags: 4, lag: 4}", "lag"),
        ("{kind: memory_function, lags: 0}", "lags"),
        ("{kind: decode_identity, window: [0.3 s, 0.1 s]}", "must end after"),
        ("{kind: decode_identity, window: [0.1, 0.3]}", "unit"),
        ("{kind: decode_identity, window: [0 s, 1 s], label: colour}", "stimulus"),
        ("{kind: decode_interval, window: [0.3 s, 0.1 s]}", "must end after"),
        ("{kind: phase_at_site, band: [9 Hz, 5 Hz], place: {x: 0 mm}}", "lower edge"),
        (
            "{kind: phase_at_site, band: [5 Hz, 9 Hz], place: {x: 0 mm}, "
            "against: {x: 1 mm}}",
            "no response",
        ),
        ("{kind: filter_control, window: [0 s, 1 s], stimulus_end: 1 ms}", "band"),
        ("{kind: sequence_readout, at: 1 ms, label: x}", "stimulus"),
    ],
)
def test_a_slip_in_an_analysis_is_named_with_its_line(written, message):
    with pytest.raises(ProtocolError, match=message) as caught:
        parse_protocol(TEXT + f"analyses:\n  - {written}\n")
    assert caught.value.faults[0].line in (8, 9)
