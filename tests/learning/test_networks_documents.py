"""Networks that cannot be meant: the message names the place and what is allowed."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from cortexwave.documents import Document, parse_document
from cortexwave.errors import InputError, ProtocolError
from cortexwave.faults import check_document
from cortexwave.learning.network_documents import NetworkDocument, network_faults
from cortexwave.learning.tasks import Shape


class Training(Document):
    """As much of a training file as a network needs."""

    network: NetworkDocument


def network(text):
    """The network of a flow mapping in YAML."""
    source = parse_document(f"network: {{{text}}}", file="train.yaml")
    return check_document(Training, source).network


RING = "kind: wave_rnn, units: 9, channels: 2"
STILL = "gamma: 1, epsilon: 1"
BAD = {
    "kernel beyond the ring": (
        f"{RING}, kernel: 11",
        "network.kernel: 11 sites along x, where there are only 9; at most 9",
    ),
    "even kernel": (f"{RING}, kernel: 4", "network.kernel: 4 along x; .*odd number"),
    "kernel across a ring": (
        f"{RING}, kernel: [3, 3]", "network.kernel: 3 sites along y",
    ),
    "too fast": (
        f"{RING}, recurrent: {{kind: shift, velocity: 1.5}}",
        r"network.recurrent.velocity: 1.5 sites per step along x; .*unstable \(CFL\)",
    ),
    "too fast backwards": (
        f"{RING}, recurrent: {{kind: shift, velocity: [1, -2]}}",
        "network.recurrent.velocity: 2 sites per step along x",
    ),
    "along y on a ring": (
        f"{RING}, recurrent: {{kind: shift, velocity: [[1, 0], [0, 1]]}}",
        "network.recurrent.velocity: 1 along y, where the kernel has one site",
    ),
    "along x on a line across, by default": (
        "kind: wave_rnn, shape: [9, 1], kernel: [3, 1]",
        "network.recurrent: 1 along x, where the kernel has one site",
    ),
    "too few velocities": (
        f"{RING}, recurrent: {{kind: shift, velocity: [1, 1, 1]}}",
        "network.recurrent.velocity: 3 velocities for 2 channels; give one for each",
    ),
    "unknown start": (
        f"{RING}, recurrent: {{kind: shfit}}",
        "network.recurrent: 'shfit' is not one of shift, identity, random; did you",
    ),
    "site off the ring": (
        f"{RING}, input: {{kind: single_site, site: 9}}",
        "network.input: site 9, where sites are 0 to 8",
    ),
    "too many active": (
        f"{RING}, input: {{kind: sparse_random, active: 19}}",
        "network.input: 19 active units, where there are 18",
    ),
    "neither units nor shape": ("kind: wave_rnn", "network: give either units .*shape"),
    "both": (f"{RING}, shape: [3, 3]", "network: give either units .*or shape"),
    "empty sheet": ("kind: wave_rnn, shape: [0, 3]", "network.shape: .*count from 1"),
    "far too large": (
        "kind: wave_rnn, shape: [4096, 4096], channels: 2",
        "network.channels: 2 x 4096 x 4096 values are more than 16,777,216",
    ),
    "bias that is not there": (
        f"{RING}, biases: one, channel_bias: zero",
        "network.channel_bias: there is no channel bias; it needs biases: two",
    ),
    "local sheet": (
        "kind: local_rnn, shape: [3, 3]", "network.shape: a local_rnn has rings",
    ),
    "kernel of a wave machine": (
        f"kind: neural_wave_machine, shape: [5, 5], kernel: 7, {STILL}, dt: 1",
        "network.kernel: 7 along y; .*odd number of sites, at most the 5",
    ),
    "no constants": (
        f"kind: coupled_oscillator, units: 5, {STILL}",
        "network.dt: this key is missing",
    ),
    "still oscillators": (
        f"kind: coupled_oscillator, units: 5, {STILL}, dt: 0", "network.dt: ",
    ),
    "gates that do not exist": (
        "kind: lstm, units: 5, activation: relu", "network.activation: unknown key",
    ),
    "sigmoid in torch's layer": (
        "kind: identity_rnn, units: 5, activation: sigmoid",
        "network.activation: 'sigmoid' is not one of 'relu', 'tanh' or 'identity'",
    ),
    "chain of one": (
        "kind: identity_rnn, units: 1, recurrent: {kind: chain}",
        "network.units: a chain has at least 2 units",
    ),
    "parts of trained courses": (
        f"{RING}, readout: {{kind: time_course, courses: 3, parts: cos_sin}}",
        "network.readout.parts: only basis fourier has parts",
    ),
    "unknown network": ("kind: wave_rn, units: 3", "network: 'wave_rn' is not one of"),
}  # fmt: skip


@pytest.mark.parametrize(("text", "message"), BAD.values(), ids=BAD)
def test_what_cannot_be_meant_is_named_with_its_place(text, message):
    with pytest.raises(ProtocolError) as error:
        network(text)
    assert re.search(message, str(error.value)), str(error.value)
    assert "train.yaml:1" in str(error.value)


def test_all_faults_come_at_once():
    with pytest.raises(ProtocolError) as error:
        network(f"{RING}, kernel: 4, input: {{kind: single_site, site: 9}}")
    assert {fault.place for fault in error.value.faults} == {
        "network.kernel", "network.input",
    }  # fmt: skip


ONE_ANSWER = Shape(10, 10, 20, every_step=False, loss="cross_entropy")
EVERY_STEP = Shape(10, 10, 20, every_step=True, loss="cross_entropy")
COURSES = "readout: {kind: time_course, basis: %s, courses: %d}"
UNFIT = {
    "too few sites": (
        "kind: wave_rnn, units: 3, channels: 3, input: {kind: single_site_per_symbol}",
        ONE_ANSWER,
        "network.input: 10 symbols, each at a site of its own, where .* 3 channels",
    ),
    "courses at every step": (
        f"{RING}, {COURSES % ('linear', 3)}",
        EVERY_STEP,
        "network.readout: time_course gives one answer",
    ),
    "more courses than steps": (
        f"{RING}, {COURSES % ('linear', 21)}",
        ONE_ANSWER,
        "network.readout: 21 courses; of 20 steps there are at most 20",
    ),
    "more frequencies than there are": (
        f"kind: gru, units: 4, {COURSES % ('fourier', 12)}",
        ONE_ANSWER,
        "network.readout: 12 courses; of 20 steps there are at most 11",
    ),
    "linear at every step": (
        "kind: linear", EVERY_STEP, "network.kind: linear gives one answer",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("text", "shape", "message"), UNFIT.values(), ids=UNFIT)
def test_what_does_not_fit_the_task_is_refused_before_it_is_built(text, shape, message):
    from cortexwave.learning.building import build_network

    document = network(text)
    [(path, _)] = network_faults(document, shape)
    assert path
    with pytest.raises(InputError, match=message):
        build_network(document, shape=shape, seed=0)


def test_networks_are_described_without_torch():
    # tasks, readouts and starts too: `cortexwave check` must not wait for it
    code = (
        "import sys, cortexwave.learning.network_documents; "
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
