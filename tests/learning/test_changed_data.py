"""A training goes on with the data it began with, or not at all."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from cortexwave.errors import RecordingError
from cortexwave.learning.checkpoints import Standing, load, restore, save
from cortexwave.learning.tasks.digits import DigitsTask


def with_one_pixel_changed(source):
    images = source.images.images.copy()
    images[7, 3, 3] ^= 1
    return replace(source, images=replace(source.images, images=images))


def with_one_label_changed(source):
    labels = source.images.labels.copy()
    labels[7] = (labels[7] + 1) % 10
    return replace(source, images=replace(source.images, labels=labels))


@pytest.fixture
def kept(tmp_path):
    """A source, and how a training saved with it is resumed with another."""
    source = DigitsTask(permuted=True).open(None, 0)
    network = torch.nn.Linear(1, 10)
    optimiser = torch.optim.SGD(network.parameters(), lr=0.1)
    path = tmp_path / "checkpoint.h5"
    save(path, network, source, Standing(iteration=5), document=("", "a.yaml"), seed=0,
         optimiser=optimiser)  # fmt: skip
    return source, lambda now: restore(load(path), network, now, optimiser)


def test_the_same_data_opened_again_are_gone_on_with(kept):
    _, resumed = kept
    assert resumed(DigitsTask(permuted=True).open(None, 0)).iteration == 5


@pytest.mark.parametrize("change", [with_one_pixel_changed, with_one_label_changed])
def test_changed_data_are_refused(kept, change):
    source, resumed = kept
    with pytest.raises(RecordingError, match=r"the task's 'data' is not .*changed"):
        resumed(change(source))
