"""A training small enough to be run many times."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from cortexwave.learning.training_document import Training, parse_training

TINY = """\
cortexwave: 1
kind: training
title: Two symbols over a short gap
task: {kind: copy, convention: paper, length: 2, symbols: 2, items: 2}
network: {kind: wave_rnn, units: 8, channels: 2}
training: {learning_rate: 1e-2, batch: 16, iterations: 30, clip: 1}
evaluation: {every: 10, sequences: 40}
"""


def _tiny(**changes: Any) -> Training:
    """The tiny training; keys are paths with two underscores for a dot."""
    training = parse_training(TINY, file="tiny.yaml")
    return training.with_changes({k.replace("__", "."): v for k, v in changes.items()})


@pytest.fixture
def tiny() -> Callable[..., Training]:
    return _tiny
