"""The attending start column against torch's layer, its blindness, its lags."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.special import softmax
from scipy.stats import ortho_group

from cortexwave.errors import InputError
from cortexwave.learning.hidden_waves.attention import (
    SelfAttentionBoundary,
    attention_of,
    copying_attention,
)
from cortexwave.learning.hidden_waves.substrate import run_substrate
from cortexwave.learning.hidden_waves.systems import TASKS, SignedCopy, run


def torch_layer(heads, seed=0):
    """One layer of self-attention, float64, whose values keep their length.

    The output projection times the values is orthogonal, so that what it says
    neither dies out nor grows, and an error would be seen.
    """
    layer = torch.nn.MultiheadAttention(
        8, heads, bias=False, batch_first=True, dtype=torch.float64
    )
    draw = np.random.default_rng(seed)
    rotations = ortho_group.rvs(8, size=2, random_state=draw)
    query_and_key = draw.standard_normal((16, 8))
    with torch.no_grad():
        layer.in_proj_weight.copy_(
            torch.as_tensor(np.concatenate([query_and_key, rotations[0]]))
        )
        layer.out_proj.weight.copy_(torch.as_tensor(rotations[1]))
    return layer.eval()


def sliding_window(layer, history, steps):
    """The autoregressive loop: attend with the newest, append, drop the oldest."""
    window, said = torch.as_tensor(history), []
    with torch.no_grad():
        for _ in range(steps):
            newest, _ = layer(window[:, -1:], window, window, need_weights=False)
            window = torch.cat([window[:, 1:], newest], dim=1)
            said.append(newest[:, 0].numpy())
    return np.stack(said, axis=1)  # (batch, time, dim)


@pytest.mark.parametrize("heads", [1, 2, 8])
def test_the_substrate_is_a_sliding_window_of_attention(heads):
    layer = torch_layer(heads)
    history = np.random.default_rng(1).standard_normal((4, 8, 8))
    course = run_substrate(attention_of(layer, sites=8), 500, history=history)
    expected = sliding_window(layer, history, 500)
    # what is asked for; a step rounds to 1e-16, and averaging does not amplify it
    assert np.abs(course[:, 1:, -1] - expected).max() < 1e-12
    assert np.abs(expected[:, 20]).max() > 0.1  # it was not a comparison of zeros


def test_a_growing_context_is_another_thing():
    layer = torch_layer(1)
    history = np.random.default_rng(1).standard_normal((4, 8, 8))
    course = run_substrate(attention_of(layer, sites=8), 50, history=history)
    context = torch.as_tensor(history)
    with torch.no_grad():
        for _ in range(50):
            newest, _ = layer(context[:, -1:], context, context, need_weights=False)
            context = torch.cat([context, newest], dim=1)
    assert np.abs(course[:, 1:, -1] - context[:, 8:].numpy()).max() > 0.1


def a_boundary(site_scores=None):
    q, k, v = np.random.default_rng(5).standard_normal((3, 8, 8))
    return SelfAttentionBoundary(q / 3, k / 3, v, sites=8, site_scores=site_scores)


def test_attention_is_the_formula_of_the_paper():
    boundary, h = a_boundary(), np.random.default_rng(2).standard_normal((8, 8))
    q, k, v = boundary.Q[0], boundary.K[0], boundary.V[0]
    # a_i = exp(h_i' K' Q h_newest) / sum, newest last
    a = softmax([h[i] @ k.T @ q @ h[-1] for i in range(8)])
    assert np.abs(boundary.attention(h)[0] - a).max() < 1e-14
    expected = sum(a[i] * v @ h[i] for i in range(8))
    assert np.abs(boundary(h) - expected).max() < 1e-13  # sums of 8 terms of order 5


def test_without_site_scores_the_order_of_columns_cannot_be_seen():
    history = np.random.default_rng(3).standard_normal((5, 8, 8))
    shuffled = history[:, [3, 6, 0, 5, 1, 4, 2, 7]]  # the newest stays
    boundary = a_boundary()
    assert np.abs(boundary(history) - boundary(shuffled)).max() < 1e-14
    ordered = a_boundary(site_scores=np.arange(8.0))
    assert np.abs(ordered(history) - ordered(shuffled)).max() > 0.1


@pytest.mark.parametrize(
    "score, low, high",
    [
        (10.0, 0.01, 0.08),  # 0.016 to 0.070 in the specification, section 1.6
        (20.0, 1e-8, 3.4e-6),  # at most 3.3e-6
        (40.0, 0.0, 0.0),  # 7 exp(-40) is below half a unit in the last place
    ],
)
@pytest.mark.parametrize("name", TASKS)
def test_site_scores_and_heads_realise_every_task(name, score, low, high):
    task = TASKS[name]
    history = np.random.default_rng(4).choice([-1.0, 1.0], (32, 8, 8))
    boundary = copying_attention(task, score=score)
    said = run_substrate(boundary, 200, history=history)[:, 1:, -1]
    error = np.abs(said - run(task.system(), history, 200)).max()
    assert boundary.heads == 8 and low <= error <= high


def test_the_leak_of_a_score_is_the_softmax_share():
    boundary = copying_attention(TASKS["T1"], score=3.0)
    others = 1 - boundary.attention(np.zeros((8, 8)))[:, 0]
    assert others == pytest.approx(7 / (np.exp(3.0) + 7), abs=1e-15)


def test_a_window_longer_than_needed_copies_too():
    history = np.random.default_rng(4).choice([-1.0, 1.0], (3, 11, 8))
    boundary = copying_attention(TASKS["T4"], score=50.0, sites=11)
    said = run_substrate(boundary, 60, history=history)[:, 1:, -1]
    assert np.array_equal(said, run(TASKS["T4"].system(), history[:, 3:], 60))


def test_a_window_shorter_than_a_lag_is_refused():
    copy = SignedCopy(sources=(0, 1), lags=(2, 5), signs=(1, 1), sites=6)
    with pytest.raises(
        InputError, match=r"a window of 4 sites is shorter than lag 5 of dim 1; .* 5"
    ):
        copying_attention(copy, score=20.0, sites=4)


def test_large_scores_do_not_overflow():
    q = 1e200 * np.eye(8)
    boundary = SelfAttentionBoundary(q, np.eye(8), np.eye(8), sites=8)
    assert np.isfinite(boundary(np.random.default_rng(0).standard_normal((8, 8)))).all()


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"Q": np.ones((2, 3))}, r"Q, K and V are \(1, 2, 3\)"),
        ({"V": np.ones((1, 2, 2))}, "Q, K and V are"),
        ({"K": np.ones(4)}, r"Q, K and V are \(dim, dim\), or"),
        ({"Q": np.full((4, 4), np.nan)}, "Q holds numbers that are not finite"),
        ({"sites": 0}, "sites is 0"),
        ({"site_scores": np.zeros(4)}, r"site_scores is \(4,\); it is \(5,\)"),
        ({"site_scores": np.full(5, np.inf)}, "site_scores holds numbers"),
    ],
)
def test_matrices_that_do_not_fit_are_refused(changes, message):
    right = {"Q": np.eye(4), "K": np.eye(4), "V": np.eye(4), "sites": 5}
    with pytest.raises(InputError, match=message):
        SelfAttentionBoundary(**{**right, **changes})


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"bias": True}, "the layer has biases; build it with bias=False"),
        ({"kdim": 3}, "the layer takes keys or values of another size"),
        ({"add_bias_kv": True}, "adds one of its own"),
        ({"add_zero_attn": True}, "attends to an added zero"),
    ],
)
def test_a_layer_that_is_no_boundary_is_refused(changes, message):
    layer = torch.nn.MultiheadAttention(4, 2, **{"bias": False, **changes})
    with pytest.raises(InputError, match=message):
        attention_of(layer, sites=5)


@pytest.mark.parametrize("score", [0.0, -1.0, np.inf, np.nan])
def test_a_score_is_positive(score):
    with pytest.raises(InputError, match="the score is"):
        copying_attention(TASKS["T1"], score=score)
