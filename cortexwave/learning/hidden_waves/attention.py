"""A start column that attends: the substrate as the context of one attention layer.

The newest column asks, all s columns answer, the answer enters at the start column.
Running it is the autoregressive loop of a one-layer, attention-only transformer with
a window of s: append the newest, drop the oldest (Karuvally, Sejnowski & Siegelmann
2024, ICML, arXiv 2402.10163, self-attention boundary condition). With a context that
grows the two differ.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from cortexwave.errors import InputError
from cortexwave.learning.hidden_waves.histories import (
    check_size,
    checked_history,
    real_numbers,
)
from cortexwave.learning.hidden_waves.systems import SignedCopy

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, eq=False)
class SelfAttentionBoundary:
    """sum_i a_i V h_i, a = softmax over sites i of h_i' K' Q h_newest + score_i.

    Q, K (dim, dim) or (head, key, dim), V (dim, dim) or (head, dim, dim): the heads'
    answers are added, so V of a head holds its part of an output projection too.
    There is no 1/sqrt(d) (it belongs into Q), residual, norm or MLP. `site_scores`
    (site,) or (head, site) depend on the place alone; without them the boundary
    cannot tell the older columns apart, and no fixed lag can be read.
    """

    Q: np.ndarray
    K: np.ndarray
    V: np.ndarray
    sites: int
    site_scores: np.ndarray | None = None
    name: str = "self-attention boundary"

    def __post_init__(self) -> None:
        q, k, v = (
            real_numbers(values, what)
            for values, what in ((self.Q, "Q"), (self.K, "K"), (self.V, "V"))
        )
        q, k, v = (values[None] if values.ndim == 2 else values for values in (q, k, v))
        if not q.ndim == k.ndim == v.ndim == 3:
            raise InputError("Q, K and V are (dim, dim), or (head, key or dim, dim)")
        heads, _, dims = q.shape
        if k.shape != q.shape or v.shape != (heads, dims, dims):
            raise InputError(
                f"Q, K and V are {q.shape}, {k.shape}, {v.shape} (head, out, dim); Q "
                f"and K must be alike and V ({heads}, {dims}, {dims})"
            )
        check_size(dims, self.sites)
        given = 0.0 if self.site_scores is None else self.site_scores
        scores = real_numbers(given, "site_scores")
        if scores.shape not in ((), (self.sites,), (heads, self.sites)):
            raise InputError(
                f"site_scores is {scores.shape}; it is ({self.sites},), a score for "
                f"each site, or ({heads}, {self.sites}), for each head and site"
            )
        scores = np.broadcast_to(scores, (heads, self.sites))
        for field, values in zip(
            ("Q", "K", "V", "site_scores"), (q, k, v, scores), strict=True
        ):
            values = values.copy()
            values.flags.writeable = False
            object.__setattr__(self, field, values)

    @property
    def dims(self) -> int:
        """d, the strings."""
        return int(self.Q.shape[2])

    @property
    def heads(self) -> int:
        """How many heads attend."""
        return len(self.Q)

    def attention(self, history: np.ndarray) -> np.ndarray:
        """a, (..., head, site): how much each head reads from each site; sums to 1."""
        history = checked_history(history, dims=self.dims, sites=self.sites)
        query = np.einsum("hkd,...d->...hk", self.Q, history[..., -1, :])
        keys = np.einsum("hkd,...sd->...hsk", self.K, history)
        scores = np.einsum("...hsk,...hk->...hs", keys, query) + self.site_scores
        weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
        return weights / weights.sum(axis=-1, keepdims=True)

    def __call__(self, history: np.ndarray) -> np.ndarray:
        attention = self.attention(history)
        read = np.einsum("...hs,...sd->...hd", attention, history)
        return np.einsum("hod,...hd->...o", self.V, read)


def copying_attention(
    copy: SignedCopy, *, score: float, sites: int | None = None
) -> SelfAttentionBoundary:
    """A signed copy by attention: a head for each dim, which looks at one site.

    A head gives its site a score of `score` and the others 0; a share of
    (s-1) / (exp(score) + s-1) leaks in from those, which at 40 float64 cannot tell.
    Raises `InputError` where the window of `sites` is shorter than a lag.
    """
    sites = copy.sites if sites is None else sites
    check_size(copy.dims, sites)
    if not (np.isfinite(score) and score > 0):
        raise InputError(f"the score is {score!r}; it is a positive number")
    too_long = {dim: int(lag) for dim, lag in enumerate(copy.lags) if lag > sites}
    if too_long:
        dim, lag = next(iter(too_long.items()))
        raise InputError(
            f"a window of {sites} sites is shorter than lag {lag} of dim {dim}; it "
            f"takes at least {max(too_long.values())}"
        )
    dims = np.arange(copy.dims)
    scores = np.zeros((copy.dims, sites))
    scores[dims, sites - np.array(copy.lags)] = score
    V = np.zeros((copy.dims, copy.dims, copy.dims))
    V[dims, dims, np.array(copy.sources)] = copy.signs
    nothing = np.zeros((copy.dims, 1, copy.dims))  # keys of one number, all 0
    return SelfAttentionBoundary(
        nothing, nothing, V, sites, scores, "copying attention"
    )


def attention_of(
    layer: nn.MultiheadAttention, *, sites: int, site_scores: np.ndarray | None = None
) -> SelfAttentionBoundary:
    """The boundary that a torch layer of self-attention is, in float64.

    Its 1/sqrt(width of a head) goes into Q, its output projection into V. Raises
    `InputError` for a layer with biases, or whose keys or values are of other sizes.
    """
    if layer.in_proj_weight is None or layer.bias_k is not None:
        raise InputError(
            "the layer takes keys or values of another size, or adds one of its own; "
            "a boundary attends to the substrate alone"
        )
    if layer.in_proj_bias is not None or layer.out_proj.bias is not None:
        raise InputError("the layer has biases; build it with bias=False")
    if layer.add_zero_attn:
        raise InputError("the layer attends to an added zero (add_zero_attn)")
    dims, heads = layer.embed_dim, layer.num_heads
    weights = layer.in_proj_weight.detach().cpu().numpy().astype(np.float64)
    q, k, v = weights.reshape(3, heads, dims // heads, dims)  # each (head, key, dim)
    out = layer.out_proj.weight.detach().cpu().numpy().astype(np.float64)
    out = out.reshape(dims, heads, dims // heads).transpose(1, 0, 2)
    return SelfAttentionBoundary(
        q / np.sqrt(dims // heads), k, out @ v, sites, site_scores, "attention layer"
    )
