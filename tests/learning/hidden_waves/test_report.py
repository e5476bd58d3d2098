"""The report of a training: a row for every seed, figures, and what is refused."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest

from cortexwave.errors import InputError
from cortexwave.learning.hidden_waves import TASKS, boundary_of, random_basis, uncover
from cortexwave.learning.training import train
from cortexwave.learning.training_document import parse_training
from cortexwave.recording.checkpoint import load_state, save_state

TEXT = """\
cortexwave: 1
kind: training
title: A linear network on T1
task: {kind: history, task: T1, horizon: 10}
network:
  kind: identity_rnn
  units: 80
  activation: identity
  biases: none
  input: {kind: uniform, over: units}
  readout: {kind: linear, bias: false}
training: {learning_rate: 1e-3, batch: 4, iterations: 1}
evaluation: {sequences: 4}
seeds: [0, 1]
"""


@pytest.fixture
def trained(tmp_path):
    train(parse_training(TEXT), tmp_path / "run")
    return tmp_path / "run"


def _put_theory_in(seed_folder):
    """Replace the trained weights by those that the theory says solve the task."""
    path = seed_folder / "checkpoint.h5"
    arrays, attributes = load_state(path)
    found = random_basis(80, sites=8, dims=8, seed=1).network(
        boundary_of(TASKS["T1"].system())
    )
    weights = {"hh": found.W_hh, "ih": found.W_uh, "readout": found.W_r}
    for name, value in arrays.items():
        for part, matrix in weights.items():
            if name.startswith("network/") and part in name and value.ndim > 1:
                arrays[name] = matrix.reshape(value.shape).astype(value.dtype)
    save_state(path, arrays, attributes)


def test_a_network_that_is_the_theory_is_found_to_be_it(trained):
    _put_theory_in(trained / "seed-0")
    rows = uncover(trained)
    assert [row["seed"] for row in rows] == [0, 1]
    theory = rows[0]
    assert (theory["eigenvalues"], theory["eigenvalues_due"]) == (64, 64)
    assert theory["angle_error"] < 1e-5  # weights are float32
    assert theory["boundary_lines"] == "8 of 8"
    assert theory["decoder_r2"] > 0.999
    assert theory["verdict"] == "nothing speaks against this basis"
    # the other network was hardly trained: its basis is not to be trusted
    assert rows[1]["verdict"].startswith("do not trust this basis")


def test_table_and_figures_are_written_beside_the_seeds(trained):
    rows = uncover(trained)
    assert json.loads((trained / "hidden_waves.json").read_text()) == rows
    with (trained / "hidden_waves.csv").open() as file:
        assert [row["seed"] for row in csv.DictReader(file)] == ["0", "1"]
    for seed in (0, 1):
        names = {p.name for p in (trained / f"seed-{seed}/hidden_waves").iterdir()}
        assert names == {"spectrum.png", "operator.png", "contents.png",
                         "stripes.png", "decoder.png"}  # fmt: skip


def test_a_training_of_another_task_is_refused(tmp_path):
    text = TEXT.replace("{kind: history, task: T1, horizon: 10}", "{kind: digits}")
    train(parse_training(text), tmp_path / "run")
    with pytest.raises(InputError, match=r"history task; this one is 'digits'"):
        uncover(tmp_path / "run")


def test_a_seed_that_has_not_ended_is_named(trained):
    (trained / "seed-1/result.json").unlink()
    with pytest.raises(InputError, match=r"seed-1: this seed has not ended"):
        uncover(trained)


def test_unknown_weights_are_refused(trained):
    with pytest.raises(InputError, match="'first' are not one of last, best"):
        uncover(trained, weights="first")


def test_the_theory_is_exact_for_the_test_above():
    """The weights put in are a solution: the states repeat with period 8."""
    network = random_basis(80, sites=8, dims=8, seed=1).network(
        boundary_of(TASKS["T1"].system())
    )
    power = np.linalg.matrix_power(network.W_hh, 8)
    reached = network.W_uh
    np.testing.assert_allclose(power @ reached, reached, atol=1e-10)


@pytest.mark.parametrize(
    "network",
    ["{kind: lstm, units: 70}", "{kind: gru, units: 70}",
     "{kind: wave_rnn, units: 16, channels: 8}"],
)  # fmt: skip
def test_a_seed_in_which_nothing_is_found_has_its_reason_as_verdict(tmp_path, network):
    a, b = TEXT.index("network:"), TEXT.index("training: {")
    text = TEXT[:a] + f"network: {network}\n" + TEXT[b:]
    train(parse_training(text), tmp_path / "run")
    rows = uncover(tmp_path / "run")
    assert [row["seed"] for row in rows] == [0, 1]
    for row in rows:
        assert row["eigenvalues_due"] == 64
        assert row["verdict"].startswith(("no hidden waves:", "do not trust"))
    json.loads(  # strict: no Infinity, no NaN
        (tmp_path / "run/hidden_waves.json").read_text(), parse_constant=pytest.fail
    )


def test_a_diverged_seed_does_not_take_the_table_with_it(trained):
    path = trained / "seed-0/checkpoint.h5"
    arrays, attributes = load_state(path)
    for name in arrays:
        if name.startswith("network/"):
            arrays[name] = arrays[name] * np.float32(1e30)
    save_state(path, arrays, attributes)
    rows = uncover(trained)
    assert rows[0]["verdict"].startswith("no hidden waves:")
    assert "eigenvalues" in rows[1] or rows[1]["verdict"].startswith("no hidden waves")
