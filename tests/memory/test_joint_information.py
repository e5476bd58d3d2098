"""Identity and time together: the wave entangles them, the bump has no time."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import logsumexp

from cortexwave.errors import InputError
from cortexwave.memory.joint_information import joint_information
from cortexwave.memory.trials import trials_from


def _line(kind, *, trials=120, classes=4, frames=8, noise=0.5, seed=0):
    """Stimuli along the way of a wave; after one step it stands at its neighbour's."""
    draw = np.random.default_rng(seed)
    codes, sites = np.arange(trials) % classes, np.arange(30)
    moved = (0 if kind == "bump" else 2) * np.arange(frames)
    centre = 5 + 4 * codes[:, None] + moved
    values = np.exp(-((sites - centre[..., None]) ** 2) / 2 / 1.6**2)
    if kind == "chain":
        order = np.array([draw.permutation(30) for _ in range(frames)])
        values = np.take_along_axis(values, order[None], axis=2)
    if kind == "noise":
        values = 0 * values
    values = values + noise * draw.standard_normal(values.shape)
    return trials_from(values, codes, step=0.01)


def _told(trials, **options):
    usual = {"window": (0.0, 1.0), "count": 4, "permutations": 19, "seed": 0}
    return joint_information(trials, **{**usual, **options})


def _bits(found):
    return dict(zip(found.part.values.tolist(), found.bits.values, strict=True))


@pytest.mark.parametrize("kind", ["wave", "bump", "chain"])
def test_the_parts_obey_the_chain_rule(kind):
    bits = _bits(_told(_line(kind)))
    assert bits["joint"] == pytest.approx(
        bits["identity"] + bits["time_given_identity"]
    )
    assert bits["joint"] == pytest.approx(bits["time"] + bits["identity_given_time"])
    assert bits["joint"] == pytest.approx(
        bits["identity"] + bits["time"] + bits["entangled"]
    )


def test_a_wave_along_the_stimuli_tells_identity_and_time_only_together():
    bits = _bits(_told(_line("wave")))
    assert bits["joint"] > 2 and bits["entangled"] > 0.5 * bits["joint"]
    chain = _bits(_told(_line("chain")))
    assert chain["entangled"] < 0.3 * chain["joint"]


def test_a_bump_tells_identity_and_no_time():
    found = _told(_line("bump"))
    bits = _bits(found)
    assert bits["joint"] == pytest.approx(bits["identity"], abs=0.02)
    assert abs(bits["time"]) < 0.02
    assert found.p.sel(part="time").item() > 0.05


def test_noise_tells_nothing():
    found = _told(_line("noise"))
    assert np.abs(found.bits).max() < 0.01
    assert (found.p.isel(part=slice(0, 3)) > 0.05).all()
    assert np.isnan(found.p.sel(part="entangled"))


def test_bits_of_a_bump_are_those_of_the_known_likelihood():
    # the information of the true Gaussian model, by its own held-out posterior; fitting
    # 30 sites to 360 trials loses a little, never gains
    found = _told(_line("bump", trials=480, noise=0.9))
    draw = np.random.default_rng(9)
    sites, codes = np.arange(30), np.arange(20000) % 4
    means = np.exp(-((sites - 5 - 4 * np.arange(4)[:, None]) ** 2) / 2 / 1.6**2)
    seen = means[codes] + 0.9 * draw.standard_normal((20000, 30))
    log = -((seen[:, None] - means) ** 2).sum(axis=2) / 2 / 0.9**2
    gained = log[np.arange(20000), codes] - logsumexp(log, axis=1)
    true = 2 + gained.mean() / np.log(2)
    assert found.bits.sel(part="identity").item() == pytest.approx(true, abs=0.06)


def test_so_many_probabilities_that_memory_fails_are_refused():
    trials = trials_from(np.zeros((200, 1500, 1)) + np.arange(1500)[None, :, None],
                         np.arange(200) % 4, step=0.001)  # fmt: skip
    with pytest.raises(InputError, match="take a greater stride"):
        _told(trials)


def test_too_few_trials_of_a_class_are_undetermined():
    found = _told(_line("bump", trials=12))
    assert found.bits.isnull().all() and "needs 5" in found.attrs["reason"]
