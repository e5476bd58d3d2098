"""The short recipes grow every ring of their task: results of the shipped files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cortexwave.learning.hidden_waves.spectrum import compare_spectra, cycle_eigenvalues
from cortexwave.learning.hidden_waves.systems import TASKS
from cortexwave.learning.training import load_network, train
from cortexwave.learning.training_document import load_training

PROTOCOLS = Path(__file__).parents[3] / "protocols" / "training"


@pytest.mark.slow
@pytest.mark.parametrize("task", TASKS)
def test_a_tanh_network_grows_every_ring_of_its_task(task, tmp_path):
    """64 large eigenvalues for T1, 36 for T2 to T4, at the angles of the cycles."""
    training = load_training(PROTOCOLS / f"hidden_waves_{task.lower()}.yaml")
    summary = train(training.with_changes({"seeds": [0]}), tmp_path / "run")
    assert summary["scores"]["test.bit_accuracy_at_10"]["median"] > 0.99
    network = load_network(tmp_path / "run/seed-0/checkpoint.h5")
    weights = network.layer.weight_hh_l0.detach().double().numpy()
    found = compare_spectra(cycle_eigenvalues(TASKS[task]), np.linalg.eigvals(weights))
    assert found.complete
    # what a tanh network holds is near theory, not at it: the published bound of
    # the same error is 0.0112 rad at worst
    assert found.angle_error < 0.005
